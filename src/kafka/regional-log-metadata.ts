import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue, regionalOffset } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { CommittedOffset } from './transactions-wire.ts';

/*
 * A mirror position as a committed offset of the regional cluster: the next home offset under the
 * regional topic's name, the leader epoch of the last source batch, and a text with the rest of the
 * proof (C6):
 *
 *     1;<topic id at home>;<crc of the last source batch, 8 hex digits, or ->;<regional end, or ->
 */
const FORMAT = '1';
const NONE = '-';
const text = /^1;([^;]+);([0-9a-f]{8}|-);(\d{1,19}|-)$/;

export function committedOffset(position: MirrorPosition): CommittedOffset {
  const { topic, partition, topicId, next, leaderEpoch, crc, regionalEnd: end } = position;
  const crcText = crc === undefined ? NONE : crc.toString(16).padStart(8, '0');
  const endText = end === undefined ? NONE : String(offsetValue(end));
  return { topic, partition, offset: offsetValue(next), leaderEpoch, metadata: [FORMAT, topicId, crcText, endText].join(';') };
}

/** Throws `position_missing` when the text is not what Farshore wrote: without it nothing proves which log the offset counts. */
export function mirrorPosition(committed: Omit<CommittedOffset, 'metadata'> & { readonly metadata: string | null }): MirrorPosition {
  const { topic, partition, offset, leaderEpoch, metadata } = committed;
  const match = text.exec(metadata ?? '');
  if (match === null) {
    throw new FarshoreError('position_missing', `The position committed for ${topic}:${partition} was not written by Farshore`, {
      place: `${topic}:${partition}`,
      hint: `Stop whatever else commits offsets of this group, then: farshore partition resume ${topic}:${partition} --stage mirror --from OFFSET --accept-rewind`,
      facts: { offset: String(offset), metadata },
    });
  }
  const [, topicId = '', crcText = NONE, endText = NONE] = match;
  return {
    topic,
    partition,
    topicId,
    next: homeOffset(offset),
    leaderEpoch,
    crc: crcText === NONE ? undefined : Number.parseInt(crcText, 16),
    regionalEnd: endText === NONE ? undefined : regionalOffset(BigInt(endText)),
  };
}
