import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DecodedRecord, FieldShape } from '../../src/apply/contracts.ts';
import type { CopyTrials } from '../../src/apply/copy-chances.ts';
import type { Folded } from '../../src/apply/folded.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { field, type TestRecord } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});
beforeEach(async () => {
  await ddl(
    'truncate farshore.apply_positions, farshore.tombstones',
    'drop table if exists bills cascade',
    'create table bills (id bigint primary key, name text, at bigint, farshore_version bytea)',
  );
});

const ddl = (...statements: readonly string[]) => executeDdl(database, statements, never);
const fields: readonly FieldShape[] = [field('id', 'long'), field('name', 'string', { nullable: true }), field('at', 'long')];
const entry = { topic: 'bills', version: ['at'] };

/** Tries whatever can be tried, and remembers what came of it. */
class AlwaysTries implements CopyTrials {
  readonly outcomes: string[] = [];
  tries = ({ before, deletes, after }: Folded): boolean => before === undefined && deletes === undefined && after !== undefined;
  note(_folded: Folded, outcome: string): void {
    this.outcomes.push(outcome);
  }
}

const state = (offset: number, id: number, name: string | null, at = 10): TestRecord => ({
  offset: BigInt(offset),
  value: { id: BigInt(id), name, at: BigInt(at) } as unknown as DecodedRecord,
});
const until = (text: string) => eventually(async () => (await rowsOf(database, text)).length > 0, { everyMs: 5, what: text });
const rows = async () => (await rowsOf(database, 'select id, name from bills order by id')).map(({ id, name }) => `${id} ${name}`);

