import { describe, expect, it } from 'vitest';
import { MirrorPartition } from '../../../src/mirror/partition.ts';

describe('the largest batch a regional topic takes', () => {
  const partition = () =>
    new MirrorPartition({ home: 't', regional: 't' }, 0, { homeTopicId: 'h', maxBatchBytes: 1_000, compacted: false });

  it('C14: follows the config when it changes', () => {
    const one = partition();
    one.limitBatches(5_000);
    expect(one.maxBatchBytes).toBe(5_000);
    one.limitBatches(500);
    expect(one.maxBatchBytes).toBe(500);
  });

  it('stays as low as a refusal taught while the config stays', () => {
    const one = partition();
    one.maxBatchBytes = 750;
    one.limitBatches(1_000);
    expect(one.maxBatchBytes).toBe(750);
    one.limitBatches(2_000);
    expect(one.maxBatchBytes).toBe(2_000);
  });
});
