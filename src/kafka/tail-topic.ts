import type { VisitRecords } from '../model/batch.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import { batchReader } from './batch/read.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { partitionEnds } from './offsets.ts';

/** One record, copied out of the answer it came in. */
export interface TailedRecord {
  readonly value: Buffer;
  readonly headers: { readonly bytes: Buffer; readonly count: number };
  readonly timestampMs: number;
}

export interface TailOptions {
  readonly topic: string;
  readonly maxDecompressedBytes: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly visitRecords: VisitRecords;
}

const PAUSE_MS = 1_000;

/**
 * What is written to a topic from now on, without a position of its own: after a restart, or when records are deleted before they are
 * read, it goes on at the end. For what may be missed; nothing that has to be applied is read like this.
 *
 * `onBatch` is awaited before more is fetched. Ends by rejecting with the signal's reason.
 */
export async function tailTopic(
  cluster: KafkaCluster,
  options: TailOptions,
  onBatch: (records: readonly TailedRecord[]) => Promise<void>,
  signal: AbortSignal,
): Promise<never> {
  const { topic, maxDecompressedBytes, maxBytes, maxWaitMs, visitRecords } = options;
  const fetcher = new RawFetcher(cluster, batchReader(maxDecompressedBytes));
  let targets = new Map<number, FetchTarget>();
  for (;;) {
    signal.throwIfAborted();
    if (targets.size === 0) targets = await atEnds(cluster, topic, maxBytes, signal);
    if (targets.size === 0) {
      await cluster.clock.sleep(PAUSE_MS, signal);
      continue;
    }
    const answers = await fetcher.fetch([...targets.values()], { maxWaitMs, maxBytes }, signal);
    for (const answer of answers) {
      if (answer.kind === 'batches') {
        const records = recordsOf(answer, visitRecords);
        if (records.length > 0) await onBatch(records);
        answer.release?.();
      }
    }
    targets = targetsAfter(targets, answers);
    // Asked at once, a topic that is refused or gone would be asked without a pause.
    if (targets.size === 0 || answers.some(({ kind }) => kind === 'retry')) await cluster.clock.sleep(PAUSE_MS, signal);
  }
}

/** Where to go on; nowhere known, once one of them is lost. */
export function targetsAfter(targets: ReadonlyMap<number, FetchTarget>, answers: readonly FetchedPartition[]): Map<number, FetchTarget> {
  const after = new Map(targets);
  for (const answer of answers) {
    const target = targets.get(answer.partition);
    if (answer.kind === 'retry' || target === undefined) continue;
    if (answer.kind !== 'batches') return new Map();
    const lastFetchedEpoch = answer.lastBatch?.leaderEpoch ?? target.lastFetchedEpoch;
    after.set(answer.partition, { ...target, offset: answer.nextOffset, lastFetchedEpoch });
  }
  return after;
}

async function atEnds(cluster: KafkaCluster, topic: string, maxBytes: number, signal: AbortSignal): Promise<Map<number, FetchTarget>> {
  try {
    const [described] = await cluster.topics([topic], signal);
    if (described === undefined) return new Map();
    const { topicId, partitions } = described;
    const ends = await partitionEnds(
      cluster,
      partitions.map(({ partition }) => ({ topic, partition })),
      signal,
    );
    return new Map(
      ends.map(({ partition, end }) => [partition, { topic, topicId, partition, offset: end, lastFetchedEpoch: -1, maxBytes }] as const),
    );
  } catch (error) {
    if (signal.aborted || findFarshoreError(error)?.action === undefined) throw error;
    return new Map();
  }
}

/** A batch that cannot be read is passed over: these records are for looking at. */
function recordsOf(answer: Extract<FetchedPartition, { kind: 'batches' }>, visitRecords: VisitRecords): readonly TailedRecord[] {
  const records: TailedRecord[] = [];
  for (const batch of answer.batches) {
    try {
      visitRecords(batch, ({ bytes, valueStart, valueEnd, headersStart, headersEnd, headerCount, timestampMs }) => {
        if (valueStart < 0) return;
        const copy = (start: number, end: number): Buffer => Buffer.from(bytes.subarray(start, end));
        records.push({
          value: copy(valueStart, valueEnd),
          headers: { bytes: copy(headersStart, headersEnd), count: headerCount },
          timestampMs,
        });
      });
    } catch (error) {
      if (findFarshoreError(error) === undefined) throw error;
    }
  }
  return records;
}
