import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Key, RowLook, ServerPosition, Sides } from '../../../src/audit/contracts.ts';
import { judge } from '../../../src/audit/judge.ts';
import { lsnOf, type Settled, type SettleParts, type SettleSettings, settle } from '../../../src/audit/settle.ts';
import { TestClock } from '../lag/test-clock.ts';
import { billsTable } from './compared.ts';

const table = billsTable({ total: 'numeric' });
const absent: RowLook = { present: false, digest: undefined, columnDigests: new Map(), xmin: undefined, version: undefined };
const look = (content: string, xmin = '1', version: string | undefined = undefined): RowLook => ({
  present: true,
  digest: content,
  columnDigests: new Map([
    ['id', 'same'],
    ['total', content],
  ]),
  xmin,
  version,
});

describe('C19: one row in the bracket', () => {
  it.each([
    ['equal rows', look('a'), look('a'), look('a'), { kind: 'healed' }],
    ['a row that neither has', absent, absent, absent, { kind: 'healed' }],
    ['a region that has what the primary has by now', look('a'), look('b'), look('b', '2'), { kind: 'healed' }],
    ['other content', look('a'), look('b'), look('a'), { kind: 'confirmed', as: 'changed', columns: ['total'] }],
    ['a row the region lacks', look('a'), absent, look('a'), { kind: 'confirmed', as: 'missing', columns: [] }],
    ['a row the primary lacks, for the first time', absent, look('b'), absent, { kind: 'extra_once' }],
    ['content that changed', look('a'), look('b'), look('c', '2'), { kind: 'moving' }],
    ['the same content written again', look('a'), look('b'), look('a', '2'), { kind: 'moving' }],
    ['a row that was deleted meanwhile', look('a'), look('b'), absent, { kind: 'moving' }],
    ['a row that came meanwhile', absent, look('b'), look('a'), { kind: 'moving' }],
  ])('%s', (_, before, region, after, judgement) => {
    expect(judge({ before, region, after })).toEqual(judgement);
  });

  it('a row the primary lacks in two brackets is extra where nobody wrote it between them', () => {
    const again = (region: RowLook) => judge({ before: absent, region, after: absent, extraBefore: look('b', '7') });
    expect(again(look('b', '7'))).toEqual({ kind: 'confirmed', as: 'extra', columns: [] });
    expect(again(look('b', '8'))).toEqual({ kind: 'extra_once' });
    expect(again(absent)).toEqual({ kind: 'healed' });
  });
});

const settings: SettleSettings = { publishAllowanceMs: 1_000, tries: 3, againMs: 500 };
const lookOf =
  (rows: (key: string) => RowLook): Sides['primary']['look'] =>
  async (_table, keys: readonly Key[]) => ({ value: keys.map(([key]) => rows(key!)), bytes: 0 });

function parts(changes: {
  readonly primary: (key: string) => RowLook;
  readonly region: (key: string) => RowLook;
  readonly passed?: SettleParts['passed'];
  readonly held?: (key: string) => boolean;
  readonly position?: () => ServerPosition;
}) {
  const clock = new TestClock();
  const position = async () => changes.position?.() ?? { standby: false, lsn: '0/1', nowMs: clock.wallMs() };
  const given: SettleParts = {
    sides: { primary: { look: lookOf(changes.primary), position }, region: { look: lookOf(changes.region) } } as unknown as Sides,
    clock,
    passed: changes.passed ?? (async () => 'passed'),
    held: async (keys) => keys.map(([key]) => changes.held?.(key!) ?? false),
  };
  return { clock, given };
}

/** Runs to the end, moving time along. */
async function ended(clock: TestClock, work: ReturnType<typeof settle>): Promise<readonly Settled[]> {
  const state = { done: false };
  void work.then(
    () => {
      state.done = true;
    },
    () => {
      state.done = true;
    },
  );
  for (let step = 0; step < 400 && !state.done; step++) await clock.advance(250);
  return (await work).settled;
}
const told = (settled: readonly Settled[]) => settled.map((one) => `${one.key} ${one.state}${'why' in one ? ` ${one.why}` : ''}`);
const never = new AbortController().signal;

