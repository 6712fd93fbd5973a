import { findFarshoreError } from '../model/errors.ts';
import { batchReader } from './batch/read.ts';
import { recordVisitor } from './batch/records.ts';
import type { KafkaCluster } from './cluster.ts';
import { RawFetcher } from './fetch.ts';
import { partitionEnds } from './offsets.ts';

const MAX_BATCH_BYTES = 1 << 20;
const MOST_BACKOFF_MS = 30_000;
/** Between two looks for a topic that is not there: where there is no way back, none was ever made. */
const MISSING_MS = 10_000;

/**
 * Follows partition 0 of a small topic from where it ends now, one short look each `everyMs`: a fetch that waits would keep the mirror's fetch of
 * the same broker waiting. A topic that is not there, or may not be read, is looked for again. Rejects only for the signal and for errors that halt.
 */
export async function followTopic(
  cluster: KafkaCluster,
  topic: string,
  everyMs: number,
  onRecord: (key: Buffer | null, value: Buffer | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const fetcher = new RawFetcher(cluster, batchReader(MAX_BATCH_BYTES));
  const visitRecords = recordVisitor(MAX_BATCH_BYTES);
  let next: { readonly topicId: string; readonly offset: bigint } | undefined;
  let failures = 0;
  for (;;) {
    try {
      next ??= await endOf(cluster, topic, signal);
      if (next !== undefined) {
        const target = { topic, topicId: next.topicId, partition: 0, offset: next.offset, lastFetchedEpoch: -1, maxBytes: MAX_BATCH_BYTES };
        const [answer] = await fetcher.fetch([target], { maxWaitMs: 0, maxBytes: MAX_BATCH_BYTES }, signal);
        if (answer?.kind === 'batches') {
          for (const batch of answer.batches)
            visitRecords(batch, ({ bytes, keyStart, keyEnd, valueStart, valueEnd }) =>
              onRecord(
                keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd),
                valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
              ),
            );
          next = { ...next, offset: answer.nextOffset };
        } else if (answer?.kind !== 'retry') next = undefined;
      }
      failures = 0;
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      next = undefined;
      failures++;
    }
    await cluster.clock.sleep(nextLookMs(everyMs, failures, next !== undefined), signal);
  }
}

/** Until the next look, after so many failures in a row; `found`: the topic is there and was read. */
export function nextLookMs(everyMs: number, failures: number, found: boolean): number {
  if (failures > 0) return Math.min(MOST_BACKOFF_MS, everyMs * 2 ** Math.min(failures, 10));
  return found ? everyMs : Math.max(MISSING_MS, everyMs);
}

async function endOf(cluster: KafkaCluster, topic: string, signal: AbortSignal) {
  const [found] = await cluster.topics([topic], signal);
  const [end] = found === undefined ? [] : await partitionEnds(cluster, [{ topic, partition: 0 }], signal);
  return found === undefined || end === undefined ? undefined : { topicId: found.topicId, offset: end.end };
}
