import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecodedRecord } from '../../src/apply/contracts.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { Database } from '../../src/postgres/database.ts';
import { executeDdl } from '../../src/postgres/tables.ts';
import { freshDatabase } from '../rig/context.ts';
import { OneByOne } from '../simulation/one-by-one.ts';
import { type GroupKind, type GroupRecord, groupEntries, groupHistories, groupSchemas, recordValue } from '../unit/apply/group-records.ts';
import type { TestRecord } from '../unit/apply/log-double.ts';
import { appliedPartition } from './apply-rig.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

/** Where a log is cut into batches is chance: how much a fetch brought, where a kill fell. What rows become must not know of it. */
let database: Database;
beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});
afterAll(async () => {
  await database.close();
});

const recordOf = (record: GroupRecord, n: number): TestRecord => ({
  offset: BigInt(n),
  schema: record.schema,
  key: '1',
  value: record.op === 'null' ? null : (recordValue(record, n) as unknown as DecodedRecord),
});

/** `cuts` has a bit for each place between two records. */
async function applied(entry: TableEntry, records: readonly GroupRecord[], cuts: number) {
  await executeDdl(
    database,
    [
      'truncate farshore.apply_positions, farshore.tombstones',
      'drop table if exists things',
      `create table things (id bigint primary key, a text, b text, g text, h text, at bigint, deleted boolean, farshore_version bytea, farshore_units jsonb)`,
    ],
    never,
  );
  const partition = await appliedPartition(database, [entry], groupSchemas);
  let batch: TestRecord[] = [];
  for (const [n, record] of records.entries()) {
    batch.push(recordOf(record, n));
    if (n < records.length - 1 && (cuts & (1 << n)) === 0) continue;
    await partition.apply(batch);
    batch = [];
  }
  return await rowsOf(database, 'select a, b, g, h, deleted from things');
}

const settings = { numRuns: Number(process.env.FARSHORE_PROPERTY_RUNS ?? 100), seed: 5 };

describe('records of one row leave it the same however their log is cut into batches', () => {
  it.each<GroupKind>(['groups', 'parts', 'log'])('with groups: %s', { timeout: 300_000 }, async (kind) => {
    await fc.assert(
      fc.asyncProperty(groupHistories, fc.nat(31), async (records, cuts) => {
        const model = new OneByOne({ bySource: kind !== 'log', partial: kind !== 'groups' });
        for (const [n, record] of records.entries()) model.take(record, n, 1);
        const row = model.visible();
        const wanted = row === undefined ? [] : [{ ...row, deleted: null }];
        expect(await applied(groupEntries[kind], records, -1)).toEqual(wanted);
        expect(await applied(groupEntries[kind], records, cuts)).toEqual(wanted);
      }),
      settings,
    );
  });

  it.each<GroupKind | 'whole'>(['whole', 'groups', 'parts', 'log'])('with soft deletes: %s', { timeout: 300_000 }, async (kind) => {
    const { groups: _, ...whole } = groupEntries.groups;
    const hard: TableEntry = kind === 'whole' ? whole : groupEntries[kind];
    const soft: TableEntry = { ...hard, softDelete: 'deleted' };
    await fc.assert(
      fc.asyncProperty(groupHistories, fc.nat(31), async (records, cuts) => {
        const oneByOne = await applied(soft, records, -1);
        expect(await applied(soft, records, cuts)).toEqual(oneByOne);
        // It is deleted where another table's row is gone; a record that sets nothing restores it, and brings no row there.
        if (kind === 'whole' || kind === 'groups')
          expect(oneByOne.filter(({ deleted }) => deleted === 'f')).toHaveLength((await applied(hard, records, cuts)).length);
      }),
      settings,
    );
  });
});
