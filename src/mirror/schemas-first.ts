import { findFarshoreError } from '../model/errors.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import type { HomeLog } from './contracts.ts';

export interface SchemaCarriage {
  /** Resolves once everything that the home's registry held when this was called is where the records go. */
  readonly carry: (signal: AbortSignal) => Promise<void>;
  /** Of a topic at home: heartbeats have none. */
  readonly needsSchemas: (topic: string) => boolean;
  /** Before records are fetched again whose schemas could not be carried. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

/**
 * A home whose records are handed on only after its schemas (C22): batches hide their ids, so everything that its registry held after the
 * records were read is carried before they are. Who produced them had registered their schemas before.
 *
 *     schema registered, record produced ─► fetched ─► registry read and carried ─► mirrored
 *
 * While the schemas cannot be carried the records are answered as not there yet, and are fetched again.
 */
export function schemasFirst(home: HomeLog, { carry, needsSchemas, pause }: SchemaCarriage): HomeLog {
  const holdsRecords = (answer: FetchedPartition): boolean =>
    answer.kind === 'batches' && answer.batches.length > 0 && needsSchemas(answer.topic);
  return {
    listTopics: (signal) => home.listTopics(signal),
    topicConfigs: (topics, signal) => home.topicConfigs(topics, signal),
    ends: (partitions, signal) => home.ends(partitions, signal),
    batchAt: (target, signal) => home.batchAt(target, signal),
    async fetch(targets, limits, signal) {
      const answers = await home.fetch(targets, limits, signal);
      if (!answers.some(holdsRecords)) return answers;
      try {
        await carry(signal);
        return answers;
      } catch (error) {
        const known = findFarshoreError(error);
        if (signal.aborted || known === undefined || known.action === 'halt') throw error;
        await pause(signal);
        return answers.map((answer) => (holdsRecords(answer) ? later(answer, known.message) : answer));
      }
    },
  };
}

function later(answer: FetchedPartition, why: string): FetchedPartition {
  if (answer.kind === 'batches') answer.release?.();
  return { kind: 'retry', topic: answer.topic, partition: answer.partition, reason: `its schemas could not be carried: ${why}` };
}
