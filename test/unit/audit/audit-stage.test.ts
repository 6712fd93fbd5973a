import { afterEach, describe, expect, it } from 'vitest';
import type { AuditStore, OpenPass, TableFigures } from '../../../src/audit/audit-contracts.ts';
import type { AuditParts } from '../../../src/audit/audit-parts.ts';
import { type AuditSettings, AuditStage } from '../../../src/audit/audit-stage.ts';
import type { AuditSide, ComparedTable, KeyRange, Side } from '../../../src/audit/contracts.ts';
import type { RepairedTable } from '../../../src/audit/repair-statements.ts';
import type { PassStopped } from '../../../src/model/audit.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { TestClock } from '../lag/test-clock.ts';
import { billsTable } from './compared.ts';

const settings: AuditSettings = {
  rowsPerRange: 100,
  settle: { publishAllowanceMs: 0, tries: 1, againMs: 0 },
  policy: 'report',
  policyRepairs: 1,
  maxSeconds: 600,
  maxRows: 1e9,
  maxBytes: 1e9,
  maxRowsPerSecond: undefined,
  pauseAboveLagSeconds: 60,
  pauseAboveLoad: 1,
};
const TIMED_OUT = 'canceling statement due to statement timeout';

const compared = (name: string): ComparedTable => {
  const bills = billsTable({ total: 'numeric' });
  const table = { schema: 'public', table: name };
  return { ...bills, primary: { ...bills.primary, table }, region: { ...bills.region, table } };
};

interface Stage {
  readonly stage: AuditStage;
  readonly clock: TestClock;
  /** Table and how its pass ended, in order. */
  readonly ended: readonly string[];
}

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A stage over tables without rows; `slow` decides when a digest of a table takes too long, and `digesting` runs while one is taken. */
function stageOf(
  names: readonly string[],
  changes: {
    readonly slow?: (table: string) => boolean;
    readonly digesting?: (table: string) => void;
    readonly maxSeconds?: number;
    readonly figures?: readonly TableFigures[];
  },
): Stage {
  const clock = new TestClock();
  const ended: string[] = [];
  const side = (which: Side) =>
    ({
      side: which,
      boundaries: async () => ({ value: [], bytes: 0 }),
      rangeDigests: async ({ region }: ComparedTable, ranges: readonly KeyRange[]) => {
        if (which === 'primary') changes.digesting?.(region.table.table);
        if (changes.slow?.(region.table.table) === true) throw new FarshoreError('database_unreachable', TIMED_OUT);
        return { value: ranges.map(() => ({ rows: 0, digest: '', overLimit: false })), bytes: 10 };
      },
    }) as unknown as AuditSide;
  const store = {
    openPass: async (table: string) => ({ id: table, table, cursor: undefined, rowsCompared: 0 }),
    step: async () => undefined,
    unchecked: async () => [],
    endPass: async ({ table }: OpenPass, stopped: PassStopped | undefined) => {
      ended.push(`${table} ${stopped ?? 'whole'}`);
    },
    needsFullAudit: async () => new Set(),
    figures: async () => changes.figures ?? [],
  } as unknown as AuditStore;
  const parts = {
    tables: names.map((name) => ({
      name,
      prepare: async () => ({ kind: 'compared', table: compared(name), repaired: {} as RepairedTable }),
      rowsExpected: async () => 0,
      passed: async () => 'passed',
      held: async () => [],
    })),
    sides: { primary: side('primary'), region: side('region') },
    store,
    clock,
    observe: () => undefined,
    lagSeconds: () => 0,
    load: () => 0,
  } as unknown as AuditParts;
  const stage = new AuditStage(parts, { ...settings, maxSeconds: changes.maxSeconds ?? settings.maxSeconds });
  const stop = new AbortController();
  stops.push(stop);
  void stage.run(stop.signal).catch(() => undefined);
  return { stage, clock, ended };
}

describe('a table whose digests take longer than a statement may', () => {
  it('holds no other table up, and comes up again after them', async () => {
    const { stage, clock, ended } = stageOf(['a_slow', 'b', 'c'], { slow: (table) => table === 'a_slow' });
    await clock.advance(0);
    stage.request(undefined, 'ada');
    await clock.advance(100);
    expect(ended).toEqual(['a_slow unreachable', 'b whole', 'c whole']);
    expect(stage.status().activity).toBe(`a_slow: ${TIMED_OUT}; tries again`);
    await clock.advance(60_000);
    expect(ended.slice(3)).toEqual(['a_slow unreachable', 'a_slow unreachable']);
  });

  it('is compared once its statements are quick enough', async () => {
    let isSlow = true;
    const { stage, clock, ended } = stageOf(['a'], { slow: () => isSlow });
    await clock.advance(0);
    stage.request(undefined, 'ada');
    await clock.advance(100);
    isSlow = false;
    await clock.advance(60_000);
    expect(ended).toEqual(['a unreachable', 'a whole']);
    expect(stage.status().activity).toBe('waits for its next time');
  });

  it('stands when the time of its run is over, until it is asked for again, with a time of its own', async () => {
    const { stage, clock, ended } = stageOf(['a'], { slow: () => true, maxSeconds: 100 });
    await clock.advance(0);
    stage.request(undefined, 'ada');
    await clock.advance(3_600_000);
    expect(ended.length).toBe(5);
    expect(stage.status().activity).toBe('waits for its next time');
    stage.request(undefined, 'ada');
    await clock.advance(3_600_000);
    expect(ended.length).toBe(10);
  });
});

describe('a table that is asked for while its pass runs', () => {
  it('is compared once more, by the same name too: the rows read first may have been repaired since', async () => {
    let asked = 0;
    const { stage, clock, ended } = stageOf(['a', 'b'], {
      digesting: (table) => {
        if (table === 'a' && asked++ === 0) stage.request('a', 'ada');
      },
    });
    await clock.advance(0);
    stage.request('a', 'ada');
    await clock.advance(100);
    expect(ended).toEqual(['a whole', 'a whole']);
  });
});

describe('the status of a table whose pass reached the end', () => {
  it('does not call rows covered that were not settled, parked, or not listed', async () => {
    const lastPass = { endedAt: '2025-01-01T01:00:00.000Z', rowsCompared: 1_000, rowsExpected: 1_000, rowsUnlisted: 400 };
    const figures = { table: 'a', lastPass, openPass: null, suspects: 40, unsettled: 60, parked: 100 } as unknown as TableFigures;
    const { stage, clock } = stageOf(['a'], { figures: [figures] });
    await clock.advance(0);
    expect(stage.status().tables).toMatchObject([{ table: 'a', coverage: 0.4 }]);
  });
});
