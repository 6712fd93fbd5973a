import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArrayElement } from '../../../src/apply/dependencies.ts';
import { copyLines } from '../../../src/postgres/copy-lines.ts';
import { CopyMemory } from '../../../src/postgres/copy-memory.ts';
import { TextColumn } from '../../../src/postgres/text-column.ts';

const columnOf = (values: readonly ArrayElement[]): TextColumn => {
  const column = new TextColumn();
  for (const value of values) column.push(value);
  return column;
};

/** The data of the messages, each of which must be as long as it says. */
function textOf(messages: readonly Buffer[]): string {
  for (const message of messages) {
    expect(message[0]).toBe('d'.charCodeAt(0));
    expect(message.readInt32BE(1)).toBe(message.length - 1);
  }
  return Buffer.concat(messages.map((message) => message.subarray(5))).toString();
}

/** As PostgreSQL reads a line of COPY's text form. */
const fieldsOf = (line: string): readonly (string | null)[] =>
  line
    .split('\t')
    .map((field) =>
      field === '\\N'
        ? null
        : field.replace(/\\([\\ntr])/g, (_all, letter: string) => ({ n: '\n', t: '\t', r: '\r', '\\': '\\' })[letter]!),
    );

const shown = (value: ArrayElement): string | null =>
  value === null ? null : Object.is(value, -0) ? '-0' : Buffer.from(String(value)).toString();

const element = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  fc.string({ minLength: 200, maxLength: 600, unit: fc.constantFrom('a', '"', '\\', '\t', '\n', 'ł', '𝄞') }),
  fc.constantFrom('', '"', '\\', '\\N', 'NULL', 'NaN', '\\.', '\\x00', '\t', '\r\n', '{}', '\u0007\b\f\v', Number.NaN, -0, -1 / 0),
);

describe('copyLines', () => {
  it('writes what a reader of COPY takes for the same values', () => {
    const rows = fc.array(fc.tuple(element, element, fc.stringMatching(/^[0-9a-f]{2,40}$/)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(rows, (list) => {
        const columns = [0, 1].map((c) => columnOf(list.map((row) => row[c]!)));
        const text = textOf(copyLines({ columns, hex: columnOf(list.map((row) => row[2])) }));
        expect(text.endsWith('\n')).toBe(true);
        const lines = text.slice(0, -1).split('\n');
        expect(lines.map(fieldsOf)).toEqual(list.map(([a, b, hex]) => [shown(a), shown(b), `\\x${hex}`]));
      }),
    );
  });

  it('takes ASCII that was pushed as bytes', () => {
    const column = new TextColumn();
    const bytes = Buffer.from('a "b" \\ c\td\ne');
    expect(column.pushAscii(bytes, 0, bytes.length)).toBe(true);
    expect(textOf(copyLines({ columns: [column], hex: columnOf(['00ff']) }))).toBe('a "b" \\\\ c\\td\\ne\t\\\\x00ff\n');
  });

  it('cuts long data into messages between lines, and grows where every byte is escaped', () => {
    const values = Array.from({ length: 900 }, (_, i) => '\n'.repeat(700 + (i % 7)));
    const messages = copyLines({ columns: [columnOf(values)], hex: columnOf(values.map(() => '01')) });
    expect(messages.length).toBeGreaterThan(3);
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(270_000);
    for (const message of messages) expect(message.at(-1)).toBe(0x0a);
    const lines = textOf(messages).slice(0, -1).split('\n');
    expect(lines.map((line) => fieldsOf(line)[0])).toEqual(values);
  });

  it('refuses columns that differ in length or are none of text', () => {
    expect(() => copyLines({ columns: [columnOf(['a'])], hex: columnOf(['00', '01']) })).toThrow('differ in length');
    expect(() => copyLines({ columns: [['a']], hex: columnOf(['00']) })).toThrow('Only columns of text');
  });

  it('writes into memory that was used before, whatever was in it', () => {
    const memory = new CopyMemory();
    const lines = (note: string) =>
      textOf(copyLines({ columns: [columnOf([note])], hex: columnOf(['00']) }, (bytes) => memory.take(bytes)));
    const used = memory.take(1_000).fill(0x61);
    memory.giveBack(used);
    expect(lines('short')).toBe('short\t\\\\x00\n');
    expect(memory.take(10)).not.toBe(used);
    memory.giveBack(used);
    expect(lines('x'.repeat(2_000))).toHaveLength(2_007);
    memory.giveBack(Buffer.alloc(5_000_000));
    expect(memory.take(1)).toHaveLength(1);
    memory.giveBack(used);
    memory.giveBack(Buffer.alloc(10));
    expect(memory.take(1)).toBe(used);
  });

  it('sends nothing for no rows', () => {
    expect(copyLines({ columns: [columnOf([])], hex: columnOf([]) })).toEqual([]);
  });
});
