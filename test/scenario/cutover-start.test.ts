import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStatus } from '../../src/model/audit.ts';
import type { CutoverLogEntry, CutoverPlan } from '../../src/model/cutover.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { ROW_SCHEMA_ID, rowTable, rowValue, TestDaemon } from './daemon.ts';

const PARTITIONS = 3;
const KEYS = 40;
const table = 'public.orders';

/** A primary whose application writes rows and their outbox in one transaction, and a region that takes over from it and gives back. */
describe('a cutover with a primary that is written to', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('orders');
  const region = topic.replaceAll('.', '-');
  const role = `app_${randomBytes(5).toString('hex')}`;
  const producer = kafkajsFor(primary).producer({ idempotent: true });
  const ended = new AbortController();
  let homeUrl: string;
  let regionUrl: string;
  let home: pg.Pool;
  let copy: pg.Pool;
  let daemon: TestDaemon;
  let relayPaused = false;
  let relaying: Promise<void> = Promise.resolve();
  let version = 0;
  /** What the application was told to be committed, by id. */
  const acknowledged = new Map<number, string>();

  const asApplication = (): pg.Client => {
    const address = new URL(homeUrl);
    address.username = role;
    return new pg.Client({ connectionString: address.href });
  };
  const writeOne = async (client: pg.Client): Promise<void> => {
    const [id, at] = [++version % KEYS, version];
    await client.query('begin');
    await client.query(
      `insert into ${table} values ($1, $2, $3) on conflict (id) do update set note = excluded.note, version = excluded.version`,
      [id, `state ${at}`, at],
    );
    await client.query('insert into public.outbox (id_, note, version) values ($1, $2, $3)', [id, `state ${at}`, at]);
    await client.query('commit');
    acknowledged.set(id, `${id}:state ${at}:${at}`);
  };
  /** Writes until it is not let any more, as an application does: it logs in again after each error. */
  const application = (stop: AbortSignal) => {
    const refused = new Set<string>();
    const running = (async () => {
      while (!stop.aborted) {
        const client = asApplication();
        client.on('error', () => undefined);
        try {
          await client.connect();
          while (!stop.aborted) {
            await writeOne(client);
            await delay(5);
          }
        } catch (error) {
          refused.add(String((error as { code?: string }).code));
          await delay(20);
        } finally {
          await client.end().catch(() => undefined);
        }
      }
      return refused;
    })();
    return running;
  };
  const relay = async (stop: AbortSignal): Promise<void> => {
    while (!stop.aborted) {
      const { rows } = relayPaused
        ? { rows: [] }
        : await home.query('select * from public.outbox where not published order by n limit 200');
      if (rows.length > 0) {
        const messages = rows.map((row) => ({
          key: String(row.id_),
          value: rowValue(row.id_, row.note, row.version),
          partition: row.id_ % PARTITIONS,
        }));
        await producer.send({ topic, acks: -1, messages });
        await home.query('update public.outbox set published = true where n = any ($1)', [rows.map(({ n }) => n)]);
      }
      await delay(20);
    }
  };
  const plan = async (): Promise<CutoverPlan> => JSON.parse(await daemon.cli(['cutover', 'plan', '-o', 'json'])) as CutoverPlan;
  const log = async (): Promise<readonly CutoverLogEntry[]> =>
    JSON.parse(await daemon.cli(['cutover', 'log', '--limit', '500', '-o', 'json'])) as readonly CutoverLogEntry[];
  const verb = async (name: string, by: string): Promise<string> => await daemon.cli(['cutover', name, '--yes-region', region, '--by', by]);
  const rowsOf = async (pool: pg.Pool) =>
    (await pool.query<{ row: string }>(`select id || ':' || note || ':' || version as row from ${table} order by id`)).rows.map(
      ({ row }) => row,
    );
  const until = async (what: string, holds: (now: CutoverPlan) => boolean): Promise<CutoverPlan> =>
    await eventually(
      async () => {
        const now = await plan();
        if (holds(now)) return now;
        throw new Error(
          `${now.state}, open ${now.open}: ${now.reason}; ${now.steps.find(({ state }) => state === 'started')?.step ?? '-'}; ${now.measured?.gates
            .filter(({ open }) => !open)
            .map(({ gate, reason }) => `${gate}: ${reason}`)
            .join('; ')}`,
        );
      },
      { what, deadlineMs: 90_000, everyMs: 250 },
    );
  const ready = async () => {
    const status = async () => (JSON.parse(await daemon.cli(['audit', 'status', '-o', 'json'])) as AuditStatus).tables[0]!;
    const before = (await status()).lastPass?.endedAt ?? null;
    await daemon.cli(['audit', 'run', '--by', 'ada']);
    await eventually(async () => ((await status()).lastPass?.endedAt ?? null) !== before, {
      deadlineMs: 60_000,
      everyMs: 250,
      what: 'a pass',
    });
    return await until('being ready', ({ state }) => state === 'ready');
  };
  /** A gate may shut for a moment between being ready and the command's arrival, and the start is rightly refused then. */
  const start = async (by: string): Promise<void> => {
    for (let tries = 1; ; tries++) {
      await until('being ready', ({ state }) => state === 'ready');
      const refused = await verb('start', by).then(
        () => undefined,
        (error: Error) => error,
      );
      if (refused === undefined) return;
      if (tries === 5 || (await plan()).state === 'ready') throw refused;
    }
  };
  const mayLogIn = async (): Promise<boolean> =>
    (await home.query('select rolcanlogin from pg_roles where rolname = $1', [role])).rows[0].rolcanlogin;
  const grants = async () =>
    (
      await home.query(
        `select c.relname, x.privilege_type as privilege, x.is_grantable from pg_class c, aclexplode(c.relacl) x
          where x.grantee = $1::regrole order by 1, 2`,
        [role],
      )
    ).rows;
  const active = async () => (await fetch(`${daemon.url}/cutover/active`)).status;
  const steps = async () =>
    (await log())
      .filter(({ event }) => event === 'step_done' || event === 'step_failed')
      .map(({ step, event }) => `${step} ${event.slice(5)}`)
      .toReversed();

  beforeAll(async () => {
    [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
    home = new pg.Pool({ connectionString: homeUrl, max: 3 });
    copy = new pg.Pool({ connectionString: regionUrl, max: 2 });
    await home.query(rowTable(table).replace(', farshore_version bytea', ''));
    await home.query(
      'create table public.outbox (n bigserial primary key, id_ int, note text, version int, published boolean not null default false)',
    );
    await home.query(
      `create role ${role} login; grant usage on schema public to ${role}; grant select, insert, update on ${table} to ${role} with grant option`,
    );
    await home.query(`grant insert on public.outbox to ${role}; grant usage on sequence public.outbox_n_seq to ${role}`);
    await copy.query(rowTable(table));
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: PARTITIONS })]);
    relaying = relay(ended.signal);
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: regionUrl,
      primaryDatabase: homeUrl,
      primaryName: 'us-south',
      region,
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      heartbeat: true,
      extra: [
        'audit: { publishAllowanceSeconds: 2, againSeconds: 0.5, tries: 5 }',
        'cutover:',
        '  windowSeconds: 2',
        '  evaluateSeconds: 1',
        '  stepSeconds: 15',
        '  gates: { shadow: { required: false }, reversePath: { required: false }, lag: { maxSeconds: 20 } }',
        `  primaryDatabase: { url: "${homeUrl}" }`,
        `  freeze: { roles: [${role}], tables: [${table}, public.outbox] }`,
        '  firstHop: { unpublishedQuery: "select count(*) from public.outbox where not published", quietSeconds: 2 }',
      ],
    });
    const schemas = join(daemon.folder, 'schemas');
    await mkdir(join(schemas, `${topic}-value`));
    await rename(join(schemas, `${ROW_SCHEMA_ID}.avsc`), join(schemas, `${topic}-value`, '1.avsc'));
    await writeFile(join(schemas, 'ids.json'), JSON.stringify({ [`${topic}-value/1`]: ROW_SCHEMA_ID }));
    await daemon.start();
    const client = asApplication();
    await client.connect();
    for (let n = 0; n < KEYS * 2; n++) await writeOne(client);
    await client.end();
    await eventually(async () => (await rowsOf(copy)).length === KEYS, { deadlineMs: 60_000, what: 'all rows applied' });
  });

  afterAll(async () => {
    ended.abort();
    await relaying;
    await daemon?.[Symbol.asyncDispose]();
    await home?.query(`drop owned by ${role}; drop role ${role}`);
    await Promise.all([home?.end(), copy?.end(), producer.disconnect()]);
  });

  it('C25: abort gives the writers back exactly the rights they had, from a drain that waits', async () => {
    await ready();
    const before = await grants();
    relayPaused = true;
    const client = asApplication();
    await client.connect();
    await writeOne(client);
    await client.end();
    await start('ada');
    await until('the drain waiting for the first hop', (now) =>
      now.steps.some(({ step, state }) => step === 'drain_first_hop' && state === 'started'),
    );
    expect([await mayLogIn(), (await plan()).open, await active()]).toEqual([false, 'nobody', 503]);
    await expect(asApplication().connect()).rejects.toMatchObject({ code: '28000' });
    expect((await grants()).filter(({ privilege }) => !['SELECT', 'USAGE'].includes(privilege))).toEqual([]);
    await verb('abort', 'bo');
    const now = await until('the primary being open again', ({ open, state }) => open === 'primary' && state !== 'draining');
    expect(now).toMatchObject({ home: 'primary', epoch: '1', state: expect.stringMatching(/shadowing|ready/) });
    expect([await mayLogIn(), await grants()]).toEqual([true, before]);
    relayPaused = false;
  });

  it('C24, C25: two operators start at once, one wins; every acknowledged row is there, and late writers are refused by the database', async () => {
    await ready();
    const stop = new AbortController();
    const writing = application(stop.signal);
    await delay(300);
    const outcomes = await Promise.allSettled([verb('start', 'ada'), verb('start', 'bo')]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(String((outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason)).toMatch(
      // By the time the slower command has started the move may be over.
      /start is refused: (a move is under way|the region is home already)/,
    );
    const switched = await until('being switched', ({ state, open }) => state === 'switched' && open === 'region');
    expect(switched).toMatchObject({ home: 'region', epoch: '2' });
    expect(await active()).toBe(200);
    await delay(300);
    stop.abort();
    // It may not log in any more.
    expect([...(await writing)]).toContain('28000');
    expect(await rowsOf(copy)).toEqual([...acknowledged.values()].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)));
    expect(await rowsOf(home)).toEqual(await rowsOf(copy));
    const late = new pg.Client({ connectionString: regionUrl });
    await late.connect();
    await expect(late.query('select farshore.assert_writer(1)')).rejects.toMatchObject({ code: 'FS004' });
    await late.query('select farshore.assert_writer(2)');
    await late.end();
    // A kept record of the old home does not know of what is written here since.
    await expect(daemon.cli(['rejected', 'retry', '--all'])).rejects.toThrow(/not tried again now: the home is/);
    // The mirror rests, and nothing is said to be broken for it.
    expect((await daemon.partition(topic, 0))?.mirror).toMatchObject({ state: 'waiting' });
    expect((await steps()).slice(-13)).toEqual(switched.steps.map(({ step }) => `${step} done`));
  });

  it('C3, C24: reverts with a higher epoch, and the primary is written to and mirrored again', async () => {
    await verb('revert', 'bo');
    await until('being back', ({ home: at, open, state }) => at === 'primary' && open === 'primary' && state === 'observing');
    expect([(await plan()).epoch, await mayLogIn(), await active()]).toEqual(['3', true, 503]);
    const client = asApplication();
    await client.connect();
    for (let n = 0; n < KEYS; n++) await writeOne(client);
    await client.end();
    await eventually(async () => (await rowsOf(copy)).join() === (await rowsOf(home)).join(), {
      deadlineMs: 60_000,
      what: 'the copy following',
    });
    const epochs = await copy.query<{ epoch: string }>(
      `select distinct encode(substring(farshore_version from 1 for 4), 'hex') as epoch from ${table}`,
    );
    expect(epochs.rows).toEqual([{ epoch: '00000003' }]);
  });

  it('falls back from after the switch when rows differ that were written last, and opens the primary again', async () => {
    await ready();
    const before = await grants();
    await copy.query(`update ${table} set note = 'rogue' where id = 3`);
    await start('ada');
    const now = await until('having gone back', ({ open, state }) => open === 'primary' && state !== 'draining');
    expect(now).toMatchObject({ home: 'primary', epoch: '5' });
    // The next reading of the gates gives the state a reason of its own.
    const { rows: fallen } = await copy.query("select reason from farshore.cutover_log where reason like '%last_digest failed%'");
    expect(fallen[0]?.reason).toMatch(/last_digest failed: .*public.orders: 1 of \d+ rows differ/);
    expect([await mayLogIn(), await grants(), await active()]).toEqual([true, before, 503]);
    const client = asApplication();
    await client.connect();
    for (let n = 0; n < KEYS; n++) await writeOne(client);
    await client.end();
    await eventually(async () => (await rowsOf(copy)).join() === (await rowsOf(home)).join(), {
      deadlineMs: 60_000,
      what: 'the copy following',
    });
  });

  it('C24, C25: goes on where it was after kill -9, in the middle of whichever step', async () => {
    await ready();
    await daemon.kill();
    const failpoint = (place: string) => daemon.launch({ FARSHORE_FAILPOINT: `cutover:${place}=kill@1` });
    await failpoint('freeze_acted');
    await eventually(async () => (await daemon.status()).role === 'active', { deadlineMs: 30_000, what: 'the daemon being active' });
    await start('ada');
    expect(await daemon.ended()).toMatchObject({ signal: 'SIGKILL' });
    // The writers are frozen and nobody has recorded it: closed to everybody, whoever reads it.
    expect([await mayLogIn(), (await copy.query('select open, move ->> $1 as step from farshore.cutover', ['step'])).rows]).toEqual([
      false,
      [{ open: 'nobody', step: 'freeze' }],
    ]);
    for (const place of [
      'drain_passed_started',
      'fence_mirror_acted',
      'from_offsets_acted',
      'raise_epoch_started',
      'publish_home_acted',
      'open_started',
    ]) {
      await failpoint(place);
      expect(await daemon.ended(), place).toMatchObject({ signal: 'SIGKILL' });
    }
    await daemon.start();
    await until('being switched', ({ state, open, home: at }) => state === 'switched' && open === 'region' && at === 'region');
    expect((await plan()).epoch).toBe('6');
    expect(await active()).toBe(200);
    expect(await rowsOf(copy)).toEqual(await rowsOf(home));
    expect((await steps()).slice(-13)).toEqual((await plan()).steps.map(({ step }) => `${step} done`));
  });

  it('completes, and is not reverted any more', async () => {
    expect(await daemon.cli(['cutover', 'complete', '--dry-run'])).toMatch(/^ +complete +would be taken$/m);
    expect((await plan()).state).toBe('switched');
    await verb('complete', 'ada');
    expect(await plan()).toMatchObject({ state: 'completed', open: 'region', epoch: '6' });
    await expect(verb('revert', 'bo')).rejects.toThrow(/revert is refused: the cutover is completed/);
    expect((await copy.query('select kept from farshore.cutover')).rows).toEqual([{ kept: null }]);
    expect(await active()).toBe(200);
  });
});
