import { describe, expect, it } from 'vitest';
import { arrayLiteral } from '../../../src/postgres/array-literal.ts';

describe('arrayLiteral', () => {
  it.each([
    ['an empty array', [], '{}'],
    ['null apart from the text NULL', [null, 'NULL', 'null'], '{NULL,"NULL","null"}'],
    ['empty text', ['', ' '], '{""," "}'],
    ['quotes and backslashes', ['a"b', 'a\\b', '\\"', '\\\\'], '{"a\\"b","a\\\\b","\\\\\\"","\\\\\\\\"}'],
    ['braces and commas', ['{1,2}', 'a,b'], '{"{1,2}","a,b"}'],
    ['numbers in full', [1, -1.5, 2n ** 63n - 1n, Number.NaN, Number.NEGATIVE_INFINITY], '{1,-1.5,9223372036854775807,NaN,-Infinity}'],
    ['the sign of a negative zero', [-0, 0], '{-0,0}'],
    ['booleans', [true, false], '{true,false}'],
  ])('writes %s', (_what, elements, literal) => {
    expect(arrayLiteral(elements)).toBe(literal);
  });
});
