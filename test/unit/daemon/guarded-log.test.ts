import { describe, expect, it } from 'vitest';
import { guardedLog } from '../../../src/daemon/guarded-log.ts';
import type { RegionalLog } from '../../../src/mirror/contracts.ts';

const never = new AbortController().signal;

describe('the producer of a shard', () => {
  it('C10, C25: is opened under its lease, and lease and decisions are asked for once it is open', async () => {
    const steps: string[] = [];
    const step = (name: string) => async () => void steps.push(name);
    const log = { open: step('open') } as unknown as RegionalLog;
    await guardedLog(log, { check: step('lease') }, { confirm: step('decisions') }).open(never);
    expect(steps).toEqual(['lease', 'open', 'lease', 'decisions']);
  });

  it('C10: is not opened without a lease, and is not open where a decision was stored meanwhile', async () => {
    let opened = 0;
    const log = { open: async () => void opened++ } as unknown as RegionalLog;
    const fails = async () => {
      throw new Error('no');
    };
    const passes = async () => undefined;
    await expect(guardedLog(log, { check: fails }, { confirm: passes }).open(never)).rejects.toThrow('no');
    expect(opened).toBe(0);
    await expect(guardedLog(log, { check: passes }, { confirm: fails }).open(never)).rejects.toThrow('no');
  });
});
