import pg from 'pg';
import { prepareComparison } from '../../src/audit/compared-table.ts';
import type { ComparedTable, Sides, Suspect } from '../../src/audit/contracts.ts';
import { passSteps } from '../../src/audit/pass.ts';
import { rangeDigestStatement } from '../../src/audit/statements.ts';
import { systemClock } from '../../src/model/clock.ts';
import { PostgresAuditSide } from '../../src/postgres/audit-side.ts';
import { Database } from '../../src/postgres/database.ts';
import { databaseTimeouts, parseDatabaseUrl } from '../../src/postgres/options.ts';
import { startPostgres } from '../../test/rig/postgres.ts';
import { ddl } from './data.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';

const ROWS_PER_RANGE = 10_000;
const LONG_MS = 1_800_000;
const never = new AbortController().signal;
const name = { schema: 'public', table: 'rows' };

const fill = (records: number): string => `insert into rows select n, 'customer ' || n, 'c' || n || '.' || n % 9973 || '@example.com',
  (array['Warsaw', 'Lisbon', 'Osaka', 'Toronto'])[1 + n % 4], (array['new', 'paid', 'packed'])[1 + n % 3], n % 10000000 / 100.0, n % 2 = 0, n % 1000,
  timestamptz '2026-01-01 00:00:00+00' + n * interval '37 ms', timestamptz '2026-01-02 00:00:00+00' + n * interval '41 ms',
  left(repeat(md5(n::text), 4), 110) from generate_series(1, ${records}) as n`;

/** What is done to the region's row of each key, and what an audit must say of it. */
function planted(records: number): readonly (readonly [change: string, said: string])[] {
  const at = (share: number) => Math.max(1, Math.floor(records * share));
  const changed = (id: number, set: string, columns: string) =>
    [`update rows set ${set} where id = ${id}`, `${id} changed ${columns}`] as const;
  return [
    changed(1, `note = note || ' '`, 'note'),
    changed(at(0.1), 'price = price + 0.01', 'price'),
    changed(at(0.2), `created_at = created_at + interval '1 microsecond'`, 'created_at'),
    changed(at(0.3), 'active = not active', 'active'),
    changed(at(0.4), 'city = upper(city)', 'city'),
    changed(at(0.5), 'name = email, email = name', 'name,email'),
    changed(at(0.6), 'qty = qty + 1', 'qty'),
    [`delete from rows where id = ${at(0.7)}`, `${at(0.7)} missing `],
    [`delete from rows where id = ${records}`, `${records} missing `],
    [
      `insert into rows select ${records + 5}, name, email, city, status, price, active, qty, created_at, updated_at, note from rows where id = 2`,
      `${records + 5} extra `,
    ],
  ];
}

const said = ({ key, kind, columns }: Suspect): string => `${key.join()} ${kind} ${columns.join()}`;

