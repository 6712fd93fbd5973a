import { describe, expect, it } from 'vitest';
import { CutoverExecutor } from '../../../src/cutover/executor.ts';
import { runHooks } from '../../../src/cutover/hook-loop.ts';
import type { StepParts } from '../../../src/cutover/step-contracts.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

/** What each look at the database comes to; the daemon is stopped behind the last. */
function looks(outcomes: readonly (Error | undefined)[]) {
  const stop = new AbortController();
  const left = [...outcomes];
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    sleep: async (_ms, signal) => {
      await Promise.resolve();
      if (left.length === 0) stop.abort(new Error('over'));
      signal.throwIfAborted();
    },
  };
  const look = async (): Promise<undefined> => {
    const outcome = left.shift();
    if (outcome !== undefined) throw outcome;
  };
  return { look, clock, signal: stop.signal };
}

const run = {
  steps: async (outcomes: readonly (Error | undefined)[], observe: (event: FarshoreEvent) => void) => {
    const { look, clock, signal } = looks(outcomes);
    const store = { load: look, save: async () => 'saved' as const };
    const parts = { store, steps: {} as StepParts, follow: () => undefined, mayAct: async () => undefined, observe, clock };
    await new CutoverExecutor({ everyMs: 500, stepLimitMs: 10_000, quietMs: 0 }, parts).run(signal);
  },
  hooks: async (outcomes: readonly (Error | undefined)[], observe: (event: FarshoreEvent) => void) => {
    const { look, clock, signal } = looks(outcomes);
    const store = { newest: look, started: async () => undefined, ended: async () => undefined };
    const hook = { on: 'ready', kind: 'command', command: ['true'], timeoutMs: 1_000 } as const;
    const runner = { run: async () => ({ result: 'done', detail: '' }) as const };
    await runHooks({ hooks: [hook], store, runner, observe, clock }, signal);
  },
};

describe.each(['steps', 'hooks'] as const)('%s of a cutover that stand', (what) => {
  it('say once what they stand at, and again after they went on', async () => {
    const denied = new FarshoreError('database_denied', 'permission denied for table cutover', { hint: 'grant it' });
    const locked = new FarshoreError('database_unreachable', 'canceling statement due to lock timeout');
    const events: FarshoreEvent[] = [];
    await expect(run[what]([denied, denied, locked, locked, undefined, locked], (event) => events.push(event))).rejects.toThrow('over');
    const told = { type: 'cutover_stands', what };
    const lockTold = { ...told, code: 'database_unreachable', message: locked.message, hint: undefined };
    expect(events).toEqual([{ ...told, code: 'database_denied', message: denied.message, hint: 'grant it' }, lockTold, lockTold]);
  });

  it('end with what halts the daemon', async () => {
    const events: FarshoreEvent[] = [];
    await expect(run[what]([new FarshoreError('fenced', 'another took over')], (event) => events.push(event))).rejects.toThrow(
      'another took over',
    );
    expect(events).toEqual([]);
  });
});
