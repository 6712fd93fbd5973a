import type { RecordView } from '../model/batch.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { columnValue, type ValueWriters } from './column-values.ts';
import type { DecodedRecord, DecodedValue, RecordDecoder, RecordDecoders, SchemaRef } from './contracts.ts';
import type { ArrayElement } from './dependencies.ts';
import type { TableKey } from './mapping.ts';

export type KeyParts = readonly Exclude<ArrayElement, null>[];

/** The key of a null-value record, or the schema that must be loaded to read it. */
export type KafkaKey = { readonly kind: 'key'; readonly parts: KeyParts } | { readonly kind: 'schema'; readonly ref: SchemaRef };

const malformed = (message: string): FarshoreError =>
  new FarshoreError('record_malformed', message, {
    hint: 'A delete (null value) needs its key in Avro, with the key columns as fields, or as plain text for a single key column.',
  });

// Avro in front of a record starts with magic 0 or 1; no text a key column could hold starts with those bytes.
const startsLikeAvro = (view: RecordView): boolean => view.keyEnd > view.keyStart && view.bytes[view.keyStart]! <= 1;

/** Reads the row a null value deletes from the Kafka key. Throws `record_malformed` or `record_unmappable`. */
export function kafkaKey(view: RecordView, table: TableKey, decoders: RecordDecoders, writers: ValueWriters): KafkaKey {
  if (view.keyStart === -1) throw malformed('A record has neither key nor value');
  const found = schemaOf(view, decoders);
  if (found === undefined) {
    if (table.key.length > 1) throw malformed(`The key is plain text, and ${table.name} has ${table.key.length} key columns`);
    return { kind: 'key', parts: [plainText(view)] };
  }
  const decoder = decoders.get(found.ref);
  if (decoder === undefined) return { kind: 'schema', ref: found.ref };
  const record = decoder.decode(view.bytes, found.bodyStart, view.keyEnd);
  return { kind: 'key', parts: keyParts(table, record, decoder, writers) };
}

/** Undefined for plain text. A key without a magic byte may still name its schema in the headers. */
function schemaOf(view: RecordView, decoders: RecordDecoders): { readonly ref: SchemaRef; readonly bodyStart: number } | undefined {
  const avro = startsLikeAvro(view);
  if (!avro && view.headerCount === 0) return undefined;
  const out = { ref: '', bodyStart: 0 };
  const headers = { start: view.headersStart, end: view.headersEnd, count: view.headerCount };
  try {
    decoders.readRef(view.bytes, view.keyStart, view.keyEnd, headers, 'key', out);
    return out;
  } catch (error) {
    if (avro || findFarshoreError(error)?.code !== 'record_malformed') throw error;
    return undefined;
  }
}

function plainText(view: RecordView): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(view.bytes.subarray(view.keyStart, view.keyEnd));
  } catch (error) {
    throw new FarshoreError('record_malformed', 'The key is not valid UTF-8', { cause: error });
  }
}

function keyParts(table: TableKey, record: DecodedRecord, decoder: RecordDecoder, writers: ValueWriters): KeyParts {
  // A key that is one plain value has one field, whatever that is called.
  const only = decoder.fields.length === 1 && table.key.length === 1 ? decoder.fields[0]?.name : undefined;
  return table.key.map(({ column, field, travel }) => {
    const name = Object.hasOwn(record, field) || only === undefined ? field : only;
    const value: DecodedValue | undefined = Object.hasOwn(record, name) ? record[name] : undefined;
    const part = columnValue(value, travel.form, writers);
    if (part !== null) return part;
    throw new FarshoreError('record_unmappable', `The Kafka key of a delete has no value for key column ${column}`, {
      place: `table ${table.name}`,
    });
  });
}
