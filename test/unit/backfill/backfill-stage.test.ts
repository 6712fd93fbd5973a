import { describe, expect, it } from 'vitest';
import { BackfillStage } from '../../../src/backfill/backfill-stage.ts';
import type { BackfillStore, Chunk, OpenBackfill } from '../../../src/backfill/contracts.ts';
import type { LoadNow } from '../../../src/backfill/pace.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const database = { from: 'database', where: undefined } as const;
const chunk = (rows: number, done: boolean): Chunk => ({ rows, bytes: rows, cursor: 'c', done });

/** One table of `total` rows; time passes only while the stage sleeps, and `turns` sleeps end it. */
function bench(
  total: number,
  turns: number,
  changes: { read?: () => Promise<Chunk>; load?: () => LoadNow; passedAfter?: number; moved?: (prepared: number) => boolean } = {},
) {
  const ending = new AbortController();
  const state = {
    atMs: 0,
    state: 'running' as OpenBackfill['state'] | 'done',
    read: 0,
    failed: '',
    prepared: 0,
    asked: 0,
    remembered: undefined as string | undefined,
  };
  const events: string[] = [];
  const one = (): OpenBackfill => ({
    id: '1',
    table: 'public.t',
    source: database,
    state: state.state as 'running',
    cursor: undefined,
    remembered: 'kinds',
  });
  const store: BackfillStore = {
    start: async () => '1',
    open: async () => (state.state === 'done' ? [] : [one()]),
    change: async () => {
      state.state = 'done';
      return true;
    },
    fail: async (_id, error) => {
      state.state = 'failed';
      state.failed = error.code;
    },
    views: async () => [],
  };
  const stage = new BackfillStage(
    {
      tables: [
        {
          name: 'public.t',
          prepare: async (_source, remembered) => {
            state.prepared++;
            state.remembered = remembered;
            return {
              read: changes.read ?? (async (_cursor, limit) => chunk(Math.min(limit, total - state.read), state.read + limit > total)),
              write: async (_one, { rows, done }) => {
                if (changes.moved?.(state.prepared) === true) return 'home_moved';
                state.read += rows;
                if (done) state.state = 'settling';
                return rows;
              },
            };
          },
          rowsExpected: async () => total,
          positions: async () => [],
          passed: async () => (++state.asked > (changes.passedAfter ?? 0) ? 'passed' : 'not_yet'),
        },
      ],
      store,
      clock: {
        wallMs: () => state.atMs,
        monotonicMs: () => state.atMs,
        sleep: async (ms, signal) => {
          signal.throwIfAborted();
          state.atMs += ms;
          if (--turns <= 0) ending.abort();
        },
      },
      observe: (event) => void events.push(event.type),
      loadNow: changes.load ?? (() => ({ homeElsewhere: undefined, lagSeconds: 0, applyLagSeconds: 0, load: 0 })),
    },
    { chunkRows: 100, maxRowsPerSecond: 50, pauseAboveLagSeconds: 10, pauseAboveLoad: 0.8 },
  );
  const run = async (): Promise<unknown> => await stage.run(ending.signal).catch((error: unknown) => error);
  return { stage, state, events, run };
}

describe('the loop of backfills', () => {
  it('reads to the end at the rate, and is done when the region has passed the ends', async () => {
    const { state, run } = bench(120, 60, { passedAfter: 3 });
    await run();
    expect(state).toMatchObject({ state: 'done', read: 120, asked: 4, prepared: 1 });
  });

  it('prepares and reads a chunk anew when the home has moved under it, and has not failed', async () => {
    const { state, run, events } = bench(120, 60, { moved: (prepared) => prepared < 3 });
    await run();
    expect(state).toMatchObject({ state: 'done', read: 120, prepared: 3 });
    expect(events).not.toContain('backfill_failed');
  });

  it('reads no row while the region lags, and goes on when it does not', async () => {
    let lagSeconds = 11;
    const { state, run } = bench(20, 12, {
      load: () => ({ homeElsewhere: undefined, lagSeconds: lagSeconds--, applyLagSeconds: 0, load: 0 }),
    });
    await run();
    expect(state.read).toBe(20);
    const never = bench(20, 12, { load: () => ({ homeElsewhere: undefined, lagSeconds: undefined, applyLagSeconds: 0, load: 0 }) });
    await never.run();
    expect(never.state).toMatchObject({ read: 0, state: 'running' });
  });

  it('tries again what may pass, and looks at both tables anew before it does', async () => {
    let failures = 2;
    const read = async () => {
      if (failures-- > 0) throw new FarshoreError('database_unreachable', 'The database did not answer');
      return chunk(3, true);
    };
    const { state, events, run } = bench(3, 20, { read });
    await run();
    expect(state).toMatchObject({ state: 'done', read: 3, prepared: 3, failed: '', remembered: 'kinds' });
    expect(events.filter((type) => type === 'backfill_failed')).toHaveLength(2);
  });

  it('stands with its reason where somebody must mend something', async () => {
    const read = async () => await Promise.reject(new FarshoreError('database_denied', 'The role may not read it'));
    const { state, run } = bench(3, 5, { read });
    await run();
    expect(state).toMatchObject({ state: 'failed', failed: 'database_denied' });
  });

  it('ends the daemon’s work when another has taken over', async () => {
    const read = async () => await Promise.reject(new FarshoreError('fenced', 'Another daemon holds the lease'));
    const { run } = bench(3, 5, { read });
    expect(await run()).toMatchObject({ code: 'fenced' });
  });
});
