import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroDecoders } from '../../../src/avro/decoders.ts';
import { toExactJson } from '../../../src/avro/json.ts';
import { decodeLimits } from '../../../src/avro/limits.ts';
import { recordDecoder } from '../../../src/avro/record-decoder.ts';
import { schemaText } from '../../../src/avro/schema-text.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { encode, long, record } from './avsc-reference.ts';
import { never, RegistryDouble, StillClock } from './registry-double.ts';
import { shapes } from './shapes.ts';

const {
  maxWrittenLength,
  maxBodyBytes,
  maxValues,
  maxEmptyValues,
  maxDepth,
  maxDecimalBytes,
  maxScale,
  maxSchemaFields,
  maxSchemaDepth,
  maxSchemaLength,
} = decodeLimits;
const decoderOf = (schema: object) => recordDecoder(JSON.stringify(schema), 'schema 1');
const decode = (schema: object, bytes: Buffer) => decoderOf(schema).decode(bytes, 0, bytes.length);
const field = (type: unknown, bytes: Buffer) => decode(record({ name: 'x', type }), bytes).x;

const said = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof FarshoreError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing thrown';
};

const END = Buffer.from([0]);
const count = (n: number): Buffer => long(BigInt(n));
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });
const list = { type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] };
const tree = { type: 'record', name: 'N', fields: [{ name: 'in', type: array('N') }] };
/** 2^levels values that take no byte. */
const laughs = (levels: number): object => {
  let type: unknown = 'null';
  for (let i = 0; i < levels; i++) {
    const name = `L${i}`;
    type = {
      type: 'record',
      name,
      fields: [
        { name: 'a', type: i === 0 ? 'null' : type },
        { name: 'b', type: i === 0 ? 'null' : `L${i - 1}` },
      ],
    };
  }
  return record({ name: 'x', type });
};
const wide = (fields: number, type: unknown) => ({
  type: 'record',
  name: 'W',
  fields: Array.from({ length: fields }, (_, i) => ({ name: `f${i}`, type })),
});
const decimal = { type: 'bytes', logicalType: 'decimal', precision: 200_000, scale: 2 };

/** Of this process: a busy machine lets it wait, which is no fault of what is tested. */
const cpuMs = (before: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};

