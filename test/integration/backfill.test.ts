import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { backfillOffset } from '../../src/backfill/row-version.ts';
import { versionHex } from '../../src/model/version.ts';
import { eventually } from '../rig/context.ts';
import { BackfillRig, EPOCH, field, fromDatabase, plain, versioned } from './backfill-rig.ts';
import { never, rejectionOf } from './postgres-fixtures.ts';

const begun = { id: '1', cursor: undefined };
let rig: BackfillRig;

beforeAll(async () => {
  rig = await BackfillRig.create();
});
afterAll(async () => {
  await rig.close();
});

describe('a backfill', () => {
  it('C2: brings every row in chunks, leaves newer rows and beats older ones and such without a version', async () => {
    await rig.tables('guarded', 'id integer primary key, note text, version integer');
    await rig.at('primary', `insert into guarded select n, 'primary ' || n, 10 from generate_series(1, 250) n`);
    const row = (id: number, version: bigint | undefined) =>
      `insert into guarded values (${id}, 'stream', 9, ${version === undefined ? 'null' : `'\\x${versionHex(1, version, 1, 5n)}'`})`;
    await rig.at('region', row(1, 9n));
    await rig.at('region', row(2, 10n));
    await rig.at('region', row(3, 11n));
    await rig.at('region', row(4, undefined));
    const counts = await rig.whole(await rig.prepared([plain('guarded', { version: ['version'] })], [versioned]), 'public.guarded');
    expect(counts).toEqual({ chunks: 3, read: 250, written: 248 });
    const rows = await rig.at('region', 'select id, note from guarded where id <= 5 order by id');
    expect(rows.map(({ note }) => note)).toEqual(['primary 1', 'stream', 'stream', 'primary 4', 'primary 5']);
  });

  it('C2: without a source version is below every record of the stream, and changes no row that has one', async () => {
    await rig.tables('lowest', 'id integer primary key, note text');
    await rig.at('primary', `insert into lowest values (1, 'primary'), (2, 'primary')`);
    await rig.at('region', `insert into lowest values (1, 'stream', '\\x${versionHex(1, null, 0, 0n)}')`);
    expect(await rig.whole(await rig.prepared([plain('lowest')]), 'public.lowest')).toEqual({ chunks: 1, read: 2, written: 1 });
    const [{ id }] = (await rig.at('region', `select id from farshore.backfills where table_name = 'public.lowest'`)) as [{ id: string }];
    const rows = await rig.at('region', `select note, encode(farshore_version, 'hex') as v from lowest order by id`);
    expect(rows).toEqual([
      { note: 'stream', v: versionHex(1, null, 0, 0n) },
      { note: 'primary', v: versionHex(0, null, 0, backfillOffset('database', id, 0n)) },
    ]);
  });

  it('C4: revives no row that was deleted between its reading and its writing, by the log or by version', async () => {
    await rig.tables('deleted', 'id integer primary key, note text, version integer');
    await rig.at('primary', `insert into deleted select n, 'read', 10 from generate_series(1, 3) n`);
    const table = await rig.prepared([plain('deleted', { version: ['version'] })], [versioned]);
    const now = await rig.startOf('public.deleted');
    const chunk = await table.read(begun, 10, never);
    const bury = (id: number, source: bigint | null) =>
      rig.at('region', `insert into farshore.tombstones values ('public.deleted', '[${id}]', '\\x${versionHex(1, source, 1, 7n)}')`);
    await bury(1, null);
    await bury(2, 10n);
    expect(await table.write(await now(), chunk, never)).toBe(1);
    expect(await rig.at('region', 'select id from deleted')).toEqual([{ id: '3' }]);
    await rig.store.change('public.deleted', 'stop', never);
  });

  it('C4: sees the delete of a transaction that is not committed when the chunk comes', async () => {
    await rig.tables('racing', 'id integer primary key, note text');
    await rig.at('primary', `insert into racing values (1, 'read')`);
    const table = await rig.prepared([plain('racing')]);
    const now = await rig.startOf('public.racing');
    const one = await now();
    const chunk = await table.read(begun, 10, never);
    const deleting = await rig.rig.databases.region.connect(never);
    const run = async (text: string) => await deleting.run([{ text, values: [] }], never);
    await run('begin');
    await run(`select pg_advisory_xact_lock(hashtextextended('farshore apply public.racing', 0))`);
    await run(`insert into farshore.tombstones values ('public.racing', '[1]', '\\x${versionHex(1, null, 1, 7n)}')`);
    let ended = false;
    const writing = table.write(one, chunk, never).finally(() => {
      ended = true;
    });
    const waiting = async () => (await rig.at('region', `select 1 from pg_locks where locktype = 'advisory' and not granted`)).length > 0;
    await eventually(async () => ended || (await waiting()), { what: 'the chunk waiting for the delete' });
    await run('commit');
    expect(await writing).toBe(0);
    await deleting.close();
    expect(await rig.at('region', 'select 1 from racing')).toEqual([]);
    await rig.store.change('public.racing', 'stop', never);
  });

  it('goes on behind the last chunk that was committed; one that comes again writes nothing', async () => {
    await rig.tables('moved', 'id integer primary key, note text');
    await rig.at('primary', `insert into moved select n, 'x' from generate_series(1, 30) n`);
    const table = await rig.prepared([plain('moved')]);
    const now = await rig.startOf('public.moved');
    const first = await now();
    const chunk = await table.read(begun, 10, never);
    await table.write(first, chunk, never);
    expect(await rejectionOf(table.write(first, chunk, never))).toMatchObject({ code: 'position_moved' });
    const second = await now();
    expect(await rig.at('region', 'select max(id) as last from moved')).toEqual([{ last: '10' }]);
    await table.write(second, await table.read(second, 10, never), never);
    expect(await rig.at('region', 'select count(*) as rows, max(id) as last from moved')).toEqual([{ rows: '20', last: '20' }]);
    await rig.store.change('public.moved', 'stop', never);
  });

  it('goes on after a restart by what it was told of the version, though no record has come since', async () => {
    await rig.tables('idle', 'id integer primary key, note text, version integer');
    await rig.at('primary', `insert into idle values (1, 'x', 7)`);
    const entry = plain('idle', { version: ['version'] });
    expect(await rejectionOf(rig.prepared([entry]))).toMatchObject({ code: 'backfill_refused' });
    const { remembered } = await rig.prepared([entry], [versioned]);
    await rig.store.start({ table: 'public.idle', by: 'ada', source: fromDatabase, remembered, rowsExpected: 1, positions: [] }, never);
    const one = (await rig.store.open(never)).find(({ table }) => table === 'public.idle')!;
    const again = await rig.prepared([entry], [], EPOCH, one.remembered);
    await again.write(one, await again.read(one, 10, never), never);
    const [row] = await rig.at('region', `select encode(farshore_version, 'hex') as v from idle`);
    expect(row?.v).toBe(versionHex(1, 7n, 0, backfillOffset('database', one.id, 0n)));
    await rig.store.change('public.idle', 'stop', never);
  });

  it('writes nothing for a daemon whose lease is another’s', async () => {
    await rig.tables('fenced', 'id integer primary key, note text');
    await rig.at('primary', `insert into fenced values (1, 'x')`);
    const zombie = await rig.prepared([plain('fenced')], [], EPOCH - 1n);
    const now = await rig.startOf('public.fenced');
    const work = zombie.write(await now(), await zombie.read(begun, 10, never), never);
    expect(await rejectionOf(work)).toMatchObject({ code: 'fenced' });
    expect(await rig.at('region', 'select 1 from fenced')).toEqual([]);
    await rig.store.change('public.fenced', 'stop', never);
  });

  it('walks keys of many types, renamed columns and arrays, and rows that are wide', async () => {
    const columns = `a text collate "C", b uuid, c timestamptz, tags text[], data jsonb, raw bytea, amount numeric(20, 4), primary key (a, b, c)`;
    await rig.tables('kinds', columns);
    await rig.at(
      'primary',
      `insert into kinds select case when n % 2 = 0 then 'é"\\' else 'b' || n end, gen_random_uuid(), now() + n * interval '1 microsecond',
         array['a,b', null, '{"x"}'], '{"n": [1, null]}', '\\x00ff', n / 7.0 from generate_series(1, 45) n`,
    );
    expect((await rig.whole(await rig.prepared([plain('kinds')]), 'public.kinds', 7)).written).toBe(45);
    const digest = `select md5(string_agg(row(a, b, c, tags, data, raw, amount)::text, '|' order by a, b, c)) as d from kinds`;
    expect(await rig.at('region', digest)).toEqual(await rig.at('primary', digest));
  });

  it('sets back what a delete marked only for a later state, and fills rows that were set in part', async () => {
    await rig.rig.at('primary', 'create table soft (id integer primary key, note text, version integer)');
    await rig.rig.at(
      'region',
      'create table soft (id integer primary key, note text, version integer, gone_at timestamptz, farshore_version bytea)',
    );
    await rig.at('primary', `insert into soft values (1, 'back', 10), (2, 'gone', 10)`);
    const gone = (id: number, version: bigint) =>
      rig.at('region', `insert into soft values (${id}, 'old', 1, now(), '\\x${versionHex(1, version, 1, 5n)}')`);
    await gone(1, 9n);
    await gone(2, 11n);
    await rig.whole(await rig.prepared([plain('soft', { version: ['version'], softDelete: 'gone_at' })], [versioned]), 'public.soft');
    const rows = await rig.at('region', 'select id, note, gone_at is null as live from soft order by id');
    expect(rows).toEqual([
      { id: '1', note: 'back', live: 't' },
      { id: '2', note: 'old', live: 'f' },
    ]);

    await rig.tables('partial', 'id integer primary key, note text, name text', ', farshore_version bytea, farshore_units jsonb');
    await rig.at('primary', `insert into partial values (1, 'primary', 'primary')`);
    const version = versionHex(1, null, 1, 5n);
    await rig.at(
      'region',
      `insert into partial values (1, 'stream', null, '\\x${version}', farshore.merge_units(null, null, '{"note": "${version}"}', '\\x${version}'))`,
    );
    await rig.whole(await rig.prepared([plain('partial', { partial: { absent: true } })]), 'public.partial');
    expect(await rig.at('region', 'select note, name from partial')).toEqual([{ note: 'stream', name: 'primary' }]);
  });

  it('orders by timestamps no finer than a publisher that cuts them to milliseconds', async () => {
    await rig.tables('moments', 'id integer primary key, note text, at timestamptz');
    await rig.at('primary', `insert into moments values (1, 'first', '2026-01-01 00:00:00.123456Z')`);
    const fields = [field('id', 'int'), field('note', 'string'), field('at', 'long', 'timestamp-millis')];
    await rig.whole(await rig.prepared([plain('moments', { version: ['at'] })], [fields]), 'public.moments');
    const [row] = await rig.at('region', `select encode(farshore_version, 'hex') as v from moments`);
    const millis = BigInt(Date.parse('2026-01-01T00:00:00.123Z')) * 1_000n;
    // A change at .123900 is written as .123.
    expect(row!.v! < versionHex(1, millis, 1, 1n)).toBe(true);
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
    await rig.tables(table, 'id integer primary key, note text, version integer');
    const work = rig.prepared([plain(table, more as Partial<TableEntry>)], fields.length === 0 ? [] : [fields as typeof versioned]);
    expect(await rejectionOf(work)).toMatchObject({ code: 'backfill_refused', message: expect.stringContaining(message) });
  });

  it('refuses a table without a key', async () => {
    await rig.tables('keyless', 'id integer, note text');
    expect(await rejectionOf(rig.prepared([plain('keyless')]))).toMatchObject({ code: 'table_incomparable' });
  });

  it('is one at a time a table', async () => {
    const now = await rig.startOf('public.once');
    const again = { table: 'public.once', by: 'bob', source: fromDatabase, rowsExpected: 0, positions: [] };
    expect(await rig.store.start(again, never)).toBeUndefined();
    expect(await rig.store.change('public.once', 'pause', never)).toBe(true);
    expect((await now()).state).toBe('paused');
    expect(await rig.store.change('public.once', 'pause', never)).toBe(false);
    expect(await rig.store.change('public.once', 'resume', never)).toBe(true);
    expect(await rig.store.change('public.once', 'stop', never)).toBe(true);
    expect(await rig.store.start(again, never)).toBeDefined();
  });
});
