import { describe, expect, it } from 'vitest';
import type { AuditStore, OpenPass } from '../../../src/audit/audit-contracts.ts';
import { type PassBudget, type PassParts, runPass } from '../../../src/audit/audit-pass.ts';
import type { ComparedTable, Key, PassStep, Sides } from '../../../src/audit/contracts.ts';
import { writeCursor } from '../../../src/audit/pass-cursor.ts';
import type { PassStopped } from '../../../src/model/audit.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { billsTable } from './compared.ts';

const bills = billsTable({ total: 'numeric' });
const STEPS = 10;
const step = (n: number): PassStep => ({
  cursor: `after ${n}`,
  done: n === STEPS,
  rowsCompared: 100,
  bytesReceived: 1_000,
  suspects: [],
  unlisted: [],
});

/** Ten ranges of 100 rows and 1,000 bytes; time passes while the pass waits, and each range takes a second. */
async function passWith(
  budget: Partial<PassBudget>,
  changes: { lag?: () => number | undefined; load?: () => number; cursor?: string; suspects?: number } = {},
) {
  const seen = {
    from: [] as (string | undefined)[],
    told: [] as string[],
    events: [] as FarshoreEvent[],
    bytes: 0,
    atMs: 0,
    steps: 0,
    waits: 0,
    stopped: 'nothing was stored' as PassStopped | undefined | 'nothing was stored',
  };
  const open = Array.from({ length: changes.suspects ?? 0 }, (_, n) => String(n));
  const look = { present: true, digest: 'a', columnDigests: new Map(), xmin: '1', version: undefined };
  const side = {
    look: async (_table: ComparedTable, keys: readonly Key[]) => ({ value: keys.map(() => look), bytes: keys.length * 50 }),
    position: async () => ({ standby: false, lsn: '0/1', nowMs: 0 }),
  };
  const store = {
    openPass: async () => ({ id: '1', table: 'public.bills', cursor: changes.cursor, rowsCompared: 700 }),
    restartPass: async () => ({ id: '2', table: 'public.bills', cursor: undefined, rowsCompared: 0 }),
    step: async (_pass: OpenPass, { bytes }: { readonly bytes: number }) => {
      seen.bytes += bytes;
    },
    unchecked: async () => open.splice(0).map((key) => ({ id: key, key: [key], kind: 'changed', columns: [] })),
    settled: async (_pass: OpenPass, _found: unknown, { bytes }: { readonly bytes: number }) => {
      seen.bytes += bytes;
    },
    endPass: async (_pass: OpenPass, stopped: PassStopped | undefined, workingMs: number) => {
      seen.stopped = stopped;
      return 7_200_000 + workingMs;
    },
  } as unknown as AuditStore;
  const parts = {
    sides: { primary: side, region: side } as unknown as Sides,
    passSteps: async function* (_table: ComparedTable, _sides: Sides, { cursor }: { readonly cursor: string | undefined }) {
      seen.from.push(cursor);
      for (let n = 1; n <= STEPS; n++) {
        seen.atMs += 1_000;
        seen.steps++;
        yield step(n);
      }
    },
    store,
    clock: {
      wallMs: () => seen.atMs,
      monotonicMs: () => seen.atMs,
      sleep: async (ms: number) => {
        seen.atMs += ms;
        seen.waits++;
      },
    },
    observe: (event: FarshoreEvent) => {
      seen.told.push(event.type);
      seen.events.push(event);
    },
    lagSeconds: changes.lag ?? (() => 0),
    load: changes.load ?? (() => 0),
    settling: { passed: async () => 'passed', held: async () => [] },
  } as unknown as PassParts;
  const all = {
    untilMs: 1e9,
    maxRows: 1e9,
    maxBytes: 1e9,
    used: { rows: 0, bytes: 0 },
    maxRowsPerSecond: undefined,
    pauseAboveLagSeconds: 60,
    pauseAboveLoad: 0.9,
    ...budget,
  };
  const settings = { rowsPerRange: 100, settle: { publishAllowanceMs: 0, tries: 1, againMs: 0 } };
  const asked = { by: 'ada', rowsExpected: 1_000, lostDeletes: false };
  await runPass('public.bills', bills, asked, parts, settings, all, AbortSignal.timeout(10_000));
  return seen;
}

