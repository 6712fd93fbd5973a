import { describe, expect, it } from 'vitest';
import type { SubjectVersion } from '../../../src/avro/contracts.ts';
import { difference } from '../../../src/avro/same-version.ts';

const version = (schema: unknown, changes: Partial<SubjectVersion> = {}): SubjectVersion => ({
  ...{ subject: 'a-value', version: 1, id: 7, type: 'AVRO', references: [], deleted: false },
  schema: typeof schema === 'string' ? schema : JSON.stringify(schema),
  ...changes,
});
const record = (fields: unknown, more: object = {}) => ({ type: 'record', name: 'A', namespace: 'x', fields, ...more });
const field = (type: unknown, more: object = {}) => [{ name: 'f', type, ...more }];

describe('a version in two registries', () => {
  it.each<[string, unknown, unknown]>([
    ['keys in another order', record(field('int')), { fields: [{ type: 'int', name: 'f' }], namespace: 'x', name: 'A', type: 'record' }],
    ['spaces', '{"type": "int", "logicalType": "date"}', '{"type":"int","logicalType":"date"}'],
    ['a type in an object of its own', record(field({ type: 'string' })), record(field('string'))],
    ['a name in full', record(field('int')), { type: 'record', name: 'x.A', fields: field('int') }],
    ['a name inside its namespace', record(field(['null', 'A'])), record(field(['null', 'x.A']))],
    [
      'a namespace that is that around it',
      record(field({ type: 'enum', name: 'E', namespace: 'x', symbols: [] })),
      record(field({ type: 'enum', name: 'E', symbols: [] })),
    ],
    ['names of items and values', record(field({ type: 'map', values: 'A' })), record(field({ type: 'map', values: { type: 'x.A' } }))],
    ['aliases in full', record([], { aliases: ['B'] }), record([], { aliases: ['x.B'] })],
    ['the usual order', record(field('int', { order: 'ascending' })), record(field('int'))],
  ])('is the same with %s', (_, one, other) => {
    expect(difference(version(one), version(other))).toBeUndefined();
  });

  it.each<[string, unknown, unknown]>([
    ['another type of a field', record(field('int')), record(field('long'))],
    ['another logical type', record(field({ type: 'int', logicalType: 'date' })), record(field('int'))],
    ['another default', record(field('int', { default: 0 })), record(field('int', { default: 1 }))],
    [
      'another default that a double rounds',
      '{"default": 9007199254740992, "type": "long"}',
      '{"default": 9007199254740993, "type": "long"}',
    ],
    ['another doc', record([], { doc: 'a' }), record([], { doc: 'b' })],
    ['another namespace', record([]), record([], { namespace: 'y' })],
    [
      'fields in another order',
      record([...field('int'), { name: 'g', type: 'int' }]),
      record([{ name: 'g', type: 'int' }, ...field('int')]),
    ],
    ['branches in another order', record(field(['null', 'int'])), record(field(['int', 'null']))],
    ['a name of another namespace', record(field('y.E')), record(field('E'))],
    ['another order of comparison', record(field('int', { order: 'ignore' })), record(field('int'))],
    ['a text that is none', '{', '"int"'],
  ])('is another with %s', (_, one, other) => {
    expect(difference(version(one), version(other))).toBe('schema');
  });

  it('is another with another id, type or reference', () => {
    const refers = (name: string, to: number) => ({ name, subject: 's', version: to });
    expect(difference(version('"int"'), version('"int"', { id: 8 }))).toBe('id');
    expect(difference(version('"int"'), version('"int"', { type: 'JSON' }))).toBe('type');
    const both = version('"int"', { references: [refers('a', 1), refers('b', 2)] });
    expect(difference(both, version('"int"', { references: [refers('b', 2), refers('a', 1)] }))).toBeUndefined();
    expect(difference(both, version('"int"', { references: [refers('a', 1), refers('b', 3)] }))).toBe('references');
    expect(difference(both, version('"int"'))).toBe('references');
  });

  it('of another kind is compared as JSON, or by its text where that is none', () => {
    const json = (schema: string) => version(schema, { type: 'JSON' });
    const protobuf = (schema: string) => version(schema, { type: 'PROTOBUF' });
    expect(difference(json('{"a": 1, "b": {"type": "x"}}'), json('{"b":{"type":"x"},"a":1}'))).toBeUndefined();
    expect(difference(json('{"b": {"type": "x"}}'), json('{"b": "x"}'))).toBe('schema');
    expect(difference(protobuf('message A {}'), protobuf('message A {}'))).toBeUndefined();
    expect(difference(protobuf('message A {}'), protobuf('message B {}'))).toBe('schema');
  });
});
