import type { DecodedRecord, DecodedValue } from '../apply/contracts.ts';
import { clockText, DayTexts, fractionText, momentText } from './calendar.ts';
import { type Cursor, MalformedValue } from './cursor.ts';
import { decimalText } from './decimal.ts';
import type { AvroSchema, NamedSchemas, ParsedSchema } from './schema.ts';

/**
 * Schemas become closures that read straight from the record's bytes into the values PostgreSQL takes.
 * avsc's own reader is lenient where it hurts (invalid UTF-8, 32-bit overflow, `__proto__` keys, item
 * bombs) and has no logical types, so it would need a second pass over every record.
 */
export type Read = (cursor: Cursor) => DecodedValue;

/** Items whose schema has no bytes at all could claim any count for nothing. */
const MAX_EMPTY_ITEMS = 100_000;
const MAX_DEPTH = 128;

export function compile(schema: ParsedSchema): Read {
  return new Compiler(schema.named).reader(schema.root);
}

export const isRecordValue = (value: DecodedValue): value is DecodedRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);

class Compiler {
  readonly #named: NamedSchemas;
  readonly #known = new Map<string, { read: Read | undefined }>();
  readonly #days = new DayTexts();

  constructor(named: NamedSchemas) {
    this.#named = named;
  }

  reader(schema: AvroSchema): Read {
    switch (schema.kind) {
      case 'null':
        return () => null;
      case 'boolean':
        return (c) => c.boolean();
      case 'int':
        return this.#int(schema.logical);
      case 'long':
        return this.#long(schema.logical);
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
      case 'enum': {
        const { symbols } = schema;
        return (c) => {
          const symbol = symbols[c.int()];
          if (symbol === undefined) throw new MalformedValue(`an enum of ${schema.name} has no such symbol`);
          return symbol;
        };
      }
      case 'array':
        return this.#array(schema.items);
      case 'map':
        return this.#map(schema.values);
      case 'union':
        return this.#union(schema.branches);
      case 'record':
        return this.#record(schema.name, schema.fields);
      case 'ref':
        return this.#ref(schema.name);
    }
  }

  #int(logical: string | undefined): Read {
    const days = this.#days;
    if (logical === 'date') {
      return (c) => {
        const { text, era } = days.get(c.int());
        return text + era;
      };
    }
    if (logical === 'time-millis') return (c) => timeOfDay(c.int(), 1_000, 3);
    return (c) => c.int();
  }

  #long(logical: string | undefined): Read {
    const days = this.#days;
    switch (logical) {
      case 'timestamp-millis':
        return (c) => momentText(c.long(), 1_000, 3, '+00', days);
      case 'timestamp-micros':
        return (c) => momentText(c.long(), 1_000_000, 6, '+00', days);
      case 'timestamp-nanos':
        return (c) => momentText(c.long(), 1_000_000_000, 9, '+00', days);
      case 'local-timestamp-millis':
        return (c) => momentText(c.long(), 1_000, 3, '', days);
      case 'local-timestamp-micros':
        return (c) => momentText(c.long(), 1_000_000, 6, '', days);
      case 'local-timestamp-nanos':
        return (c) => momentText(c.long(), 1_000_000_000, 9, '', days);
      case 'time-micros':
        return (c) => timeOfDay(c.long(), 1_000_000, 6);
      default:
        return (c) => BigInt(c.long());
    }
  }

  #array(items: AvroSchema): Read {
    const item = this.reader(items);
    return (c) => {
      const values: DecodedValue[] = [];
      eachBlock(c, values, () => {
        values.push(item(c));
      });
      return values;
    };
  }

  #map(schema: AvroSchema): Read {
    const item = this.reader(schema);
    return (c) => {
      const keys: string[] = [];
      const entries: [string, DecodedValue][] = [];
      eachBlock(c, keys, () => {
        const key = c.text();
        keys.push(key);
        entries.push([key, item(c)]);
      });
      // fromEntries defines own properties: a key `__proto__` is a key like any other.
      return Object.fromEntries(entries);
    };
  }

  #union(branches: readonly AvroSchema[]): Read {
    const readers = branches.map((branch) => this.reader(branch));
    return (c) => {
      const branch = readers[c.int()];
      if (branch === undefined) throw new MalformedValue('a union has no such branch');
      return branch(c);
    };
  }

  #record(name: string, fields: readonly { readonly name: string; readonly schema: AvroSchema }[]): Read {
    const self: { read: Read | undefined } = { read: undefined };
    this.#known.set(name, self);
    const names = fields.map((field) => field.name);
    const readers = fields.map((field) => this.reader(field.schema));
    const count = names.length;
    const plain = !names.includes('__proto__');
    const read: Read = (c) => {
      if (++c.depth > MAX_DEPTH) throw new MalformedValue(`values are nested deeper than ${MAX_DEPTH}`);
      const record: Record<string, DecodedValue> = {};
      for (let i = 0; i < count; i++) {
        const value = readers[i]!(c);
        if (plain) record[names[i]!] = value;
        else Object.defineProperty(record, names[i]!, { value, enumerable: true });
      }
      c.depth--;
      return record;
    };
    self.read = read;
    return read;
  }

  #ref(name: string): Read {
    const known = this.#known.get(name);
    if (known !== undefined) {
      // A type that names itself is not finished yet while it is compiled.
      return known.read ?? ((c) => known.read!(c));
    }
    const schema = this.#named.get(name);
    if (schema === undefined) throw new Error(`The schema names ${name} and does not define it`);
    return this.reader(schema);
  }
}

