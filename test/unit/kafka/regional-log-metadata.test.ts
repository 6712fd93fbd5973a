import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { committedOffset, mirrorPosition } from '../../../src/kafka/regional-log-metadata.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';

const position: MirrorPosition = {
  topic: 'billing.invoices',
  partition: 3,
  topicId: '7d9f6b1e-0000-4000-8000-0123456789ab',
  next: homeOffset(812n),
  leaderEpoch: 5,
  crc: 0xab,
  regionalEnd: regionalOffset(900n),
};

describe('a mirror position as a committed offset', () => {
  it('C6: carries topic id, CRC and regional end in its text, and the leader epoch beside it', () => {
    expect(committedOffset(position)).toEqual({
      topic: 'billing.invoices',
      partition: 3,
      offset: 812n,
      leaderEpoch: 5,
      metadata: '1;7d9f6b1e-0000-4000-8000-0123456789ab;000000ab;900',
    });
  });

  it('writes what is not known as a dash', () => {
    expect(committedOffset({ ...position, crc: undefined, regionalEnd: undefined }).metadata).toMatch(/;-;-$/);
  });

  it('is read back as it was', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        fc.integer({ min: -1, max: 2 ** 31 - 1 }),
        fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined }),
        fc.option(fc.bigInt({ min: 0n, max: 2n ** 62n }), { nil: undefined }),
        (next, leaderEpoch, crc, end) => {
          const given = {
            ...position,
            next: homeOffset(next),
            leaderEpoch,
            crc,
            regionalEnd: end === undefined ? undefined : regionalOffset(end),
          };
          expect(mirrorPosition(committedOffset(given))).toEqual(given);
        },
      ),
    );
  });

  it.each([null, '', 'x', '2;id;-;-', '1;id;-', '1;id;AB;-', '1;;-;-', '1;id;-;-5', '1;id;-;-;'])('refuses the text %j', (metadata) => {
    const read = () => mirrorPosition({ topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata });
    expect(read).toThrow(expect.objectContaining({ code: 'position_missing', place: 't:0' }));
  });
});
