import { describe, expect, it } from 'vitest';
import { type ParkedRecord, ParkedRecords } from '../../../src/apply/parked-records.ts';
import { ParkedCounts } from '../../../src/apply/parking.ts';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const MAX_AGE_SECONDS = 60;
const LOOKS_MS = 10_000;

const record = (id: number, table: string, ageSeconds = 0): ParkedRecord => ({
  id: String(id),
  topic: table,
  partition: 0,
  offset: BigInt(id),
  table,
  timestampMs: 0,
  homeEpoch: 1,
  generation: 1,
  key: null,
  value: null,
  headers: Buffer.alloc(0),
  headerCount: 0,
  ageSeconds,
});

/** Parked records of several tables, some of which cannot be written at all, for ten seconds. */
async function tried(
  records: readonly ParkedRecord[],
  failing: Readonly<Record<string, ErrorCode>>,
  outcome: (id: string) => 'applied' | 'rejected' = () => 'applied',
) {
  const left = new Map(records.map((one) => [one.id, one]));
  const events: FarshoreEvent[] = [];
  const attempts: string[] = [];
  const stop = new AbortController();
  let nowMs = 0;
  const limits = { limit: 10, maxAgeSeconds: MAX_AGE_SECONDS };
  const loop = new ParkedRecords(
    {
      store: {
        list: async ({ after }) => [...left.values()].filter(({ id }) => Number(id) > Number(after)),
        counts: async () => new Map([['any', left.size]]),
        reject: async (id) => void left.delete(id),
        rejectOvertaken: async () => [],
        parentOf: async () => undefined,
      },
      counts: new ParkedCounts(limits),
      applyKept: async ({ id, topic }) => {
        attempts.push(`${topic} ${id}`);
        const code = failing[topic];
        if (code !== undefined) throw new FarshoreError(code, 'It does not fit');
        if (outcome(id) === 'applied') left.delete(id);
        return outcome(id);
      },
      applies: () => true,
      observe: (event) => events.push(event),
      clock: {
        wallMs: () => nowMs,
        monotonicMs: () => nowMs,
        sleep: async (ms, signal) => {
          nowMs += Math.max(1, ms);
          if (nowMs > LOOKS_MS) stop.abort(new Error('over'));
          signal.throwIfAborted();
        },
      },
      random: () => 0.5,
    },
    limits,
  );
  await loop.run(stop.signal);
  const told = events.flatMap((event) => (event.type === 'apply_retried' ? [event.code] : []));
  return { left: [...left.keys()], told, attempts, events };
}

describe('records that are parked', () => {
  it.each(['table_mismatch', 'database_denied', 'registry_unreachable'] as const)(
    'of one table with %s do not hold back those behind them, neither their trial nor their end, and it is told',
    async (code) => {
      const records = [record(1, 'broken'), record(2, 'broken'), record(3, 'whole'), record(4, 'old', MAX_AGE_SECONDS + 1)];
      const { left, told, attempts, events } = await tried(records, { broken: code }, (id) => (id === '4' ? 'rejected' : 'applied'));
      expect(left).toEqual(['1', '2']);
      expect(events.flatMap((event) => (event.type === 'parked_ended' ? [`${event.table} ${event.result}`] : []))).toEqual([
        'whole applied',
        'old rejected',
      ]);
      // Once a pass: its table is not tried again before the next.
      const passes = attempts.filter((one) => one === 'broken 1').length;
      expect(passes).toBeGreaterThan(1);
      expect(attempts).not.toContain('broken 2');
      expect(told).toEqual(Array.from({ length: passes }, () => code));
    },
  );

  it('end the daemon for what must', async () => {
    await expect(tried([record(1, 'broken'), record(2, 'whole')], { broken: 'fenced' })).rejects.toMatchObject({ code: 'fenced' });
  });
});
