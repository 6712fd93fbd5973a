import { describe, expect, it } from 'vitest';
import type { TableKey } from '../../../src/apply/mapping.ts';
import { checkWholeNumbers } from '../../../src/apply/whole-number-key.ts';

const table = (type: string): TableKey => ({
  table: { schema: 'public', table: 't' },
  name: 'public.t',
  key: [{ column: 'id', field: 'id', type, travel: { array: type, cast: undefined, form: 'plain' } }],
  hasSource: false,
});

describe('the key of a delete that no row of whole numbers can have', () => {
  it.each([
    ['x', 'integer', '22P02'],
    ['', 'bigint', '22P02'],
    ['1.5', 'integer', '22P02'],
    ['99999999999', 'integer', '22003'],
    ['-32769', 'smallint', '22003'],
    ['9223372036854775808', 'bigint', '22003'],
  ])('%j of %s is refused as the server does', (key, type, sqlState) => {
    expect(() => checkWholeNumbers([key], table(type))).toThrow(
      expect.objectContaining({ code: 'row_refused', facts: { sqlState, rowAtFault: true } }),
    );
  });

  it.each([
    [' +7 ', 'integer'],
    ['-9223372036854775808', 'bigint'],
    ['0x1F', 'integer'],
    ['1_000', 'integer'],
    ['x', 'text'],
  ])('%j of %s is the server’s to judge', (key, type) => {
    expect(() => checkWholeNumbers([key], table(type))).not.toThrow();
  });
});
