import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { homeOffset, offsetsBetween, offsetValue, regionalOffset } from '../../../src/model/offsets.ts';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(root, 'node_modules/.offsets-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Type-checks lines on their own and answers the lines that do not compile. */
function rejected(lines: readonly string[]): readonly string[] {
  const head = `import { homeOffset, offsetsBetween, regionalOffset } from '${root}/src/model/offsets.ts';\nconst h = homeOffset(1n); const r = regionalOffset(1n);\n`;
  const file = join(folder, 'lines.ts');
  writeFileSync(file, head + lines.join('\n'));
  const flags = [
    '--noEmit',
    '--strict',
    '--ignoreConfig',
    '--target',
    'es2024',
    '--module',
    'nodenext',
    '--allowImportingTsExtensions',
    '--types',
    '',
  ];
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags, file], { encoding: 'utf8' });
  const numbers = [...stdout.matchAll(/lines\.ts\((\d+),/g)].map((m) => Number(m[1]) - 3);
  return [...new Set(numbers)].map((n) => lines[n] ?? `line ${n}: ${stdout}`);
}

describe('offsets of two clusters', () => {
  it('C5: comparing a home offset with a regional one does not compile, nor with a bare bigint', () => {
    const wrong = [
      'h < r;',
      'r >= h;',
      'h === r;',
      'h < 5n;',
      'offsetsBetween(h, r);',
      'const x: typeof h = r; x;',
      'const y: typeof h = 5n; y;',
    ];
    const right = ['h < homeOffset(2n);', 'r >= regionalOffset(2n);', 'h === homeOffset(1n);', 'offsetsBetween(h, homeOffset(3n));'];
    expect(rejected([...wrong, ...right])).toEqual(wrong);
  }, 30_000);

  it('are plain numbers at run time', () => {
    expect(homeOffset(1n) < homeOffset(2n)).toBe(true);
    expect(offsetsBetween(regionalOffset(5n), regionalOffset(9n))).toBe(4n);
    expect(offsetValue(homeOffset(7n))).toBe(7n);
  });
});
