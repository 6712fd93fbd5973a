import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SourceReader, type VersionKind } from '../../../src/apply/source-version.ts';
import { isSameSource, sourceOfVersion, VersionText } from '../../../src/apply/version-text.ts';
import { type SourceVersion, versionHex } from '../../../src/model/version.ts';

const longs = fc
  .tuple(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.integer({ min: 0, max: 63 }))
  .map(([value, shift]) => value >> BigInt(shift));
const texts = fc.array(fc.constantFrom('\0', '\u0001', 'a', 'ż', '😀')).map((parts) => parts.join(''));
const uint32 = fc.nat({ max: 0xffff_ffff });
// Of every width: beyond 2^32, and beyond what a number holds.
const offsets = fc.tuple(fc.bigInt(0n, (1n << 63n) - 1n), fc.integer({ min: 0, max: 63 })).map(([value, shift]) => value >> BigInt(shift));

const written = (text: VersionText): string => text.bytes.toString('latin1', 0, text.length);

describe('VersionText', () => {
  it('C1: writes what the model writes, one version after the other, of any kind and length', () => {
    const rows = fc.array(
      fc.tuple(fc.constantFrom<VersionKind>('integer', 'timestamp', 'text'), fc.option(longs), fc.option(texts), fc.boolean(), offsets),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(uint32, uint32, rows, (homeEpoch, generation, all) => {
        const text = new VersionText({ homeEpoch, generation });
        for (const [kind, long, string, asNumber, offset] of all) {
          const source: SourceVersion = kind === 'text' ? string : long;
          const exact = typeof source === 'bigint' && asNumber && Number.isSafeInteger(Number(source));
          text.begin();
          expect(new SourceReader([{ field: 'v', kind }]).write(text, { v: exact ? Number(source) : source })).toBe(true);
          text.end(offset);
          expect(written(text)).toBe(versionHex(homeEpoch, source, generation, offset));
          expect(sourceOfVersion(written(text))).toBe(new SourceReader([{ field: 'v', kind }]).read({ v: source }));
        }
      }),
    );
  });

  it('writes a timestamp’s text as its microseconds, several fields one behind the other, and no field as the lowest', () => {
    const text = new VersionText({ homeEpoch: 1, generation: 2 });
    text.begin();
    const fields = [
      { field: 'at', kind: 'timestamp' as const },
      { field: 'n', kind: 'integer' as const },
    ];
    expect(new SourceReader(fields).write(text, { at: '2026-01-31 12:34:56.5+00', n: null })).toBe(true);
    text.end(7n);
    const micros = BigInt(Date.UTC(2026, 0, 31, 12, 34, 56, 500)) * 1_000n;
    expect(written(text)).toBe(`${versionHex(1, micros, 2, 7n).slice(0, -24)}00${versionHex(1, null, 2, 7n).slice(-24)}`);
    text.begin();
    expect(new SourceReader([]).write(text, {})).toBe(true);
    text.end(8n);
    expect(written(text)).toBe(versionHex(1, null, 2, 8n));
  });

  it('does not take a value without an order, and the next version is whole', () => {
    const text = new VersionText({ homeEpoch: 1, generation: 2 });
    const reader = new SourceReader([{ field: 'v', kind: 'integer' }]);
    text.begin();
    expect(reader.write(text, { v: 'soon' })).toBe(false);
    text.begin();
    expect(reader.write(text, { v: 1 })).toBe(true);
    text.end(3n);
    expect(written(text)).toBe(versionHex(1, 1n, 2, 3n));
  });

  it('tells by the first difference whether two versions have one source', () => {
    const first = (a: string, b: string): number => [...a].findIndex((digit, at) => digit !== b[at]);
    const version = (source: bigint, offset: bigint) => versionHex(1, source, 1, offset);
    const digits = version(0n, 0n).length;
    expect(isSameSource(first(version(5n, 1n), version(5n, 1n << 62n)), digits)).toBe(true);
    expect(isSameSource(first(version(5n, 1n), version(4n, 1n)), digits)).toBe(false);
  });
});
