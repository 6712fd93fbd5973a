import { describe, expect, it } from 'vitest';
import { type CommandedStages, pausePartitions } from '../../../src/daemon/partition-commands.ts';

const orders = { topic: 'orders', partition: 0 };

function stages(isResting: boolean) {
  const asked: string[] = [];
  const has = () => [orders];
  return {
    asked,
    mirror: { isResting, status: has, command: async () => void asked.push('mirror') },
    apply: { statuses: has, pause: async () => void asked.push('apply'), resume: async () => undefined },
  };
}

describe('a command that names no stage', () => {
  it.each([
    [false, ['mirror', 'apply']],
    [true, ['apply']],
  ])('reaches apply, whether the mirror rests (%s) or not: its refusal kept apply from being asked', async (isResting, expected) => {
    const { asked, ...both } = stages(isResting);
    const request = { ...orders, stage: undefined, by: 'ada' };
    await pausePartitions(both as unknown as CommandedStages, request, new AbortController().signal);
    expect(asked).toEqual(expected);
  });
});
