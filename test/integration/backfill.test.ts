import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordDecoder } from '../../src/apply/contracts.ts';
import { sourceTableOf } from '../../src/apply/source-table.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { prepareComparison } from '../../src/audit/compared-table.ts';
import type { BackfillStore, PreparedTable } from '../../src/backfill/contracts.ts';
import { backfillOffset } from '../../src/backfill/row-version.ts';
import { backfillMapping } from '../../src/daemon/backfill-prepare.ts';
import { versionHex } from '../../src/model/version.ts';
import { backfillStore } from '../../src/postgres/backfill-store.ts';
import { backfillTable } from '../../src/postgres/backfill-table.ts';
import { loadMigrations, migrate } from '../../src/postgres/migrations.ts';
import { describeTables } from '../../src/postgres/tables.ts';
import { eventually } from '../rig/context.ts';
import { type AuditRig, auditRig } from './audit-rig.ts';
import { never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const EPOCH = 3n;
const database = { from: 'database', where: undefined } as const;
const begun = { id: '1', cursor: undefined };
let rig: AuditRig;
let store: BackfillStore;

beforeAll(async () => {
  rig = await auditRig();
  await migrate(rig.databases.region, await loadMigrations(), never);
  await rowsOf(
    rig.databases.region,
    `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', ${EPOCH}, 'this', now() + interval '1 hour')
     on conflict (name) do update set epoch = excluded.epoch`,
  );
  store = backfillStore(rig.databases.region, EPOCH);
});
afterAll(async () => {
  await rig.close();
});

const field = (name: string, avro: string, logical?: string) => ({
  ...{ name, avro, logical },
  ...{ precision: undefined, scale: undefined, nullable: true, doc: undefined },
});
const decoderOf = (fields: RecordDecoder['fields']): RecordDecoder => ({ recordName: 'Row', fields, decode: () => ({}) });

async function prepared(entry: TableEntry, fields: RecordDecoder['fields'] = [], epoch = EPOCH): Promise<PreparedTable> {
  const { region, primary } = rig.databases;
  const [name, table] = (entry.table ?? '').split('.') as [string, string];
  const [described] = await describeTables(region, [{ schema: name, table }], never);
  const resolved = sourceTableOf(entry, described!);
  const wanted = { region: { schema: name, table }, source: resolved.source, key: entry.key, live: undefined, unknown: [] };
  const outcome = await prepareComparison(rig.sides, wanted, never);
  if (outcome.kind === 'refused') throw outcome.reasons[0]!;
  const atPrimary = (await rig.sides.primary.describe(resolved.source.table, never))!;
  const mapped = backfillMapping({
    entries: [entry],
    ...{ region: described!, primary: atPrimary, resolved, compared: outcome.table },
    schemas: [fields.length === 0 ? [] : [decoderOf(fields)]],
  });
  return backfillTable({ primary, region, epoch, compared: outcome.table, homeEpoch: 1, ...mapped });
}

async function startOf(table: string) {
  const id = await store.start({ table, by: 'ada', source: database, rowsExpected: 10, positions: [] }, never);
  expect(id).toBeDefined();
  return async () => (await store.open(never)).find((one) => one.id === id)!;
}

/** Every chunk to the end; how many rows were read and written. */
async function whole(table: PreparedTable, name: string, limit = 100) {
  const now = await startOf(name);
  const counts = { chunks: 0, read: 0, written: 0 };
  for (let one = await now(); one.state === 'running'; one = await now()) {
    const chunk = await table.read(one, limit, never);
    counts.written += await table.write(one, chunk, never);
    counts.read += chunk.rows;
    counts.chunks++;
  }
  expect((await now()).state).toBe('settling');
  await store.change(name, 'settled', never);
  return counts;
}

const at = async (side: 'primary' | 'region', text: string) => await rowsOf(rig.databases[side], text);
const plain = (table: string, more: Partial<TableEntry> = {}): TableEntry => ({ topic: table, table: `public.${table}`, ...more });
const versioned = [field('id', 'int'), field('note', 'string'), field('version', 'int')];

async function tables(name: string, columns: string, more = ', farshore_version bytea'): Promise<void> {
  await rig.at('primary', `create table ${name} (${columns})`);
  await rig.at('region', `create table ${name} (${columns}${more})`);
}

describe('a backfill', () => {
  it('C2: brings every row in chunks, leaves newer rows and beats older ones and such without a version', async () => {
    await tables('guarded', 'id integer primary key, note text, version integer');
    await at('primary', `insert into guarded select n, 'primary ' || n, 10 from generate_series(1, 250) n`);
    const row = (id: number, version: bigint | undefined) =>
      `insert into guarded values (${id}, 'stream', 9, ${version === undefined ? 'null' : `'\\x${versionHex(1, version, 1, 5n)}'`})`;
    await at('region', row(1, 9n));
    await at('region', row(2, 10n));
    await at('region', row(3, 11n));
    await at('region', row(4, undefined));
    const counts = await whole(await prepared(plain('guarded', { version: ['version'] }), versioned), 'public.guarded');
    expect(counts).toEqual({ chunks: 3, read: 250, written: 248 });
    const rows = await at('region', 'select id, note from guarded where id <= 5 order by id');
    expect(rows.map(({ note }) => note)).toEqual(['primary 1', 'stream', 'stream', 'primary 4', 'primary 5']);
  });

  it('C2: without a source version is below every record of the stream, and changes no row that has one', async () => {
    await tables('lowest', 'id integer primary key, note text');
    await at('primary', `insert into lowest values (1, 'primary'), (2, 'primary')`);
    await at('region', `insert into lowest values (1, 'stream', '\\x${versionHex(1, null, 0, 0n)}')`);
    expect(await whole(await prepared(plain('lowest')), 'public.lowest')).toEqual({ chunks: 1, read: 2, written: 1 });
    const [{ id }] = (await at('region', `select id from farshore.backfills where table_name = 'public.lowest'`)) as [{ id: string }];
    const rows = await at('region', `select note, encode(farshore_version, 'hex') as v from lowest order by id`);
    expect(rows).toEqual([
      { note: 'stream', v: versionHex(1, null, 0, 0n) },
      { note: 'primary', v: versionHex(0, null, 0, backfillOffset('database', id, 0n)) },
    ]);
  });

  it('C4: revives no row that was deleted between its reading and its writing, by the log or by version', async () => {
    await tables('deleted', 'id integer primary key, note text, version integer');
    await at('primary', `insert into deleted select n, 'read', 10 from generate_series(1, 3) n`);
    const table = await prepared(plain('deleted', { version: ['version'] }), versioned);
    const now = await startOf('public.deleted');
    const chunk = await table.read(begun, 10, never);
    const bury = (id: number, source: bigint | null) =>
      at('region', `insert into farshore.tombstones values ('public.deleted', '[${id}]', '\\x${versionHex(1, source, 1, 7n)}')`);
    await bury(1, null);
    await bury(2, 10n);
    expect(await table.write(await now(), chunk, never)).toBe(1);
    expect(await at('region', 'select id from deleted')).toEqual([{ id: '3' }]);
    await store.change('public.deleted', 'stop', never);
  });

  it('C4: sees the delete of a transaction that is not committed when the chunk comes', async () => {
    await tables('racing', 'id integer primary key, note text');
    await at('primary', `insert into racing values (1, 'read')`);
    const table = await prepared(plain('racing'));
    const now = await startOf('public.racing');
    const one = await now();
    const chunk = await table.read(begun, 10, never);
    const deleting = await rig.databases.region.connect(never);
    const run = async (text: string) => await deleting.run([{ text, values: [] }], never);
    await run('begin');
    await run(`select pg_advisory_xact_lock(hashtextextended('farshore apply public.racing', 0))`);
    await run(`insert into farshore.tombstones values ('public.racing', '[1]', '\\x${versionHex(1, null, 1, 7n)}')`);
    let ended = false;
    const writing = table.write(one, chunk, never).finally(() => {
      ended = true;
    });
    const waiting = async () => (await at('region', `select 1 from pg_locks where locktype = 'advisory' and not granted`)).length > 0;
    await eventually(async () => ended || (await waiting()), { what: 'the chunk waiting for the delete' });
    await run('commit');
    expect(await writing).toBe(0);
    await deleting.close();
    expect(await at('region', 'select 1 from racing')).toEqual([]);
    await store.change('public.racing', 'stop', never);
  });

  it('goes on behind the last chunk that was committed; one that comes again writes nothing', async () => {
    await tables('moved', 'id integer primary key, note text');
    await at('primary', `insert into moved select n, 'x' from generate_series(1, 30) n`);
    const table = await prepared(plain('moved'));
    const now = await startOf('public.moved');
    const first = await now();
    const chunk = await table.read(begun, 10, never);
    await table.write(first, chunk, never);
    expect(await rejectionOf(table.write(first, chunk, never))).toMatchObject({ code: 'position_moved' });
    const second = await now();
    expect(await at('region', 'select max(id) as last from moved')).toEqual([{ last: '10' }]);
    await table.write(second, await table.read(second, 10, never), never);
    expect(await at('region', 'select count(*) as rows, max(id) as last from moved')).toEqual([{ rows: '20', last: '20' }]);
    await store.change('public.moved', 'stop', never);
  });

  it('writes nothing for a daemon whose lease is another’s', async () => {
    await tables('fenced', 'id integer primary key, note text');
    await at('primary', `insert into fenced values (1, 'x')`);
    const zombie = await prepared(plain('fenced'), [], EPOCH - 1n);
    const now = await startOf('public.fenced');
    const work = zombie.write(await now(), await zombie.read(begun, 10, never), never);
    expect(await rejectionOf(work)).toMatchObject({ code: 'fenced' });
    expect(await at('region', 'select 1 from fenced')).toEqual([]);
    await store.change('public.fenced', 'stop', never);
  });

  it('walks keys of many types, renamed columns and arrays, and rows that are wide', async () => {
    const columns = `a text collate "C", b uuid, c timestamptz, tags text[], data jsonb, raw bytea, amount numeric(20, 4), primary key (a, b, c)`;
    await tables('kinds', columns);
    await at(
      'primary',
      `insert into kinds select case when n % 2 = 0 then 'é"\\' else 'b' || n end, gen_random_uuid(), now() + n * interval '1 microsecond',
         array['a,b', null, '{"x"}'], '{"n": [1, null]}', '\\x00ff', n / 7.0 from generate_series(1, 45) n`,
    );
    expect((await whole(await prepared(plain('kinds')), 'public.kinds', 7)).written).toBe(45);
    const digest = `select md5(string_agg(row(a, b, c, tags, data, raw, amount)::text, '|' order by a, b, c)) as d from kinds`;
    expect(await at('region', digest)).toEqual(await at('primary', digest));
  });

  it('sets back what a delete marked only for a later state, and fills rows that were set in part', async () => {
    await rig.at('primary', 'create table soft (id integer primary key, note text, version integer)');
    await rig.at(
      'region',
      'create table soft (id integer primary key, note text, version integer, gone_at timestamptz, farshore_version bytea)',
    );
    await at('primary', `insert into soft values (1, 'back', 10), (2, 'gone', 10)`);
    const gone = (id: number, version: bigint) =>
      at('region', `insert into soft values (${id}, 'old', 1, now(), '\\x${versionHex(1, version, 1, 5n)}')`);
    await gone(1, 9n);
    await gone(2, 11n);
    await whole(await prepared(plain('soft', { version: ['version'], softDelete: 'gone_at' }), versioned), 'public.soft');
    const rows = await at('region', 'select id, note, gone_at is null as live from soft order by id');
    expect(rows).toEqual([
      { id: '1', note: 'back', live: 't' },
      { id: '2', note: 'old', live: 'f' },
    ]);

    await tables('partial', 'id integer primary key, note text, name text', ', farshore_version bytea, farshore_units jsonb');
    await at('primary', `insert into partial values (1, 'primary', 'primary')`);
    const version = versionHex(1, null, 1, 5n);
    await at(
      'region',
      `insert into partial values (1, 'stream', null, '\\x${version}', farshore.merge_units(null, null, '{"note": "${version}"}', '\\x${version}'))`,
    );
    await whole(await prepared(plain('partial', { partial: { absent: true } })), 'public.partial');
    expect(await at('region', 'select note, name from partial')).toEqual([{ note: 'stream', name: 'primary' }]);
  });

  it('orders by timestamps no finer than a publisher that cuts them to milliseconds', async () => {
    await tables('moments', 'id integer primary key, note text, at timestamptz');
    await at('primary', `insert into moments values (1, 'first', '2026-01-01 00:00:00.123456Z')`);
    const fields = [field('id', 'int'), field('note', 'string'), field('at', 'long', 'timestamp-millis')];
    await whole(await prepared(plain('moments', { version: ['at'] }), fields), 'public.moments');
    const [row] = await at('region', `select encode(farshore_version, 'hex') as v from moments`);
    const millis = BigInt(Date.parse('2026-01-01T00:00:00.123Z')) * 1_000n;
    // A change at .123900 is written as .123.
    expect(row!.v! < versionHex(1, millis, 0, 1n)).toBe(true);
    expect(row!.v! > versionHex(1, millis - 1_000n, 9, 9n)).toBe(true);
  });

  it.each([
    ['groups', { groups: { g: { fields: ['note'], version: 'version' } } }, versioned, 'has groups'],
    ['a constant', { columns: { note: { value: 'x' } } }, versioned, 'Only the stream fills note (constant)'],
    ['an unknown version', { version: ['version'] }, [], 'is not known'],
    ['another kind of version', { version: ['version'] }, [field('id', 'int'), field('version', 'string')], 'cannot be ordered'],
    ['a version nobody has', { version: ['seq'] }, [...versioned, field('seq', 'long')], 'has no column seq at the primary'],
  ] as const)('refuses %s', async (name, more, fields, message) => {
    const table = `refused_${name.replaceAll(' ', '_')}`;
    await tables(table, 'id integer primary key, note text, version integer');
    const work = prepared(plain(table, more as Partial<TableEntry>), fields as typeof versioned);
    expect(await rejectionOf(work)).toMatchObject({ code: 'backfill_refused', message: expect.stringContaining(message) });
  });

  it('refuses a table without a key', async () => {
    await tables('keyless', 'id integer, note text');
    expect(await rejectionOf(prepared(plain('keyless')))).toMatchObject({ code: 'table_incomparable' });
  });

  it('is one at a time a table', async () => {
    const now = await startOf('public.once');
    const again = { table: 'public.once', by: 'bob', source: database, rowsExpected: 0, positions: [] };
    expect(await store.start(again, never)).toBeUndefined();
    expect(await store.change('public.once', 'pause', never)).toBe(true);
    expect((await now()).state).toBe('paused');
    expect(await store.change('public.once', 'pause', never)).toBe(false);
    expect(await store.change('public.once', 'resume', never)).toBe(true);
    expect(await store.change('public.once', 'stop', never)).toBe(true);
    expect(await store.start(again, never)).toBeDefined();
  });
});
