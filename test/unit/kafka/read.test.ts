import { crc32 } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { compress } from '../../../src/kafka/batch/codecs.ts';
import { batchProof, batchReader } from '../../../src/kafka/batch/read.ts';
import { recordVisitor } from '../../../src/kafka/batch/records.ts';
import { batchBytes, seen } from './batch-fixtures.ts';

const read = batchReader(1 << 20);
const two = Buffer.concat([batchBytes({ baseOffset: 5n, count: 3, leaderEpoch: 4 }), batchBytes({ baseOffset: 8n })]);

describe('batchReader', () => {
  it('splits an answer into batches as views, without a copy', () => {
    const { batches, corrupt } = read(two);
    expect(batches).toMatchObject([
      { baseOffset: 5n, lastOffset: 7n, recordCount: 3, magic: 2 },
      { baseOffset: 8n, lastOffset: 8n, recordCount: 1, magic: 2 },
    ]);
    expect(batches[0]?.bytes.buffer).toBe(two.buffer);
    expect(corrupt).toBeUndefined();
  });

  it('leaves off a last batch that the byte limit cut, wherever it was cut', () => {
    const first = two.readInt32BE(8) + 12;
    for (let length = first; length < two.length; length++) expect(read(two.subarray(0, length)).batches).toHaveLength(1);
  });

  it('C6: gives the leader epoch and checksum of a batch as its proof', () => {
    expect(batchProof(read(two).batches[0]!)).toEqual({ leaderEpoch: 4, crc: two.readUInt32BE(17) });
  });

  it('stops at a batch whose checksum does not fit and keeps what lies before it', () => {
    const bytes = Buffer.from(two);
    bytes[bytes.length - 1]! ^= 1;
    const { batches, corrupt } = read(bytes);
    expect(batches).toHaveLength(1);
    expect(corrupt).toMatchObject({ offset: 8n, reason: expect.stringContaining('checksum') });
  });

  it('reports an impossible length or magic instead of reading on', () => {
    const length = Buffer.from(two);
    length.writeInt32BE(-1, 8);
    expect(read(length).corrupt?.reason).toContain('length');
    const magic = Buffer.from(two);
    magic.writeInt8(9, 16);
    expect(read(magic).corrupt?.reason).toContain('magic');
  });

  it('C14: reads messages of magic 0 and 1 as batches of their own', () => {
    const { batches } = read(Buffer.concat([oldMessage(0, 3n, 'a', 'b'), oldMessage(1, 4n, null, 'c', { timestampMs: 77n })]));
    expect(batches).toMatchObject([
      { baseOffset: 3n, lastOffset: 3n, recordCount: 1, magic: 0 },
      { baseOffset: 4n, magic: 1 },
    ]);
    expect(batches.flatMap(records)).toEqual([
      { offset: 3n, timestampMs: -1, key: 'a', value: 'b', headers: 0 },
      { offset: 4n, timestampMs: 77, key: null, value: 'c', headers: 0 },
    ]);
  });

  it('C14: opens a compressed message of magic 1 and counts its offsets from the last one', () => {
    const inside = Buffer.concat([oldMessage(1, 0n, 'x', '1'), oldMessage(1, 1n, 'y', null)]);
    const wrapper = oldMessage(1, 11n, null, compress('gzip', inside), { attributes: 1 });
    const { batches } = read(wrapper);
    expect(batches).toMatchObject([{ baseOffset: 10n, lastOffset: 11n, recordCount: 2, magic: 1 }]);
    expect(records(batches[0]!)).toMatchObject([
      { offset: 10n, key: 'x', value: '1' },
      { offset: 11n, key: 'y', value: null },
    ]);
  });

  it('reports a compressed old message that cannot be opened', () => {
    expect(read(oldMessage(1, 11n, null, Buffer.from('not gzip'), { attributes: 1 })).corrupt).toMatchObject({ offset: 11n });
  });
});

function records(batch: Parameters<ReturnType<typeof recordVisitor>>[0]) {
  const found: ReturnType<typeof seen>[] = [];
  recordVisitor(1 << 20)(batch, (record) => {
    found.push(seen(record));
  });
  return found;
}

function oldMessage(
  magic: 0 | 1,
  offset: bigint,
  key: string | null,
  value: string | Buffer | null,
  { attributes = 0, timestampMs = 5n }: { attributes?: number; timestampMs?: bigint } = {},
): Buffer {
  const part = (bytes: string | Buffer | null): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes === null ? -1 : Buffer.from(bytes as string).length);
    return bytes === null ? length : Buffer.concat([length, Buffer.from(bytes as string)]);
  };
  const time = Buffer.alloc(magic === 1 ? 8 : 0);
  if (magic === 1) time.writeBigInt64BE(timestampMs);
  const message = Buffer.concat([Buffer.alloc(16), Buffer.from([magic, attributes]), time, part(key), part(value)]);
  message.writeBigInt64BE(offset, 0);
  message.writeInt32BE(message.length - 12, 8);
  message.writeUInt32BE(crc32(message.subarray(16)), 12);
  return message;
}
