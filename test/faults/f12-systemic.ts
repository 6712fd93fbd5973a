import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { printMigrations } from '../../src/daemon/migrate.ts';
import type { RecordedAction } from '../../src/model/status.ts';
import { eventually } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { rowSchema } from '../scenario/daemon.ts';
import { TrialRegion } from './region.ts';
import { SmallDisk } from './small-disk.ts';
import { seeded, type Trial } from './trial.ts';
import { TrialRegistry } from './trial-registry.ts';

const TOPIC = 'systemic';
const PARTITIONS = 4;
const WITHIN_MS = 30_000;
const DEADLINE_MS = 120_000;

interface Fault {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  /** What the daemon must say: the code a partition stands at, the code and SQLSTATE of an attempt that it told of, or why its database is down. */
  readonly says: { readonly stopped: string } | { readonly retried: string; readonly sqlState?: string } | { readonly down: string };
}

/**
 * F12: what refuses every record is no record's fault. The daemon stands still and says why, keeps nothing as rejected, and goes on by
 * itself, without any command, once it is mended.
 */
export const f12: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  const holdMs = full ? 15_000 : 400;
  const rounds = full ? 2 : 1;
  await using registry = await TrialRegistry.start(JSON.stringify(rowSchema));
  await using region = await TrialRegion.start({
    topic: TOPIC,
    partitions: PARTITIONS,
    // So many that most rows are new: a full disk is felt by rows that need room.
    keys: 1_000_000,
    through: async (direct) => ({ ...direct, database: await asRole(direct.database) }),
    daemon: {
      registry: `{ url: "${registry.url}" }`,
      databaseTls: 'statementTimeoutMs: 1000, lockTimeoutMs: 500',
    },
  });
  const { client } = region;
  // Room for what is written until it is filled: the table grows all the while.
  await using disk = await SmallDisk.mount(region.rig.database, full ? 256 : 48);
  if (disk === undefined) say('the full disk is left out: no file system can be mounted here');
  else await disk.holds(client, TOPIC);

  const faults: readonly Fault[] = [
    {
      name: 'right revoked',
      begin: () => client.query(`revoke insert on ${TOPIC} from farshore`),
      end: () => client.query(`grant insert on ${TOPIC} to farshore`),
      says: { stopped: 'database_denied' },
    },
    {
      name: 'column renamed',
      begin: () => client.query(`alter table ${TOPIC} rename note to remark`),
      end: () => client.query(`alter table ${TOPIC} rename remark to note`),
      says: { stopped: 'table_mismatch' },
    },
    {
      name: 'table renamed',
      begin: () => client.query(`alter table ${TOPIC} rename to another`),
      end: () => client.query(`alter table another rename to ${TOPIC}`),
      says: { stopped: 'table_missing' },
    },
    {
      name: 'server made read-only',
      begin: async () => {
        await client.query('set default_transaction_read_only = off');
        await client.query('alter system set default_transaction_read_only = on');
        await client.query('select pg_reload_conf()');
      },
      end: async () => {
        await client.query('alter system reset default_transaction_read_only');
        await client.query('select pg_reload_conf()');
      },
      // Its transactions ask for `read write` and pass; the lease is what it cannot renew.
      says: { down: 'read-only transaction' },
    },
    {
      name: 'registry gone',
      begin: async () => {
        await registry.stop();
        region.schemaId++;
      },
      end: () => registry.restart(),
      says: { retried: 'registry_unreachable' },
    },
    {
      name: 'registry answering 503',
      begin: async () => {
        registry.status = 503;
        region.schemaId++;
      },
      end: async () => {
        registry.status = 200;
      },
      says: { retried: 'registry_unreachable' },
    },
    {
      name: 'statements that take too long',
      begin: () => client.query(`create trigger slow before insert or update on ${TOPIC} execute function sleep()`),
      end: () => client.query(`drop trigger slow on ${TOPIC}`),
      says: { retried: 'database_unreachable', sqlState: '57014' },
    },
    lockedTable(region.url),
    {
      name: 'no connection allowed',
      begin: async () => {
        await client.query('alter role farshore connection limit 0');
        await endSessions(client);
      },
      end: () => client.query('alter role farshore connection limit -1'),
      says: { down: 'too many connections for role' },
    },
    {
      name: 'login refused',
      begin: async () => {
        await client.query('alter role farshore nologin');
        await endSessions(client);
      },
      end: () => client.query('alter role farshore login'),
      says: { down: 'not permitted to log in' },
    },
    ...(disk === undefined
      ? []
      : [
          {
            name: 'disk full',
            begin: () => disk.fill(client),
            end: () => disk.empty(client),
            says: { retried: 'database_unreachable', sqlState: '53100' },
          },
        ]),
  ];

  const over = new AbortController();
  const feeding = region.feed(over.signal, 20);
  // Its failure is heard when it is waited for.
  feeding.catch(() => undefined);
  let [cases, inTime] = [0, true];
  try {
    await region.daemon.start();
    await region.caughtUp(DEADLINE_MS);
    for (let round = 0; round < rounds; round++) {
      for (const { name, begin, end, says } of faults) {
        await delay(random() * 300);
        const said = await sayings(region);
        await begin();
        const reason = await said(says);
        await delay(holdMs);
        await end();
        const tookMs = await region.caughtUp(DEADLINE_MS);
        inTime &&= tookMs < WITHIN_MS;
        say(`${name}: ${reason}; caught up ${(tookMs / 1000).toFixed(1)} s after it was mended`);
        cases++;
      }
    }
  } finally {
    over.abort();
    await feeding;
  }
  const settled = await region.settle(DEADLINE_MS);
  const { rows } = await client.query<{ n: string }>('select count(*) n from farshore.rejected_records');
  const actions = JSON.parse(await region.daemon.cli(['partition', 'log', '-o', 'json'])) as readonly RecordedAction[];
  const { partitions } = await region.daemon.status();
  return {
    ...(await region.judge()),
    cases,
    holds: {
      inTime,
      settled,
      'nothing rejected': Number(rows[0]?.n) === 0,
      'gone on by itself': actions.length > 0 && actions.every(({ by, lost }) => by === 'mended' && lost === null),
      'all running': partitions.every(({ mirror, apply }) => mirror?.state === 'running' && apply?.state === 'running'),
    },
  };
};

