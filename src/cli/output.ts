import { type Command, Option } from 'commander';
import type { CliIo } from './io.ts';

export interface OutputOptions {
  readonly output: 'human' | 'json';
}

export const withOutput = (command: Command): Command =>
  command.addOption(new Option('-o, --output <format>', 'what stdout gets').choices(['human', 'json']).default('human'));

/** Writes one value: as JSON, or as the text a person reads. Both come from the same value. */
export function writeValue<T>(io: CliIo, options: OutputOptions, value: T, human: (value: T) => string): void {
  io.stdout.write(options.output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : human(value));
}

export type Paint = (style: 'red' | 'green' | 'yellow' | 'dim' | 'bold', text: string) => string;

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

export const painter = (color: boolean): Paint =>
  color ? (style, text) => `\u001b[${codes[style]}m${text}\u001b[0m` : (_style, text) => text;

/** Data of strangers: nothing of it reaches the terminal as a control sequence. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '·');

/** Left-aligned columns, two blanks apart; the last one is not padded. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