describe('rows that look new are copied', () => {
  it('writes new rows with the version that the guarded statement gives them', async () => {
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const { counts } = await partition.apply([state(5, 2, 'two'), state(6, 1, 'one'), state(7, 3, null)]);
    expect(copies.outcomes).toEqual(['copied']);
    expect(await rows()).toEqual(['1 one', '2 two', '3 null']);
    expect(counts).toMatchObject([{ upserts: 3, stale: 0, duplicates: 0, records: 3 }]);
    const copied = await rowsOf(database, 'select id, farshore_version::text from bills order by id');
    await ddl('truncate bills');
    const guarded = await appliedPartition(database, [entry], { 1: fields });
    await guarded.apply([state(5, 2, 'two'), state(6, 1, 'one'), state(7, 3, null)]);
    expect(await rowsOf(database, 'select id, farshore_version::text from bills order by id')).toEqual(copied);
  });

  it('a row that exists in the middle: nothing is overwritten by an older state, all others are in, counts are those of the guard', async () => {
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    await partition.apply([state(1, 2, 'newer', 20), state(2, 4, 'older', 5)]);
    const { counts } = await partition.apply([1, 2, 3, 4, 5].map((id) => state(2 + id, id, 'given', 10)));
    expect(copies.outcomes).toEqual(['copied', 'refused']);
    expect(await rows()).toEqual(['1 given', '2 newer', '3 given', '4 given', '5 given']);
    expect(counts).toMatchObject([{ upserts: 4, stale: 1, duplicates: 0 }]);
    const again = await partition.apply([1, 2, 3, 4, 5].map((id) => state(2 + id, id, 'given', 10)));
    expect(again.counts).toMatchObject([{ upserts: 0, stale: 1, duplicates: 4 }]);
  });

  it('a remembered delete blocks the older state of its key, although it has no row', async () => {
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [{ ...entry, key: ['id'] }], { 1: fields }, { copies });
    await partition.apply([state(1, 7, 'first', 10), { offset: 2n, key: '7', value: null }]);
    expect(await rowsOf(database, 'select 1 as n from farshore.tombstones')).toHaveLength(1);
    await partition.apply([state(1, 7, 'again', 10), state(3, 8, 'other', 10)]);
    expect(copies.outcomes).toEqual(['refused']);
    expect(await rows()).toEqual(['8 other']);
  });

  it('a delete that another partition is just writing is waited for, and honoured', async () => {
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    await partition.apply([state(0, 99, 'takes the position')]);
    const other = await database.connect(never);
    await other.run([{ text: 'begin', values: [] }], never);
    const lock = `select pg_advisory_xact_lock(hashtextextended('farshore apply public.bills', 0))`;
    const version = `decode('00000001' || '00' || '00000001' || '00000000000000ff', 'hex')`;
    const tombstone = `insert into farshore.tombstones (table_name, key, version) values ('public.bills', '[7]', ${version})`;
    for (const text of [lock, tombstone]) await other.run([{ text, values: [] }], never);
    const applying = partition.apply([state(1, 7, 'older', 10), state(2, 8, 'other', 10)]);
    await until(`select 1 from pg_locks where locktype = 'advisory' and not granted`);
    await other.run([{ text: 'commit', values: [] }], never);
    await other.close();
    await applying;
    expect(copies.outcomes).toEqual(['copied', 'refused']);
    expect(await rows()).toEqual(['8 other', '99 takes the position']);
  });

  it('a chunk of a backfill that holds the key: waits for it, and the newer state wins', async () => {
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const other = await database.connect(never);
    await other.run([{ text: 'begin', values: [] }], never);
    const version = `decode('00000000' || '00' || '00000000' || '0000000000000000', 'hex')`;
    await other.run([{ text: `insert into bills values (2, 'from the backfill', 1, ${version})`, values: [] }], never);
    const applying = partition.apply([1, 2, 3].map((id) => state(id, id, 'live', 10)));
    await until('select 1 from pg_locks where not granted');
    await other.run([{ text: 'commit', values: [] }], never);
    await other.close();
    await applying;
    expect(copies.outcomes).toEqual(['refused']);
    expect(await rows()).toEqual(['1 live', '2 live', '3 live']);
  });

  it('a row that the table refuses is refused with the same error as by the guarded statement', async () => {
    await ddl('alter table bills add check (id <> 2)');
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const refused = partition.apply([1, 2, 3].map((id) => state(id, id, 'given', 10)));
    await expect(refused).rejects.toMatchObject({ code: 'row_refused', facts: { sqlState: '23514', outcome: 'not_applied' } });
    expect(copies.outcomes).toEqual(['refused']);
    expect(await rows()).toEqual([]);
  });

  it('a constraint that is checked late is checked before the position moves', async () => {
    await ddl(
      'create table if not exists parents (id bigint primary key)',
      'truncate parents cascade',
      'alter table bills add foreign key (at) references parents deferrable initially deferred',
    );
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const refused = partition.apply([state(1, 1, 'orphan', 10)]);
    await expect(refused).rejects.toMatchObject({ facts: { sqlState: '23503', outcome: 'not_applied' } });
    await ddl('insert into parents values (10)');
    await partition.apply([state(1, 1, 'child', 10)]);
    expect(copies.outcomes).toEqual(['refused', 'copied']);
    expect(await rows()).toEqual(['1 child']);
  });

  it('a rule is not passed over: COPY would not see it', async () => {
    await ddl('create rule elsewhere as on insert to bills do instead nothing');
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    await partition.apply([state(1, 1, 'given', 10)]);
    expect(copies.outcomes).toEqual(['refused']);
    expect(await rows()).toEqual([]);
  });

  it('a trigger that leaves rows out or changes them does so, and what it left out is not counted as written', async () => {
    await ddl(
      `create or replace function change_bills() returns trigger language plpgsql as $$
         begin if new.id = 2 then return null; end if; new.name := upper(new.name); return new; end $$`,
      'create trigger change before insert on bills for each row execute function change_bills()',
    );
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const { counts } = await partition.apply([1, 2, 3].map((id) => state(id, id, 'given', 10)));
    expect(copies.outcomes).toEqual(['copied']);
    expect(await rows()).toEqual(['1 GIVEN', '3 GIVEN']);
    expect(counts).toMatchObject([{ upserts: 2, stale: 1 }]);
  });

  it('a session that ends in the middle of the rows leaves none of them, and the next attempt writes each once', async () => {
    await ddl(
      'create or replace function wait_a_moment() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(4711); return new; end $$',
      'create trigger wait before insert on bills for each row execute function wait_a_moment()',
    );
    const holder = await database.connect(never);
    await holder.run([{ text: 'select pg_advisory_lock(4711)', values: [] }], never);
    const copies = new AlwaysTries();
    const partition = await appliedPartition(database, [entry], { 1: fields }, { copies });
    const applying = partition.apply([1, 2, 3].map((id) => state(id, id, 'given', 10)));
    await until(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 4711 and not granted`);
    await holder.run([{ text: 'select pg_advisory_unlock(4711)', values: [] }], never);
    await holder.close();
    await applying;
    expect(copies.outcomes).toEqual(['refused']);
    expect(await rows()).toEqual(['1 given', '2 given', '3 given']);
    expect(await rowsOf(database, 'select records from farshore.apply_positions')).toEqual([{ records: '3' }]);
  });
});
