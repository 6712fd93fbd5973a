import { batchLastOffsetDelta } from '../model/batch.ts';
import { FarshoreError } from '../model/errors.ts';
import { stampBatch } from './batch/rewrite.ts';
import { incrementSequence } from './batch/sequence.ts';
import { KafkaError, protocolError } from './errors.ts';
import { produceAll, type WrittenRange } from './produce.ts';
import type { PartitionBatches } from './produce-plan.ts';
import { PRODUCE_ADDS_PARTITIONS, PRODUCE_API_KEY } from './produce-wire.ts';
import { backOffMs, transactionFailure } from './transactions-outcome.ts';
import { type TransactionIds, TransactionRequests } from './transactions-requests.ts';
import { lastTransactionSettled, SETTLES_WITHIN_MS } from './transactions-settled.ts';
import type { CommittedOffset, ProducerIdentity } from './transactions-wire.ts';

/**
 * Named points of a transaction, in order, at which a test can hold or break it; those of producing come once a part. `…_sent`: the
 * requests were handed to a socket and their answers are out.
 */
export type TransactionStep = 'begin' | 'produce_sent' | 'produced' | 'positions_sent' | 'positions_committed' | 'end_sent' | 'ended';

export interface TransactionalWriterOptions extends TransactionIds {
  readonly onStep?: ((step: TransactionStep) => void | Promise<void>) | undefined;
}

const NO_IDENTITY: ProducerIdentity = { producerId: -1n, producerEpoch: -1 };
/** Answers to an abort of a transaction that ended, was never begun, or whose id expired. */
const NOTHING_OPEN: ReadonlySet<string> = new Set(['INVALID_TXN_STATE', 'INVALID_PRODUCER_ID_MAPPING']);
const CONCURRENT_TRANSACTIONS = 51;

/**
 * One transactional producer. `open`, then one transaction after the other: any number of `produce`, and a `commit`. After any that was rejected
 * it wants `open` again.
 *
 * Clusters with `transaction.version` 2 add partitions by the first produce request and change the
 * producer epoch with each transaction, so sequences start at 0 in each; before that partitions and the
 * group are added by requests of their own, and sequences go on until the producer is opened again.
 */
export class TransactionalWriter {
  readonly #options: TransactionalWriterOptions;
  readonly #requests: TransactionRequests;
  /** Sequence of the next record, by partition. */
  readonly #sequences = new Map<string, number>();
  /** Partitions the open transaction has, where they are added by requests of their own. */
  readonly #added = new Set<string>();
  /** `begun`: a transaction is open, and nothing of it is under way. */
  #state: 'closed' | 'open' | 'begun' | 'busy' = 'closed';
  #identity = NO_IDENTITY;
  readonly #producerIds = new Set<bigint>();
  #endedMs = Number.NEGATIVE_INFINITY;
  #onSent: (() => void) | undefined;

  constructor(options: TransactionalWriterOptions) {
    this.#options = options;
    this.#requests = new TransactionRequests(options, () => this.#onSent?.());
  }

  /**
   * Fences earlier producers of the id and aborts what they left open. The first time it takes the id
   * over; later it names the identity it had, so that the coordinator refuses with `fenced` when a newer
   * owner came in between (C10). A refused identity is forgotten: whoever calls again after `fenced`
   * has made sure that it is the owner, and takes the id over.
   */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#state === 'busy') throw new FarshoreError('internal', 'The producer was opened during a transaction');
    this.#state = 'closed';
    try {
      if (this.#identity !== NO_IDENTITY) await this.#abortOwn(signal);
      this.#identify(await this.#requests.initProducerId(this.#identity, signal));
      await this.#requests.findGroup(signal);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kind !== 'fenced') throw error;
      this.#identity = NO_IDENTITY;
      throw transactionFailure(error, this.#options.transactionalId);
    }
    this.#sequences.clear();
    this.#added.clear();
    // What opening aborted has markers to be written too.
    this.#endedMs = this.#options.cluster.clock.monotonicMs();
    this.#state = 'open';
  }

  /**
   * Every id this producer has had: another one follows when the epochs of one are used up, after some 32,000 transactions. A transaction in doubt
   * may be of the one before.
   */
  get producerIds(): ReadonlySet<bigint> {
    return this.#producerIds;
  }

  /**
   * Writes batches in the transaction that the next `commit` ends; the first of it begin it. Stamps them in place, and answers where they lie, in
   * the order of what was to be written. With nothing to write nothing is sent. Rejections are those of `RegionalLog.produce`, or the signal's
   * reason: then the outcome is not known either.
   */
  async produce(writes: readonly PartitionBatches[], signal: AbortSignal): Promise<readonly WrittenRange[]> {
    const filled = writes.filter(({ batches }) => batches.length > 0);
    if (filled.length === 0) return [];
    return await this.#inTransaction('begun', signal, async () => {
      const { onStep } = this.#options;
      if (!this.#requests.isVersion2) await this.#addPartitions(filled, signal);
      this.#stamp(filled);
      const ranges = await this.#during('produce_sent', () => this.#produce(filled, signal));
      await onStep?.('produced');
      return ranges;
    });
  }

