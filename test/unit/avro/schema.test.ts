import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recordDecoder } from '../../../src/avro/record-decoder.ts';
import { schemaText } from '../../../src/avro/schema-text.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { record } from './avsc-reference.ts';

const decoderOf = (schema: object, references: readonly object[] = []) =>
  recordDecoder(
    schemaText(
      JSON.stringify(schema),
      references.map((one) => JSON.stringify(one)),
    ),
    'schema 1',
  );
const shape = (type: unknown) => decoderOf(record({ name: 'x', type })).fields[0];

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof FarshoreError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

describe('fields of a schema', () => {
  it.each<[string, unknown, object]>([
    ['a primitive', 'long', { avro: 'long', nullable: false, logical: undefined }],
    ['a nullable one', ['null', 'string'], { avro: 'string', nullable: true }],
    ['null behind', ['int', 'null'], { avro: 'int', nullable: true }],
    ['several branches', ['null', 'string', 'int'], { avro: 'union', nullable: true }],
    ['null alone', 'null', { avro: 'null', nullable: true }],
    [
      'a decimal',
      ['null', { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 4 }],
      { avro: 'bytes', logical: 'decimal', precision: 18, scale: 4, nullable: true },
    ],
    ['a decimal without scale', { type: 'bytes', logicalType: 'decimal', precision: 9 }, { logical: 'decimal', precision: 9, scale: 0 }],
    ['nanoseconds', { type: 'long', logicalType: 'timestamp-nanos' }, { avro: 'long', logical: 'timestamp-nanos' }],
    ['an enum', { type: 'enum', name: 'E', symbols: ['A'] }, { avro: 'enum' }],
    ['an array', { type: 'array', items: 'int' }, { avro: 'array', items: expect.objectContaining({ name: '', avro: 'int' }) }],
    [
      'an array of nullable decimals',
      { type: 'array', items: ['null', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 4 }] },
      { avro: 'array', items: expect.objectContaining({ avro: 'bytes', logical: 'decimal', scale: 4, nullable: true }) },
    ],
    ['a record', { type: 'record', name: 'N', fields: [] }, { avro: 'record' }],
    ['a uuid of 16 bytes', { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' }, { avro: 'fixed', logical: 'uuid' }],
  ])('tell %s', (_, type, expected) => {
    expect(shape(type)).toMatchObject({ name: 'x', ...expected });
  });

  it.each<[string, unknown]>([
    ['a scale above the precision', { type: 'bytes', logicalType: 'decimal', precision: 2, scale: 3 }],
    ['no precision', { type: 'bytes', logicalType: 'decimal' }],
    ['a precision its size cannot hold', { type: 'fixed', name: 'D', size: 2, logicalType: 'decimal', precision: 5 }],
    ['a uuid of another size', { type: 'fixed', name: 'U', size: 15, logicalType: 'uuid' }],
    ['a duration of another size', { type: 'fixed', name: 'U', size: 16, logicalType: 'duration' }],
    ['a logical type of another base', { type: 'string', logicalType: 'date' }],
  ])('are read as their base type with %s', (_, type) => {
    expect(shape(type)).toMatchObject({ logical: undefined, precision: undefined, scale: undefined });
  });

  it('carry their documentation', () => {
    expect(decoderOf(record({ name: 'x', type: 'int', doc: 'Paid seats.' })).fields[0]?.doc).toBe('Paid seats.');
  });
});

describe('names in a schema', () => {
  it('are found in the enclosing namespace, in full, and in references', () => {
    const money = { type: 'record', name: 'Money', namespace: 'com.company.types', fields: [{ name: 'cents', type: 'long' }] };
    const order = {
      type: 'record',
      name: 'com.company.billing.Order',
      fields: [
        { name: 'total', type: 'com.company.types.Money' },
        { name: 'state', type: { type: 'enum', name: 'State', symbols: ['A', 'B'] } },
        { name: 'before', type: ['null', 'State'] },
        { name: 'parent', type: ['null', 'Order'] },
      ],
    };
    const decoder = decoderOf(order, [money]);
    expect(decoder.fields.map(({ avro }) => avro)).toEqual(['record', 'enum', 'enum', 'record']);
    const bytes = Buffer.from([14, 2, 2, 0, 2, 2, 0, 0, 0]);
    expect(decoder.decode(bytes, 0, bytes.length)).toEqual({
      total: { cents: 7 },
      state: 'B',
      before: 'A',
      parent: { total: { cents: 1 }, state: 'A', before: null, parent: null },
    });
  });
});

describe('a schema text', () => {
  it('may have defaults that are not valid, which old registries took', () => {
    const schema = record(
      { name: 'a', type: ['null', 'string'], default: 'null' },
      { name: 'b', type: 'long', default: 9_223_372_036_854_776_000 },
    );
    expect(decoderOf(schema).decode(Buffer.from([0, 2]), 0, 2)).toEqual({ a: null, b: 1 });
  });

  it('may carry an attribute called references', () => {
    const text = `{"references":[],"type":"record","name":"R","fields":[{"name":"default","type":"int"}]}`;
    expect(recordDecoder(text, 's').decode(Buffer.from([2]), 0, 1)).toEqual({ default: 1 });
  });

  it.each([
    ['no JSON', '{'],
    ['an unknown type', '{"type": "record", "name": "R", "fields": [{"name": "x", "type": "Missing"}]}'],
    ['a bad name', '{"type": "record", "name": "R", "fields": [{"name": "x\\"]", "type": "int"}]}'],
    ['a union in a union', '["null", ["int"]]'],
    ['endless nesting', `${'{"type":"array","items":'.repeat(20_000)}"int"${'}'.repeat(20_000)}`],
  ])('is unusable with %s', (_, text) => {
    expect(codeOf(() => recordDecoder(text, 's'))).toBe('schema_unusable');
  });
});

describe('the schemas that come with Farshore', () => {
  const folder = new URL('../../../schemas/', import.meta.url);
  const ids = JSON.parse(readFileSync(new URL('ids.json', folder), 'utf8')) as Record<string, number>;
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(new URL(`${name}/`, folder)).map((file) => `${name}/${file.replace('.avsc', '')}`));

  it('have one id each', () => {
    expect(Object.keys(ids).sort()).toEqual(files.sort());
    expect(new Set(Object.values(ids)).size).toBe(files.length);
  });

  const decoderOf = (file: string) => recordDecoder(readFileSync(new URL(`${file}.avsc`, folder), 'utf8'), file);

  it.each(files.filter((file) => file.startsWith('billing.')))('%s is a row with a key and a version', (file) => {
    const decoder = decoderOf(file);
    expect(decoder.fields.find(({ name }) => name === 'id')).toMatchObject({ nullable: false });
    expect(decoder.fields.find(({ name }) => name === 'updated_at')).toMatchObject({ logical: 'timestamp-micros', nullable: false });
  });

  it.each(files)('%s is a documented record', (file) => {
    const decoder = decoderOf(file);
    expect(decoder.fields.filter(({ doc }) => doc === undefined).map(({ name }) => name)).toEqual([]);
  });
});
