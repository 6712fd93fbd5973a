import { describe, expect, it } from 'vitest';
import { backfillOffset, recordOf, rowVersion } from '../../../src/backfill/row-version.ts';
import { versionHex } from '../../../src/model/version.ts';

describe('C2: the version of a backfilled row', () => {
  it('is the lowest without source fields: every record of the stream is higher', () => {
    expect(rowVersion(7, [], [], 0n)).toBe(versionHex(0, null, 0, 0n));
    expect(rowVersion(7, [], [], 0n) < versionHex(1, null, 0, 0n)).toBe(true);
  });

  it('lies between the records with lower source values and the record with its own', () => {
    for (const value of [-5n, 0n, 1n, 2n ** 62n]) {
      const version = rowVersion(2, ['integer'], [String(value)], 0n);
      expect(version > versionHex(2, value - 1n, 9, 999n)).toBe(true);
      expect(version < versionHex(2, value, 0, 1n)).toBe(true);
    }
    expect(rowVersion(2, ['text'], ['b'], 0n) > versionHex(2, 'a', 9, 9n)).toBe(true);
    expect(rowVersion(2, ['text'], ['b'], 0n) < versionHex(2, 'b', 0, 1n)).toBe(true);
  });

  it('C3: is of its home epoch: a later home wins whatever the clocks say', () => {
    expect(rowVersion(1, ['timestamp'], ['1750000000000000'], 0n) < versionHex(2, 0n, 0, 0n)).toBe(true);
  });

  it('takes null for the lowest, several fields from left to right, and whole numerics', () => {
    expect(rowVersion(1, ['integer'], [null], 0n)).toBe(versionHex(1, null, 0, 0n));
    expect(rowVersion(1, ['integer', 'text'], ['1', 'b'], 0n) < rowVersion(1, ['integer', 'text'], ['2', 'a'], 0n)).toBe(true);
    expect(rowVersion(1, ['integer'], ['12.00'], 0n)).toBe(rowVersion(1, ['integer'], ['12'], 0n));
    expect(() => rowVersion(1, ['integer'], ['1.5'], 0n)).toThrow('no whole number');
  });
});

describe('C2: what only backfills wrote', () => {
  const version = (from: 'database' | 'file', id: string, record: bigint) => versionHex(0, null, 0, backfillOffset(from, id, record));

  it('is below every record of the stream, whose generations begin with 1', () => {
    for (const from of ['database', 'file'] as const) {
      expect(versionHex(1, 5n, 0, backfillOffset(from, '9999', 7n)) < versionHex(1, 5n, 1, 0n)).toBe(true);
      expect(version(from, '9999', 7n) < versionHex(1, null, 1, 0n)).toBe(true);
    }
  });

  it('is ordered: the later record of a file, the later backfill, and the database over all files', () => {
    expect(version('file', '3', 1n) < version('file', '3', 2n)).toBe(true);
    expect(version('file', '3', 1_000_000n) < version('file', '4', 0n)).toBe(true);
    expect(version('file', '999', 5n) < version('database', '1', 0n)).toBe(true);
    expect(version('database', '1', 0n) < version('database', '2', 0n)).toBe(true);
    expect(recordOf(backfillOffset('file', '7', 42n))).toBe(42n);
    expect(() => backfillOffset('file', '1', 1n << 40n)).toThrow('no number');
  });
});