  /** Ends the transaction with these offsets; without one, and with nothing produced, nothing is sent. Rejections as `produce`. */
  async commit(offsets: readonly CommittedOffset[], signal: AbortSignal): Promise<void> {
    if (this.#state === 'open' && offsets.length === 0) return;
    await this.#inTransaction('open', signal, async () => {
      const { cluster, onStep } = this.#options;
      if (offsets.length > 0) {
        if (!this.#requests.isVersion2) await this.#requests.addGroup(this.#identity, signal);
        await this.#during('positions_sent', () => this.#requests.commitOffsets(this.#identity, offsets, signal));
        await onStep?.('positions_committed');
      }
      await this.#during('end_sent', () => this.#end(true, signal));
      this.#added.clear();
      this.#endedMs = cluster.clock.monotonicMs();
      await onStep?.('ended');
    });
  }

  /** One step of a transaction, begun where none is open; `after` is what it leaves. */
  async #inTransaction<T>(after: 'begun' | 'open', signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#state;
    if (before !== 'open' && before !== 'begun')
      throw new FarshoreError('internal', 'A transaction was begun on a producer that is not open');
    this.#state = 'busy';
    try {
      if (before === 'open') await this.#begin(signal);
      const answer = await work();
      this.#state = after;
      return answer;
    } catch (error) {
      const failure = transactionFailure(error, this.#options.transactionalId);
      if (failure.code === 'batch_refused' && !signal.aborted) await this.#abortRefused(signal);
      // Nothing of this transaction may arrive after the producer was opened again.
      else this.#options.cluster.dropConnections('produce');
      this.#state = 'closed';
      throw signal.aborted ? signal.reason : failure;
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { cluster, transactionalId, onStep } = this.#options;
    if (this.#requests.isVersion2 && cluster.clock.monotonicMs() < this.#endedMs + SETTLES_WITHIN_MS)
      await lastTransactionSettled(cluster, transactionalId, signal);
    await onStep?.('begin');
  }

  async #addPartitions(writes: readonly PartitionBatches[], signal: AbortSignal): Promise<void> {
    const fresh = writes.filter(({ topic, partition }) => !this.#added.has(`${topic}:${partition}`));
    if (fresh.length > 0) await this.#requests.addPartitions(this.#identity, fresh, signal);
    for (const { topic, partition } of fresh) this.#added.add(`${topic}:${partition}`);
  }

  /** Reaches a step once the requests of `start` were handed to a socket, while their answers are out. */
  async #during<T>(step: TransactionStep, start: () => Promise<T>): Promise<T> {
    const { onStep } = this.#options;
    if (onStep === undefined) return start();
    const sent = new Promise<void>((resolve) => {
      this.#onSent = resolve;
    });
    const work = start();
    // Held at the step, the work may fail before it is waited for.
    const settled = work.then(noop, noop);
    await Promise.race([sent, settled]);
    this.#onSent = undefined;
    await onStep(step);
    return work;
  }

  #stamp(writes: readonly PartitionBatches[]): void {
    const { producerId, producerEpoch } = this.#identity;
    for (const { topic, partition, batches } of writes) {
      const key = `${topic}:${partition}`;
      let baseSequence = this.#sequences.get(key) ?? 0;
      for (const { bytes } of batches) {
        stampBatch(bytes, { producerId, producerEpoch, baseSequence });
        baseSequence = incrementSequence(baseSequence, batchLastOffsetDelta(bytes) + 1);
      }
      this.#sequences.set(key, baseSequence);
    }
  }

  #produce(writes: readonly PartitionBatches[], signal: AbortSignal): Promise<readonly WrittenRange[]> {
    const { cluster, transactionalId, transactionTimeoutMs: timeoutMs } = this.#options;
    const { clock } = cluster;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const backOff = async (attempt: number): Promise<void> => {
      if (clock.monotonicMs() > deadlineMs) {
        throw protocolError(CONCURRENT_TRANSACTIONS, `${cluster.name}: producing within the transaction timeout`);
      }
      await clock.sleep(backOffMs(attempt), signal);
    };
    const most = this.#requests.isVersion2 ? PRODUCE_ADDS_PARTITIONS : PRODUCE_ADDS_PARTITIONS - 1;
    const version = Math.min(most, cluster.maxVersion(PRODUCE_API_KEY));
    return produceAll(cluster, writes, { transactionalId, version, timeoutMs, backOff, onSent: () => this.#onSent?.() }, signal);
  }

  async #end(commit: boolean, signal: AbortSignal): Promise<void> {
    const next = await this.#requests.end(this.#identity, commit, signal);
    if (next === undefined) return;
    this.#identify(next);
    this.#sequences.clear();
  }

  #identify(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#producerIds.add(identity.producerId);
  }

  /**
   * Ends what this producer itself may have left open. Were that left to InitProducerId, the coordinator
   * would fence the very identity it is asked with, abort, answer "concurrent", and call the repetition
   * fenced, as if another owner had come. Nothing to abort is the usual answer. That another owner came says InitProducerId alone: where the answer
   * to an earlier one was lost, the epoch that it gave is not known here, and this call is fenced by its own producer.
   */
  async #abortOwn(signal: AbortSignal): Promise<void> {
    try {
      await this.#end(false, signal);
    } catch (error) {
      if (!(error instanceof KafkaError) || (error.kind !== 'fenced' && !NOTHING_OPEN.has(error.kafkaError))) throw error;
    }
  }

  /** What is not aborted here is aborted by the `open` that must follow; this only frees readers sooner. */
  async #abortRefused(signal: AbortSignal): Promise<void> {
    try {
      await this.#end(false, signal);
    } catch {
      this.#options.cluster.dropConnections('produce');
    }
  }
}

const noop = (): void => undefined;
