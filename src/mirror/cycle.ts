import { batchCrc, batchLeaderEpoch, type RawBatch, type VisitRecords } from '../model/batch.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { MirroredTopic, ReencodeReason } from '../model/events.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { MirrorWrite, Reencode } from './contracts.ts';
import { reencodeReason } from './copyability.ts';
import { nullKeyError } from './refusal.ts';

type Fetched = Extract<FetchedPartition, { kind: 'batches' }>;

/** One partition's answer with where mirror stands in it. `topic` in the answer is the home's name. */
export interface CycleInput {
  readonly answer: Fetched;
  /** What the next fetch would have started from before this answer: the position read last, not the committed one. */
  readonly position: MirrorPosition;
  readonly maxBatchBytes: number;
  /** The regional broker refused the batch that holds this home offset as it was: write it anew this time. */
  readonly refusedAt: bigint | undefined;
  /** The region compacts the topic, so a record without a key may be why that batch was refused. */
  readonly compacted: boolean;
}

export interface BatchTools {
  readonly reencode: Reencode;
  readonly visitRecords: VisitRecords;
}

export interface CyclePlan {
  readonly writes: readonly MirrorWrite[];
  /** Positions to move. Their `regionalEnd` is of the transaction before: where these writes end is known once they are written. */
  readonly positions: readonly MirrorPosition[];
  /** What the metrics are told once the transaction is durable. */
  readonly mirrored: readonly MirroredTopic[];
  readonly reencoded: readonly { readonly topic: string; readonly partition: number; readonly reason: ReencodeReason }[];
  /** Partitions whose batch can be produced in no allowed form; they take no part in the transaction. */
  readonly stopped: readonly { readonly topic: string; readonly partition: number; readonly error: FarshoreError }[];
}

/** Turns one round of answers into a transaction, or a part of one: batches in order a partition, and a position for each that moved. */
export function planCycle(inputs: readonly CycleInput[], { reencode, visitRecords }: BatchTools): CyclePlan {
  const writes: MirrorWrite[] = [];
  const positions: MirrorPosition[] = [];
  const mirrored: MirroredTopic[] = [];
  const reencoded: { topic: string; partition: number; reason: ReencodeReason }[] = [];
  const stopped: { topic: string; partition: number; error: FarshoreError }[] = [];

  for (const input of inputs) {
    const { answer, position } = input;
    const { topic, partition } = position;
    let moved = positionAfter(position, answer);
    if (moved === position) continue;
    const batches: RawBatch[] = [];
    let [records, bytes] = [0, 0];
    const from = offsetValue(position.next);
    for (const [index, batch] of answer.batches.entries()) {
      try {
        const refused = isRefused(batch, input.refusedAt);
        const reason = forcedReason(batch, refused, from) ?? reencodeReason(batch, input.maxBatchBytes);
        if (refused && input.compacted) refuseNullKeys(batch, topic, partition, visitRecords);
        if (reason === undefined) batches.push(batch);
        else {
          for (const rewritten of reencode(batch, reason, input.maxBatchBytes, from)) batches.push(rewritten);
          reencoded.push({ topic, partition, reason });
        }
      } catch (error) {
        stopped.push({ topic, partition, error: asBatchError(error, topic, partition, batch) });
        // Those before it are mirrored: whoever resumes behind the bad one must not give them up with it.
        moved = positionBehind(position, answer.batches[index - 1]);
        break;
      }
      records += batch.recordCount;
      bytes += batch.bytes.length;
    }
    if (moved === position) continue;
    if (batches.length > 0) writes.push({ topic, partition, batches });
    positions.push(moved);
    mirrored.push({ topic, partition, records, bytes, batches: batches.length, droppedAborted: answer.droppedAborted });
  }
  return { writes, positions, mirrored, reencoded, stopped };
}

/**
 * A fetch answers whole batches, so a position inside one (after retention or an operator moved it) brings
 * records below it too: they were given up, or mirrored before, and must not come a second time.
 */
function forcedReason(batch: RawBatch, refused: boolean, from: bigint): ReencodeReason | undefined {
  if (batch.baseOffset < from) return 'below_position';
  return refused ? 'refused' : undefined;
}

/** What was refused may be a piece of the batch, and the batch any one of its answer. */
const isRefused = ({ baseOffset, lastOffset }: RawBatch, refusedAt: bigint | undefined): boolean =>
  refusedAt !== undefined && baseOffset <= refusedAt && refusedAt <= lastOffset;

/** The position past an answer; the same object when the answer moved nothing. */
export function positionAfter(position: MirrorPosition, answer: Fetched): MirrorPosition {
  const next = homeOffset(answer.nextOffset);
  if (next <= position.next) return position;
  return {
    ...position,
    next,
    leaderEpoch: answer.lastBatch?.leaderEpoch ?? position.leaderEpoch,
    crc: answer.lastBatch?.crc ?? position.crc,
  };
}

/** The position past a batch, as if the answer had ended there; the same object for none. */
function positionBehind(position: MirrorPosition, batch: RawBatch | undefined): MirrorPosition {
  if (batch === undefined || batch.lastOffset < offsetValue(position.next)) return position;
  return { ...position, next: homeOffset(batch.lastOffset + 1n), leaderEpoch: batchLeaderEpoch(batch.bytes), crc: batchCrc(batch.bytes) };
}

/**
 * C8: a log can end in a gap that no fetch will ever show a batch for (compaction, markers). It may be
 * passed only on an empty answer to a fetch of that partition alone, since in a shared fetch empty may
 * mean that the byte limit was used up by others, and only up to the last stable offset of that answer.
 */
export function positionPastGap(position: MirrorPosition, answer: Fetched, alone: boolean): MirrorPosition | undefined {
  const end = homeOffset(answer.lastStableOffset);
  if (!alone || !answer.empty || !(position.next < end)) return undefined;
  return { ...position, next: end };
}

/**
 * Whether an answer hints at such a gap, so that the partition should be asked alone. A round that brought
 * data for others hints at nothing: asking every partition it left out alone would double the traffic of a backlog.
 */
export const mayEndInGap = (position: MirrorPosition, answer: Fetched, roundWasEmpty: boolean): boolean =>
  roundWasEmpty && answer.empty && position.next < homeOffset(answer.lastStableOffset);

function refuseNullKeys(batch: RawBatch, topic: string, partition: number, visitRecords: VisitRecords): void {
  visitRecords(batch, (record) => {
    if (record.keyStart < 0) throw nullKeyError(topic, partition, record.offset, batch.lastOffset + 1n);
  });
}

/** What its reader threw says nothing of where the batch lies, nor how it is passed. */
function asBatchError(error: unknown, topic: string, partition: number, { baseOffset, lastOffset }: RawBatch): FarshoreError {
  const known = findFarshoreError(error);
  if (known?.code === 'batch_null_key') return known;
  const giveUp = `Or give the batch up: farshore partition resume ${topic}:${partition} --stage mirror --from ${lastOffset + 1n} --accept-loss`;
  return new FarshoreError(known?.code ?? 'batch_corrupt', known?.message ?? 'A record batch could not be written anew', {
    place: `${topic}:${partition}@${baseOffset}`,
    hint: `${known?.hint ?? 'Mend the log at home.'} ${giveUp}`,
    cause: error,
    facts: known?.facts ?? {},
  });
}
