import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBatch } from '../../../src/kafka/batch/build.ts';
import { compress } from '../../../src/kafka/batch/codecs.ts';
import { recordVisitor } from '../../../src/kafka/batch/records.ts';
import { reencoder } from '../../../src/kafka/batch/reencode.ts';
import { batchCodec, batchLastOffsetDelta, type Codec, codecs, type RawBatch } from '../../../src/model/batch.ts';
import type { ReencodeReason } from '../../../src/model/events.ts';

interface Plain {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headerCount: number;
  readonly headers: string;
}

const visitRecords = recordVisitor(64 << 20);
const whole = reencoder(visitRecords, compress);
const reencode = (batch: RawBatch, reason: ReencodeReason, maxBatchBytes: number, from = 0n) => whole(batch, reason, maxBatchBytes, from);
const range = (bytes: Buffer, start: number, end: number) => (start < 0 ? null : bytes.toString('hex', start, end));

function plain(batches: readonly RawBatch[]): Plain[] {
  const records: Plain[] = [];
  for (const batch of batches) {
    visitRecords(batch, (r) => {
      records.push({
        offset: r.offset,
        timestampMs: r.timestampMs,
        key: range(r.bytes, r.keyStart, r.keyEnd),
        value: range(r.bytes, r.valueStart, r.valueEnd),
        headerCount: r.headerCount,
        headers: r.bytes.toString('hex', r.headersStart, r.headersEnd),
      });
    });
  }
  return records;
}

/** A batch whose records `keep` says are still in it, as compaction leaves it: deltas and header as they were. */
function compacted(count: number, keep: (index: number) => boolean, codec: Codec, payload: (index: number) => string): RawBatch {
  const varint = (value: number): number[] => {
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    const out: number[] = [];
    for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
    return [...out, rest];
  };
  const bodies: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    if (!keep(index)) continue;
    const key = index % 5 === 4 ? null : Buffer.from(`key ${index}`);
    const value = index % 7 === 6 ? null : Buffer.from(payload(index));
    const headers = index % 3 === 0 ? Buffer.from([2, 0x68, index % 2 ? 1 : 2, ...(index % 2 ? [] : [0x76])]) : undefined;
    const body = Buffer.concat([
      Buffer.from([0, ...varint((index - 2) * 1_000), ...varint(index)]),
      Buffer.from(varint(key === null ? -1 : key.length)),
      key ?? Buffer.alloc(0),
      Buffer.from(varint(value === null ? -1 : value.length)),
      value ?? Buffer.alloc(0),
      Buffer.from(varint(headers === undefined ? 0 : 1)),
      headers ?? Buffer.alloc(0),
    ]);
    bodies.push(Buffer.from(varint(body.length)), body);
  }
  const kept = bodies.length / 2;
  // Of a batch that compaction emptied the broker keeps the header alone, whatever its codec. (LZ4 of nothing also throws once the
  // codec's memory has grown.)
  const records = kept === 0 ? Buffer.alloc(0) : compress(codec, Buffer.concat(bodies));
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(812n, 0);
  header.writeInt32BE(49 + records.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(codecs.indexOf(codec), 21);
  header.writeInt32BE(count - 1, 23);
  header.writeBigInt64BE(1_700_000_000_000n, 27);
  header.writeBigInt64BE(1_700_000_900_000n, 35);
  header.writeInt32BE(kept, 57);
  const bytes = Buffer.concat([header, records]);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return { bytes, baseOffset: 812n, lastOffset: 812n + BigInt(count - 1), recordCount: kept, magic: 2 };
}

const contents = (records: readonly Plain[]) => records.map(({ offset: _, ...content }) => content);
const sizeLimit = fc.integer({ min: 200, max: 4_000 });

