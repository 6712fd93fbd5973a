import { describe, expect, it } from 'vitest';
import { keyKindOf, keyText } from '../../../src/apply/key-text.ts';

const of = (type: string, ...values: readonly (string | number | bigint | boolean)[]) =>
  new Set(values.map((value) => keyText([value], [keyKindOf(type)])));

describe('keyText', () => {
  it.each(['bigint', 'integer', 'smallint'])('every form of one whole number is one key of a %s', (type) => {
    expect(of(type, 7, 7n, '7', '007', ' +7 ', -0 + 7)).toEqual(new Set([7]));
    expect(of(type, 0, -0, 0n, '0', '-0')).toEqual(new Set([0]));
  });

  it('-2^53, which a body’s reader makes a number of, is one key in every form', () => {
    const lowest = -(2n ** 53n);
    expect(of('bigint', Number(lowest), lowest, String(lowest)).size).toBe(1);
  });

  it('numbers that no double holds stay apart', () => {
    const large = 9_007_199_254_740_993n;
    expect(of('bigint', large, String(large), large - 1n, String(large - 1n))).toEqual(new Set([String(large), String(large - 1n)]));
  });

  it('texts that a type holds equal are one key, and no number is one of a text', () => {
    expect(of('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}').size).toBe(1);
    expect(of('numeric(12,2)', '1.0', '1.00', '1').size).toBe(1);
    expect(of('character(4)', 'a', 'a  ').size).toBe(1);
    expect(of('text', '7', '007', 7)).toEqual(new Set(['7', '007']));
  });

  it('several columns are told apart by their lengths', () => {
    const kinds = [keyKindOf('text'), keyKindOf('bigint')];
    expect(keyText(['1:1', 1], kinds)).not.toBe(keyText(['1', 11], kinds));
    expect(keyText(['a', '01'], kinds)).toBe(keyText(['a', 1n], kinds));
  });
});
