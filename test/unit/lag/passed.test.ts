import { describe, expect, it } from 'vitest';
import { passingEnd, withApplied, withMirrored, withRegionalEnd } from '../../../src/lag/passed.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';

describe('C5: an end at home has been passed', () => {
  const end = passingEnd(homeOffset(100n));

  it('when the mirror is past it, then a regional end is read, then apply is past that', () => {
    const mirrored = withMirrored(end, homeOffset(100n));
    expect(mirrored.step).toBe('mirrored');
    const applying = withRegionalEnd(mirrored, regionalOffset(140n));
    expect(withApplied(applying, regionalOffset(139n)).step).toBe('applying');
    expect(withApplied(applying, regionalOffset(140n)).step).toBe('passed');
  });

  it('not while the mirror is short of it, whatever the region says', () => {
    const short = withMirrored(end, homeOffset(99n));
    expect(withApplied(withRegionalEnd(short, regionalOffset(0n)), regionalOffset(1_000n)).step).toBe('mirroring');
  });

  it('not by a regional end that was read before the mirror was past it', () => {
    // Regional end 50 is read, apply is there, then the mirror commits the copies at 50 to 150.
    const early = withRegionalEnd(end, regionalOffset(50n));
    const mirrored = withMirrored(early, homeOffset(100n));
    expect(withApplied(mirrored, regionalOffset(50n)).step).toBe('mirrored');
    expect(withApplied(withRegionalEnd(mirrored, regionalOffset(151n)), regionalOffset(50n)).step).toBe('applying');
  });

  it('not by apply alone, though regional offsets run ahead of home offsets', () => {
    expect(withApplied(end, regionalOffset(100_000n)).step).toBe('mirroring');
  });
});
