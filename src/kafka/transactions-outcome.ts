import { FarshoreError } from '../model/errors.ts';
import { KafkaError } from './errors.ts';

/*
 * What may be repeated (C9). Inside a transaction only answers that say the request was not taken:
 * the coordinator is busy with the last transaction, is loading, or is another one. A coordinator that
 * is "not available" may have written the request to a log whose replicas were slow, so it is no such
 * answer. When the producer opens, nothing is at stake and every such answer is asked again.
 */
const notTaken: ReadonlySet<string> = new Set(['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS']);

export const wasNotTaken = (error: unknown): boolean => error instanceof KafkaError && notTaken.has(error.kafkaError);

export const mayOpenAgain = (error: unknown): boolean =>
  error instanceof KafkaError && (error.kind === 'concurrent' || error.kind === 'coordinator');

export const mayReadAgain = (error: unknown): boolean => error instanceof KafkaError && (error.kind === 'coordinator' || isUnstable(error));

export const isUnstable = (error: unknown): boolean => error instanceof KafkaError && error.kafkaError === 'UNSTABLE_OFFSET_COMMIT';

/**
 * What a failed transaction means: `batch_refused` and `cluster_denied` as they are, `fenced`, and
 * `transaction_unknown` for all else, also where a broker's answer might prove more: opening anew and
 * reading the positions costs little, a wrong proof costs records.
 */
export function transactionFailure(error: unknown, transactionalId: string): FarshoreError {
  if (error instanceof KafkaError) {
    if (error.kind === 'refused' || error.kind === 'denied') return error;
    if (error.kind === 'fenced') {
      return new FarshoreError('fenced', `The transactional id ${transactionalId} has a newer owner, or its transaction ran out of time`, {
        cause: error,
        facts: error.facts,
      });
    }
  }
  return new FarshoreError('transaction_unknown', `The outcome of a transaction of ${transactionalId} is not known: ${reasonOf(error)}`, {
    cause: error,
    ...(error instanceof FarshoreError ? { facts: error.facts } : {}),
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** 1 ms at first, since a transaction usually ends within one or two, then less often. */
export const backOffMs = (attempt: number): number => Math.min(50, 2 ** Math.min(attempt, 10));
