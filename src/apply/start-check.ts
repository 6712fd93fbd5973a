import { FarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';

/** A reason to stop a partition, with the offsets that are lost when an operator goes on. */
export interface StopReason {
  readonly error: FarshoreError;
  readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
}

export interface StartView {
  readonly position: ApplyPosition;
  /** As the cluster describes the topic now. */
  readonly topicId: string;
  readonly log: { readonly start: bigint };
  /** The batch that holds the record before the position; undefined when the log holds it no more. */
  readonly batchBefore: { readonly lastOffset: bigint; readonly leaderEpoch: number; readonly crc: number } | undefined;
  /** The topic is compacted in the region. */
  readonly compacted: boolean;
}

const resume = (place: string, flags: string): string =>
  `farshore partition resume ${place} --stage apply${flags === '' ? '' : ` ${flags}`}`;

/**
 * Whether the regional log is the one the position was taken in (C6); undefined when it is, as far as can be
 * told here. A position above the end is not judged: right after a change of leader the new one may not know yet how far
 * its records are committed. The fetch that follows answers out of range when the log really is shorter.
 */
export function checkLog({ position, topicId, log, batchBefore, compacted }: StartView): StopReason | undefined {
  const place = `${position.topic}:${position.partition}`;
  const next = offsetValue(position.next);
  if (position.topicId !== topicId) return recreated(place);
  if (next < log.start) return truncatedBefore(place, next, log.start);
  const why = proofFailure(position, next, batchBefore, compacted);
  return why === undefined ? undefined : diverged(place, why, undefined);
}

// Compaction writes a batch anew under the same offsets and leader epoch, with another checksum.
function proofFailure(position: ApplyPosition, next: bigint, batch: StartView['batchBefore'], compacted: boolean): string | undefined {
  if (batch === undefined || position.crc === undefined || position.leaderEpoch === -1) return undefined;
  // The proof's batch ended before a gap that was passed (C8): the one here says nothing about it.
  if (batch.lastOffset < next - 1n) return undefined;
  if (batch.leaderEpoch !== position.leaderEpoch) {
    return `the batch before offset ${next} was written under leader epoch ${batch.leaderEpoch}, the applied one under ${position.leaderEpoch}`;
  }
  return compacted || batch.crc === position.crc
    ? undefined
    : `the batch before offset ${next} is another one than was applied (its checksum differs)`;
}

export function recreated(place: string): StopReason {
  return {
    lost: undefined,
    error: new FarshoreError('region_recreated', 'The regional topic was deleted and created again', {
      place,
      hint: `To apply the new one from its start: ${resume(place, '--from earliest --accept-recreated')}`,
    }),
  };
}

function truncatedBefore(place: string, next: bigint, start: bigint): StopReason {
  return {
    lost: { from: next, to: start },
    error: new FarshoreError(
      'region_truncated',
      `The regional log starts at ${start}, after the position ${next}: ${start - next} records at most were deleted before they were applied`,
      {
        place: `${place}@${next}`,
        hint: `To give them up and go on: ${resume(place, `--from ${start} --accept-loss`)}`,
        facts: { lostFrom: String(next), lostTo: String(start) },
      },
    ),
  };
}

function truncatedAfter(place: string, next: bigint, end: bigint): StopReason {
  return {
    lost: undefined,
    error: new FarshoreError('region_truncated', `The regional log ends at ${end}, before the position ${next}: it was cut`, {
      place: `${place}@${next}`,
      hint: `When mirror has refilled it: ${resume(place, `--from ${end}`)}; the versions of rows keep older records from being applied twice.`,
    }),
  };
}

export function outOfRange(place: string, next: bigint, log: { readonly start: bigint; readonly end: bigint }): StopReason {
  return next < log.start ? truncatedBefore(place, next, log.start) : truncatedAfter(place, next, log.end);
}

export function diverged(place: string, why: string, commonEnd: bigint | undefined): StopReason {
  return {
    lost: undefined,
    error: new FarshoreError('region_diverged', `The regional log is not the one that was applied: ${why}`, {
      place,
      hint: `To apply what it holds now: ${resume(place, `--from ${commonEnd === undefined ? 'earliest' : commonEnd}`)}`,
    }),
  };
}

/** A record that cannot be applied: again as it is once the cause is mended, or without it. */
export function withResumeHint(error: FarshoreError, place: string, offset: bigint): FarshoreError {
  // A batch that cannot be read is skipped whole: the next offset would meet it again.
  const { nextOffset } = error.facts;
  const [what, next] = typeof nextOffset === 'string' ? ['batch', nextOffset] : ['record', offset + 1n];
  const commands = `Once that is mended: ${resume(place, '')}. To skip this ${what}: ${resume(place, `--from ${next} --accept-loss`)}`;
  return new FarshoreError(error.code, error.message, {
    cause: error,
    place: `${place}@${offset}`,
    hint: error.hint === undefined ? commands : `${error.hint} ${commands}`,
    facts: error.facts,
  });
}

/** A table that cannot be written: nothing of it is skipped. */
export function withTableHint(error: FarshoreError, place: string): FarshoreError {
  const command = `Once that is mended: ${resume(place, '')}`;
  return new FarshoreError(error.code, error.message, {
    cause: error,
    facts: error.facts,
    hint: error.hint === undefined ? command : `${error.hint} ${command}`,
    ...(error.place === undefined ? { place } : { place: error.place }),
  });
}
