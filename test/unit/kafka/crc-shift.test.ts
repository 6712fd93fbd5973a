import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crcChange } from '../../../src/kafka/batch/crc-shift.ts';

describe('crcChange', () => {
  it('answers what a pass over all bytes would', () => {
    const header = { minLength: 40, maxLength: 40 };
    fc.assert(
      fc.property(fc.uint8Array(header), fc.uint8Array(header), fc.uint8Array({ maxLength: 5_000 }), (before, after, rest) => {
        const changed = (crc32c(Buffer.concat([before, rest])) ^ crcChange(before, after, rest.length)) >>> 0;
        expect(changed).toBe(crc32c(Buffer.concat([after, rest])));
      }),
      { numRuns: 500 },
    );
  });

  it('holds for batches of many megabytes', () => {
    const rest = Buffer.alloc(9 << 20, 'farshore');
    const [before, after] = [Buffer.alloc(40, 1), Buffer.alloc(40, 250)];
    const changed = (crc32c(Buffer.concat([before, rest])) ^ crcChange(before, after, rest.length)) >>> 0;
    expect(changed).toBe(crc32c(Buffer.concat([after, rest])));
  });
});
