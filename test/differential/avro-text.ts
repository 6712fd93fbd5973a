import type { DecodedValue } from '../../src/apply/contracts.ts';
import { type AvroSchema, type ParsedSchema, parseSchema } from '../../src/avro/schema.ts';

/** What we decoded, in the text form that AvroOracle.java gives to what Java's Avro read. */
export class DecodedText {
  readonly #parsed: ParsedSchema;

  constructor(schema: string) {
    this.#parsed = parseSchema(schema, [], 'differential');
  }

  of(value: DecodedValue): string {
    return this.#text(this.#parsed.root, value);
  }

  #text(schema: AvroSchema, value: DecodedValue): string {
    switch (schema.kind) {
      case 'ref':
        return this.#text(this.#parsed.named.get(schema.name)!, value);
      case 'union':
        return this.#text(schema.branches.find((branch) => this.#isOf(branch, value))!, value);
      case 'array':
        return `[${(value as readonly DecodedValue[]).map((item) => this.#text(schema.items, item)).join(',')}]`;
      case 'map': {
        const entries = Object.entries(value as Readonly<Record<string, DecodedValue>>).map(([key, one]) => [
          hex(key),
          this.#text(schema.values, one),
        ]);
        return `{${entries
          .toSorted(([a], [b]) => (a! < b! ? -1 : 1))
          .map(([key, one]) => `${key}=${one}`)
          .join(',')}}`;
      }
      case 'record': {
        const record = value as Readonly<Record<string, DecodedValue>>;
        return `(${schema.fields.map(({ name, schema: type }) => `${name}=${this.#text(type, record[name]!)}`).join(',')})`;
      }
      default:
        return scalarText(schema, value);
    }
  }

  /** A decoded value does not say of which branch it is: they are made so that its type does. */
  #isOf(branch: AvroSchema, value: DecodedValue): boolean {
    const schema = branch.kind === 'ref' ? this.#parsed.named.get(branch.name)! : branch;
    if (value === null) return schema.kind === 'null';
    if (Array.isArray(value)) return schema.kind === 'array';
    if (Buffer.isBuffer(value)) return (schema.kind === 'bytes' || schema.kind === 'fixed') && schema.logical === undefined;
    switch (typeof value) {
      case 'boolean':
        return schema.kind === 'boolean';
      case 'object':
        return schema.kind === 'map' || schema.kind === 'record';
      case 'string':
        return schema.kind === 'string' || schema.kind === 'enum' || ('logical' in schema && schema.logical !== undefined);
      default:
        return (
          schema.kind === 'float' ||
          schema.kind === 'double' ||
          ((schema.kind === 'int' || schema.kind === 'long') && schema.logical === undefined)
        );
    }
  }
}

type Scalar = Exclude<AvroSchema, { readonly kind: 'array' | 'map' | 'union' | 'record' | 'ref' }>;

function scalarText(schema: Scalar, value: DecodedValue): string {
  switch (schema.kind) {
    case 'null':
      return value === null ? 'null' : `not null: ${String(value)}`;
    case 'boolean':
      return String(value);
    case 'float':
    case 'double':
      return floatText(schema.kind, value as number);
    case 'enum':
      return `symbol ${value as string}`;
    case 'int':
    case 'long':
      return schema.logical === undefined ? `number ${String(value)}` : momentText(schema.logical, value as string);
    case 'string':
      return `text ${hex(value as string)}`;
    case 'bytes':
    case 'fixed':
      if (schema.logical === undefined) return `bytes ${(value as Buffer).toString('hex')}`;
      if (schema.logical === 'decimal') return `decimal ${value as string}`;
      return schema.logical === 'uuid' ? `text ${hex(value as string)}` : durationText(value as string);
  }
}

const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex');

function floatText(kind: 'float' | 'double', value: number): string {
  const bytes = Buffer.alloc(8);
  // Any NaN is one, to Java's text and to PostgreSQL.
  if (Number.isNaN(value)) return kind === 'float' ? 'float 7fc00000' : 'double 7ff8000000000000';
  if (kind === 'float') return `float ${bytes.readUInt32BE(bytes.writeFloatBE(value, 0) - 4).toString(16)}`;
  bytes.writeDoubleBE(value, 0);
  return `double ${bytes.readBigUInt64BE(0).toString(16)}`;
}

function momentText(logical: string, text: string): string {
  if (logical === 'date') return dateText(text);
  if (logical.startsWith('time-')) return `time ${clockText(text)}`;
  const [, date, time, zone, era = ''] = /^(\S+) ([\d:.]+)(\+00)?( BC)?$/.exec(text) ?? [];
  if (date === undefined || time === undefined) return `no moment: ${text}`;
  const isLocal = logical.startsWith('local-');
  if (isLocal !== (zone === undefined)) return `of another zone: ${text}`;
  return `${dateText(date + era)} ${clockText(time)}${isLocal ? '' : ' utc'}`;
}

function dateText(text: string): string {
  const [, year, month, day, era] = /^(\d{4,})-(\d\d)-(\d\d)( BC)?$/.exec(text) ?? [];
  return year === undefined ? `no date: ${text}` : `date ${Number(year)}${era === undefined ? '' : 'bc'}-${Number(month)}-${Number(day)}`;
}

function clockText(text: string): string {
  const [, hours, minutes, seconds, fraction = ''] = /^(\d\d):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  if (hours === undefined) return `no time: ${text}`;
  return `${Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)}s${Number(fraction.padEnd(9, '0'))}ns`;
}

function durationText(text: string): string {
  const [, months, days, seconds, fraction = ''] = /^P(\d+)M(\d+)DT(\d+)(?:\.(\d+))?S$/.exec(text) ?? [];
  if (months === undefined) return `no duration: ${text}`;
  return `duration ${months} ${days} ${Number(seconds) * 1_000 + Number(fraction.padEnd(3, '0'))}`;
}
