import { describe, expect, it } from 'vitest';
import { type CycleInput, mayEndInGap, planCycle, positionPastGap } from '../../../src/mirror/cycle.ts';
import { explainRefusal, type Refusal } from '../../../src/mirror/refusal.ts';
import { BATCH_HEADER_BYTES, type RawBatch, type RecordView } from '../../../src/model/batch.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { homeOffset, offsetValue } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const position: MirrorPosition = {
  topic: 'r',
  partition: 0,
  topicId: 'id',
  next: homeOffset(10n),
  leaderEpoch: 1,
  crc: 7,
  regionalEnd: undefined,
};

function batch(base: bigint, count: number, options: { lastDelta?: number; attributes?: number; size?: number } = {}): RawBatch {
  const bytes = Buffer.alloc(options.size ?? BATCH_HEADER_BYTES + 10);
  const lastDelta = options.lastDelta ?? count - 1;
  bytes.writeBigInt64BE(base, 0);
  bytes.writeInt16BE(options.attributes ?? 0, 21);
  bytes.writeInt32BE(lastDelta, 23);
  bytes.writeInt32BE(count, 57);
  return { bytes, baseOffset: base, lastOffset: base + BigInt(lastDelta), recordCount: count, magic: 2 };
}

const answer = (changes: Partial<CycleInput['answer']> = {}): CycleInput['answer'] => ({
  kind: 'batches',
  topic: 'h',
  partition: 0,
  batches: [batch(10n, 5)],
  nextOffset: 15n,
  empty: false,
  highWatermark: 15n,
  lastStableOffset: 15n,
  logStartOffset: 0n,
  lastBatch: { leaderEpoch: 2, crc: 9 },
  droppedAborted: 0,
  droppedControl: 0,
  ...changes,
});

const input = (changes: Partial<CycleInput> = {}): CycleInput => ({
  answer: answer(),
  position,
  maxBatchBytes: 1_000_000,
  refusedAt: undefined,
  compacted: false,
  ...changes,
});

const noTools = {
  reencode: (): never => {
    throw new Error('nothing to write anew');
  },
  visitRecords: (): never => {
    throw new Error('nothing to visit');
  },
};

describe('one round of answers as one transaction', () => {
  it('copies batches as they are and moves the position past them, with their proof', () => {
    const plan = planCycle([input()], noTools);
    expect(plan.writes).toEqual([{ topic: 'r', partition: 0, batches: [input().answer.batches[0]] }]);
    expect(plan.positions).toEqual([{ ...position, next: homeOffset(15n), leaderEpoch: 2, crc: 9 }]);
  });

  it('moves the position over an answer whose batches were all aborted, without a write', () => {
    const plan = planCycle([input({ answer: answer({ batches: [], droppedAborted: 5 }) })], noTools);
    expect(plan.writes).toEqual([]);
    expect(plan.positions.map((p) => offsetValue(p.next))).toEqual([15n]);
  });

  it('leaves out a partition that did not move', () => {
    const plan = planCycle([input({ answer: answer({ batches: [], nextOffset: 10n, empty: true, lastBatch: undefined }) })], noTools);
    expect(plan).toMatchObject({ writes: [], positions: [] });
  });

  it.each([
    ['offset_gap', batch(10n, 3, { lastDelta: 4 })],
    ['log_append_time', batch(10n, 5, { attributes: 0x08 })],
    ['delete_horizon', batch(10n, 5, { attributes: 0x40 })],
    ['too_large', batch(10n, 5, { size: 1_000_001 })],
    ['old_magic', { ...batch(10n, 5), magic: 1 }],
  ] as const)('C14: writes a batch anew that cannot be copied: %s', (reason, raw) => {
    const rewritten = [batch(10n, 5)];
    const plan = planCycle([input({ answer: answer({ batches: [raw] }) })], { ...noTools, reencode: () => rewritten });
    expect(plan.reencoded).toEqual([{ topic: 'r', partition: 0, reason }]);
    expect(plan.writes[0]?.batches).toEqual(rewritten);
  });

  it('leaves out what a batch holds below the position: records that were given up came back with the rest of their batch', () => {
    const asked: bigint[] = [];
    const reencode = (_batch: RawBatch, reason: string, _max: number, from: bigint): readonly RawBatch[] => {
      expect(reason).toBe('below_position');
      asked.push(from);
      return [batch(10n, 3)];
    };
    planCycle([input({ answer: answer({ batches: [batch(8n, 5), batch(13n, 2)] }) })], { ...noTools, reencode });
    expect(asked).toEqual([10n]);
  });

  it('stops only the partition whose batch fits no form, and keeps the others', () => {
    const other = { ...position, topic: 'other' };
    const tools = {
      ...noTools,
      reencode: (): never => {
        throw new FarshoreError('batch_refused', 'one record above the limit');
      },
    };
    const plan = planCycle(
      [input({ answer: answer({ batches: [batch(10n, 5, { attributes: 0x08 })] }) }), input({ position: other })],
      tools,
    );
    expect(plan.stopped.map((s) => [s.topic, s.error.code])).toEqual([['r', 'batch_refused']]);
    expect(plan.positions.map((p) => p.topic)).toEqual(['other']);
  });

  it('C14: names a record without a key when the region compacts the topic', () => {
    const visitRecords = (_: RawBatch, visit: (record: RecordView) => void): void => visit({ keyStart: -1, offset: 12n } as RecordView);
    const plan = planCycle([input({ refusedAt: 10n, compacted: true })], { ...noTools, visitRecords });
    expect(plan.stopped[0]?.error).toMatchObject({ code: 'batch_null_key', place: 'r:0@12' });
  });
});

