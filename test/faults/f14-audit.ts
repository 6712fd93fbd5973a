import pg from 'pg';
import type { AuditFinding, AuditStatus, AuditTableView } from '../../src/model/audit.ts';
import type { RepairOutcomeView } from '../../src/model/audit-repair.ts';
import type { BackfillStatus } from '../../src/model/backfill.ts';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { startRig } from '../rig/rig.ts';
import { TestDaemon } from '../scenario/daemon.ts';
import { AUDITED_SCHEMA_ID, auditedSchema, auditedTable, plantings, publish, seedText, storeAtHome, writeLate } from './audited.ts';
import { seeded, type Trial } from './trial.ts';

const TOPIC = 'audited';
const TABLE = 'public.audited';
const PARTITIONS = 4;
const SEED_ROWS = 250_000;
const FILLED_LIMIT_MS = 900_000;
const PASS_LIMIT_MS = 1_200_000;
/** Beyond the latest record: a machine with other work sends later than it was told. */
const MARGIN_SECONDS = 10;
/** Of the rate that was asked for: below it the trial would have been an easier one than it says. */
const LEAST_RATE = 0.9;

/**
 * F14: the table is written all the time and its records are published late, now and then as late as the allowance says. Passes over it must
 * confirm nothing; then rows are changed behind the daemon in every way there is, and each must be found, named to the column, and repaired.
 */
