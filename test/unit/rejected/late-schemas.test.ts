import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { RejectedDetail } from '../../../src/model/rejected.ts';
import { askAgainMs, dueSchemas } from '../../../src/rejected/late-schemas.ts';
import { retryLateSchemas } from '../../../src/rejected/late-schemas-loop.ts';
import { TestClock } from '../lag/test-clock.ts';

describe('when the registry is asked again', () => {
  it('less and less often, up to ten minutes', () => {
    expect([1, 2, 3, 8, 100].map((times) => askAgainMs(times) / 1_000)).toEqual([10, 20, 40, 600, 600]);
  });

  it('once for each schema, those asked least often first, no more than allowed', () => {
    const asked = new Map([
      ['old', { atMs: 0, times: 3 }],
      ['just asked', { atMs: 99_000, times: 1 }],
    ]);
    expect(dueSchemas(['old', 'new', 'just asked', 'new'], asked, 100_000, 9)).toEqual(['new', 'old']);
    expect(dueSchemas(['old', 'new'], asked, 100_000, 1)).toEqual(['new']);
  });
});

describe('records of a schema that is registered later', () => {
  const setup = () => {
    const clock = new TestClock();
    const stop = new AbortController();
    const state = {
      ...{ waiting: ['7', '8'], known: new Set<string>(), unusable: new Set<string>(), awayFor: new Set<string>() },
      ...{ resting: undefined as string | undefined, registryIsAway: false },
    };
    const asked: string[] = [];
    let retries = 0;
    const running = retryLateSchemas(
      {
        waiting: async ({ after, limit }) =>
          state.waiting
            .map((message, index) => ({ message, id: String(index + 1) }) as RejectedDetail)
            .filter(({ id }) => Number(id) > Number(after))
            .slice(0, limit),
        refOf: ({ message }) => message,
        isKnown: async (ref) => {
          asked.push(ref);
          if (state.unusable.has(ref)) throw new FarshoreError('schema_unusable', 'no Avro');
          if (state.registryIsAway || state.awayFor.has(ref)) throw new FarshoreError('registry_unreachable', 'away');
          return state.known.has(ref);
        },
        retry: async () => {
          retries++;
          return { applied: 1, superseded: 0, rejected: 0 };
        },
        resting: () => state.resting,
        clock,
      },
      stop.signal,
    ).catch(() => undefined);
    const end = async () => {
      stop.abort(new Error('stopped'));
      await running;
    };
    return { clock, state, asked, retries: () => retries, end };
  };

  it('are tried once it is known, and it is not asked for all the time before', async () => {
    const { clock, state, asked, retries, end } = setup();
    await clock.advance(60_000);
    expect(asked.filter((ref) => ref === '7')).toHaveLength(3);
    expect(retries()).toBe(0);
    state.known.add('7');
    await clock.advance(40_000);
    expect(retries()).toBe(1);
    await end();
  });

  it('are tried also where more ids that nobody will ever register came before them than one look takes', async () => {
    const { clock, state, asked, retries, end } = setup();
    state.waiting = [...Array.from({ length: 450 }, (_, i) => `none ${i}`), 'late'];
    await clock.advance(200_000);
    expect(asked).toContain('late');
    // Those before it are still asked less and less often.
    expect(Math.max(...['none 0', 'none 199', 'none 449'].map((ref) => asked.filter((one) => one === ref).length))).toBeLessThan(6);
    state.known.add('late');
    await clock.advance(300_000);
    expect(retries()).toBeGreaterThan(0);
    await end();
  });

  it('C24: stay as they are while the home is elsewhere', async () => {
    const { clock, state, asked, retries, end } = setup();
    state.known.add('7');
    state.resting = 'the home is eu-west';
    await clock.advance(60_000);
    expect([asked, retries()]).toEqual([[], 0]);
    state.resting = undefined;
    await clock.advance(5_000);
    expect(retries()).toBe(1);
    await end();
  });

  it('are tried also where a schema that came before theirs cannot be used, which is asked for less and less often', async () => {
    const { clock, state, asked, retries, end } = setup();
    state.unusable.add('7');
    state.known.add('8');
    await clock.advance(5_000);
    expect(retries()).toBe(1);
    await clock.advance(60_000);
    expect(asked.filter((ref) => ref === '7').length).toBeLessThan(5);
    await end();
  });

  it('are tried where the registry goes away after it was asked for theirs', async () => {
    const { clock, state, retries, end } = setup();
    state.known.add('7');
    state.awayFor.add('8');
    await clock.advance(5_000);
    expect(retries()).toBe(1);
    await end();
  });

  it('are looked at again when the registry was away', async () => {
    const { clock, state, retries, end } = setup();
    state.registryIsAway = true;
    await clock.advance(10_000);
    state.registryIsAway = false;
    state.known.add('8');
    await clock.advance(5_000);
    expect(retries()).toBe(1);
    await end();
  });
});
