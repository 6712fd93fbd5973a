import type { SchemaRef } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';

const MAGIC_ID = 0;
const MAGIC_GUID = 1;
const HEADERS = { value: '__value_schema_id', key: '__key_schema_id' } as const;

/** Text of an id, made once: a batch of records names one or two ids. */
const idTexts = (): ((id: number) => SchemaRef) => {
  const texts = new Map<number, SchemaRef>();
  return (id) => {
    let text = texts.get(id);
    if (text === undefined) {
      if (texts.size > 10_000) texts.clear();
      text = String(id);
      texts.set(id, text);
    }
    return text;
  };
};

export type ReadRef = (
  bytes: Buffer,
  start: number,
  end: number,
  headers: { readonly start: number; readonly end: number; readonly count: number },
  side: 'key' | 'value',
  out: { ref: SchemaRef; bodyStart: number },
) => void;

/**
 * Confluent's wire format: magic 0 and a 4-byte id in front of the body, or magic 1 and a 16-byte GUID in
 * a header, the body then standing alone; a GUID in front of the body is read too.
 */
export function schemaRefReader(): ReadRef {
  const idText = idTexts();
  return (bytes, start, end, headers, side, out) => {
    if (headers.count > 0) {
      const guid = headerGuid(bytes, headers, HEADERS[side]);
      if (guid !== undefined) {
        out.ref = guid;
        out.bodyStart = start;
        return;
      }
    }
    if (end - start >= 5 && bytes[start] === MAGIC_ID) {
      out.ref = idText(bytes.readUInt32BE(start + 1));
      out.bodyStart = start + 5;
      return;
    }
    if (end - start >= 17 && bytes[start] === MAGIC_GUID) {
      out.ref = guidText(bytes, start + 1);
      out.bodyStart = start + 17;
      return;
    }
    throw new FarshoreError('record_malformed', `The ${side} does not begin with a schema id (magic byte 0 or 1)`, {
      hint: 'Records must be Avro in the wire format of a schema registry.',
      facts: { firstByte: end > start ? (bytes[start] ?? null) : null },
    });
  };
}

function guidText(bytes: Buffer, start: number): string {
  const hex = bytes.toString('hex', start, start + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Kafka record headers: varint key length, key, varint value length (-1 for null), value. */
function headerGuid(
  bytes: Buffer,
  headers: { readonly start: number; readonly end: number; readonly count: number },
  name: string,
): string | undefined {
  let at = headers.start;
  const varint = (): number => {
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? 0;
      raw += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    return -1;
  };
  for (let i = 0; i < headers.count && at < headers.end; i++) {
    const keyLength = varint();
    const keyStart = at;
    at += keyLength;
    const valueLength = varint();
    const valueStart = at;
    at += Math.max(0, valueLength);
    const matches = keyLength === name.length && bytes.toString('latin1', keyStart, keyStart + keyLength) === name;
    if (matches && valueLength === 17 && bytes[valueStart] === MAGIC_GUID) return guidText(bytes, valueStart + 1);
    // An id may travel in the header as well.
    if (matches && valueLength === 5 && bytes[valueStart] === MAGIC_ID) return String(bytes.readUInt32BE(valueStart + 1));
  }
  return undefined;
}