/** The daemon's own role, with the rights that deploy/postgres/roles.sql gives and no other; answers its address. */
async function asRole(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('create role farshore login');
    await client.query(await printMigrations());
    await client.query(`set farshore.role = 'farshore'; set farshore.tables = 'public.${TOPIC}'`);
    await client.query(await readFile(join(repositoryRoot, 'deploy/postgres/roles.sql'), 'utf8'));
    // The ledger is the trial's: the daemon has no right to it.
    await client.query('alter function record_effect() security definer');
    await client.query(`create function sleep() returns trigger language plpgsql as $$ begin
      perform pg_sleep(3);
      return null;
    end $$`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.username = 'farshore';
  return own.href;
}

const endSessions = (client: pg.Pool) => client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'farshore'");

/** Somebody holds the table, as a migration of the application would. */
function lockedTable(url: string): Fault {
  let holder: pg.Client | undefined;
  return {
    name: 'table locked',
    begin: async () => {
      holder = new pg.Client({ connectionString: url });
      await holder.connect();
      await holder.query('begin');
      await holder.query(`lock table ${TOPIC} in access exclusive mode`);
    },
    end: async () => holder?.end(),
    says: { retried: 'database_unreachable', sqlState: '55P03' },
  };
}

/** From now on: waits until the daemon says it, and answers its words. */
async function sayings(region: TrialRegion): Promise<(says: Fault['says']) => Promise<string>> {
  const before = (await region.daemon.log()).length;
  return async (says) => {
    if ('stopped' in says) {
      return await eventually(
        async () => {
          const { partitions } = await region.daemon.status();
          const stopped = partitions.find(({ apply }) => apply?.state === 'stopped' && apply.code === says.stopped && apply.hint !== null);
          return stopped === undefined ? undefined : `stopped with ${says.stopped}`;
        },
        { deadlineMs: WITHIN_MS, what: `a stop with ${says.stopped}` },
      );
    }
    const wanted = 'down' in says ? says.down : [says.retried, says.sqlState].filter(Boolean).join(' ');
    return await eventually(
      async () => {
        const events = (await region.daemon.log())
          .slice(before)
          .split('\n')
          .filter((line) => line.endsWith('}'))
          .map((line) => JSON.parse(line) as LoggedEvent);
        const told = events.some((one) =>
          'down' in says
            ? one.event === 'component' && one.up === false && one.reason?.includes(says.down)
            : one.event === 'apply_retried' && one.code === says.retried && one.sqlState === says.sqlState,
        );
        if (!told)
          throw new Error(
            `it said: ${[...new Set(events.map(({ event, code, sqlState, reason }) => [event, code, sqlState, reason].filter(Boolean).join(' ')))].join('; ')}`,
          );
        return `waits for: ${wanted}`;
      },
      { deadlineMs: WITHIN_MS, what: `the daemon saying ${wanted}` },
    );
  };
}

interface LoggedEvent {
  readonly event?: string;
  readonly code?: string;
  readonly sqlState?: string;
  readonly up?: boolean;
  readonly reason?: string;
}
