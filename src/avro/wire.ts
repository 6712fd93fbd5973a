import type { RecordDecoders, SchemaRef } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { uuidText } from './scalars.ts';

const MAGIC_ID = 0;
const MAGIC_GUID = 1;
const HEADERS = { value: '__value_schema_id', key: '__key_schema_id' } as const;
const MAX_ID_TEXTS = 10_000;

/**
 * Confluent's wire format: magic 0 and a 4-byte id, or magic 1 and a 16-byte GUID. It stands in a header of
 * the record, the body then alone, or else in front of the body.
 */
export function schemaRefReader(): RecordDecoders['readRef'] {
  const idText = idTexts();
  return (bytes, start, end, headers, side, out) => {
    const ref = headers.count > 0 ? headerRef(bytes, headers, HEADERS[side], idText) : undefined;
    if (ref !== undefined) {
      out.ref = ref;
      out.bodyStart = start;
      return;
    }
    if (end - start >= 5 && bytes[start] === MAGIC_ID) {
      out.ref = idText(bytes.readUInt32BE(start + 1));
      out.bodyStart = start + 5;
      return;
    }
    if (end - start >= 17 && bytes[start] === MAGIC_GUID) {
      out.ref = uuidText(bytes, start + 1);
      out.bodyStart = start + 17;
      return;
    }
    throw new FarshoreError('record_malformed', `The ${side} does not begin with a schema id (magic byte 0 or 1)`, {
      hint: 'Records must be Avro in the wire format of a schema registry.',
      facts: { firstByte: end > start ? (bytes[start] ?? null) : null },
    });
  };
}

/** Text of an id, made once: a batch of records names one or two ids. */
function idTexts(): (id: number) => SchemaRef {
  const texts = new Map<number, SchemaRef>();
  return (id) => {
    let text = texts.get(id);
    if (text === undefined) {
      if (texts.size >= MAX_ID_TEXTS) texts.clear();
      text = String(id);
      texts.set(id, text);
    }
    return text;
  };
}

/**
 * The reference in the last header of that name, as registry clients take it. Headers of a record: varint
 * key length, key, varint value length (-1 for null), value.
 */
function headerRef(
  bytes: Buffer,
  headers: { readonly start: number; readonly end: number; readonly count: number },
  name: string,
  idText: (id: number) => SchemaRef,
): SchemaRef | undefined {
  const { end } = headers;
  let at = headers.start;
  const moveOver = (length: number): number => {
    const start = at;
    if (length < 0 || length > end - start) throw malformedHeaders();
    at = start + length;
    return start;
  };
  const varint = (): number => {
    let raw = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 2 ** 7) {
      const byte = bytes[moveOver(1)]!;
      raw += (byte & 0x7f) * factor;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    throw malformedHeaders();
  };
  let ref: SchemaRef | undefined;
  for (let i = 0; i < headers.count; i++) {
    const keyLength = varint();
    const keyStart = moveOver(keyLength);
    const valueLength = varint();
    const valueStart = moveOver(Math.max(0, valueLength));
    if (keyLength !== name.length || bytes.toString('latin1', keyStart, keyStart + keyLength) !== name) continue;
    const magic = bytes[valueStart];
    if (valueLength === 17 && magic === MAGIC_GUID) ref = uuidText(bytes, valueStart + 1);
    else if (valueLength === 5 && magic === MAGIC_ID) ref = idText(bytes.readUInt32BE(valueStart + 1));
    else throw new FarshoreError('record_malformed', `Header ${name} holds no schema id`, { facts: { bytes: valueLength } });
  }
  return ref;
}

const malformedHeaders = (): FarshoreError => new FarshoreError('record_malformed', 'The headers of the record cannot be read');
