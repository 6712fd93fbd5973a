import type { DecodedRecord, FieldShape, RecordDecoder, RecordDecoders } from '../../../src/apply/contracts.ts';
import { BATCH_HEADER_BYTES, type RawBatch, type RecordView, type VisitRecords } from '../../../src/model/batch.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

/** A record of a log in tests: JSON instead of Avro, `schema` as the reference in front of it. */
export interface TestRecord {
  readonly offset: bigint;
  readonly key?: string | null;
  readonly value: DecodedRecord | 'malformed' | null;
  readonly schema?: string;
  readonly timestampMs?: number;
}

const replaceLong = (_name: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);
const reviveLong = (_name: string, value: unknown) =>
  typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;

/** A batch whose bytes after the header are the records as JSON: enough for everything that is not decoding. */
export function testBatch(
  records: readonly TestRecord[],
  options: { readonly crc?: number; readonly leaderEpoch?: number } = {},
): RawBatch {
  const body = Buffer.from(JSON.stringify(records, replaceLong));
  const bytes = Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), body]);
  const baseOffset = records[0]!.offset;
  const lastOffset = records.at(-1)!.offset;
  bytes.writeBigInt64BE(baseOffset, 0);
  bytes.writeInt32BE(options.leaderEpoch ?? 0, 12);
  bytes.writeUInt32BE(options.crc ?? Number(lastOffset) + 1, 17);
  return { bytes, baseOffset, lastOffset, recordCount: records.length, magic: 2 };
}

/** Visits with one view that is used again, as the real one does. */
export const visitTestRecords: VisitRecords = (batch, visit) => {
  const records = JSON.parse(batch.bytes.subarray(BATCH_HEADER_BYTES).toString(), reviveLong) as TestRecord[];
  const view = { bytes: Buffer.alloc(0), headersStart: 0, headersEnd: 0, headerCount: 0 } as unknown as RecordView;
  for (const { offset, key = null, value, schema = '1', timestampMs = 0 } of records) {
    const keyBytes = key === null ? Buffer.alloc(0) : Buffer.from(key);
    const valueBytes = value === null ? Buffer.alloc(0) : Buffer.from(`${schema}|${JSON.stringify(value, replaceLong)}`);
    view.bytes = Buffer.concat([keyBytes, valueBytes]);
    view.offset = offset;
    view.timestampMs = timestampMs;
    view.keyStart = key === null ? -1 : 0;
    view.keyEnd = key === null ? -1 : keyBytes.length;
    view.valueStart = value === null ? -1 : keyBytes.length;
    view.valueEnd = value === null ? -1 : view.bytes.length;
    visit(view);
  }
};

/** Decoders over the JSON bodies; a schema is found after `load` unless it is in `known` from the start. */
export class TestDecoders implements RecordDecoders {
  readonly #schemas: ReadonlyMap<string, readonly FieldShape[]>;
  readonly #loaded = new Map<string, RecordDecoder>();
  loads = 0;

  constructor(schemas: ReadonlyMap<string, readonly FieldShape[]>) {
    this.#schemas = schemas;
  }

  readRef(
    bytes: Buffer,
    start: number,
    end: number,
    _headers: unknown,
    _side: 'key' | 'value',
    out: { ref: string; bodyStart: number },
  ): void {
    const bar = bytes.indexOf('|', start);
    if (bar === -1 || bar >= end) throw new FarshoreError('record_malformed', 'no schema reference');
    out.ref = bytes.toString('utf8', start, bar);
    out.bodyStart = bar + 1;
  }

  get(ref: string): RecordDecoder | undefined {
    return this.#loaded.get(ref);
  }

  async load(ref: string): Promise<RecordDecoder> {
    this.loads++;
    const fields = this.#schemas.get(ref);
    if (fields === undefined) throw new FarshoreError('schema_unknown', `Schema ${ref} is not in the registry`);
    const decoder: RecordDecoder = {
      fields,
      decode: (bytes, start, end) => {
        const value = JSON.parse(bytes.toString('utf8', start, end), reviveLong) as DecodedRecord | 'malformed';
        if (value === 'malformed') throw new FarshoreError('record_malformed', 'bytes are left over');
        return value;
      },
    };
    this.#loaded.set(ref, decoder);
    return decoder;
  }
}

export const field = (name: string, avro: string, more: Partial<FieldShape> = {}): FieldShape => ({
  name,
  avro,
  logical: undefined,
  precision: undefined,
  scale: undefined,
  nullable: false,
  doc: undefined,
  ...more,
});
