import { describe, expect, it } from 'vitest';
import { activeView } from '../../../src/cutover/active.ts';
import { ActiveReader } from '../../../src/cutover/active-reader.ts';
import type { Cutover } from '../../../src/cutover/state.ts';
import { TestClock } from '../lag/test-clock.ts';
import { cutover } from './fixtures.ts';

const open = cutover({ state: 'switched', home: 'region', open: 'region', epoch: 2n });
const view = (row: Cutover | undefined, nowMs = 1_000) => activeView('eu-west', { cutover: row, atMs: 0 }, nowMs, 60_000);

describe('C24: whether this region may serve', () => {
  it('only while the stored state says that it is open', () => {
    expect(view(open)).toEqual({
      active: true,
      region: 'eu-west',
      state: 'switched',
      writerEpoch: '2',
      ageSeconds: 1,
      reason: 'this region is open',
    });
    for (const row of [undefined, cutover(), cutover({ state: 'draining', open: 'nobody' }), { ...open, region: 'eu-east' }]) {
      expect(view(row)).toMatchObject({ active: false, writerEpoch: null, reason: expect.stringMatching(/.{8}/) });
    }
    expect(activeView('eu-west', undefined, 1_000, 60_000)).toMatchObject({ active: false, ageSeconds: null });
  });

  it('for the grace, and no longer, and never by a clock that is no clock', () => {
    expect(view(open, 60_000).active).toBe(true);
    expect(view(open, 60_001)).toMatchObject({ active: false, reason: 'the stored state could not be read for 60 s' });
    expect(view(open, Number.NaN).active).toBe(false);
  });
});

describe('the reader', () => {
  it('shares one read, and falls back to the last answer when a read fails or hangs', async () => {
    const clock = new TestClock();
    const reads: PromiseWithResolvers<Cutover>[] = [];
    const reader = new ActiveReader(
      'eu-west',
      60_000,
      {
        load: async (signal) => {
          const read = Promise.withResolvers<Cutover>();
          signal.addEventListener('abort', () => read.reject(signal.reason));
          reads.push(read);
          return await read.promise;
        },
      },
      clock,
    );
    const both = Promise.all([reader.ask(), reader.ask()]);
    reads[0]?.resolve(open);
    expect((await both).map(({ active }) => active)).toEqual([true, true]);
    expect(reads).toHaveLength(1);
    const failing = reader.ask();
    reads[1]?.reject(new Error('gone'));
    expect(await failing).toMatchObject({ active: true });
    const hanging = reader.ask();
    await clock.advance(2_000);
    expect(await hanging).toMatchObject({ active: true, ageSeconds: 2 });
    clock.pass(58_001);
    const late = reader.ask();
    reads[3]?.reject(new Error('gone'));
    expect(await late).toMatchObject({ active: false });
    const closed = reader.ask();
    reads[4]?.resolve(cutover());
    expect(await closed).toMatchObject({ active: false, reason: 'the primary is open', ageSeconds: 0 });
  });
});
