import { FarshoreError } from '../model/errors.ts';
import type { DecodedValue, FieldShape } from './contracts.ts';

/**
 * What a value may be turned into before it meets its column. A closed set: anything that computes belongs to the producer or
 * to the database.
 *
 *     text                            any scalar as its text; nested values as JSON
 *     numeric                         a double or a number in text, for a column that is narrower: the server rounds to its scale
 *     epoch-seconds | -millis | -micros   a whole number since 1970, in UTC, as a timestamp
 *     microseconds                    timestamp-nanos, cut to what PostgreSQL keeps
 *     boolean                         0, 1, "true", "false", "t", "f", "yes", "no"
 */
export const casts = ['text', 'numeric', 'boolean', 'epoch-seconds', 'epoch-millis', 'epoch-micros', 'microseconds'] as const;
export type Cast = (typeof casts)[number];

/** The field as it is after the cast, or why it cannot be cast. */
export function castShape(cast: Cast, field: FieldShape): FieldShape | { readonly why: string } {
  const { avro, logical } = field;
  const plain = { ...field, logical: undefined, precision: undefined, scale: undefined, fields: undefined };
  const whole = (avro === 'int' || avro === 'long') && logical === undefined;
  const refused = { why: `cast ${cast} does not take ${logical === undefined ? avro : `${avro} (${logical})`}` };
  switch (cast) {
    case 'text':
      return { ...plain, avro: 'string' };
    case 'numeric':
      // As text: any column that reads a number takes it.
      return whole || logical === 'decimal' || ['float', 'double', 'string'].includes(avro) ? { ...plain, avro: 'string' } : refused;
    case 'boolean':
      return whole || avro === 'string' || avro === 'boolean' ? { ...plain, avro: 'boolean' } : refused;
    case 'epoch-seconds':
    case 'epoch-millis':
      return whole ? { ...plain, avro: 'long', logical: 'timestamp-millis' } : refused;
    case 'epoch-micros':
      return whole ? { ...plain, avro: 'long', logical: 'timestamp-micros' } : refused;
    case 'microseconds':
      if (logical === 'timestamp-nanos') return { ...plain, avro: 'long', logical: 'timestamp-micros' };
      return logical === 'local-timestamp-nanos' ? { ...plain, avro: 'long', logical: 'local-timestamp-micros' } : refused;
  }
}

const YES: ReadonlySet<unknown> = new Set([true, 1, 1n, 'true', 't', 'yes', '1']);
const NO: ReadonlySet<unknown> = new Set([false, 0, 0n, 'false', 'f', 'no', '0']);

/** The value after the cast; null and absent stay. Throws `record_unmappable`. */
export function castValue(cast: Cast, value: DecodedValue | undefined, column: string, json: (value: DecodedValue) => string) {
  if (value === null || value === undefined) return value;
  switch (cast) {
    case 'text':
      return typeof value === 'object' ? json(value) : String(value);
    case 'numeric':
      return String(value);
    case 'boolean':
      if (YES.has(value)) return true;
      if (NO.has(value)) return false;
      throw uncastable(cast, column);
    case 'epoch-seconds':
      return momentText(BigInt(value as number | bigint) * 1_000_000n, column);
    case 'epoch-millis':
      return momentText(BigInt(value as number | bigint) * 1_000n, column);
    case 'epoch-micros':
      return momentText(BigInt(value as number | bigint), column);
    case 'microseconds':
      // `… 12:00:00.123456789+00` → six digits.
      return typeof value === 'string' ? value.replace(/(\.\d{6})\d+/, '$1') : value;
  }
}

// The years that a Date holds; beyond them the server's own range ends soon too.
const MAX_MICROS = 8_640_000_000_000_000_000n;

/** UTC, as PostgreSQL reads it, to the microsecond. */
function momentText(micros: bigint, column: string): string {
  if (micros > MAX_MICROS || micros < -MAX_MICROS) throw uncastable('epoch', column);
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (micros - rest) / 1_000_000n;
  const text = new Date(Number(seconds) * 1000).toISOString();
  const year = /^([+-]?)(\d+)-/.exec(text)!;
  const before = year[1] === '-' || Number(year[2]) === 0;
  const shown = before ? String(Number(year[2]) + 1).padStart(4, '0') : String(Number(year[2])).padStart(4, '0');
  const tail = text.slice(year[0].length, -5).replace('T', ' ');
  return `${shown}-${tail}.${String(rest).padStart(6, '0')}+00${before ? ' BC' : ''}`;
}

const uncastable = (cast: string, column: string): FarshoreError =>
  new FarshoreError('record_unmappable', `The value of column ${column} cannot be cast (${cast})`, {
    hint: 'Mend `cast` in the entry, or the producer.',
  });