function eachBlock(c: Cursor, values: { readonly length: number }, item: () => void): void {
  for (;;) {
    let count = c.long();
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      c.length();
    }
    for (let i = 0; i < Number(count); i++) {
      const before = c.pos;
      item();
      if (c.pos === before && values.length > MAX_EMPTY_ITEMS)
        throw new MalformedValue(`more than ${MAX_EMPTY_ITEMS} items without a byte`);
    }
  }
}

function timeOfDay(value: number | bigint, perSecond: number, digits: number): string {
  const units = Number(value);
  // 24:00:00 exactly is a time PostgreSQL has.
  if (units < 0 || units > 86_400 * perSecond) throw new MalformedValue('a time of day is outside the day');
  const second = Math.floor(units / perSecond);
  return clockText(second) + fractionText(units - second * perSecond, digits);
}

function bytesReader(logical: string | undefined, scale: number): Read {
  if (logical === 'decimal') {
    return (c) => {
      const length = c.length();
      const start = c.take(length);
      return decimalText(c.bytes, start, start + length, scale);
    };
  }
  return (c) => {
    const length = c.length();
    const start = c.take(length);
    // A copy: the view would keep a whole fetch response alive, or change under the row.
    return Buffer.from(c.bytes.subarray(start, start + length));
  };
}

function fixedReader(size: number, logical: string | undefined, scale: number): Read {
  if (logical === 'decimal') {
    return (c) => {
      const start = c.take(size);
      return decimalText(c.bytes, start, start + size, scale);
    };
  }
  if (logical === 'uuid' && size === 16) {
    return (c) => {
      const start = c.take(16);
      const hex = c.bytes.toString('hex', start, start + 16);
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    };
  }
  if (logical === 'duration' && size === 12) {
    return (c) => {
      const start = c.take(12);
      const ms = c.bytes.readUInt32LE(start + 8);
      return `P${c.bytes.readUInt32LE(start)}M${c.bytes.readUInt32LE(start + 4)}DT${Math.floor(ms / 1_000)}${fractionText(ms % 1_000, 3)}S`;
    };
  }
  return (c) => {
    const start = c.take(size);
    return Buffer.from(c.bytes.subarray(start, start + size));
  };
}
