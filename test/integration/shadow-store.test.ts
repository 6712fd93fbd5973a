import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/postgres/database.ts';
import { shadowStore } from '../../src/postgres/shadow-store.ts';
import { type HourCounts, type KeptField, RouteStatistics } from '../../src/shadow/route-statistics.ts';
import { pruneShadow } from '../../src/shadow/shadow-store.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

const HOUR_MS = 3_600_000;
const atMs = Date.UTC(2026, 0, 2, 3, 30);
const hourMs = Date.UTC(2026, 0, 2, 3);
const route = 'GET /users/{id}';
let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await database.query({ text: 'truncate farshore.shadow_counts, farshore.shadow_differences', values: [] }, never);
});

const counts = (changes: Partial<HourCounts>): HourCounts => ({
  ...{ match: 0, mismatch: 0, noise: 0, lag: 0, unsettled: 0, error: 0, shed: 0, skipped: 0, region_error: 0 },
  ...changes,
});

const field = (changes: Partial<KeptField> = {}): KeptField => ({
  ...{ route, path: '$.items[].price', kind: 'value', result: 'mismatch', count: 3, weight: 1.25, firstSeenMs: atMs, lastSeenMs: atMs + 1 },
  example: { method: 'GET', target: '/users/1', place: '$.items[0].price', primary: '1', region: null },
  ...changes,
});

describe('what the shadow keeps', () => {
  it('survives a restart: counts and places come back as they were', async () => {
    const store = shadowStore(database);
    const before = new RouteStatistics(route, { minSamples: 1, relative: 0.2, absolute: 0.0003 });
    for (const result of ['match', 'match', 'mismatch', 'region_error'] as const) before.count(result, atMs, 24);
    before.differed({ path: '$["a\u0000\ud800"]', kind: 'value', result: 'mismatch', weight: 1, lastSeenMs: atMs, example: null });
    // A path as it is made has escapes only; this one, written by hand, is refused and nothing of it is kept.
    await expect(store.save(before.takeChanges(), never)).rejects.toThrow();
    expect(await store.load(0, never)).toEqual({ hours: [], fields: [] });

    const { hours } = { hours: [{ route, hourMs, counts: counts({ match: 2, mismatch: 1, region_error: 1 }) }] };
    await store.save({ hours, fields: [field()] }, never);
    expect(await store.load(hourMs - HOUR_MS, never)).toEqual({ hours, fields: [field()] });
    expect(await store.load(hourMs, never)).toEqual({ hours: [], fields: [field()] });
  });

  it('writes whole counts: once more is the same as once, and an older write takes nothing back', async () => {
    const store = shadowStore(database);
    const newer = { hours: [{ route, hourMs, counts: counts({ match: 5 }) }], fields: [field({ count: 5, weight: 5, example: null })] };
    const older = { hours: [{ route, hourMs, counts: counts({ match: 4, lag: 1 }) }], fields: [field({ count: 4, weight: 4 })] };
    await store.save(older, never);
    for (const statistics of [newer, newer, older]) await store.save(statistics, never);
    expect(await store.load(0, never)).toEqual({
      hours: [{ route, hourMs, counts: counts({ match: 5, lag: 1 }) }],
      fields: [field({ count: 5, weight: 5 })],
    });
  });

  it('shows differences by route and result, those seen last first', async () => {
    const store = shadowStore(database);
    const noisy = field({ path: '$.at', result: 'noise', lastSeenMs: atMs + 5_000, example: null });
    await store.save({ hours: [], fields: [field(), noisy, field({ route: 'GET /', path: '$.x' })] }, never);
    const shown = async (filter: Partial<Parameters<typeof store.diffs>[0]>) =>
      (await store.diffs({ route: undefined, result: undefined, limit: 10, ...filter }, never)).map(({ path }) => path);
    expect(await shown({})).toEqual(['$.at', '$.items[].price', '$.x']);
    expect(await shown({ route })).toEqual(['$.at', '$.items[].price']);
    expect(await shown({ result: 'mismatch', limit: 1 })).toEqual(['$.items[].price']);
    const [first] = await store.diffs({ route, result: 'mismatch', limit: 1 }, never);
    expect(first).toMatchObject({ lastSeen: '2026-01-02T03:30:00.001Z', example: { primary: '1', region: null } });
  });

  it('drops what is older than its retention, in pieces, and nothing else', async () => {
    const store = shadowStore(database);
    const nowMs = Date.now();
    const day = 24 * HOUR_MS;
    const hours = [1, 13, 15, 16, 17].map((days) => ({
      route,
      hourMs: Math.floor((nowMs - days * day) / HOUR_MS) * HOUR_MS,
      counts: counts({ match: 1 }),
    }));
    const fields = [1, 13, 15].map((days) => field({ path: `$.d${days}`, lastSeenMs: nowMs - days * day }));
    await store.save({ hours, fields }, never);
    expect(await store.prune(14, 1, never)).toBe(2);
    await pruneShadow(14, store, never);
    expect((await rowsOf(database, 'select count(*) as n from farshore.shadow_counts'))[0]).toEqual({ n: '2' });
    expect((await store.load(0, never)).fields.map(({ path }) => path)).toEqual(['$.d1', '$.d13']);
  });
});
