import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeptOffsets } from '../../src/mirror/offset-keeper.ts';
import { homeOffset, regionalOffset } from '../../src/model/offsets.ts';
import type { Database } from '../../src/postgres/database.ts';
import { offsetStore } from '../../src/postgres/offset-store.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

const kept = (topic: string, partition: number, ...points: readonly (readonly [bigint, bigint])[]): KeptOffsets => ({
  topic,
  partition,
  homeTopicId: '6a5f6c6e-0000-4000-8000-000000000001',
  regionalTopicId: '6a5f6c6e-0000-4000-8000-000000000002',
  points: points.map(([home, regional]) => ({ home: homeOffset(home), regional: regionalOffset(regional) })),
});

describe('the mapping of offsets in the database', () => {
  it('C5: comes back as it was saved, to the last digit, and replaces what was there', async () => {
    const store = offsetStore(database, 4n);
    const all = [kept('a', 0, [0n, 0n], [2n ** 62n + 1n, 2n ** 62n + 3n]), kept('a', 1), kept('b', 0, [5n, 6n])];
    await store.save(all, never);
    expect(await store.load(['a', 'b', 'c'], never)).toEqual(all);
    await store.save([kept('a', 0, [7n, 8n])], never);
    expect(await store.load(['a'], never)).toEqual([kept('a', 0, [7n, 8n]), kept('a', 1)]);
  });

  it('C5: a daemon that lost its lease changes nothing its successor wrote', async () => {
    await offsetStore(database, 9n).save([kept('c', 0, [50n, 60n])], never);
    await offsetStore(database, 8n).save([kept('c', 0, [99n, 99n])], never);
    expect(await offsetStore(database, 10n).load(['c'], never)).toEqual([kept('c', 0, [50n, 60n])]);
  });
});
