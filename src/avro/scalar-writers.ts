import type { DecodedValue, TextSink } from '../apply/contracts.ts';
import { type DayTexts, momentText } from './calendar.ts';
import type { Cursor } from './cursor.ts';
import { DecimalBytes, decimalText } from './decimal.ts';
import { MomentBytes } from './moment-bytes.ts';
import { moments, type Read, takeDecimal } from './scalars.ts';
import type { AvroSchema } from './schema.ts';

/** Writes a scalar as text into a sink, and answers what the field is as a value: of a timestamp its microseconds. */
export type Write = (cursor: Cursor, sink: TextSink) => DecodedValue | undefined;

const MICROS = 1_000_000;

/**
 * For what a string would only be a step between bytes: text, timestamps and small decimals are written as bytes, which spares a row of the
 * benches a dozen strings. Strings and decimals answer nothing: no one orders by their value.
 */
export function scalarWriter(schema: AvroSchema, read: Read, days: DayTexts): Write {
  switch (schema.kind) {
    case 'string':
      return (c, sink) => void c.textTo(sink);
    case 'long':
      return momentWriter(schema.logical, days) ?? valueWriter(read);
    case 'bytes':
      return schema.logical === 'decimal' ? decimalWriter((c) => c.length(), schema.scale ?? 0) : valueWriter(read);
    case 'fixed':
      return schema.logical === 'decimal' ? decimalWriter(() => schema.size, schema.scale ?? 0) : valueWriter(read);
    default:
      return valueWriter(read);
  }
}

function valueWriter(read: Read): Write {
  return (c, sink) => {
    const value = read(c);
    sink.push(value as Parameters<TextSink['push']>[0]);
    return value;
  };
}

function momentWriter(logical: string | undefined, days: DayTexts): Write | undefined {
  const moment = moments[logical ?? ''];
  if (moment === undefined) return undefined;
  const { perSecond, digits, zone } = moment;
  const text = new MomentBytes(perSecond, digits, zone, days);
  const toMicros = MICROS / perSecond;
  return (c, sink) => {
    const value = c.long();
    const length = typeof value === 'number' ? text.write(value) : 0;
    if (length > 0) sink.pushAscii(text.bytes, 0, length);
    else sink.push(momentText(value, perSecond, digits, zone, days));
    const micros = typeof value === 'number' ? value * toMicros : Number.NaN;
    // Of nanoseconds, and what no number holds, the text tells whoever orders by it.
    return toMicros >= 1 && Number.isSafeInteger(micros) ? micros : momentText(value, perSecond, digits, zone, days);
  };
}

function decimalWriter(size: (c: Cursor) => number, scale: number): Write {
  const text = new DecimalBytes(scale);
  return (c, sink) => {
    const bytes = size(c);
    const start = takeDecimal(c, bytes, scale);
    const at = text.write(c.bytes, start, start + bytes);
    if (at === -1) sink.push(decimalText(c.bytes, start, start + bytes, scale));
    else sink.pushAscii(text.bytes, at, text.bytes.length);
    return undefined;
  };
}
