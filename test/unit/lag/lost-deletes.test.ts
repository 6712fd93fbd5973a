import { describe, expect, it } from 'vitest';
import { mayHaveLostDeletes, readState } from '../../../src/lag/lost-deletes.ts';
import { LostDeletesLoop, type LostDeletesSources, type NeededAudit, type ReadMark } from '../../../src/lag/lost-deletes-loop.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const never = new AbortController().signal;
const HOUR = 3_600_000;
const START = 1_700_000_000_000;

describe('what was read until when', () => {
  it('C7: counts from the mark of before, however fast it was read since', () => {
    expect(readState(START, 0, START + 30 * HOUR)).toEqual({ readUntilMs: START + 30 * HOUR, unreadMs: 30 * HOUR });
    expect(mayHaveLostDeletes(30 * HOUR, 24 * HOUR)).toBe(true);
    expect(mayHaveLostDeletes(24 * HOUR, 24 * HOUR)).toBe(false);
  });

  it('C7: a mark moves by what was measured, never back, and not while nothing is known', () => {
    expect(readState(START, 10, START + 60_000)).toEqual({ readUntilMs: START + 50_000, unreadMs: 60_000 });
    expect(readState(START, 90, START + 60_000).readUntilMs).toBe(START);
    expect(readState(START, null, START + 60_000)).toEqual({ readUntilMs: START, unreadMs: 60_000 });
    expect(readState(undefined, null, START)).toEqual({ readUntilMs: START, unreadMs: 0 });
    expect(readState(undefined, 7, START)).toEqual({ readUntilMs: START - 7_000, unreadMs: 0 });
  });
});

/** A region with one compacted topic, whose lag and time the test sets; the ledger outlives a loop as the database does. */
function region(marks: readonly ReadMark[] = []) {
  const saved = new Map(marks.map((mark) => [`${mark.stage} ${mark.topic}:${mark.partition}`, mark]));
  const audits: NeededAudit[] = [];
  const events: FarshoreEvent[] = [];
  const told: (readonly NeededAudit[])[] = [];
  const state = {
    nowMs: START,
    mirror: 0 as number | null,
    apply: 0 as number | null,
    primaryIsAway: false,
    mirroring: 'runs' as 'runs' | 'rests' | 'home_here',
  };
  const denied: { what: 'need' | 'marks' | undefined } = { what: undefined };
  const refuse = (what: 'need' | 'marks') => {
    if (denied.what === what) throw new FarshoreError('database_denied', `permission denied (${what})`, { hint: 'grant it' });
  };
  const value = (seconds: number | null) => ({ known: seconds !== null, seconds, records: null });
  const sources: LostDeletesSources = {
    ledger: {
      marks: async () => {
        refuse('marks');
        return [...saved.values()];
      },
      saveMarks: async (all) => {
        for (const mark of all) saved.set(`${mark.stage} ${mark.topic}:${mark.partition}`, mark);
      },
      need: async (audit) => {
        refuse('need');
        const at = audits.findIndex(({ stage, topic }) => stage === audit.stage && topic === audit.topic);
        audits.splice(at === -1 ? audits.length : at, 1, audit);
        return at === -1;
      },
      needed: async () => [...audits],
    },
    retention: async () => {
      if (state.primaryIsAway) throw new FarshoreError('cluster_unreachable', 'away');
      return new Map([
        ['billing.accounts', { homeMs: 24 * HOUR, regionalMs: 168 * HOUR }],
        ['billing.log', { homeMs: undefined, regionalMs: undefined }],
      ]);
    },
    lag: () => [
      { topic: 'billing.accounts', partition: 0, lag: { mirror: value(state.mirror), apply: value(state.apply) } },
      { topic: 'billing.log', partition: 0, lag: { mirror: value(999_999), apply: null } },
    ],
    mirror: () => state.mirroring,
    table: (topic) => (topic === 'billing.accounts' ? 'public.accounts' : undefined),
    observe: (event) => events.push(event),
    onNeeded: (all) => told.push(all),
  };
  const clock = { wallMs: () => state.nowMs, monotonicMs: () => state.nowMs, sleep: async () => undefined };
  return { state, denied, audits, events, told, newLoop: (own: Clock = clock) => new LostDeletesLoop(sources, own) };
}