describe('settling suspects', () => {
  it('confirms with both looks, heals, parks and names each', async () => {
    const { clock, given } = parts({
      primary: (key) => look(`p${key}`),
      region: (key) => (key === '1' ? look('p1') : look('other', '9', '0a')),
      held: (key) => key === '3',
    });
    const settled = await ended(clock, settle(table, [{ key: ['1'] }, { key: ['2'] }, { key: ['3'] }], given, settings, never));
    expect(told(settled)).toEqual(['1 healed', '2 confirmed', '3 parked']);
    expect(settled[1]).toMatchObject({ kind: 'changed', columns: ['total'], primary: { xmin: '1' }, region: { version: '0a' } });
  });

  it('C19: does not confirm as extra what was inserted and deleted at the primary between two looks at nothing', async () => {
    // looked: nothing · inserted, and applied in the region · deleted · looked: nothing · the delete is applied
    let looks = 0;
    const { clock, given } = parts({ primary: () => absent, region: () => (looks++ === 0 ? look('x', '5') : absent) });
    expect(told(await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never)))).toEqual(['1 healed']);
  });

  it('confirms a row that only the region has by a second bracket, also after the last try', async () => {
    const { clock, given } = parts({ primary: () => absent, region: () => look('x', '5') });
    const settled = await ended(clock, settle(table, [{ key: ['1'] }], given, { ...settings, tries: 1 }, never));
    expect(settled).toMatchObject([{ state: 'confirmed', kind: 'extra', region: { xmin: '5' } }]);
    let writes = 0;
    const rewritten = parts({ primary: () => absent, region: () => look('x', String(writes++)) });
    expect(told(await ended(rewritten.clock, settle(table, [{ key: ['1'] }], rewritten.given, settings, never)))).toEqual([
      '1 unsettled moving',
    ]);
  });

  it('gives the publisher its allowance before it takes the ends', async () => {
    const { clock, given } = parts({ primary: () => look('a'), region: () => look('a'), passed: async () => 'not_yet' });
    const startedMs = clock.monotonicMs();
    let askedMs = 0;
    Object.assign(given, {
      passed: async () => {
        askedMs = clock.monotonicMs();
        return 'passed';
      },
    });
    await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never));
    expect(askedMs - startedMs).toBeGreaterThanOrEqual(settings.publishAllowanceMs);
  });

  it('never takes a row for equal or wrong that is written between the looks: asked again, then unsettled', async () => {
    let writes = 0;
    const { clock, given } = parts({ primary: () => look('a', String(writes++)), region: () => look('b') });
    expect(told(await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never)))).toEqual(['1 unsettled moving']);
    expect(writes).toBe(2 * settings.tries);
  });

  it('C19: does not confirm a row whose record waited while the region was looked at and was applied before the end of the bracket', async () => {
    // parked → the region is looked at: no row → its parent comes and the row is written → nothing waits any more
    const world = { parked: true };
    const { clock, given } = parts({
      primary: () => look('a'),
      region: () => {
        if (!world.parked) return look('a');
        world.parked = false;
        return absent;
      },
      held: () => world.parked,
    });
    expect(told(await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never)))).toEqual(['1 parked']);
  });

  it('leaves open what the region did not catch up with', async () => {
    const { clock, given } = parts({ primary: () => look('a'), region: () => look('b'), passed: async () => 'not_yet' });
    expect(told(await ended(clock, settle(table, [{ key: ['1'] }, { key: ['2'] }], given, settings, never)))).toEqual([
      '1 unsettled not_passed',
      '2 unsettled not_passed',
    ]);
  });

  it('says nothing where the primary’s database cannot be asked', async () => {
    const { clock, given } = parts({
      primary: () => {
        throw new Error('away');
      },
      region: () => look('b'),
    });
    await expect(ended(clock, settle(table, [{ key: ['1'] }], given, settings, never))).rejects.toThrow('away');
  });

  describe('with a standby for the primary', () => {
    const standby = (lsn: string, told?: ServerPosition['told'], nowMs = 5_000): ServerPosition => ({ standby: true, lsn, nowMs, told });

    it('waits until it has replayed what the primary had said after the region was read', async () => {
      const positions = [
        standby('0/10', { lsn: '0/20', atMs: 4_000 }),
        standby('0/20', { lsn: '0/20', atMs: 4_000 }),
        standby('0/20', { lsn: '0/30', atMs: 6_000 }),
        standby('0/30', { lsn: '0/40', atMs: 7_000 }),
      ];
      let asked = 0;
      const { clock, given } = parts({
        primary: () => look('a'),
        region: () => look('b'),
        position: () => positions[asked++] ?? positions.at(-1)!,
      });
      expect(told(await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never)))).toEqual(['1 confirmed']);
      expect(asked).toBe(4);
    });

    it.each([
      ['is cut off', standby('0/20', { lsn: '0/20', atMs: 4_000 })],
      ['does not stream', standby('0/20')],
      ['stands still', standby('0/10', { lsn: '0/20', atMs: 9_000 })],
    ])('confirms nothing when it %s', async (_, position) => {
      const { clock, given } = parts({ primary: () => look('a'), region: () => look('b'), position: () => position });
      expect(told(await ended(clock, settle(table, [{ key: ['1'] }], given, settings, never)))).toEqual(['1 unsettled standby']);
    });
  });

  it('orders log positions by value', () => {
    expect(lsnOf('16/B374D848') > lsnOf('9/FFFFFFFF')).toBe(true);
    expect(lsnOf('0/A') < lsnOf('0/10')).toBe(true);
  });

  it('C19: in a world with late publishers and writers that never rest, confirms what is wrong and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          // time of each write at the primary, and how long its publisher sleeps on it
          writes: fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 9_000 }), delayMs: fc.integer({ min: 0, max: 1_000 }) }), {
            maxLength: 12,
          }),
          lookAtMs: fc.integer({ min: 0, max: 9_000 }),
          // from the topic into the region
          lagMs: fc.integer({ min: 0, max: 3_000 }),
          rogueAtMs: fc.option(fc.integer({ min: 0, max: 6_000 }), { nil: undefined }),
        }),
        async ({ writes, lookAtMs, lagMs, rogueAtMs }) => {
          const clock = new TestClock();
          const startMs = clock.monotonicMs();
          const now = () => clock.monotonicMs() - startMs;
          const log = writes.toSorted((a, b) => a.atMs - b.atMs);
          const published = log.map(({ atMs, delayMs }, index) =>
            Math.max(atMs + delayMs, ...log.slice(0, index).map((w) => w.atMs + w.delayMs)),
          );
          const countAt = (times: readonly number[], atMs: number) => times.filter((time) => time <= atMs).length;
          const primaryNow = () =>
            countAt(
              log.map(({ atMs }) => atMs),
              now(),
            );
          const appliedAtMs = published.map((atMs) => atMs + lagMs);
          const regionNow = () => countAt(appliedAtMs, now());
          // a rogue write stands until the next record of the stream is applied
          const isSpoilt = () => {
            if (rogueAtMs === undefined || now() < rogueAtMs) return false;
            return !appliedAtMs.some((atMs) => atMs > rogueAtMs && atMs <= now());
          };
          const given: SettleParts = {
            sides: {
              primary: {
                look: lookOf(() => look(`s${primaryNow()}`, `x${primaryNow()}`)),
                position: async () => ({ standby: false, lsn: '0/1', nowMs: 0 }),
              },
              region: { look: lookOf(() => (isSpoilt() ? look('spoilt') : look(`s${regionNow()}`))) },
            } as unknown as Sides,
            clock,
            passed: async (signal) => {
              const end = countAt(published, now());
              while (regionNow() < end) await clock.sleep(100, signal);
              return 'passed';
            },
            held: async (keys) => keys.map(() => false),
          };
          const wasSpoilt: boolean[] = [];
          const { region } = given.sides;
          const asked = region.look.bind(region);
          Object.assign(region, {
            look: async (...given: Parameters<typeof asked>) => {
              wasSpoilt.push(isSpoilt());
              return await asked(...given);
            },
          });
          clock.pass(lookAtMs);
          const [one] = await ended(clock, settle(table, [{ key: ['1'] }], given, { ...settings, tries: 20 }, never));
          if (one!.state === 'confirmed') expect(wasSpoilt.at(-1)).toBe(true);
          if (one!.state === 'healed') expect(wasSpoilt.at(-1)).toBe(false);
          expect(one!.state).not.toBe('unsettled');
        },
      ),
      { numRuns: 150 },
    );
  });
});
