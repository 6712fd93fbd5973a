import { describe, expect, it } from 'vitest';
import type { PlanContext } from '../../../src/apply/apply-plan.ts';
import type { LogPiece } from '../../../src/apply/log-queue.ts';
import { planBatch } from '../../../src/apply/plan-batch.ts';
import type { RecordView } from '../../../src/model/batch.ts';

/** A batch of a few bytes that holds `records` of `valueBytes` each when it is decompressed. */
function squeezed(baseOffset: bigint, records: number): LogPiece {
  const batch = { bytes: Buffer.alloc(100), baseOffset, lastOffset: baseOffset + BigInt(records) - 1n, recordCount: records, magic: 2 };
  return { batch, end: baseOffset + BigInt(records), proof: undefined, bytes: 100 } as unknown as LogPiece;
}

const context = (valueBytes: number): PlanContext => ({
  place: 't:0',
  sink: { kind: 'heartbeat' },
  decoders: undefined as never,
  unknownSchema: () => undefined,
  visitRecords: ({ baseOffset, recordCount }, visit) => {
    const bytes = Buffer.alloc(valueBytes);
    const empty = { keyStart: -1, keyEnd: -1, headersStart: valueBytes, headersEnd: valueBytes, headerCount: 0, timestampMs: 1 };
    for (let i = 0; i < recordCount; i++)
      visit({ ...empty, bytes, offset: baseOffset + BigInt(i), valueStart: 0, valueEnd: valueBytes } satisfies RecordView);
  },
  writers: undefined as never,
});

describe('a plan', () => {
  const decision = { kind: 'apply', homeEpoch: 1, generation: 1, end: undefined } as never;
  const limits = { maxRecords: 5_000, maxBytes: 1_000, upTo: undefined };
  const planned = (valueBytes: number, from = 0n) => {
    const result = planBatch([squeezed(0n, 10), squeezed(10n, 10)], from, decision, context(valueBytes), limits);
    if (result.kind !== 'plan') throw new Error(`wants ${result.kind}`);
    return result.plan;
  };

  it('ends where its records are too many bytes when decompressed, inside a batch or between two', () => {
    expect([planned(400).records, planned(400).next]).toEqual([2, 2n]);
    expect([planned(400, 9n).records, planned(400, 9n).next]).toEqual([2, 11n]);
    expect([planned(50).records, planned(50).next]).toEqual([20, 20n]);
  });

  it('takes a record that alone is above the limit', () => {
    expect([planned(5_000, 3n).records, planned(5_000, 3n).next]).toEqual([1, 4n]);
  });
});