describe('the watch over lost deletes', () => {
  it('C7: marks a table after a downtime longer than its tombstones are kept, also when it has caught up since', async () => {
    const { state, audits, events, newLoop } = region();
    await newLoop().look(never);
    state.nowMs += 25 * HOUR;
    const second = newLoop();
    await second.look(never);
    expect(audits).toMatchObject([
      { stage: 'mirror', topic: 'billing.accounts', table: 'public.accounts', unreadMs: 25 * HOUR, retentionMs: 24 * HOUR },
    ]);
    await second.look(never);
    await newLoop().look(never);
    expect(events.map(({ type }) => type)).toEqual(['full_audit_needed']);
  });

  it('C7: marks it while a stage still stands, and leaves topics that are not compacted alone', async () => {
    const { state, audits, told, newLoop } = region();
    const loop = newLoop();
    for (let hours = 0; hours <= 170; hours++) {
      state.apply = hours * 3_600;
      await loop.look(never);
      state.nowMs += HOUR;
    }
    expect(audits.map(({ stage, topic }) => [stage, topic])).toEqual([['apply', 'billing.accounts']]);
    expect(told.at(-1)?.map(({ stage, topic }) => [stage, topic])).toEqual([['apply', 'billing.accounts']]);
  });

  it('C7: a short stop, or a long time caught up, marks nothing', async () => {
    const { state, audits, newLoop } = region();
    for (let days = 0; days < 5; days++) {
      const loop = newLoop();
      await loop.look(never);
      state.nowMs += 23 * HOUR;
    }
    expect(audits).toEqual([]);
  });

  it('C7: counts the time for which the primary was away, also where its configs could not be read', async () => {
    const { state, audits, newLoop } = region();
    const loop = newLoop();
    await loop.look(never);
    state.primaryIsAway = true;
    for (let hours = 1; hours <= 25; hours++) {
      state.nowMs += HOUR;
      state.mirror = hours * 3_600;
      await loop.look(never);
    }
    expect(audits.map(({ stage }) => stage)).toEqual(['mirror']);
  });

  it('C7: a second loss is recorded while an audit is needed already: a pass that began before has not seen it', async () => {
    const { state, audits, events, newLoop } = region();
    const loop = newLoop();
    await loop.look(never);
    for (const hours of [25, 30]) {
      state.nowMs += hours * HOUR;
      await loop.look(never);
    }
    expect(audits).toMatchObject([{ unreadMs: 30 * HOUR }]);
    expect(events).toHaveLength(1);
  });

  it('C7: an audit that was done can be needed again', async () => {
    const { state, audits, events, newLoop } = region();
    const loop = newLoop();
    await loop.look(never);
    state.nowMs += 25 * HOUR;
    await loop.look(never);
    audits.splice(0);
    for (let n = 0; n < 12; n++) await loop.look(never);
    expect(audits).toEqual([]);
    state.nowMs += 25 * HOUR;
    await loop.look(never);
    expect(events).toHaveLength(2);
  });

  it('C7: while the home is the region nothing stands unread at the former one, also over restarts and after the home is back', async () => {
    const { state, audits, newLoop } = region();
    let loop = newLoop();
    await loop.look(never);
    state.mirroring = 'home_here';
    for (let hours = 1; hours <= 60; hours++) {
      state.nowMs += HOUR;
      // The last reading of the mirror only ages; after a restart there is none.
      state.mirror = hours < 30 ? hours * 3_600 : null;
      if (hours === 30) loop = newLoop();
      await loop.look(never);
    }
    // It is down for two days, and found with the home still here, before the stored cutover was read and after.
    state.nowMs += 48 * HOUR;
    state.mirroring = 'rests';
    loop = newLoop();
    await loop.look(never);
    state.mirroring = 'home_here';
    await loop.look(never);
    state.mirroring = 'runs';
    state.mirror = 0;
    state.nowMs += HOUR;
    await loop.look(never);
    expect(audits).toEqual([]);
    // From then on it counts again.
    state.nowMs += 25 * HOUR;
    await loop.look(never);
    expect(audits).toMatchObject([{ stage: 'mirror', unreadMs: 25 * HOUR }]);
  });

  it('C7: a mirror that rests though the home is the primary is judged once it runs', async () => {
    const { state, audits, newLoop } = region();
    const loop = newLoop();
    await loop.look(never);
    state.mirroring = 'rests';
    state.nowMs += 30 * HOUR;
    await loop.look(never);
    expect(audits).toEqual([]);
    state.mirroring = 'runs';
    await loop.look(never);
    expect(audits).toMatchObject([{ stage: 'mirror', unreadMs: 30 * HOUR }]);
  });

  it('C7: apply is judged also while the home is the region', async () => {
    const { state, audits, newLoop } = region();
    const loop = newLoop();
    await loop.look(never);
    state.mirroring = 'home_here';
    state.apply = null;
    state.nowMs += 170 * HOUR;
    await loop.look(never);
    expect(audits.map(({ stage }) => stage)).toEqual(['apply']);
  });

  it.each(['marks', 'need'] as const)(
    'C7: goes on where the right for %s is missing, says so once, and tells the gate nothing',
    async (what) => {
      const { state, denied, audits, events, told, newLoop } = region();
      if (what === 'need') {
        await newLoop().look(never);
        state.nowMs += 25 * HOUR;
        told.splice(0);
      }
      denied.what = what;
      const stop = new AbortController();
      let looks = 0;
      const clock: Clock = {
        wallMs: () => state.nowMs,
        monotonicMs: () => state.nowMs,
        sleep: async (_ms, signal) => {
          await Promise.resolve();
          looks++;
          if (looks === 3) {
            expect([told, audits]).toEqual([[], []]);
            denied.what = undefined;
          }
          if (looks === 4) stop.abort(new Error('over'));
          signal.throwIfAborted();
        },
      };
      await expect(newLoop(clock).run(stop.signal)).rejects.toThrow('over');
      expect(events.filter(({ type }) => type === 'figure_unknown')).toEqual([
        { type: 'figure_unknown', what: 'lost_deletes', code: 'database_denied', message: `permission denied (${what})`, hint: 'grant it' },
      ]);
      // Nothing was forgotten meanwhile.
      expect(audits).toHaveLength(what === 'need' ? 1 : 0);
      expect(told.at(-1)).toHaveLength(what === 'need' ? 1 : 0);
    },
  );
});