/** P11: equal tables against a full scan with row digests of each side; P12: ten differences against P11. Both sides at the same time, throughout. */
export async function benchAudit({ records, runs, say, emit }: BenchRun): Promise<void> {
  // One process a side: a scan by several would use the cores that the other side stands for.
  const parameters = { max_parallel_workers_per_gather: '0', shared_buffers: '1GB', max_wal_size: '8GB', jit: 'off' };
  await using server = await startPostgres({ name: 'bench-audit', parameters });
  const urls = { primary: await server.createDatabase('there'), region: await server.createDatabase('here') };
  for (const [side, url] of Object.entries(urls)) {
    say(`filling ${records} rows of the ${side}`);
    await run(url, [ddl('rows'), fill(records), 'vacuum analyze rows', 'checkpoint']);
  }
  const [size] = await run(urls.primary, [`select pg_table_size('rows') as bytes`]);
  const tableBytes = Number(size?.bytes);
  const open = (url: string, readOnly: boolean) =>
    new Database(
      { address: parseDatabaseUrl(url), applicationName: 'farshore-bench', connections: 2, ...databaseTimeouts, readOnly },
      systemClock,
    );
  const databases = [open(urls.primary, true), open(urls.region, false)] as const;
  const sides = { primary: new PostgresAuditSide('primary', databases[0]), region: new PostgresAuditSide('region', databases[1]) };
  const table = await comparedRows(sides);
  const scan = async () => {
    const whole = { after: undefined, upTo: undefined };
    return await timed(() =>
      Promise.all(
        (['primary', 'region'] as const).map((side) => run(urls[side], [rangeDigestStatement(table, side, whole, records * 2).text])),
      ),
    );
  };
  const scans: number[] = [];
  const equal: number[] = [];
  const shares: number[] = [];
  const differing: number[] = [];
  await audit(table, sides);
  for (let n = 1; n <= runs; n++) {
    scans.push((await scan()).seconds);
    const alike = await timed(() => audit(table, sides));
    if (alike.value.suspects.length > 0) throw new Error(`equal tables have suspects: ${alike.value.suspects.map(said).join('; ')}`);
    equal.push(alike.seconds);
    shares.push(alike.value.bytes / tableBytes);
    await run(urls.region, [`begin`, ...planted(records).map(([change]) => change), 'commit']);
    const found = await timed(() => audit(table, sides));
    differing.push(found.seconds);
    const missed = planted(records).filter(([, text]) => !found.value.suspects.some((suspect) => said(suspect) === text));
    if (missed.length > 0 || found.value.suspects.length !== planted(records).length) {
      throw new Error(`${missed.length} differences were not found; found: ${found.value.suspects.map(said).join('; ')}`);
    }
    await run(urls.region, ['truncate rows', fill(records), 'vacuum analyze rows', 'checkpoint']);
    say(
      `audit ${n}/${runs}: scan ${scans.at(-1)?.toFixed(1)} s, equal ${equal.at(-1)?.toFixed(1)} s, ten differences ${differing.at(-1)?.toFixed(1)} s`,
    );
  }
  for (const database of databases) await database.close();
  emit(line('audit', { case: 'equal', unit: 's' }, equal, scans, { target: 'P11', kind: 'at_most', ratio: 3 }));
  emit(line('audit', { case: 'bytes', unit: 'of the table' }, shares, undefined, { target: 'P11', kind: 'at_most', ratio: 0.001 }));
  emit(line('audit', { case: 'ten differences', unit: 's' }, differing, equal, { target: 'P12', kind: 'at_most', ratio: 1.5 }));
}

async function comparedRows(sides: Sides): Promise<ComparedTable> {
  const columns = (await sides.region.describe(name, never))?.columns.map((column) => [column.name, column.name] as const);
  const source = { table: name, columns: new Map(columns), where: undefined };
  const outcome = await prepareComparison(sides, { region: name, source, key: undefined, live: undefined, unknown: [] }, never);
  if (outcome.kind === 'refused') throw outcome.reasons[0];
  return outcome.table;
}

async function audit(table: ComparedTable, sides: Sides): Promise<{ readonly suspects: readonly Suspect[]; readonly bytes: number }> {
  const suspects: Suspect[] = [];
  let bytes = 0;
  for await (const step of passSteps(table, sides, { rowsPerRange: ROWS_PER_RANGE, cursor: undefined }, never)) {
    suspects.push(...step.suspects);
    bytes += step.bytesReceived;
  }
  return { suspects, bytes };
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly seconds: number }> {
  const startedMs = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - startedMs) / 1_000 };
}

/** Runs statements one after another and answers the rows of the last. */
async function run(url: string, statements: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({ connectionString: url, statement_timeout: LONG_MS });
  await client.connect();
  try {
    let rows: readonly Readonly<Record<string, unknown>>[] = [];
    for (const text of statements) ({ rows } = await client.query<Record<string, unknown>>(text));
    return rows;
  } finally {
    await client.end();
  }
}
