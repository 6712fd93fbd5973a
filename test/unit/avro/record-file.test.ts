import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileRecord, RecordFile } from '../../../src/avro/record-file.ts';
import { compress, decompress } from '../../../src/kafka/batch/codecs.ts';
import { snappyBlocks } from '../../../src/kafka/batch/snappy-frame.ts';

const row = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
  ],
} as const;
const keyed = {
  type: 'record',
  name: 'Message',
  fields: [
    { name: 'offset', type: 'long' },
    { name: 'key', type: 'string' },
    { name: 'value', type: ['null', row] },
  ],
} as const;
const snappy = (bytes: Buffer): Buffer => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return Buffer.concat([...snappyBlocks(compress('snappy', bytes)), sum]);
};
const limits = { maxBytes: 1_000_000, unsnappy: (bytes: Buffer, most: number) => decompress('snappy', bytes, most) };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-avro-'));
});
afterAll(async () => await rm(folder, { recursive: true }));

/** Written by avsc, in blocks of about `blockSize` bytes. */
async function written(schema: object, records: readonly object[], codec: string, blockSize = 200): Promise<Buffer> {
  const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'never' });
  const codecs = {
    null: (b: Buffer, cb: (error: null, bytes: Buffer) => void) => cb(null, b),
    deflate: via(deflateRawSync),
    snappy: via(snappy),
  };
  const encoder = new avro.streams.BlockEncoder(type, { codec, codecs, blockSize } as object);
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => encoder.on('end', resolve));
  for (const record of records) encoder.write(record);
  encoder.end();
  await ended;
  return Buffer.concat(chunks);
}
const via = (pack: (bytes: Buffer) => Buffer) => (bytes: Buffer, done: (error: null, bytes: Buffer) => void) => done(null, pack(bytes));

async function opened(bytes: Buffer, within = limits): Promise<RecordFile> {
  const path = join(folder, 'records.avro');
  await writeFile(path, bytes);
  const file = await open(path, 'r');
  try {
    return await RecordFile.open(file, 'records.avro', within);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function contents(file: RecordFile) {
  const found: { key: unknown; value: unknown }[] = [];
  const blocks: number[] = [];
  try {
    for (let at = file.header.firstBlock; ; ) {
      const block = await file.block(at);
      if (block === undefined) return { found, blocks };
      const bytes = await file.bytes(block);
      file.visit(bytes, block, ({ keyStart, keyEnd, valueStart, valueEnd }: FileRecord) => {
        const key = keyStart === -1 ? null : file.key!.decode(bytes, keyStart, keyEnd);
        found.push({ key, value: valueStart === -1 ? null : file.value.decode(bytes, valueStart, valueEnd) });
      });
      blocks.push(block.records);
      at = block.next;
    }
  } finally {
    await file.close();
  }
}

const rows = Array.from({ length: 60 }, (_, id) => ({ id, note: id % 7 === 0 ? null : `note ${id}` }));

describe('a file of records', () => {
  it.each(['null', 'deflate', 'snappy'])('gives the values that avsc wrote, in blocks of codec %s', async (codec) => {
    const file = await opened(await written(row, rows, codec));
    expect(file.value.recordName).toBe('Row');
    expect(file.key).toBeUndefined();
    expect(await file.count(AbortSignal.timeout(5_000))).toBe(60);
    const { found, blocks } = await contents(file);
    expect(blocks.length).toBeGreaterThan(2);
    expect(found).toEqual(rows.map((value) => ({ key: null, value })));
  });

  it('gives keys and values of records of a topic, a null value too, and passes other fields over', async () => {
    const records = rows.map((value, n) => ({ offset: n, key: `k${n}`, value: n % 5 === 0 ? null : value }));
    const file = await opened(await written(keyed, records, 'deflate'));
    expect(file.value.recordName).toBe('Row');
    const { found } = await contents(file);
    expect(found).toEqual(records.map(({ key, value }) => ({ key: { '': key }, value })));
  });

  it('takes a table’s own columns key and value for what they are', async () => {
    const pair = {
      type: 'record',
      name: 'Pair',
      fields: [
        { name: 'key', type: 'string' },
        { name: 'value', type: 'string' },
      ],
    };
    const { found } = await contents(await opened(await written(pair, [{ key: 'a', value: 'b' }], 'null')));
    expect(found).toEqual([{ key: null, value: { key: 'a', value: 'b' } }]);
  });

  it('refuses what is no such file, is cut, is damaged, opens too far or has another codec, and says where', async () => {
    const whole = await written(row, rows, 'snappy');
    await expect(opened(Buffer.from('id,note\n'))).rejects.toThrow('no Avro object container file');
    const other = Buffer.from(whole);
    other.write('zstand', other.indexOf('snappy'), 'latin1');
    await expect(opened(other)).rejects.toThrow('"zstand"; null, deflate, snappy');
    const cut = await opened(whole.subarray(0, -3));
    await expect(cut.count(AbortSignal.timeout(5_000))).rejects.toThrow('ends inside the block');
    await cut.close();
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 25]! ^= 0xff;
    await expect(contents(await opened(damaged))).rejects.toThrow('cannot be opened as snappy');
    await expect(contents(await opened(whole, { ...limits, maxBytes: 50 }))).rejects.toThrow('larger than 50 bytes');
    const wide = { type: 'record', name: 'Wide', fields: [{ name: 'text', type: 'string' }] };
    const bomb = await written(wide, [{ text: 'x'.repeat(2_000_000) }], 'deflate');
    await expect(contents(await opened(bomb))).rejects.toThrow('larger than 1000000 bytes');
    await expect(opened(await written({ type: 'array', items: 'int' }, [[1] as object], 'null'))).rejects.toThrow('its records are array');
  });
});
