import { setTimeout as delay } from 'node:timers/promises';
import type { AuditFinding, AuditStatus } from '../../src/model/audit.ts';
import { produce, until } from './check.ts';
import { differences, digest } from './compare.ts';
import type { Table } from './domain.ts';
import { farshore } from './farshore.ts';
import type { Demo } from './main.ts';

export interface DivergenceResult {
  readonly broken: 'divergence';
  readonly planted: number;
  /** Confirmed with the right kind and columns. */
  readonly found: number;
  /** Confirmed, and not planted. */
  readonly falseFindings: number;
  readonly repaired: number;
  readonly digestEqual: boolean;
}

interface Planted {
  readonly table: Table;
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly columns: readonly string[];
  /** `$1` is the row's id. */
  readonly sql: string;
}

const update = (table: Table, column: string, value: string): Planted => ({
  table,
  kind: 'changed',
  columns: [column],
  sql: `update ${table} set ${column} = ${value} where id::text = $1`,
});
const remove = (table: Table): Planted => ({ table, kind: 'missing', columns: [], sql: `delete from ${table} where id::text = $1` });

/** What slips, triggers and people do to a copy, each on a row of its own. */
const plantings: readonly Planted[] = [
  update('accounts', 'name', `name || ' '`),
  update('accounts', 'email', `case when email is null then '' end`),
  update('accounts', 'country', 'lower(country)'),
  update('accounts', 'balance', 'balance + 0.0001'),
  update('accounts', 'created_at', `created_at + interval '1 microsecond'`),
  update('accounts', 'updated_at', `updated_at - interval '1 hour'`),
  remove('accounts'),
  update('subscriptions', 'status', `status || '?'`),
  update('subscriptions', 'seats', 'seats + 1'),
  update('subscriptions', 'started_on', 'started_on + 1'),
  update('subscriptions', 'ends_on', `case when ends_on is null then date '2030-01-01' end`),
  update('subscriptions', 'renews_at', `case when renews_at is null then time '00:00' else renews_at + interval '1 second' end`),
  { ...update('subscriptions', 'plan_id', 'plan_id + 1, account_id = gen_random_uuid()'), columns: ['account_id', 'plan_id'] },
  remove('subscriptions'),
  update('invoices', 'number', 'upper(number) || lower(number)'),
  update('invoices', 'currency', 'lower(currency)'),
  update('invoices', 'total', 'total + 0.01'),
  update('invoices', 'paid_at', `coalesce(paid_at, now()) + interval '1 day'`),
  update('invoices', 'lines', `lines || '[{"rogue": true}]'`),
  remove('invoices'),
  ...[1, 2, 3].map(
    (n): Planted => ({
      table: 'invoices',
      kind: 'extra',
      columns: [],
      sql: `insert into invoices select id + ${n}000000000, account_id, number, currency, total, status, issued_on, paid_at, lines, updated_at
              from invoices where id::text = $1 returning id::text`,
    }),
  ),
];

const PASS_LIMIT_MS = 180_000;
const LIVE_HISTORY = 4_000;

export const auditSection = `audit: { publishAllowanceSeconds: 2, tries: 10, againSeconds: 1, rowsPerRange: 1000 }
`;

/** Runs `records` through, changes rows behind the daemon's back while traffic goes on, audits, repairs, and compares both databases. */
export async function divergenceRun(
  demo: Demo,
  records: number,
  signal: AbortSignal,
): Promise<{ readonly passed: boolean; readonly result: DivergenceResult }> {
  const { say, publisher, primary, region } = demo;
  await replicate(demo, records, signal);
  const { planted, right, falseFindings } = await tellOfDivergence(demo, signal);
  while ((await publisher.publish(1_000)) > 0) signal.throwIfAborted();
  await until(demo, signal, ({ applied }) => applied >= publisher.published);

  for (const { table, key, kind, columns } of falseFindings) say(`not planted: ${table} ${key} ${kind} ${columns}`);
  const { rows } = await region.query<{ n: string }>("select count(*) n from farshore.audit_repairs where result = 'repaired'");
  const [here, there] = [await digest(primary), await digest(region)];
  const { lost, extra } = await differences(primary, region);
  const repaired = Number(rows[0]?.n);
  const digestEqual = here.digest === there.digest && lost === 0 && extra === 0;
  const result = {
    broken: 'divergence',
    planted,
    found: right.length,
    falseFindings: falseFindings.length,
    repaired,
    digestEqual,
  } as const;
  const passed = right.length === planted && falseFindings.length === 0 && repaired === planted && digestEqual;
  return { passed, result };
}

