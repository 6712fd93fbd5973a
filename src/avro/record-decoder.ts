import type { DecodedRecord, RecordDecoder } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { compile } from './compile.ts';
import { Cursor, MalformedValue } from './cursor.ts';
import { fieldShapes, isRecordSchema, parseSchema, unusableSchema } from './schema.ts';
import { readSchemaText } from './schema-text.ts';

/**
 * A decoder for a kept schema text. A schema that is no record (a key of one primitive) has one field
 * with an empty name. Throws `schema_unusable`.
 */
export function recordDecoder(text: string, place: string): RecordDecoder {
  const { schema, references } = readSchemaText(text);
  const parsed = parseSchema(schema, references, place);
  const read = compiled(parsed, place);
  const isRecord = isRecordSchema(parsed);
  const cursor = new Cursor(Buffer.alloc(0), 0, 0);
  return {
    fields: fieldShapes(parsed),
    decode(bytes, start, end): DecodedRecord {
      cursor.reset(bytes, start, end);
      try {
        const value = read(cursor);
        if (cursor.pos !== end) throw new MalformedValue(`${end - cursor.pos} bytes follow the value`);
        return isRecord ? (value as DecodedRecord) : { '': value };
      } catch (error) {
        if (!(error instanceof MalformedValue)) throw error;
        throw new FarshoreError('record_malformed', `The bytes are no value of ${place}: ${error.message}`, {
          place,
          cause: error,
          hint: 'The producer wrote other bytes than its schema says.',
        });
      }
    },
  };
}

function compiled(parsed: ReturnType<typeof parseSchema>, place: string): ReturnType<typeof compile> {
  try {
    return compile(parsed);
  } catch (error) {
    throw unusableSchema(error, place);
  }
}
