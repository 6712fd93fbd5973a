import { describe, expect, it } from 'vitest';
import { canonicalClass, canonicalText } from '../../../src/audit/canonical.ts';
import type { ColumnType } from '../../../src/audit/contracts.ts';
import { textOrder } from '../../../src/audit/described-table.ts';
import { keyClass, keyEquals, keyValue } from '../../../src/audit/key.ts';
import { columnType, enumType, sideColumn } from './types.ts';

const typeOf = (type: string | ColumnType) => (typeof type === 'string' ? columnType(type) : type);
const pair = (primary: string | ColumnType, region: string | ColumnType) => ({ primary: typeOf(primary), region: typeOf(region) });

describe('how a column is compared', () => {
  it.each([
    ['int4', 'int8', 'number'],
    ['int2', 'numeric', 'number'],
    ['float4', 'float8', 'float'],
    ['float8', 'numeric', 'float'],
    ['numeric', 'int4', 'number'],
    ['int4', 'float8', 'float'],
    ['varchar', 'text', 'text'],
    ['bpchar', 'text', 'text'],
    ['uuid', 'uuid', 'uuid'],
    ['uuid', 'text', 'text'],
    ['timestamptz', 'timestamp', 'timestamp'],
    ['date', 'timestamptz', 'moment'],
    ['json', 'jsonb', 'json'],
    ['int4[]', 'int8[]', 'number[]'],
    ['varchar[]', 'text[]', 'text[]'],
  ])('%s and %s as %s', (primary, region, as) => {
    expect(canonicalClass(pair(primary, region))).toBe(as);
  });

  it.each([
    ['int8', 'float8', 'what a double cannot hold would be equal to its neighbour'],
    ['numeric', 'float8', 'the primary’s digits would be lost'],
    ['text', 'jsonb', 'a text need not be JSON'],
    ['time', 'timetz', 'one has no zone'],
    ['int4', 'int4[]', 'one value and many'],
    ['money', 'money', 'the locale writes it'],
    ['bytea', 'text', 'encodings'],
  ])('%s and %s not at all: %s', (primary, region) => {
    expect(canonicalClass(pair(primary, region))).toEqual({ why: expect.stringMatching(/\w/) });
  });

  it('enums and citext as text, other types of somebody’s own not at all', () => {
    expect(canonicalClass(pair(enumType('a', 'b'), 'text'))).toBe('text');
    expect(canonicalClass(pair(columnType('citext', { builtIn: false }), 'text'))).toBe('text');
    expect(canonicalClass(pair(columnType('hstore', { builtIn: false }), columnType('hstore', { builtIn: false })))).toEqual({
      why: 'hstore has no form to compare',
    });
    // A type of that name that somebody made.
    expect(canonicalClass(pair(columnType('int4', { builtIn: false }), 'int4'))).toEqual({ why: 'integer has no form to compare' });
  });

  it('writes null as null, in an array and instead of one', () => {
    expect(canonicalText('t."a"', columnType('int4[]'), 'number[]')).toMatch(/^case when t\."a" is not null then .* end$/);
  });
});

describe('how a key is walked', () => {
  const keys = (primary: string | ColumnType, region: string | ColumnType, changes = {}) =>
    keyClass({ primary: sideColumn('id', primary), region: sideColumn('id', region, changes) });

  it.each([
    ['int4', 'int8', 'integer'],
    ['int8', 'numeric', 'numeric'],
    ['varchar', 'text', 'text'],
    ['timestamptz', 'timestamp', 'timestamp'],
    ['uuid', 'uuid', 'uuid'],
  ])('%s and %s as %s', (primary, region, as) => {
    expect(keys(primary, region)).toBe(as);
  });

  it('texts by their bytes where collations differ, or take different texts for the same', () => {
    expect(keys('text', 'text', { order: 'C' })).toBe('bytes');
    expect(keys('text', 'text', { looseEquality: true })).toBe('bytes');
  });

  it('enums by their order, if it is one', () => {
    expect(keys(enumType('a', 'b'), enumType('a', 'b'))).toBe('enum');
    expect(keys(enumType('a', 'b'), enumType('b', 'a'))).toMatchObject({ why: expect.stringContaining('labels') });
  });

  it.each([
    ['uuid', 'text'],
    ['date', 'timestamp'],
    ['bpchar', 'text'],
    ['jsonb', 'jsonb'],
    ['interval', 'interval'],
    ['int4[]', 'int4[]'],
  ])('%s and %s not at all', (primary, region) => {
    expect(keys(primary, region)).toMatchObject({ why: expect.any(String) });
  });

  it('a number that the other side cannot have, by its neighbour, which is not taken for it', () => {
    expect(keyValue('$1', columnType('int4'), 'numeric')).toContain('floor(');
    expect(keyEquals('t.a', '$1', columnType('int4'), 'numeric')).toMatch(/ and t\.a::numeric = \$1::numeric$/);
  });

  it('orders of texts have one name each', () => {
    expect([textOrder('c', 'C'), textOrder('c', 'POSIX'), textOrder('b', 'C.UTF-8')]).toEqual(['C', 'C', 'C']);
    expect([textOrder('c', 'en_US.utf8'), textOrder('c', 'en_US.UTF-8')]).toEqual(['libc en_US.UTF-8', 'libc en_US.UTF-8']);
    expect(textOrder('i', 'en-US')).toBe('icu en-US');
  });
});