describe('the budget of a pass', () => {
  it('lets it reach the end of the table', async () => {
    expect(await passWith({})).toMatchObject({ steps: 10, waits: 0, stopped: undefined });
  });

  it.each([
    ['max_rows', { maxRows: 300 }, 3],
    ['max_bytes', { maxBytes: 3_500 }, 4],
    ['max_seconds', { untilMs: 5_000 }, 5],
  ] as const)('ends at %s, behind the range that used it up', async (stopped, budget, steps) => {
    expect(await passWith(budget)).toMatchObject({ stopped, steps });
  });

  it('counts what an earlier try of the same run has used', async () => {
    expect(await passWith({ maxRows: 300, used: { rows: 200, bytes: 0 } })).toMatchObject({ stopped: 'max_rows', steps: 1 });
    expect(await passWith({ maxBytes: 9_000, used: { rows: 0, bytes: 7_500 } })).toMatchObject({ stopped: 'max_bytes', steps: 2 });
  });

  it('counts the bytes that settling takes: three looks at each suspect', async () => {
    const used = { rows: 0, bytes: 0 };
    const seen = await passWith({ used }, { suspects: 1_200 });
    expect(seen.bytes).toBe(10 * 1_000 + 3 * 1_200 * 50);
    expect(used.bytes).toBe(seen.bytes);
    const told = seen.events.reduce((sum, event) => sum + ('bytes' in event ? Number(event.bytes) : 0), 0);
    expect(told).toBe(seen.bytes);
  });

  it('tells how long all runs of the pass have worked, not the last alone', async () => {
    const { events } = await passWith({});
    expect(events.at(-1)).toMatchObject({ type: 'audit_pass_ended', seconds: 7_210 });
  });

  it('is not stopped by it at the last range: the table was compared whole', async () => {
    expect(await passWith({ maxRows: 1_000, maxBytes: 10_000 })).toMatchObject({ stopped: undefined, steps: 10 });
  });

  it('waits while the region is behind or its lag unknown, and while the daemon is busy, until its time is over', async () => {
    let looks = 0;
    const soon = (over: number, under: number) => () => (++looks % 4 === 0 ? under : over);
    expect(await passWith({}, { lag: soon(61, 1) })).toMatchObject({ stopped: undefined, steps: 10 });
    expect((await passWith({}, { load: soon(0.95, 0.5) })).waits).toBeGreaterThan(9);
    expect(await passWith({ untilMs: 20_000 }, { lag: () => undefined })).toMatchObject({ stopped: 'max_seconds', steps: 1 });
    expect(await passWith({ untilMs: 20_000 }, { load: () => 1 })).toMatchObject({ stopped: 'max_seconds', steps: 1 });
  });
});

describe('an open pass', () => {
  const place = { kind: 'after', key: ['500'] } as const;
  const total = bills.columns[1]!;
  const withTotal = (changes: Partial<typeof total>): ComparedTable => ({
    ...bills,
    columns: [bills.columns[0]!, { ...total, ...changes }],
  });

  it('has a cursor of the same length however many columns it compares', () => {
    const wide = billsTable(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`column_${n}`, 'numeric'] as const)));
    expect(writeCursor(wide, place)).toHaveLength(writeCursor(bills, place).length);
  });

  it('goes on at its cursor', async () => {
    const cursor = writeCursor(bills, place);
    expect(await passWith({}, { cursor })).toMatchObject({ from: [cursor], stopped: undefined });
  });

  it.each([
    ['its key is ordered in another way', writeCursor({ ...bills, key: [{ ...bills.key[0]!, keyAs: 'text' }] }, place)],
    ['it is walked by another column', writeCursor({ ...bills, key: [{ ...bills.key[0]!, name: 'code' }] }, place)],
    [
      'its source is another table',
      writeCursor({ ...bills, primary: { ...bills.primary, table: { schema: 'public', table: 'old' } } }, place),
    ],
    ['other rows of its source are meant', writeCursor({ ...bills, primary: { ...bills.primary, where: 'paid' } }, place)],
    ['a column of it was left out of the comparison', writeCursor(billsTable({}), place)],
    ['a column was compared with another of its source', writeCursor(withTotal({ primary: { ...total.primary, name: 'net' } }), place)],
    ['a column was compared in another way', writeCursor(withTotal({ as: 'float' }), place)],
    ['its cursor cannot be read', '{'],
  ])('begins at the first row, and ends, where since its beginning %s: it refused to go on for ever', async (_, cursor) => {
    const { from, stopped, told } = await passWith({}, { cursor });
    expect({ from, stopped }).toEqual({ from: [undefined], stopped: undefined });
    expect(told).toContain('audit_pass_restarted');
  });
});
