import type { DecodedRecord, DecodedValue, FieldWay, TextSink } from '../apply/contracts.ts';
import { DayTexts } from './calendar.ts';
import { type Cursor, MalformedValue } from './cursor.ts';
import { decodeLimits } from './limits.ts';
import { scalarWriter, type Write } from './scalar-writers.ts';
import { type Read, scalarReader } from './scalars.ts';
import { type AvroField, type AvroSchema, isAbsentBranch, type NamedSchemas, type ParsedSchema } from './schema.ts';

/**
 * Schemas become closures that read straight from the record's bytes into the values PostgreSQL takes.
 * avsc reads schemas and is the reference in tests, not the reader: it is lenient where it hurts (invalid
 * UTF-8, 32-bit overflow, `__proto__` keys, item bombs), wrong for longs below -2^52 without a slower
 * long type, and would need a second pass for logical types. Measured with the 11 columns of the benches
 * (decimal and timestamps as text, long as bigint) on a busy machine, records a second of one core's
 * time: 0.8 to 1.2 million, where avsc, without any of these, does 0.7 to 1.6.
 *
 * A union gives the value of its branch without the branch's name. An enum's default is for readers with
 * another schema; here the writer's schema reads, so a symbol that is not in it is malformed.
 */
export function compile({ root, named }: ParsedSchema): Read {
  return new Compiler(named).reader(root);
}

/**
 * Reads the fields of a record one by one, into values or sinks or both. Undefined for a schema that is no record. Generated code, for
 * the reason that `recordBuilder` gives; nothing of the schema goes into it.
 */
export function compileFields({ root, named }: ParsedSchema, ways: readonly FieldWay[]): ReadFields | undefined {
  const record = root.kind === 'ref' ? named.get(root.name) : root;
  if (record?.kind !== 'record') return undefined;
  const compiler = new Compiler(named);
  const readers = record.fields.map(({ schema }, i) => (ways[i] === 'value' ? compiler.reader(schema) : compiler.writer(schema)));
  const calls: Readonly<Record<FieldWay, (i: number) => string>> = {
    value: (i) => `values[${i}] = readers[${i}](c);`,
    text: (i) => `readers[${i}](c, sinks[${i}]);`,
    both: (i) => `values[${i}] = readers[${i}](c, sinks[${i}]);`,
  };
  const steps = record.fields.map((_, i) => calls[ways[i] ?? 'value'](i));
  return new Function('readers', `return (c, sinks, values) => { ${steps.join(' ')} };`)(readers) as ReadFields;
}

/** No bytes, and no value: what a record does not say is not null. */
const absent: Read = () => undefined as unknown as DecodedValue;

export type ReadFields = (c: Cursor, sinks: readonly (TextSink | undefined)[], values: DecodedValue[]) => void;

class Compiler {
  readonly #named: NamedSchemas;
  readonly #records = new Map<string, { read: Read | undefined }>();
  readonly #days = new DayTexts();
  #depth = 0;

  constructor(named: NamedSchemas) {
    this.#named = named;
  }

  reader(schema: AvroSchema): Read {
    // Types that name one another lie deeper than the text nests; no value of a deeper one would be read.
    if (++this.#depth > decodeLimits.maxDepth) throw new Error(`its types are nested deeper than ${decodeLimits.maxDepth}`);
    const read = this.#reader(schema);
    this.#depth--;
    return read;
  }

  #reader(schema: AvroSchema): Read {
    switch (schema.kind) {
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
      default:
        return scalarReader(schema, this.#days);
    }
  }

  /** Of a scalar or a nullable one: the value goes into a sink. */
  writer(schema: AvroSchema): Write {
    if (schema.kind === 'union') {
      const writers = schema.branches.map((branch) => this.writer(branch));
      return (c, sink) => {
        const branch = writers[c.int()];
        if (branch === undefined) throw new MalformedValue('a union has no such branch');
        return branch(c, sink);
      };
    }
    return scalarWriter(schema, this.reader(schema), this.#days);
  }

  #array(items: AvroSchema): Read {
    const item = this.reader(items);
    return (c) => {
      const values: DecodedValue[] = [];
      eachItem(c, () => values.push(item(c)));
      return values;
    };
  }

  #map(values: AvroSchema): Read {
    const value = this.reader(values);
    return (c) => {
      const entries: [string, DecodedValue][] = [];
      eachItem(c, () => entries.push([c.text(), value(c)]));
      // fromEntries defines own properties: a key `__proto__` is a key like any other.
      return Object.fromEntries(entries);
    };
  }

  #union(branches: readonly AvroSchema[]): Read {
    const readers = branches.map((branch) => (this.#isAbsent(branch) ? absent : this.reader(branch)));
    return (c) => {
      const branch = readers[c.int()];
      if (branch === undefined) throw new MalformedValue('a union has no such branch');
      return branch(c);
    };
  }

  #isAbsent(branch: AvroSchema): boolean {
    return isAbsentBranch(branch.kind === 'ref' ? (this.#named.get(branch.name) ?? branch) : branch);
  }

  #record(name: string, fields: readonly AvroField[]): Read {
    const self: { read: Read | undefined } = { read: undefined };
    // Before its fields: a record may name itself.
    this.#records.set(name, self);
    const build = recordBuilder(
      fields.map((field) => field.name),
      fields.map((field) => this.reader(field.schema)),
    );
    const names = longNames(fields);
    const read: Read = (c) => {
      const before = c.pos;
      c.enter(fields.length);
      // As JSON each record has its fields' names.
      if (names > 0) c.written(names);
      const record = build(c);
      c.leave(before, fields.length);
      return record;
    };
    self.read = read;
    return read;
  }

  #ref(name: string): Read {
    const known = this.#records.get(name);
    if (known !== undefined) return known.read ?? ((c) => known.read!(c));
    const schema = this.#named.get(name);
    if (schema === undefined) throw new Error(`the schema names ${name} and does not define it`);
    return this.reader(schema);
  }
}

const longNames = (fields: readonly AvroField[]): number =>
  fields.reduce((sum, { name }) => sum + (name.length > decodeLimits.uncountedLength ? name.length : 0), 0);

/**
 * One object literal a schema, as generated code: the objects get their shape at once and each field's
 * reader a call of its own, which is three times as fast as storing fields by name in a loop. Only
 * the fields' names go into the code, as string literals.
 */
function recordBuilder(names: readonly string[], readers: readonly Read[]): (c: Cursor) => DecodedRecord {
  // `"__proto__": x` in a literal would set the prototype, `["__proto__"]: x` makes a field.
  const fields = names.map((name, i) => `[${JSON.stringify(name)}]: readers[${i}](c)`);
  return new Function('readers', `return (c) => ({${fields.join(', ')}});`)(readers) as (c: Cursor) => DecodedRecord;
}

function eachItem(c: Cursor, item: () => void): void {
  const start = c.pos;
  c.enter();
  for (let count = c.blockCount(); count > 0; count = c.blockCount()) {
    for (; count > 0; count--) {
      const before = c.pos;
      item();
      if (c.pos === before) c.empty(1);
    }
  }
  c.leave(start);
}
