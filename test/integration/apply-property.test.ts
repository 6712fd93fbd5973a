import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecodedRecord, FieldShape } from '../../src/apply/contracts.ts';
import type { CopyTrials } from '../../src/apply/copy-chances.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { field, type TestRecord } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

/**
 * Any split into batches, replay and interleaving of partitions gives the rows that the records give one by one in the order of their versions.
 * A kill is a replay: what a transaction did not commit is read again, what it did commit is moved over or met as a duplicate.
 */
let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});

const fields: readonly FieldShape[] = [
  field('id', 'long'),
  field('a', 'string', { nullable: true }),
  field('b', 'string', { nullable: true }),
  field('g', 'string', { nullable: true }),
  field('h', 'string', { nullable: true }),
  field('at', 'long'),
  field('g_at', 'long', { nullable: true }),
  field('gone', 'boolean'),
  field('changed', 'array'),
];
const base: TableEntry = { topic: 'things', version: ['at'], deleteWhen: { field: 'gone', in: [true] }, ignore: ['g_at', 'changed'] };
const kinds: Readonly<Record<string, TableEntry>> = {
  full: base,
  partial: { ...base, partial: { mask: 'changed' } },
  groups: { ...base, groups: { pair: { fields: ['g', 'h'], version: 'g_at' } } },
};

interface Event {
  readonly id: number;
  readonly at: number;
  readonly kind: 'state' | 'delete';
  readonly changed: readonly ('a' | 'b' | 'g' | 'h')[];
  readonly values: readonly (string | null)[];
  readonly groupAt: number;
}

type Row = Record<'a' | 'b' | 'g' | 'h', string | null>;
const names = ['a', 'b', 'g', 'h'] as const;

/** One by one in the order of their versions; a group in the order of its own. */
function model(events: readonly Event[], kind: string): Readonly<Record<string, Row>> {
  const rows: Record<string, Row> = {};
  const grouped = kind === 'groups';
  for (const event of [...events].sort((x, y) => x.at - y.at)) {
    if (event.kind === 'delete') {
      delete rows[event.id];
      continue;
    }
    rows[event.id] ??= { a: null, b: null, g: null, h: null };
    const row = rows[event.id]!;
    for (const [i, name] of names.entries()) {
      if (grouped && (name === 'g' || name === 'h')) continue;
      if (kind !== 'partial' || event.changed.includes(name)) row[name] = event.values[i]!;
    }
  }
  if (!grouped) return rows;
  for (const event of [...events].sort((x, y) => x.groupAt - y.groupAt)) {
    const row = rows[event.id];
    if (row !== undefined && event.kind === 'state') [row.g, row.h] = [event.values[2]!, event.values[3]!];
  }
  return rows;
}

const recordOf = ({ id, at, kind, changed, values, groupAt }: Event, offset: bigint): TestRecord => {
  const [a, b, g, h] = values as [string | null, string | null, string | null, string | null];
  const value = { id: BigInt(id), a, b, g, h, at: BigInt(at), g_at: BigInt(groupAt), gone: kind === 'delete', changed };
  return { offset, value: value as unknown as DecodedRecord };
};

const value = fc.option(fc.constantFrom('x', 'y', 'z'), { nil: null });
const events = (deletes: boolean) =>
  fc
    .array(
      fc.record({
        id: fc.integer({ min: 1, max: 3 }),
        kind: fc.constantFrom(...(deletes ? (['state', 'state', 'state', 'delete'] as const) : (['state'] as const))),
        changed: fc.subarray([...names], { minLength: 1 }),
        values: fc.tuple(value, value, value, value),
      }),
      { minLength: 1, maxLength: 14 },
    )
    .chain((list) =>
      fc
        .tuple(
          fc.shuffledSubarray([...list.keys()], { minLength: list.length }),
          fc.shuffledSubarray([...list.keys()], { minLength: list.length }),
        )
        .map(([order, groups]) => list.map((one, i): Event => ({ ...one, at: order[i]! + 1, groupAt: groups[i]! + 1 }))),
    );

/** How many records the next batch takes, and from which partition; a replay begins again at the partition's first record. */
const steps = fc.array(
  fc.record({ partition: fc.integer({ min: 0, max: 1 }), records: fc.integer({ min: 1, max: 5 }), replay: fc.boolean() }),
  {
    maxLength: 12,
  },
);

/** Copies whatever can be copied: each refusal must leave what the guarded statements make of it. */
const always: CopyTrials = {
  tries: ({ before, deletes, after }) => before === undefined && deletes === undefined && after !== undefined,
  note: () => undefined,
};

async function applied(
  entry: TableEntry,
  list: readonly Event[],
  plan: readonly { partition: number; records: number; replay: boolean }[],
  copies: CopyTrials | undefined,
) {
  await executeDdl(
    database,
    [
      'truncate farshore.apply_positions, farshore.tombstones',
      'drop table if exists things',
      `create table things (id bigint primary key, a text, b text, g text, h text, at bigint, farshore_version bytea, farshore_units jsonb)`,
    ],
    never,
  );
  // Offsets differ across partitions: two records of one version would be one for the guard.
  const logs = [0, 1].map((p) => list.filter((_, i) => i % 2 === p).map((event, i) => recordOf(event, BigInt(i * 2 + p))));
  const partitions = await Promise.all(
    [0, 1].map((partition) => appliedPartition(database, [entry], { 1: fields }, { partition, copies })),
  );
  const next = [0, 0];
  const take = async (p: number, records: number) => {
    const batch = logs[p]!.slice(next[p]!, next[p]! + records);
    if (batch.length === 0) return;
    await partitions[p]!.apply(batch);
    next[p]! += batch.length;
  };
  for (const { partition, records, replay } of plan) {
    if (replay) next[partition] = 0;
    await take(partition, records);
  }
  for (const p of [0, 1]) await take(p, logs[p]!.length);
  const rows = await rowsOf(database, 'select id, a, b, g, h from things');
  return Object.fromEntries(rows.map(({ id, ...row }) => [id, row]));
}

describe('any split, replay and order of partitions gives the rows of the records one by one in version order', () => {
  // Groups have an order of their own, and a delete none in it: they are tried without.
  it.each([
    ['full', true, undefined],
    ['full', true, always],
    ['full', false, always],
    ['partial', true, undefined],
    ['groups', false, undefined],
  ])('%s records, deletes: %s, copies: %o', { timeout: 120_000 }, async (kind, deletes, copies) => {
    await fc.assert(
      fc.asyncProperty(events(deletes), steps, async (list, plan) => {
        expect(await applied(kinds[kind]!, list, plan, copies)).toEqual(model(list, kind));
      }),
      { numRuns: Number(process.env.FARSHORE_PROPERTY_RUNS ?? 100), seed: 5 },
    );
  });
});