describe('a record that stands for more than it may', () => {
  it.each<[string, object, Buffer, string]>([
    ['an array of nulls', record({ name: 'x', type: array('null') }), Buffer.concat([count(2 ** 31), END]), `more than ${maxValues} items`],
    [
      'a count beyond 2^53',
      record({ name: 'x', type: array('null') }),
      Buffer.concat([long((1n << 63n) - 1n), END]),
      `more than ${maxValues} items`,
    ],
    [
      'a negative count beyond 2^53',
      record({ name: 'x', type: array('null') }),
      Buffer.concat([long(-(1n << 63n)), count(0), END]),
      `more than ${maxValues} items`,
    ],
    [
      'few enough nulls, and too many',
      record({ name: 'x', type: array('null') }),
      Buffer.concat([count(maxEmptyValues + 1), END]),
      `more than ${maxEmptyValues} values without a byte`,
    ],
    [
      'nulls in many arrays',
      record({ name: 'x', type: array(array('null')) }),
      Buffer.concat([count(3), ...[1, 2, 3].flatMap(() => [count(maxEmptyValues / 2), END]), END]),
      `more than ${maxEmptyValues} values without a byte`,
    ],
    [
      'an array of empty records',
      record({ name: 'x', type: array({ type: 'record', name: 'E', fields: [] }) }),
      Buffer.concat([count(maxEmptyValues + 1), END]),
      'without a byte',
    ],
    [
      'an array of nulls in wide records',
      record({ name: 'x', type: array(wide(100, 'null')) }),
      Buffer.concat([count(maxEmptyValues / 2), END]),
      'without a byte',
    ],
    ['records of records of nothing', laughs(40), Buffer.alloc(0), 'without a byte'],
    [
      'empty maps in an array',
      record({ name: 'x', type: array(map('null')) }),
      Buffer.concat([count(maxValues + 1), Buffer.alloc(maxValues + 2)]),
      `more than ${maxValues} items`,
    ],
    [
      'blocks of one item',
      record({ name: 'x', type: array('boolean') }),
      Buffer.concat([...Array.from({ length: maxValues + 1 }, () => Buffer.from([2, 0])), END]),
      `more than ${maxValues} items`,
    ],
    [
      'wide records of a byte each',
      record({ name: 'x', type: array(wide(1_000, ['null', 'int'])) }),
      Buffer.concat([count(2_000), Buffer.alloc(2_000_000), END]),
      `more than ${maxValues} items`,
    ],
    ['a list without end', list, Buffer.alloc(100_000, 2), `deeper than ${maxDepth}`],
    ['a tree without end', tree, Buffer.alloc(100_000, 2), `deeper than ${maxDepth}`],
    [
      'a decimal of ten megabytes',
      record({ name: 'x', type: decimal }),
      Buffer.concat([count(10_000_000), Buffer.alloc(10_000_000, 0x7f)]),
      `more than ${maxDecimalBytes} bytes`,
    ],
    [
      'one text of more than a body may have',
      record({ name: 'x', type: 'string' }),
      Buffer.concat([count(maxBodyBytes), Buffer.alloc(maxBodyBytes)]),
      `bytes, more than ${maxBodyBytes}`,
    ],
    [
      'decimals of a byte with 16,383 digits',
      record({ name: 'x', type: array({ ...decimal, scale: maxScale }) }),
      Buffer.concat([count(5_000), Buffer.alloc(10_000, 2), END]),
      `written out with more than ${maxWrittenLength} characters`,
    ],
    [
      'symbols of a hundred thousand characters',
      record({ name: 'x', type: array({ type: 'enum', name: 'E', symbols: ['S'.repeat(100_000)] }) }),
      Buffer.concat([count(1_000), Buffer.alloc(1_000), END]),
      `written out with more than ${maxWrittenLength} characters`,
    ],
    [
      'records whose one field has a name of a hundred thousand characters',
      record({ name: 'x', type: array({ type: 'record', name: 'Long', fields: [{ name: 'n'.repeat(100_000), type: 'int' }] }) }),
      Buffer.concat([count(1_000), Buffer.alloc(1_000), END]),
      `written out with more than ${maxWrittenLength} characters`,
    ],
  ])('is malformed at once: %s', (_, schema, bytes, why) => {
    const decoder = decoderOf(schema);
    const before = process.cpuUsage();
    expect(said(() => decoder.decode(bytes, 0, bytes.length))).toMatch(new RegExp(`^record_malformed: .*${why}`));
    expect(cpuMs(before)).toBeLessThan(2_000);
    // By the reader that writes columns, too.
    const reader = decoder.fieldReader!(decoder.fields.map(() => 'value'));
    const values = decoder.fields.map(() => null);
    expect(said(() => reader.read(bytes, 0, bytes.length, [], values))).toMatch(new RegExp(`^record_malformed: .*${why}`));
  });

  it.each<[string, unknown, Buffer, string]>([
    ['a count above what is left', array('int'), Buffer.concat([count(100), Buffer.from([2, 2])]), 'ends before'],
    ['a block larger than what is left', array('int'), Buffer.concat([count(-1), count(100), Buffer.from([2, 0])]), 'ends before'],
    ['a block of a negative size', array('int'), Buffer.concat([count(-1), count(-5), Buffer.from([2, 0])]), 'ends before'],
    ['a string of two gigabytes', 'string', count(2 ** 31 - 1), 'ends before'],
    ['bytes of 2^62', 'bytes', long(1n << 62n), 'ends before'],
    ['a fixed of two gigabytes', { type: 'fixed', name: 'F', size: 2 ** 31 - 1 }, Buffer.from([1]), 'ends before'],
    ['a branch below zero', ['null', 'int'], Buffer.from([1]), 'branch'],
    ['a symbol below zero', { type: 'enum', name: 'E', symbols: ['A'] }, Buffer.from([1]), 'symbol'],
    ['a map without its value', map('int'), Buffer.concat([count(1), Buffer.from([2, 0x61])]), 'ends before'],
    ['a map key that is not UTF-8', map('int'), Buffer.concat([count(1), Buffer.from([2, 0xff, 2, 0])]), 'UTF-8'],
  ])('is malformed: %s', (_, type, bytes, why) => {
    expect(said(() => field(type, bytes))).toMatch(new RegExp(`^record_malformed: .*${why}`));
  });

  it('is read when it is just within', () => {
    expect(field(array('null'), Buffer.concat([count(maxEmptyValues), END]))).toHaveLength(maxEmptyValues);
    expect(field(array('boolean'), Buffer.concat([count(maxValues), Buffer.alloc(maxValues), END]))).toHaveLength(maxValues);
    const scale = 1_000;
    const most = Math.floor(maxWrittenLength / scale);
    const decimals = Buffer.concat([count(most), Buffer.alloc(2 * most, 2), END]);
    expect(field(array({ ...decimal, scale }), decimals)).toHaveLength(most);
    // Short ones are bounded by their number.
    expect(field(array({ ...decimal, scale: 64 }), Buffer.concat([count(1_000), Buffer.alloc(2_000, 2), END]))).toHaveLength(1_000);
    let [depth, at] = [0, decode(list, Buffer.concat([Buffer.alloc(maxDepth - 1, 2), END]))];
    for (; at !== null; at = at.next as typeof at) depth++;
    expect(depth).toBe(maxDepth);
    expect(field(decimal, Buffer.concat([count(maxDecimalBytes), Buffer.alloc(maxDecimalBytes, 1)]))).toMatch(/^\d+\.\d\d$/);
  });

  it('of the largest text can be written as JSON, whatever its characters', () => {
    const bytes = Buffer.concat([count(maxBodyBytes - 4), Buffer.alloc(maxBodyBytes - 4, 1)]);
    expect(toExactJson(field('string', bytes)!).length).toBe(6 * (maxBodyBytes - 4) + 2);
  }, 60_000);

  it('leaves nothing to the next one', () => {
    const decoder = decoderOf(record({ name: 'x', type: array(list) }, { name: 'y', type: array('null') }));
    const bomb = Buffer.concat([count(1), Buffer.alloc(1_000, 2)]);
    const good = Buffer.concat([count(1), END, END, count(maxEmptyValues), END]);
    for (const _ of [1, 2, 3]) {
      expect(said(() => decoder.decode(bomb, 0, bomb.length))).toContain('deeper');
      expect(decoder.decode(good, 0, good.length)).toMatchObject({ x: [{ next: null }], y: { length: maxEmptyValues } });
    }
  });
});

