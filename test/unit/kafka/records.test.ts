import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBatch, recordOf } from '../../../src/kafka/batch/build.ts';
import { compress } from '../../../src/kafka/batch/codecs.ts';
import { recordVisitor } from '../../../src/kafka/batch/records.ts';
import { codecs, type RawBatch } from '../../../src/model/batch.ts';
import { batchBytes, rawBatch, rawBatchOf, sealed, seen } from './batch-fixtures.ts';

const visit = recordVisitor(1 << 20);
const all = (batch: RawBatch) => {
  const records: ReturnType<typeof seen>[] = [];
  visit(batch, (record) => {
    records.push(seen(record));
  });
  return records;
};

describe('recordVisitor', () => {
  it.each(codecs)('visits every record of a %s batch in order', (codec) => {
    expect(all(rawBatch({ baseOffset: 41n, count: 3, codec }))).toEqual([
      { offset: 41n, timestampMs: 1000, key: 'k0', value: 'v41', headers: 0 },
      { offset: 42n, timestampMs: 1001, key: 'k1', value: 'v42', headers: 0 },
      { offset: 43n, timestampMs: 1002, key: 'k2', value: 'v43', headers: 0 },
    ]);
  });

  it('tells null from empty', () => {
    const records = [recordOf(null, Buffer.alloc(0), 1), recordOf(Buffer.alloc(0), null, 1)];
    expect(all(rawBatchOf(buildBatch(records, 'none', compress)))).toMatchObject([
      { key: null, value: '' },
      { key: '', value: null },
    ]);
  });

  it('gives records of a log-append-time batch the time of the append', () => {
    const batch = rawBatch({ baseOffset: 0n, count: 2, attributes: 0x08, maxTimestampMs: 99_000n });
    expect(all(batch).map(({ timestampMs }) => timestampMs)).toEqual([99_000, 99_000]);
  });

  it('keeps offsets exact above 2^53', () => {
    const baseOffset = 2n ** 62n + 1n;
    expect(all(rawBatch({ baseOffset, count: 2 })).map(({ offset }) => offset)).toEqual([baseOffset, baseOffset + 1n]);
  });

  it('returns the same records for any keys, values and times', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
    const record = fc.record({ key: bytes, value: bytes, timestampMs: fc.integer({ min: -(2 ** 49), max: 2 ** 49 }) });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), fc.constantFrom(...codecs), (records, codec) => {
        const asRecords = records.map(({ key, value, timestampMs }) =>
          recordOf(key && Buffer.from(key), value && Buffer.from(value), timestampMs),
        );
        const found: unknown[] = [];
        visit(rawBatchOf(buildBatch(asRecords, codec, compress)), (view) => {
          const part = (start: number, end: number) => (start < 0 ? null : new Uint8Array(view.bytes.subarray(start, end)));
          found.push({
            key: part(view.keyStart, view.keyEnd),
            value: part(view.valueStart, view.valueEnd),
            timestampMs: view.timestampMs,
            offset: view.offset,
          });
        });
        expect(found).toEqual(records.map((one, i) => ({ ...one, offset: BigInt(i) })));
      }),
    );
  });

  it('reports any damaged byte as batch_corrupt or reads something, but never anything else', () => {
    const whole = batchBytes({ baseOffset: 0n, count: 5 });
    fc.assert(
      fc.property(fc.integer({ min: 61, max: whole.length - 1 }), fc.nat(255), fc.nat(20), (at, byte, cut) => {
        const bytes = Buffer.from(whole.subarray(0, Math.max(62, whole.length - cut)));
        if (at < bytes.length) bytes[at] = byte;
        try {
          visit(rawBatchOf(bytes), () => undefined);
        } catch (error) {
          expect(error).toMatchObject({ code: 'batch_corrupt', place: 'offset 0' });
        }
      }),
    );
  });

  it('refuses a batch that grows above the limit, for each codec', () => {
    const big = recordOf(null, Buffer.alloc(3 << 20), 1);
    for (const codec of codecs) {
      const batch = rawBatchOf(buildBatch([big], codec, compress));
      // Whoever skips the batch goes on behind all of it.
      const facts = expect.objectContaining({ nextOffset: String(batch.lastOffset + 1n) });
      // Uncompressed records are in memory already; there is nothing to write out.
      if (codec !== 'none') expect(() => visit(batch, () => undefined)).toThrow(expect.objectContaining({ code: 'memory_limit', facts }));
    }
  });

  it('refuses bytes after the last record', () => {
    const bytes = Buffer.concat([batchBytes({ baseOffset: 0n }), Buffer.alloc(3)]);
    expect(() => visit(rawBatchOf(sealed(bytes)), () => undefined)).toThrow(expect.objectContaining({ code: 'batch_corrupt' }));
  });
});
