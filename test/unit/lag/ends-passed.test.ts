import { describe, expect, it } from 'vitest';
import { EndsPassed } from '../../../src/lag/ends-passed.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import { TestClock } from './test-clock.ts';

/** One partition `eu.t:0` that is `t:0` at home, whose numbers the test moves. */
function region(topics: ReadonlySet<string> = new Set(['eu.t'])) {
  const at = { homeEnd: 10n, mirrored: 10n, regionalEnd: 25n, markersLate: 0n, applied: 25n };
  const reads: string[] = [];
  let homeFails: Error | undefined;
  const clock = new TestClock();
  const never = new AbortController().signal;
  const ends = new EndsPassed(
    {
      home: {
        ends: async (asked) => {
          reads.push(`home ${asked.map(({ topic }) => topic).join()}`);
          if (homeFails !== undefined) throw homeFails;
          return [{ topic: 't', partition: 0, start: 0n, end: at.homeEnd, highWatermark: at.homeEnd }];
        },
      },
      regional: {
        ends: async () => {
          reads.push('region');
          return [{ topic: 'eu.t', partition: 0, start: 0n, end: at.regionalEnd - at.markersLate, highWatermark: at.regionalEnd }];
        },
      },
      mirrorCommitted: () => [
        { topic: 'eu.t', homeTopic: 't', partition: 0, next: homeOffset(at.mirrored) },
        // Mirrored only: not waited for.
        { topic: 'eu.other', homeTopic: 'other', partition: 0, next: undefined },
      ],
      applied: () => [{ topic: 'eu.t', partition: 0, next: regionalOffset(at.applied) }],
    },
    { topics, everyMs: 10, limitMs: 1_000 },
    clock,
  );
  return { at, reads, clock, ask: (signal = never) => ends.passed(signal, never), fail: (error: Error) => (homeFails = error) };
}

describe('C20: whether the region has passed the ends at home', () => {
  it('has not, while a topic of the table is known by no partition', async () => {
    const { ask } = region(new Set(['eu.t', 'eu.not-yet-mirrored']));
    expect(await ask()).toBe('not_yet');
  });

  it('has not, while none of the partitions is of the topics', async () => {
    const { ask, reads } = region(new Set(['eu.not-yet-mirrored']));
    expect([await ask(), reads]).toEqual(['not_yet', []]);
  });

  it('has, when the copies are there and applied', async () => {
    const { ask, reads } = region();
    expect(await ask()).toBe('passed');
    expect(reads).toEqual(['home t', 'region']);
  });

  it('has not, while only the last stable offset lies before the copies: their markers come after the answer to the commit', async () => {
    const { ask, at, clock } = region();
    at.markersLate = 5n;
    at.applied = 20n;
    const asked = ask();
    await clock.advance(500);
    at.applied = 25n;
    await clock.advance(100);
    expect(await asked).toBe('passed');
    at.applied = 20n;
    const inVain = ask();
    await clock.advance(1_100);
    expect(await inVain).toBe('not_yet');
  });

  it('waits for the mirror, and reads the regional end only then', async () => {
    const { ask, at, reads, clock } = region();
    at.mirrored = 9n;
    const asked = ask();
    await clock.advance(500);
    expect(reads).toEqual(['home t']);
    at.mirrored = 10n;
    at.regionalEnd = 26n;
    await clock.advance(20);
    expect(reads).toEqual(['home t', 'region']);
    at.applied = 26n;
    await clock.advance(20);
    expect(await asked).toBe('passed');
  });

  it.each(['mirrored', 'applied'] as const)('has not yet when %s stays behind for too long', async (position) => {
    const { ask, at, clock } = region();
    at[position] -= 1n;
    const asked = ask();
    await clock.advance(2_000);
    expect(await asked).toBe('not_yet');
  });

  it('lets those who ask during a look share the next one, whose ends are later', async () => {
    const { ask, at, reads, clock } = region();
    at.applied = 24n;
    const first = ask();
    await clock.advance(20);
    at.homeEnd = 11n;
    const later = [ask(), ask()];
    at.applied = 25n;
    await clock.advance(20);
    expect(await first).toBe('passed');
    at.mirrored = 11n;
    await clock.advance(20);
    expect(await Promise.all(later)).toEqual(['passed', 'passed']);
    expect(reads).toEqual(['home t', 'region', 'home t', 'region']);
  });

  it('has not yet while the primary does not answer, and rejects for what halts', async () => {
    const unreachable = region();
    unreachable.fail(new FarshoreError('cluster_unreachable', 'gone'));
    expect(await unreachable.ask()).toBe('not_yet');
    const halted = region();
    halted.fail(new FarshoreError('cluster_wrong', 'another'));
    await expect(halted.ask()).rejects.toThrow('another');
  });

  it('lets one give up without ending the look of the others', async () => {
    const { ask, at, clock } = region();
    at.applied = 24n;
    const gone = new AbortController();
    const left = ask(gone.signal);
    const stays = ask();
    await clock.advance(20);
    gone.abort(new Error('gave up'));
    await expect(left).rejects.toThrow('gave up');
    at.applied = 25n;
    await clock.advance(50);
    expect(await stays).toBe('passed');
  });
});
