import { describe, expect, it } from 'vitest';
import { rowVersion } from '../../../src/backfill/row-version.ts';
import { versionHex } from '../../../src/model/version.ts';

describe('C2: the version of a backfilled row', () => {
  it('is the lowest without source fields: every record of the stream is higher', () => {
    expect(rowVersion(7, [], [])).toBe(versionHex(0, null, 0, 0n));
    expect(rowVersion(7, [], []) < versionHex(1, null, 0, 0n)).toBe(true);
  });

  it('lies between the records with lower source values and the record with its own', () => {
    for (const value of [-5n, 0n, 1n, 2n ** 62n]) {
      const version = rowVersion(2, ['integer'], [String(value)]);
      expect(version > versionHex(2, value - 1n, 9, 999n)).toBe(true);
      expect(version < versionHex(2, value, 0, 1n)).toBe(true);
    }
    expect(rowVersion(2, ['text'], ['b']) > versionHex(2, 'a', 9, 9n)).toBe(true);
    expect(rowVersion(2, ['text'], ['b']) < versionHex(2, 'b', 0, 1n)).toBe(true);
  });

  it('C3: is of its home epoch: a later home wins whatever the clocks say', () => {
    expect(rowVersion(1, ['timestamp'], ['1750000000000000']) < versionHex(2, 0n, 0, 0n)).toBe(true);
  });

  it('takes null for the lowest, several fields from left to right, and whole numerics', () => {
    expect(rowVersion(1, ['integer'], [null])).toBe(versionHex(1, null, 0, 0n));
    expect(rowVersion(1, ['integer', 'text'], ['1', 'b']) < rowVersion(1, ['integer', 'text'], ['2', 'a'])).toBe(true);
    expect(rowVersion(1, ['integer'], ['12.00'])).toBe(rowVersion(1, ['integer'], ['12']));
    expect(() => rowVersion(1, ['integer'], ['1.5'])).toThrow('no whole number');
  });
});
