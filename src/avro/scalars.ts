import type { DecodedValue } from '../apply/contracts.ts';
import { clockText, type DayTexts, fractionText, momentText } from './calendar.ts';
import { type Cursor, MalformedValue } from './cursor.ts';
import { decimalText } from './decimal.ts';
import { decodeLimits } from './limits.ts';
import type { AvroSchema } from './schema.ts';

export type Read = (cursor: Cursor) => DecodedValue;

type Scalar = Exclude<AvroSchema, { readonly kind: 'array' | 'map' | 'union' | 'record' | 'ref' }>;

/** Reads a value without parts: primitives, enums, fixed, and logical types in PostgreSQL's text form. */
export function scalarReader(schema: Scalar, days: DayTexts): Read {
  switch (schema.kind) {
    case 'null':
      return () => null;
    case 'boolean':
      return (c) => c.boolean();
    case 'int':
      return intReader(schema.logical, days);
    case 'long':
      return longReader(schema.logical, days);
    case 'float':
      return (c) => c.bytes.readFloatLE(c.take(4));
    case 'double':
      return (c) => c.bytes.readDoubleLE(c.take(8));
    case 'string':
      return (c) => c.text();
    case 'bytes':
      return bytesReader(schema.logical, schema.scale ?? 0);
    case 'fixed':
      return fixedReader(schema.size, schema.logical, schema.scale ?? 0);
    case 'enum':
      return enumReader(schema.name, schema.symbols);
  }
}

function intReader(logical: string | undefined, days: DayTexts): Read {
  if (logical === 'date') {
    return (c) => {
      const { text, era } = days.get(c.int());
      return text + era;
    };
  }
  if (logical === 'time-millis') return (c) => timeOfDay(c.int(), 1_000, 3);
  return (c) => c.int();
}

interface Moment {
  readonly perSecond: number;
  readonly digits: number;
  readonly zone: '+00' | '';
}

/** Timestamps by logical type. Of nanoseconds all nine digits: PostgreSQL rounds to microseconds, so a column that must not lose them is text. */
export const moments: Readonly<Record<string, Moment>> = {
  'timestamp-millis': { perSecond: 1_000, digits: 3, zone: '+00' },
  'timestamp-micros': { perSecond: 1_000_000, digits: 6, zone: '+00' },
  'timestamp-nanos': { perSecond: 1_000_000_000, digits: 9, zone: '+00' },
  'local-timestamp-millis': { perSecond: 1_000, digits: 3, zone: '' },
  'local-timestamp-micros': { perSecond: 1_000_000, digits: 6, zone: '' },
  'local-timestamp-nanos': { perSecond: 1_000_000_000, digits: 9, zone: '' },
};

function longReader(logical: string | undefined, days: DayTexts): Read {
  const moment = moments[logical ?? ''];
  if (moment !== undefined) {
    const { perSecond, digits, zone } = moment;
    return (c) => momentText(c.long(), perSecond, digits, zone, days);
  }
  return logical === 'time-micros' ? (c) => timeOfDay(c.long(), 1_000_000, 6) : (c) => c.long();
}

function timeOfDay(value: number | bigint, perSecond: number, digits: number): string {
  const units = Number(value);
  // 24:00:00 exactly is a time PostgreSQL has.
  if (units < 0 || units > 86_400 * perSecond) throw new MalformedValue('a time of day is outside the day');
  const second = Math.floor(units / perSecond);
  return clockText(second) + fractionText(units - second * perSecond, digits);
}

function enumReader(name: string, symbols: readonly string[]): Read {
  return (c) => {
    const symbol = symbols[c.int()];
    if (symbol === undefined) throw new MalformedValue(`the enum ${name} has no such symbol`);
    if (symbol.length > decodeLimits.uncountedLength) c.written(symbol.length);
    return symbol;
  };
}

function bytesReader(logical: string | undefined, scale: number): Read {
  return logical === 'decimal' ? (c) => decimalAt(c, c.length(), scale) : (c) => copyAt(c, c.length());
}

function fixedReader(size: number, logical: string | undefined, scale: number): Read {
  switch (logical) {
    case 'decimal':
      return (c) => decimalAt(c, size, scale);
    case 'uuid':
      return (c) => uuidText(c.bytes, c.take(16));
    case 'duration':
      return (c) => durationText(c.bytes, c.take(12));
    default:
      return (c) => copyAt(c, size);
  }
}

function decimalAt(c: Cursor, size: number, scale: number): string {
  const start = takeDecimal(c, size, scale);
  return decimalText(c.bytes, start, start + size, scale);
}

/** Moves over a decimal's bytes and answers where they start. */
export function takeDecimal(c: Cursor, size: number, scale: number): number {
  // No bytes are no number: Java's reader refuses them too.
  if (size === 0) throw new MalformedValue('a decimal has no bytes');
  if (size > decodeLimits.maxDecimalBytes) throw new MalformedValue(`a decimal has more than ${decodeLimits.maxDecimalBytes} bytes`);
  if (scale > decodeLimits.uncountedLength) c.written(scale);
  return c.take(size);
}

function copyAt(c: Cursor, size: number): Buffer {
  const start = c.take(size);
  // A copy: the view would keep a whole fetch response alive, or change under the row.
  return Buffer.from(c.bytes.subarray(start, start + size));
}

/** Sixteen bytes as a UUID or GUID. */
export function uuidText(bytes: Buffer, start: number): string {
  const hex = bytes.toString('hex', start, start + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Months, days and milliseconds, unsigned and little-endian, as an ISO 8601 interval. */
function durationText(bytes: Buffer, start: number): string {
  const ms = bytes.readUInt32LE(start + 8);
  const seconds = `${Math.floor(ms / 1_000)}${fractionText(ms % 1_000, 3)}`;
  return `P${bytes.readUInt32LE(start)}M${bytes.readUInt32LE(start + 4)}DT${seconds}S`;
}
