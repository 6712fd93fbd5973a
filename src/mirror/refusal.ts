import { FarshoreError } from '../model/errors.ts';

/** A batch the regional broker answered with an error of its own, as the regional log reports it. */
export interface Refusal {
  readonly topic: string;
  readonly partition: number;
  /** Home offset of the batch's first record. */
  readonly offset: bigint;
  readonly sentBytes: number;
  readonly kafkaCode: number;
  readonly cause: FarshoreError;
}

const TOO_LARGE: ReadonlySet<number> = new Set([10, 18]);
const SMALLEST_LIMIT_BYTES = 1_024;

export type RefusalOutcome =
  | { readonly kind: 'again'; readonly maxBatchBytes: number; readonly reencodeAt: bigint | undefined }
  | { readonly kind: 'stop'; readonly error: FarshoreError };

/** Reads the facts that `batch_refused` carries; undefined when it names no batch. */
export function refusalOf(error: FarshoreError): Refusal | undefined {
  const { topic, partition, offset, bytes, kafkaCode } = error.facts;
  if (typeof topic !== 'string' || typeof partition !== 'number' || typeof offset !== 'string' || typeof kafkaCode !== 'number')
    return undefined;
  return { topic, partition, offset: BigInt(offset), sentBytes: typeof bytes === 'number' ? bytes : 0, kafkaCode, cause: error };
}

/**
 * What to try next. A batch above a limit the topic's configs do not show (the broker's own default) is
 * split smaller; any other refused batch is written anew once, record by record; what is refused after
 * that stops the partition.
 */
export function explainRefusal(
  refusal: Refusal,
  state: { readonly maxBatchBytes: number; readonly refusedAt: bigint | undefined },
): RefusalOutcome {
  const { topic, partition, offset, cause } = refusal;
  if (TOO_LARGE.has(refusal.kafkaCode)) {
    const limit = Math.floor((Math.min(state.maxBatchBytes, refusal.sentBytes || state.maxBatchBytes) * 3) / 4);
    if (limit >= SMALLEST_LIMIT_BYTES) return { kind: 'again', maxBatchBytes: limit, reencodeAt: state.refusedAt };
  } else if (state.refusedAt !== offset) {
    return { kind: 'again', maxBatchBytes: state.maxBatchBytes, reencodeAt: offset };
  }
  const place = `${topic}:${partition}@${offset}`;
  return {
    kind: 'stop',
    error: new FarshoreError(
      'batch_refused',
      `The region refuses the batch at home offset ${offset} in every form it was sent: ${cause.message}`,
      {
        place,
        hint: `Mend the regional topic's configs, then: farshore partition resume ${topic}:${partition} --stage mirror`,
        cause,
        facts: cause.facts,
      },
    ),
  };
}

/** `next`: the first offset behind its batch. */
export const nullKeyError = (topic: string, partition: number, offset: bigint, next: bigint): FarshoreError =>
  new FarshoreError(
    'batch_null_key',
    `The record at home offset ${offset} has no key, and ${topic} is compacted in the region: the broker refuses it`,
    {
      place: `${topic}:${partition}@${offset}`,
      hint: `Make the topic's cleanup.policy delete on both sides and resume, or give up the records of its batch: farshore partition resume ${topic}:${partition} --stage mirror --from ${next} --accept-loss`,
    },
  );
