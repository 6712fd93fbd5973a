import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArrayElement } from '../../../src/apply/dependencies.ts';
import { arrayLiteral } from '../../../src/postgres/array-literal.ts';
import { TextColumn } from '../../../src/postgres/text-column.ts';

const elements = fc.array(
  fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    fc.string({ minLength: 200, maxLength: 600, unit: fc.constantFrom('a', '"', '\\', 'ł', '𝄞') }),
    fc.constantFrom('', '"', '\\', '{}', ',', 'NULL', 'a "quoted" \\ text', '\ud800'),
  ),
  { maxLength: 60 },
);
const columnOf = (values: readonly ArrayElement[]): TextColumn => {
  const column = new TextColumn();
  for (const value of values) column.push(value);
  return column;
};
const textOf = (column: TextColumn): string => column.literal().toString();
/** A lone surrogate has no UTF-8: both ways write the replacement. */
const asUtf8 = (text: string): string => Buffer.from(text).toString();

describe('TextColumn', () => {
  it('writes what arrayLiteral writes', () => {
    fc.assert(
      fc.property(elements, (values) => {
        expect(textOf(columnOf(values))).toBe(asUtf8(arrayLiteral(values)));
      }),
    );
  });

  it('picks some of its elements in any order, and forgets those behind a count', () => {
    fc.assert(
      fc.property(elements, fc.array(fc.nat(), { maxLength: 20 }), fc.nat(), (values, indexes, keep) => {
        const rows = values.length === 0 ? [] : indexes.map((index) => index % values.length);
        const column = columnOf(values);
        expect(textOf(column.pick(rows))).toBe(asUtf8(arrayLiteral(rows.map((row) => values[row]!))));
        column.truncate(keep);
        column.push('after');
        expect(textOf(column)).toBe(asUtf8(arrayLiteral([...values.slice(0, keep), 'after'])));
        expect(column.count).toBe(Math.min(keep, values.length) + 1);
      }),
    );
  });

  it.each(['a\0b', '\0', `${'long '.repeat(100)}\0`, 'ł\0', 'a"\\\0'])('refuses a NUL and is as it was before: %j', (text) => {
    fc.assert(
      fc.property(elements, (values) => {
        const column = columnOf(values);
        expect(() => column.push(text)).toThrow(expect.objectContaining({ code: 'record_unmappable', facts: { sqlState: '22021' } }));
        column.truncate(values.length);
        column.push('after');
        expect(textOf(column)).toBe(asUtf8(arrayLiteral([...values, 'after'])));
      }),
      { numRuns: 20 },
    );
    const bytes = Buffer.from(text);
    expect(columnOf(['before']).pushAscii(bytes, 0, bytes.length)).toBe(false);
  });

  it('tells whether two elements have the same text', () => {
    const column = columnOf(['a', 'b', 'a', null, null, 'NULL', 1, 1n, 'ab']);
    const same = (a: number, b: number) => column.same(a, b);
    expect([same(0, 2), same(3, 4), same(6, 7), same(5, 5)]).toEqual([true, true, true, true]);
    expect([same(0, 1), same(3, 5), same(0, 8), same(8, 0)]).toEqual([false, false, false, false]);
  });

  it('orders elements of ASCII as their texts are, and says where the higher one differs first', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('0', '1', 'f'), maxLength: 4 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(texts, (values) => {
        const column = columnOf(values);
        for (const [a, first] of values.entries()) {
          for (const [b, second] of values.entries()) {
            const at = [...first, ''].findIndex((unit, i) => unit !== second[i]);
            expect(column.order(a, b)).toBe(first < second ? -1 : at + 1);
            expect(column.text(a)).toBe(first);
          }
        }
      }),
    );
  });

  it('holds what it holds, whatever was expected of it', () => {
    fc.assert(
      fc.property(elements, fc.nat(2_000), fc.nat(80), (values, bytes, count) => {
        const column = new TextColumn({ bytes, count });
        for (const value of values) column.push(value);
        expect(textOf(column)).toBe(asUtf8(arrayLiteral(values)));
        expect(column.byteLength).toBe(Math.max(1, column.literal().length - 1));
      }),
    );
  });

  it('what is picked takes no more memory than it needs', () => {
    const column = columnOf(Array.from({ length: 5_000 }, () => 'a value'));
    const { bytes, length } = column.pick([1, 4_000]).written;
    expect([length, bytes.length]).toEqual([1 + 2 * 9 + 1, 1 + 2 * 9 + 1 + 2]);
  });

  it('grows', () => {
    const values = Array.from({ length: 5_000 }, (_, index) => `value ${index} of a long column`);
    expect(textOf(columnOf(values))).toBe(arrayLiteral(values));
  });
});