describe('re-encoding a batch', () => {
  it('leaves out the records below the offset it starts from', () => {
    const batch = compacted(
      10,
      () => true,
      'gzip',
      (index) => `value ${index}`,
    );
    const [piece] = reencode(batch, 'below_position', 10_000, 816n);
    expect(piece).toMatchObject({ baseOffset: 816n, lastOffset: 821n, recordCount: 6 });
    expect(reencode(batch, 'below_position', 10_000, 822n)).toEqual([]);
  });

  it('C14: records out are the records in, in order, with contiguous offsets and the same codec', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Codec>(...codecs),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
        sizeLimit,
        (codec, kept, maxBatchBytes) => {
          const batch = compacted(
            kept.length,
            (index) => kept[index]!,
            codec,
            (index) => `value ${index} `.repeat(index % 9),
          );
          const before = plain([batch]);
          const pieces = reencode(batch, 'offset_gap', maxBatchBytes);
          expect(contents(plain(pieces))).toEqual(contents(before));
          for (const piece of pieces) {
            expect(piece.bytes.length).toBeLessThanOrEqual(maxBatchBytes);
            expect(batchCodec(piece.bytes)).toBe(codec);
            expect(batchLastOffsetDelta(piece.bytes) + 1).toBe(piece.recordCount);
            expect(piece.bytes.readUInt32BE(17)).toBe(crc32c(piece.bytes.subarray(21)));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('pieces keep the home offsets they stand for, the last as far as the batch reached', () => {
    const batch = compacted(
      20,
      (index) => index % 2 === 0,
      'none',
      () => 'x'.repeat(50),
    );
    const pieces = reencode(batch, 'too_large', 300);
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces[0]?.baseOffset).toBe(812n);
    expect(pieces.at(-1)?.lastOffset).toBe(831n);
    for (const [index, piece] of pieces.entries()) {
      const next = pieces[index + 1];
      if (next !== undefined) expect(piece.lastOffset < next.baseOffset).toBe(true);
    }
  });

  it('a log-append-time batch becomes CreateTime with the timestamp its readers saw', () => {
    const batch = compacted(
      3,
      () => true,
      'none',
      () => 'v',
    );
    batch.bytes.writeInt16BE(0x08, 21);
    const [piece] = reencode(batch, 'log_append_time', 1_000);
    expect(piece!.bytes.readInt16BE(21) & 0x08).toBe(0);
    expect(plain([piece!]).map((r) => r.timestampMs)).toEqual(Array(3).fill(1_700_000_900_000));
    expect(piece!.bytes.readBigInt64BE(35)).toBe(1_700_000_900_000n);
  });

  it('a delete horizon is dropped and timestamps stay: they count from the field it stands in', () => {
    const batch = compacted(
      3,
      () => true,
      'none',
      () => 'v',
    );
    const before = plain([batch]).map((r) => r.timestampMs);
    batch.bytes.writeInt16BE(0x40, 21);
    const [piece] = reencode(batch, 'delete_horizon', 1_000);
    expect(piece!.bytes.readInt16BE(21) & 0x40).toBe(0);
    expect(plain([piece!]).map((r) => r.timestampMs)).toEqual(before);
    expect(before).toEqual([1_699_999_998_000, 1_699_999_999_000, 1_700_000_000_000]);
  });

  it('messages of magic 1 become records of magic 2', () => {
    const message = Buffer.alloc(26 + 4 + 3 + 4 + 5);
    message.writeBigInt64BE(40n, 0);
    message.writeInt32BE(message.length - 12, 8);
    message.writeInt8(1, 16);
    message.writeBigInt64BE(1_600_000_000_000n, 18);
    message.writeInt32BE(3, 26);
    message.write('key', 30);
    message.writeInt32BE(5, 33);
    message.write('value', 37);
    const [piece, ...more] = reencode({ bytes: message, baseOffset: 40n, lastOffset: 40n, recordCount: 1, magic: 1 }, 'old_magic', 1_000);
    expect(more).toEqual([]);
    expect(piece).toMatchObject({ baseOffset: 40n, lastOffset: 40n, recordCount: 1, magic: 2 });
    const [record] = plain([piece!]);
    expect(record).toMatchObject({ timestampMs: 1_600_000_000_000, headerCount: 0 });
    expect([record!.key, record!.value].map((hex) => Buffer.from(hex!, 'hex').toString())).toEqual(['key', 'value']);
  });

  it('a single record above the limit is refused with its offset and the config to raise', () => {
    const batch = compacted(
      4,
      () => true,
      'none',
      (index) => 'x'.repeat(index === 2 ? 900 : 10),
    );
    expect(() => reencode(batch, 'too_large', 500)).toThrow(
      expect.objectContaining({
        code: 'batch_refused',
        message: expect.stringContaining('814'),
        hint: expect.stringContaining('max.message.bytes'),
      }),
    );
  });

  it('a batch that compaction emptied becomes nothing', () => {
    expect(
      reencode(
        compacted(
          5,
          () => false,
          'none',
          () => '',
        ),
        'offset_gap',
        1_000,
      ),
    ).toEqual([]);
  });

  it('a timestamp that numbers cannot hold exactly is refused, not rounded', () => {
    const bytes = Buffer.from('kv');
    const record = {
      bytes,
      timestampMs: 2 ** 60,
      keyStart: 0,
      keyEnd: 1,
      valueStart: 1,
      valueEnd: 2,
      headersStart: 2,
      headersEnd: 2,
      headerCount: 0,
    };
    expect(() => buildBatch([record], 'none', compress)).toThrow(expect.objectContaining({ code: 'batch_corrupt' }));
  });
});