export const f14: Trial = async ({ seed, full, say }) => {
  const random = seeded(seed);
  // What takes time in a pass is the waiting for what is late, not the rows: few passes over many rows compare more in an hour.
  const rows = full ? 5_000_000 : 6_000;
  const wanted = full ? 10_000_000 : 18_000;
  const each = full ? 21 : 3;
  const pace = { live: rows / 2, perSecond: full ? 1_000 : 200, delayMs: full ? 20_000 : 2_000, random };
  await using rig = await startRig();
  const [homeUrl, regionUrl] = [await rig.database.createDatabase('home'), await rig.database.createDatabase('trial')];
  await using closing = new AsyncDisposableStack();
  const pool = (url: string): pg.Pool => {
    const made = new pg.Pool({ connectionString: url, max: 2 });
    closing.defer(() => made.end());
    return made;
  };
  const [home, region] = [pool(homeUrl), pool(regionUrl)];
  await home.query(auditedTable(TOPIC));
  await region.query(auditedTable(TOPIC, ', farshore_version bytea'));
  await createTopic(rig.primary.bootstrap, { topic: TOPIC, partitions: PARTITIONS });
  const producer = kafkajsFor(rig.primary.bootstrap).producer({ idempotent: true });
  await producer.connect();
  closing.defer(() => producer.disconnect());
  for (let from = 0; from < rows; from += SEED_ROWS) await home.query(seedText, [from, Math.min(from + SEED_ROWS, rows) - 1]);
  await home.query(`analyze ${TOPIC}`);
  const allowanceSeconds = pace.delayMs / 1_000 + MARGIN_SECONDS;
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: regionUrl,
    primaryDatabase: homeUrl,
    region: 'trial',
    topics: [TOPIC],
    tables: [`{ topic: ${TOPIC}, table: ${TABLE}, version: version }`],
    schemas: { [AUDITED_SCHEMA_ID]: JSON.stringify(auditedSchema) },
    extra: [
      'backfill: { chunkRows: 20000, pauseAboveLoad: 1 }',
      `audit: { publishAllowanceSeconds: ${allowanceSeconds}, tries: 12, againSeconds: 1, rowsPerRange: ${full ? 20_000 : 1_000} }`,
    ],
  });
  await daemon.start();
  // The first record tells of the topic and its schema; the other rows were there before the topic was.
  const first = [{ id: 0, version: 2 }];
  await storeAtHome(home, first);
  await publish(producer, TOPIC, PARTITIONS, first);
  const applied = async () => (await region.query(`select 1 from ${TOPIC}`)).rowCount === 1;
  await eventually(applied, { deadlineMs: 60_000, what: 'the first record applied' });
  await daemon.cli(['backfill', 'start', '--table', TABLE]);
  // A command each time would take half a core of what is measured here.
  const answer = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${daemon.url}${path}`, { signal: AbortSignal.timeout(30_000) })).json()) as T;
  const isFilled = async () => (await answer<BackfillStatus>('/api/backfill')).backfills[0]?.state === 'done';
  await eventually(isFilled, { deadlineMs: FILLED_LIMIT_MS, everyMs: full ? 2_000 : 100, what: 'the table being filled' });
  say(`${rows} rows backfilled`);

  const status = async (): Promise<AuditTableView> => (await answer<AuditStatus>('/api/audit')).tables[0]!;
  const confirmed = async (): Promise<readonly AuditFinding[]> =>
    JSON.parse(await daemon.cli(['audit', 'show', '--state', 'confirmed', '--limit', '5000', '-o', 'json'])) as readonly AuditFinding[];
  /** One pass to its end; answers the rows it compared. */
  const pass = async (): Promise<number> => {
    const before = (await status()).lastPass?.endedAt;
    await daemon.cli(['audit', 'run']);
    const ended = await eventually(
      async () => {
        const { lastPass, openPass } = await status();
        return openPass === null && lastPass !== null && lastPass.endedAt !== before ? lastPass : undefined;
      },
      { deadlineMs: PASS_LIMIT_MS, everyMs: full ? 2_000 : 250, what: 'the pass having ended' },
    );
    return ended.rowsCompared;
  };

  const over = new AbortController();
  const seconds = () => Math.round((performance.now() - startedMs) / 1_000);
  const startedMs = performance.now();
  const writing = writeLate({ home, producer, topic: TOPIC, partitions: PARTITIONS }, pace, over.signal);
  // Its failure is heard when it is waited for.
  writing.catch(() => undefined);
  let compared = 0;
  let passes = 0;
  let falseFindings = 0;
  let found = 0;
  let repaired = 0;
  let planted = new Map<string, string>();
  let rate = 0;
  let unsettled = 0;
  let latestSeconds = Number.POSITIVE_INFINITY;
  try {
    // The pass that looks for planted rows compares them all too.
    while (compared + rows < wanted) {
      compared += await pass();
      passes++;
      unsettled = (await status()).unsettled;
      say(`${compared} rows compared, ${unsettled} left unsettled, ${seconds()} s`);
      const wrong = await confirmed();
      falseFindings += wrong.length;
      for (const { key, kind, columns } of wrong) say(`confirmed, and right: ${key} ${kind} ${columns}`);
      if (wrong.length > 0) break;
    }
    say(`${compared} rows compared in ${passes} passes: ${falseFindings} false findings`);
    planted = await plant(region, rows, each);
    compared += await pass();
    unsettled = Math.max(unsettled, (await status()).unsettled);
    const now = await confirmed();
    found = now.filter(({ key, kind, columns }) => planted.get(key.join()) === `${kind} ${columns.toSorted()}`).length;
    falseFindings += now.filter(({ key }) => !planted.has(key.join())).length;
    for (const { key, kind, columns } of now) {
      if (planted.get(key.join()) !== `${kind} ${columns.toSorted()}`)
        say(`${key} is ${planted.get(key.join()) ?? 'right'}, found ${kind} ${columns}`);
    }
    const { repairs } = JSON.parse(await daemon.cli(['audit', 'repair', '--all', '--apply', '--limit', '5000', '-o', 'json'])) as {
      readonly repairs: readonly RepairOutcomeView[];
    };
    repaired = repairs.filter(({ result }) => result === 'repaired').length;
    say(`${planted.size} planted in ${plantings.length} ways, ${found} found and named, ${repaired} repaired`);
  } finally {
    const lastedMs = performance.now() - startedMs;
    over.abort();
    const { written, latestMs } = await writing;
    rate = (written / lastedMs) * 1_000;
    latestSeconds = latestMs / 1_000;
    say(`${Math.round(rate)} rows a second were written all the while, and published up to ${latestSeconds.toFixed(1)} s later`);
  }
  const digest = async (of: pg.Pool) =>
    (
      await of.query<{ digest: string }>(
        `select md5(string_agg(md5(row(id, note, amount, at, day, flag, ratio, tags, blob, version)::text), '' order by id)) as digest from ${TOPIC}`,
      )
    ).rows[0]?.digest;
  const equal = await eventually(async () => (await digest(home)) === (await digest(region)), {
    deadlineMs: full ? 300_000 : 60_000,
    everyMs: 250,
    what: 'equal tables',
  }).catch(() => false);
  return {
    lost: 0,
    duplicated: 0,
    stale: 0,
    cases: planted.size,
    holds: {
      nothingFalse: falseFindings === 0,
      enoughCompared: compared >= wanted,
      // Else a finding says that the publisher broke its word, and is right.
      publishedInTime: latestSeconds < allowanceSeconds,
      enoughWritten: rate >= LEAST_RATE * pace.perSecond,
      // Who calls nothing anything is never wrong.
      allSettled: unsettled === 0,
      allFound: found === planted.size,
      allRepaired: repaired === planted.size,
      equalAtEnd: equal,
    },
  };
};

/** Each way `each` times, on rows that stand still; by key, what must be found. */
async function plant(region: pg.Pool, rows: number, each: number): Promise<Map<string, string>> {
  const planted = new Map<string, string>();
  let next = Math.floor(rows / 2) + 7;
  for (const { what, kind, columns, sql } of plantings) {
    for (let n = 0; n < each; n++) {
      const id = kind === 'extra' ? rows + 1_000 + next : next;
      const { rowCount } = await region.query(sql, [id]);
      if (rowCount !== 1) throw new Error(`${what}: ${rowCount} rows changed`);
      planted.set(String(id), `${kind} ${columns.toSorted()}`);
      next += 5;
    }
  }
  return planted;
}
