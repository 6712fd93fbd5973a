import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { schemaRefReader } from '../../src/avro/wire.ts';
import type { RejectedDetail } from '../../src/model/rejected.ts';
import type { Database } from '../../src/postgres/database.ts';
import { rejectedStore } from '../../src/postgres/rejected-store.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await database.query({ text: 'truncate farshore.rejected_records restart identity', values: [] }, never);
});

const id = (n: number): string => `00${n.toString(16).padStart(8, '0')}`;
const guid = (n: number): string => `01${n.toString(16).padStart(32, '0')}`;
const hex = (text: string): string => Buffer.from(text).toString('hex');
/** A header as a record has it: its lengths in front, doubled. */
const header = (name: string, value: string): string =>
  Buffer.from([name.length * 2]).toString('hex') + hex(name) + Buffer.from([value.length]).toString('hex') + value;

let offset = 0;
async function keep(value: string, ...headers: readonly string[]): Promise<void> {
  await database.query(
    {
      text: `insert into farshore.rejected_records (topic, partition, topic_id, record_offset, table_name, home_epoch, generation, timestamp_ms,
       value, headers, header_count, reason, message)
     values ('t', 0, '00000000-0000-4000-8000-000000000001', $1, 'public.t', 1, 1, 0, decode($2, 'hex'), decode($3, 'hex'), $4, 'schema_unknown', 'no')`,
      values: [offset++, value, headers.join(''), headers.length],
    },
    never,
  );
}

const read = schemaRefReader();
function refOf({ value, headers, headerCount }: RejectedDetail): string {
  const [body, head] = [Buffer.from(value!, 'base64'), Buffer.from(headers, 'base64')];
  const out = { ref: '', bodyStart: 0 };
  const at = { start: body.length, end: body.length + head.length, count: headerCount };
  read(Buffer.concat([body, head]), 0, body.length, at, 'value', out);
  return out.ref;
}
const found = async (after: string, limit: number) => await rejectedStore(database).ofUnknownSchemas({ after, limit }, never);

it('records of unknown schemas are one group a schema: by 17 bytes of the value nearly each was a group of its own', async () => {
  for (let n = 0; n < 30; n++) await keep(id(7) + hex(`${n} is a body of its own`));
  for (let n = 0; n < 3; n++) await keep(guid(9) + hex(`${n} another`));
  await keep(guid(10) + hex('0 another'));
  await keep(id(8));
  expect((await found('0', 200)).map(refOf)).toEqual([
    '7',
    '00000000-0000-0000-0000-000000000009',
    '00000000-0000-0000-0000-00000000000a',
    '8',
  ]);
});

it('and so are those that name it in a header, whatever their values begin with; the last header of that name counts', async () => {
  const trace = (n: number) => header('trace', hex(`of its own, ${n}`));
  for (let n = 0; n < 5; n++) await keep('0000000001aa', trace(n), header('__value_schema_id', id(21)));
  await keep('0000000001aa', header('__value_schema_id', id(22)));
  await keep('0000000001aa', header('__value_schema_id', guid(23)), trace(1));
  await keep('0000000001aa', header('__value_schema_id', id(21)), header('__value_schema_id', id(24)));
  await keep('0000000001aa', header('about', hex('__value_schema_id')));
  const refs = (await found('0', 200)).map(refOf);
  expect(refs).toEqual(['21', '22', '00000000-0000-0000-0000-000000000017', '24', '1']);
});

it('come with no more of their bytes than says the schema: a page of whole records has no bound', async () => {
  const large = hex('x'.repeat(100_000));
  await keep(id(7) + large, header('trace', hex('of no use')));
  await keep(guid(9) + large, header('__value_schema_id', id(21)));
  const page = await found('0', 200);
  expect(page.map(refOf)).toEqual(['7', '21']);
  expect(page.map(({ value, headers }) => [Buffer.from(value!, 'base64').length, headers === ''])).toEqual([
    [17, true],
    [17, false],
  ]);
});

it('whose values are no Avro, or none, are told apart as before', async () => {
  await keep('01aabb');
  await keep(id(7));
  const [short, whole] = await found('0', 200);
  expect(Buffer.from(short!.value!, 'base64').toString('hex')).toBe('01aabb');
  expect(refOf(whole!)).toBe('7');
});

it('are listed for publishing by their ids', async () => {
  await keep(id(7));
  await keep(id(8));
  const store = rejectedStore(database);
  const ids = await store.unpublished(10, never);
  expect(ids).toHaveLength(2);
  await store.markPublished([ids[0]!], never);
  expect(await store.unpublished(10, never)).toEqual([ids[1]]);
});

it('go on behind those that were looked at before, in order', async () => {
  for (const n of [5, 3, 5, 9, 3, 1]) await keep(id(n));
  const first = await found('0', 2);
  expect(first.map(refOf)).toEqual(['5', '3']);
  expect((await found(first.at(-1)!.id, 2)).map(refOf)).toEqual(['9', '1']);
});