describe('names of JavaScript', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

  it.each(names)('are keys of a map like any other: %s', (name) => {
    const value = field(map('int'), Buffer.concat([count(1), encode('string', name), Buffer.from([14, 0])])) as Record<string, number>;
    expect(Object.getOwnPropertyNames(value)).toEqual([name]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(toExactJson(value)).toBe(`{"${name}":7}`);
  });

  it.each(names)('are fields like any other, also of nested records: %s', (name) => {
    const inner = { type: 'record', name: 'I', fields: [{ name, type: 'int' }] };
    const value = decode(record({ name: 'x', type: inner }), Buffer.from([14]));
    expect(toExactJson(value)).toBe(`{"x":{"${name}":7}}`);
  });

  it('of a map change no other object', () => {
    const entries = [...names, 'polluted'].flatMap((name) => [
      encode('string', name),
      count(1),
      encode('string', 'polluted'),
      Buffer.from([2]),
      END,
    ]);
    field(map(map('int')), Buffer.concat([count(names.length + 1), ...entries, END]));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('a schema that is too much', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'int' : array(nested(depth - 1)));
  const chain = (links: number): readonly object[] =>
    Array.from({ length: links }, (_, i) => ({ type: 'record', name: `C${i}`, fields: i === 0 ? [] : [{ name: 'x', type: `C${i - 1}` }] }));
  const chained = (links: number) => {
    const texts = chain(links).map((one) => JSON.stringify(one));
    return () => recordDecoder(schemaText(texts.at(-1)!, texts.slice(0, -1)), 'schema 1');
  };

  it.each<[string, () => unknown, string]>([
    ['in fields', () => decoderOf(wide(maxSchemaFields + 1, 'int')), `more than ${maxSchemaFields} fields`],
    [
      'in fields of nested records',
      () => decoderOf(record({ name: 'a', type: ['null', array(map(wide(maxSchemaFields, 'int')))] })),
      `more than ${maxSchemaFields} fields`,
    ],
    ['in depth', () => decoderOf(record({ name: 'x', type: nested(3 * maxSchemaDepth) })), `deeper than ${maxSchemaDepth}`],
    ['in brackets', () => recordDecoder(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`, 's'), `deeper than ${maxSchemaDepth}`],
    ['in names of names', chained(1_000), `deeper than ${maxDepth}`],
    [
      'in length',
      () => recordDecoder(JSON.stringify({ ...record(), doc: 'x'.repeat(maxSchemaLength) }), 's'),
      `more than ${maxSchemaLength}`,
    ],
    [
      'in the scale of a decimal',
      () => decoderOf(record({ name: 'x', type: { type: 'bytes', logicalType: 'decimal', precision: 1e9, scale: 1e9 } })),
      `more than ${maxScale}`,
    ],
  ])('is unusable: %s', (_, read, why) => {
    expect(said(read)).toMatch(new RegExp(`^schema_unusable: .*${why}`));
  });

  it('is usable just within', () => {
    expect(decoderOf(wide(maxSchemaFields, 'int')).fields).toHaveLength(maxSchemaFields);
    expect(said(chained(100))).toBe('nothing thrown');
    expect(said(() => decoderOf(record({ name: 'x', type: nested(maxSchemaDepth - 1) })))).toBe('nothing thrown');
  });

  it('and any that nobody uses are forgotten: decoders are capped in number', async () => {
    const registry = new RegistryDouble();
    const decoders = new AvroDecoders({ registry, keeper: registry, observe: () => undefined, clock: new StillClock(), missingRetryMs: 1 });
    const most = 4_096;
    for (let id = 0; id <= most; id++) {
      registry.texts.set(String(id), '"int"');
      await decoders.load(String(id), never);
    }
    expect([decoders.get('0'), decoders.get('1') === undefined, decoders.get(String(most)) === undefined]).toEqual([
      undefined,
      false,
      false,
    ]);
    expect(await decoders.load('0', never)).toBeDefined();
    expect(decoders.get('1')).toBeUndefined();
  });
});

describe('any bytes', () => {
  it('under any schema are a value or malformed, soon and in little memory', () => {
    const huge = fc.constantFrom(count(2 ** 31), count(-(2 ** 31)), long(-(1n << 63n)), Buffer.alloc(300, 2), Buffer.alloc(50, 0xff));
    const anything = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
    const some = fc.array(fc.oneof(anything, huge), { maxLength: 4 }).map((parts) => Buffer.concat(parts));
    fc.assert(
      fc.property(shapes, some, ({ type }, bytes) => {
        const decoder = decoderOf(type as object);
        const before = process.cpuUsage();
        let values = 0;
        const outcome = said(() => {
          values = sizeOf(decoder.decode(bytes, 0, bytes.length));
        });
        expect(outcome).toMatch(/^(record_malformed: |nothing thrown$)/);
        // Nested records are at most a few fields of these schemas.
        expect(values).toBeLessThan(100 * bytes.length + 2 * maxEmptyValues);
        expect(cpuMs(before)).toBeLessThan(2_000);
      }),
      { numRuns: 1_000 },
    );
  });
});

function sizeOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 1;
  return Object.values(value).reduce((sum: number, one) => sum + sizeOf(one), 1);
}
