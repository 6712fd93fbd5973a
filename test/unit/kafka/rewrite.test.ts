import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { buildBatch, recordOf } from '../../../src/kafka/batch/build.ts';
import { stampBatch } from '../../../src/kafka/batch/rewrite.ts';
import { batchIsTransactional } from '../../../src/model/batch.ts';

const noCompression = (): never => {
  throw new Error('not compressed');
};

function someBatch(): Buffer {
  const records = [1, 2, 3].map((n) => recordOf(Buffer.from(`key ${n}`), Buffer.from(`value ${n}`), 1_700_000_000_000 + n));
  const bytes = buildBatch(records, 'none', noCompression);
  bytes.writeBigInt64BE(812n, 0);
  bytes.writeInt32BE(7, 12);
  return bytes;
}

const stamp = { producerId: 4_001n, producerEpoch: 3, baseSequence: 2 ** 31 - 2 };

describe('stampBatch', () => {
  it('C14: bytes 61 and on stay byte-identical', () => {
    const bytes = someBatch();
    const before = Buffer.from(bytes);
    stampBatch(bytes, stamp);
    expect(bytes.subarray(61).equals(before.subarray(61))).toBe(true);
    expect(bytes.length).toBe(before.length);
  });

  it('changes the base offset, CRC, transactional bit and producer fields, and nothing else of the header', () => {
    const bytes = someBatch();
    const before = Buffer.from(bytes);
    stampBatch(bytes, stamp);
    const changed = (at: number): boolean => at < 8 || (at >= 17 && at < 23) || (at >= 43 && at < 57);
    for (let at = 0; at < 61; at++) if (!changed(at)) expect(bytes[at], `byte ${at}`).toBe(before[at]);
    expect(bytes.readBigInt64BE(0)).toBe(0n);
    expect(bytes.readBigInt64BE(43)).toBe(4_001n);
    expect(bytes.readInt16BE(51)).toBe(3);
    expect(bytes.readInt32BE(53)).toBe(2 ** 31 - 2);
    expect(batchIsTransactional(bytes)).toBe(true);
    expect(bytes.readInt16BE(21) & ~0x10).toBe(before.readInt16BE(21));
  });

  it('leaves a checksum that covers bytes 21 and on', () => {
    const bytes = someBatch();
    stampBatch(bytes, stamp);
    expect(bytes.readUInt32BE(17)).toBe(crc32c(bytes.subarray(21)));
  });

  it('does not seal bytes anew that were damaged after they were read', () => {
    const bytes = someBatch();
    bytes[bytes.length - 1]! ^= 1;
    stampBatch(bytes, stamp);
    expect(bytes.readUInt32BE(17)).not.toBe(crc32c(bytes.subarray(21)));
  });

  it('stamps a batch again for another transaction', () => {
    const once = someBatch();
    stampBatch(once, stamp);
    const twice = someBatch();
    stampBatch(twice, { producerId: 1n, producerEpoch: 0, baseSequence: 0 });
    stampBatch(twice, stamp);
    expect(twice.equals(once)).toBe(true);
  });

  it('refuses a control batch and a message of an older magic', () => {
    const control = someBatch();
    control.writeInt16BE(0x20, 21);
    expect(() => stampBatch(control, stamp)).toThrow(/control batch/);
    const old = someBatch();
    old.writeInt8(1, 16);
    expect(() => stampBatch(old, stamp)).toThrow(/magic 2/);
  });
});
