import { describe, expect, it } from 'vitest';
import type { MirrorDependencies, MirrorSettings } from '../../../src/mirror/dependencies.ts';
import { MirrorStage } from '../../../src/mirror/mirror-stage.ts';
import { TestClock } from '../lag/test-clock.ts';

describe('a command for a mirror that rests', () => {
  it('is refused with the reason: kept, it would be carried out in a state that nobody saw who gave it', async () => {
    const stage = new MirrorStage(
      { clock: new TestClock(), regional: {} } as unknown as MirrorDependencies,
      {} as unknown as MirrorSettings,
    );
    stage.rest('the region is the home');
    await expect(stage.command({ kind: 'pause', topic: 'orders', partition: 0, by: 'ada' })).rejects.toMatchObject({
      code: 'request_invalid',
      message: 'The mirror does not run now: the region is the home',
    });
  });
});