async function replicate(demo: Demo, records: number, signal: AbortSignal): Promise<void> {
  const { publisher } = demo;
  await produce(demo, records, signal);
  while ((await publisher.publish(1_000)) > 0) signal.throwIfAborted();
  await until(demo, signal, ({ applied }) => applied >= publisher.published);
}

/** The same for whoever watches: traffic goes on afterwards. */
export async function liveDivergence(demo: Demo, signal: AbortSignal): Promise<void> {
  demo.say('A history is written and replicated first.');
  await replicate(demo, LIVE_HISTORY, signal);
  const { planted, right, falseFindings } = await tellOfDivergence(demo, signal);
  demo.say(`${right.length} of ${planted} changed rows were found, each with its kind and columns; ${falseFindings.length} others.`);
  demo.say(`Traffic goes on; ${demo.adminUrl}/#/audit shows what was found. Ctrl-C stops everything.`);
}

/** Rows are changed while traffic goes on; an operator audits, looks, repairs, and audits again. */
async function tellOfDivergence(demo: Demo, signal: AbortSignal) {
  const { say } = demo;
  const planted = await plant(demo);
  say(`${planted.size} rows of the region were changed behind the daemon’s back. Traffic goes on meanwhile.`);
  const traffic = new AbortController();
  const flowing = flow(demo, AbortSignal.any([signal, traffic.signal]));
  flowing.catch(() => undefined);
  let confirmed: readonly AuditFinding[];
  try {
    await audit(demo, signal);
    confirmed = JSON.parse(
      await farshore(demo, ['audit', 'show', '--state', 'confirmed', '--limit', '1000', '-o', 'json'], false),
    ) as AuditFinding[];
    await farshore(demo, ['audit', 'show', '--state', 'confirmed', '--limit', '10']);
    say('What would be written:');
    await farshore(demo, ['audit', 'repair', '--all', '--limit', '5']);
    say('Repaired, each row only where nothing newer has come:');
    await farshore(demo, ['audit', 'repair', '--all', '--apply']);
    await audit(demo, signal);
  } finally {
    traffic.abort();
    await flowing;
  }
  const right = confirmed.filter(({ table, key, kind, columns }) => planted.get(`${table} ${key}`) === `${kind} ${columns.toSorted()}`);
  const falseFindings = confirmed.filter(({ table, key }) => !planted.has(`${table} ${key}`));
  return { planted: planted.size, right, falseFindings };
}

/** Each on a row that nothing else writes any more; by table and key, what must be found. */
async function plant({ generator, region }: Demo): Promise<ReadonlyMap<string, string>> {
  const planted = new Map<string, string>();
  for (const { table, kind, columns, sql } of plantings) {
    const id = generator.setAside(table);
    const { rows, rowCount } = await region.query<{ id?: string }>(sql, [id]);
    if (rowCount !== 1) throw new Error(`${sql} changed ${rowCount} rows`);
    planted.set(`public.${table} ${rows[0]?.id ?? id}`, `${kind} ${columns.toSorted()}`);
  }
  return planted;
}

/** One pass over every table, to its end. */
async function audit(demo: Demo, signal: AbortSignal): Promise<void> {
  const status = async (): Promise<AuditStatus> =>
    JSON.parse(await farshore(demo, ['audit', 'status', '-o', 'json'], false)) as AuditStatus;
  const ends = (of: AuditStatus) => new Map(of.tables.map(({ table, lastPass }) => [table, lastPass?.endedAt]));
  const before = ends(await status());
  await farshore(demo, ['audit', 'run']);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PASS_LIMIT_MS)]);
  for (;;) {
    const now = await status();
    const after = ends(now);
    if (now.tables.every(({ table, openPass }) => openPass === null && after.get(table) !== before.get(table))) break;
    await delay(500, undefined, { signal: limit });
  }
  await farshore(demo, ['audit', 'status']);
}

/** Changes, and their records a moment later, until the signal. */
async function flow({ generator, publisher }: Demo, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await generator.write(20);
    await delay(50, undefined, { signal }).catch(() => undefined);
    await publisher.publish(1_000);
  }
}
