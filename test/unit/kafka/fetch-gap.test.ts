import { describe, expect, it } from 'vitest';
import { isGap, provedGap } from '../../../src/kafka/fetch-gap.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';

type Batches = Extract<FetchedPartition, { kind: 'batches' }>;

const empty: Batches = {
  ...{ kind: 'batches', topic: 'orders', partition: 3, batches: [], nextOffset: 10n, empty: true },
  ...{ highWatermark: 90n, lastStableOffset: 90n, logStartOffset: 0n, lastBatch: undefined, droppedAborted: 0, droppedControl: 0 },
};

describe('an empty answer below the last stable offset', () => {
  it('C8: proves no gap where the offset lies in remote storage, which answers nothing when it is slow', () => {
    expect(isGap(empty, 10n)).toBe(true);
    expect(provedGap(empty, 10n, 50n)).toMatchObject({ kind: 'retry', topic: 'orders', partition: 3 });
    expect(provedGap(empty, 49n, 50n)).toMatchObject({ kind: 'retry' });
  });

  it('proves one where the broker itself holds the log from there on, or knows no remote storage', () => {
    expect(provedGap(empty, 50n, 50n)).toBe(empty);
    expect(provedGap(empty, 10n, 0n)).toBe(empty);
    expect(provedGap(empty, 10n, null)).toBe(empty);
  });

  it('proves nothing while the broker does not say what it holds', () => {
    expect(provedGap(empty, 10n, undefined)).toMatchObject({ kind: 'retry' });
  });

  it('is none at the last stable offset, nor with records in it', () => {
    expect(isGap(empty, 90n)).toBe(false);
    expect(isGap({ ...empty, empty: false }, 10n)).toBe(false);
  });
});