describe('a batch that is not the first of its answer', () => {
  const three = answer({ batches: [batch(10n, 5), batch(15n, 5), batch(20n, 5)], nextOffset: 25n });

  it('is written anew where the region refused it, and the others are copied', () => {
    const rewritten = batch(15n, 5);
    const plan = planCycle([input({ answer: three, refusedAt: 15n })], { ...noTools, reencode: () => [rewritten] });
    expect(plan.reencoded).toEqual([{ topic: 'r', partition: 0, reason: 'refused' }]);
    expect(plan.writes[0]?.batches).toEqual([three.batches[0], rewritten, three.batches[2]]);
    expect(plan.writes[0]?.batches[1]).toBe(rewritten);
  });

  it('is asked for records without a key where the region compacts the topic', () => {
    const visitRecords = (raw: RawBatch, visit: (record: RecordView) => void): void =>
      visit({ keyStart: raw.baseOffset === 15n ? -1 : 0, offset: raw.baseOffset } as RecordView);
    const plan = planCycle([input({ answer: three, refusedAt: 15n, compacted: true })], { ...noTools, visitRecords });
    expect(plan.stopped[0]?.error).toMatchObject({
      ...{ code: 'batch_null_key', place: 'r:0@15' },
      hint: expect.stringMatching(/farshore partition resume r:0 --stage mirror --from 20 --accept-loss$/),
    });
  });

  it('stops its partition behind those before it: a resume past it would else give them up too', () => {
    const bad = { ...three, batches: [batch(10n, 5), batch(15n, 5, { attributes: 0x08 }), batch(20n, 5)] };
    bad.batches[0]!.bytes.writeInt32BE(3, 12);
    bad.batches[0]!.bytes.writeUInt32BE(77, 17);
    const tools = {
      ...noTools,
      reencode: (): never => {
        throw new FarshoreError('memory_limit', 'too large when open');
      },
    };
    const plan = planCycle([input({ answer: bad })], tools);
    expect(plan.stopped.map(({ error }) => error.code)).toEqual(['memory_limit']);
    expect(plan.stopped[0]?.error).toMatchObject({
      place: 'r:0@15',
      hint: expect.stringMatching(/farshore partition resume r:0 --stage mirror --from 20 --accept-loss$/),
    });
    expect(plan.writes[0]?.batches).toEqual([bad.batches[0]]);
    expect(plan.positions).toEqual([{ ...position, next: homeOffset(15n), leaderEpoch: 3, crc: 77 }]);
    expect(plan.mirrored).toMatchObject([{ records: 5, batches: 1 }]);
  });
});

describe('a gap at the end of the log', () => {
  const empty = answer({ batches: [], nextOffset: 10n, empty: true, lastBatch: undefined, lastStableOffset: 20n, highWatermark: 25n });

  it('C8: is passed on an empty answer to a fetch of that partition alone, up to its last stable offset', () => {
    expect(mayEndInGap(position, empty, true)).toBe(true);
    expect(mayEndInGap(position, empty, false)).toBe(false);
    expect(positionPastGap(position, empty, true)).toEqual({ ...position, next: homeOffset(20n) });
  });

  it('C8: is not passed in a shared fetch, where empty may mean that the byte limit was used up', () => {
    expect(positionPastGap(position, empty, false)).toBeUndefined();
  });

  it('C8: is not passed when the answer held bytes, nor when there is nothing to pass', () => {
    expect(positionPastGap(position, answer({ empty: false, lastStableOffset: 20n }), true)).toBeUndefined();
    expect(positionPastGap(position, { ...empty, lastStableOffset: 10n }, true)).toBeUndefined();
  });
});

describe('a batch the region refuses', () => {
  const refusal = (kafkaCode: number): Refusal => ({
    topic: 'r',
    partition: 0,
    offset: 10n,
    sentBytes: 800_000,
    kafkaCode,
    cause: new FarshoreError('batch_refused', 'INVALID_RECORD'),
  });

  it('is split smaller while it is too large', () => {
    expect(explainRefusal(refusal(10), { maxBatchBytes: 1_000_000, refusedAt: undefined })).toEqual({
      kind: 'again',
      maxBatchBytes: 600_000,
      reencodeAt: undefined,
    });
  });

  it('is written anew once, then stops the partition', () => {
    expect(explainRefusal(refusal(87), { maxBatchBytes: 1_000_000, refusedAt: undefined })).toMatchObject({
      kind: 'again',
      reencodeAt: 10n,
    });
    expect(explainRefusal(refusal(87), { maxBatchBytes: 1_000_000, refusedAt: 10n })).toMatchObject({
      kind: 'stop',
      error: { code: 'batch_refused' },
    });
  });
});
