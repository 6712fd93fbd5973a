import { type SourceVersion, versionHex } from '../model/version.ts';
import type { DecodedRecord, DecodedValue, FieldShape } from './contracts.ts';
import { TimestampReader } from './timestamp-micros.ts';
import type { VersionText } from './version-text.ts';

/** How a field orders states: as a whole number, as a moment in microseconds, or as text by code point. */
export type VersionKind = 'integer' | 'timestamp' | 'text';

/** Undefined for types without an order that text or a long can carry (floats, decimals, enums, bytes, nested ones). */
export function versionKindOf({ avro, logical }: Pick<FieldShape, 'avro' | 'logical'>): VersionKind | undefined {
  if (logical === 'date' || logical?.startsWith('timestamp-') || logical?.startsWith('local-timestamp-')) return 'timestamp';
  if (logical !== undefined && logical !== 'uuid') return undefined;
  if (avro === 'long' || avro === 'int') return 'integer';
  return avro === 'string' ? 'text' : undefined;
}

const TWO_32 = 4_294_967_296;
const SIGN_32 = 0x8000_0000;
/** Four hex digits of each number of 16 bits: toString(16) of a number above 2^31 takes ten times as long. */
const hex16 = Array.from({ length: 65_536 }, (_, value) => value.toString(16).padStart(4, '0'));

/** Eight hex digits of the low 32 bits. */
export const hex32 = (value: number): string => hex16[(value >>> 16) & 0xffff]! + hex16[value & 0xffff]!;

/** Sixteen hex digits of a whole number from 0 to 2^53. */
const hex64 = (value: number): string => hex32(Math.floor(value / TWO_32)) + hex32(value % TWO_32);

export const offsetHex = (offset: bigint): string =>
  offset <= BigInt(Number.MAX_SAFE_INTEGER) ? hex64(Number(offset)) : offset.toString(16).padStart(16, '0');

// The encoding has one owner, model/version.ts; what is computed here is its common case, and a test compares the two.
const modelHex = (source: SourceVersion): string => versionHex(0, source, 0, 0n).slice(8, -24);

function integerHex(value: number): string {
  const high = Math.floor(value / TWO_32);
  return `01${hex32(high ^ SIGN_32)}${hex32(value - high * TWO_32)}`;
}

interface SourceField {
  readonly field: string;
  readonly kind: VersionKind;
  /** Undefined: the row's field of that name. */
  readonly read?: ((row: DecodedRecord, record: DecodedRecord) => DecodedValue | undefined) | undefined;
}

/** The lowest source: no field, an absent one, or null (C2). */
export const LOWEST_SOURCE = '00';

/**
 * The source part of versions, from the mapped fields. Each field's code ends where its content says, so
 * the codes of several fields put one after the other sort like the fields do.
 */
export class SourceReader {
  readonly #fields: readonly SourceField[];
  readonly #timestamps = new TimestampReader();
  readonly #lowest: string;

  constructor(fields: readonly SourceField[]) {
    this.#fields = fields;
    this.#lowest = LOWEST_SOURCE.repeat(Math.max(1, fields.length));
  }

  /** The source part of a row without any source value. */
  get lowest(): string {
    return this.#lowest;
  }

  /** For a message. */
  get names(): string {
    return this.#fields.map(({ field }) => field).join(', ');
  }

  /** Hex of the source part, or undefined when a value has no order (not what the schema promised). */
  read(row: DecodedRecord, record: DecodedRecord = row): string | undefined {
    const fields = this.#fields;
    if (fields.length === 0) return LOWEST_SOURCE;
    let hex = '';
    for (let i = 0; i < fields.length; i++) {
      const { field, kind, read } = fields[i]!;
      const part = this.#part(kind, read === undefined ? row[field] : read(row, record));
      if (part === undefined) return undefined;
      hex += part;
    }
    return hex;
  }

  /** As `read`, into a version that has begun; false when a value has no order. */
  write(into: VersionText, row: DecodedRecord, record: DecodedRecord = row): boolean {
    const fields = this.#fields;
    if (fields.length === 0) into.ascii(LOWEST_SOURCE);
    for (let i = 0; i < fields.length; i++) {
      const { field, kind, read } = fields[i]!;
      const value = read === undefined ? row[field] : read(row, record);
      const whole = kind === 'timestamp' && typeof value === 'string' ? this.#timestamps.micros(value) : value;
      if (typeof whole === 'number' && kind !== 'text' && Number.isSafeInteger(whole)) {
        const high = Math.floor(whole / TWO_32);
        into.ascii('01');
        into.hex32(high ^ SIGN_32);
        into.hex32(whole - high * TWO_32);
        continue;
      }
      const part = this.#part(kind, value);
      if (part === undefined) return false;
      into.ascii(part);
    }
    return true;
  }

  #part(kind: VersionKind, value: DecodedValue | undefined): string | undefined {
    if (value === null || value === undefined) return LOWEST_SOURCE;
    if (kind === 'text') return typeof value === 'string' ? modelHex(value) : undefined;
    const whole = kind === 'timestamp' && typeof value === 'string' ? this.#timestamps.micros(value) : value;
    if (typeof whole === 'number' && Number.isSafeInteger(whole)) return integerHex(whole);
    if (typeof whole === 'number') return Number.isInteger(whole) ? modelHex(BigInt(whole)) : undefined;
    if (typeof whole !== 'bigint') return undefined;
    const small = Number(whole);
    return Number.isSafeInteger(small) ? integerHex(small) : modelHex(whole);
  }
}
