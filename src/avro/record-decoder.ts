import type { DecodedRecord, FieldReader, FieldWay, RecordDecoder, SchemaRef } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { compile, compileFields } from './compile.ts';
import { Cursor, MalformedValue } from './cursor.ts';
import { fieldShapes, isRecordSchema, type ParsedSchema, parseSchema, recordName, unusableSchema } from './schema.ts';
import { readSchemaText } from './schema-text.ts';

/**
 * A decoder for a kept schema text. A schema that is no record (a key of one primitive) has one field
 * with an empty name. Throws `schema_unusable`.
 */
export function recordDecoder(text: string, place: string, ref?: SchemaRef): RecordDecoder {
  const { schema, references } = readSchemaText(text);
  return decoderOf(parseSchema(schema, references, place), place, ref);
}

/** A decoder for a schema that was read. Throws `schema_unusable`. */
export function decoderOf(parsed: ParsedSchema, place: string, ref?: SchemaRef): RecordDecoder {
  const read = compiled(parsed, place);
  const isRecord = isRecordSchema(parsed);
  const cursor = new Cursor(Buffer.alloc(0), 0, 0);
  return {
    ref,
    recordName: recordName(parsed),
    fields: fieldShapes(parsed),
    decode(bytes, start, end): DecodedRecord {
      try {
        cursor.reset(bytes, start, end);
        const value = read(cursor);
        ended(cursor);
        return isRecord ? (value as DecodedRecord) : { '': value };
      } catch (error) {
        throw malformed(error, place);
      }
    },
    ...(isRecord ? { fieldReader: (ways: readonly FieldWay[]) => fieldReader(parsed, ways, place) } : {}),
  };
}

function fieldReader(parsed: ParsedSchema, ways: readonly FieldWay[], place: string): FieldReader {
  const readFields = compileFields(parsed, ways);
  if (readFields === undefined) throw new FarshoreError('internal', `${place} is no record`);
  const cursor = new Cursor(Buffer.alloc(0), 0, 0);
  return {
    read(bytes, start, end, sinks, values) {
      try {
        cursor.reset(bytes, start, end);
        cursor.enter();
        readFields(cursor, sinks, values);
        ended(cursor);
      } catch (error) {
        throw malformed(error, place);
      }
    },
  };
}

function ended({ pos, end }: Cursor): void {
  if (pos !== end) throw new MalformedValue(`${end - pos} bytes follow the value`);
}

function malformed(error: unknown, place: string): unknown {
  if (!(error instanceof MalformedValue)) return error;
  return new FarshoreError('record_malformed', `The bytes are no value of ${place}: ${error.message}`, {
    place,
    cause: error,
    hint: 'The producer wrote other bytes than its schema says, or more than docs/limits.md allows.',
  });
}

function compiled(parsed: ReturnType<typeof parseSchema>, place: string): ReturnType<typeof compile> {
  try {
    return compile(parsed);
  } catch (error) {
    throw unusableSchema(error, place);
  }
}
