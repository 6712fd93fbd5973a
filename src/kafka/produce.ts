import type { Connection } from '@platformatic/kafka';
import { batchLastOffsetDelta } from '../model/batch.ts';
import { FarshoreError } from '../model/errors.ts';
import type { KafkaCluster } from './cluster.ts';
import { KafkaError, kafkaErrorKind, protocolError } from './errors.ts';
import { type PartitionBatches, type PlannedPart, type PlannedRequest, planProduce } from './produce-plan.ts';
import { PRODUCE_ADDS_PARTITIONS, type ProduceAnswer, produceApi, type SendProduce } from './produce-wire.ts';

/** Where a partition's batches came to lie: `end` is past the last of them. */
export interface WrittenRange {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly end: bigint;
}

export interface ProduceOptions {
  /** Null outside transactions. */
  readonly transactionalId: string | null;
  /** Version of Produce; from 12 on the request itself adds its partitions to the transaction. */
  readonly version: number;
  /** How long a leader may wait for its replicas, and how long a busy coordinator is asked again. */
  readonly timeoutMs: number;
  readonly backOff: (attempt: number, signal: AbortSignal) => Promise<void>;
  /** Called when the first requests were handed to a socket. */
  readonly onSent?: (() => void) | undefined;
}

/** What an idempotent producer may have unanswered in one partition (C12). */
const MAX_IN_FLIGHT = 5;
const MAX_REQUEST_BYTES = 4 << 20;

/**
 * Produces stamped batches in order, acks from all replicas, on one connection a leader. Settles only
 * when nothing is in flight any more. Answers ranges in the order of `writes`; rejects with a
 * KafkaError: `refused` names the batch the broker will not take in place and facts.
 */
export async function produceAll(
  cluster: KafkaCluster,
  writes: readonly PartitionBatches[],
  options: ProduceOptions,
  signal: AbortSignal,
): Promise<readonly WrittenRange[]> {
  await cluster.ensureTopics(
    writes.map(({ topic }) => topic),
    signal,
  );
  const leaders = new Map<number, number[]>();
  for (const [index, { topic, partition }] of writes.entries()) {
    const leader = cluster.leaderOf(topic, partition);
    if (leader === undefined) {
      cluster.invalidate();
      throw new KafkaError('leadership', 'NO_LEADER', `${cluster.name}: ${topic}:${partition} has no leader now`, {
        place: `${topic}:${partition}`,
      });
    }
    const mine = leaders.get(leader.brokerId);
    if (mine === undefined) leaders.set(leader.brokerId, [index]);
    else mine.push(index);
  }
  const ranges = new Ranges(writes);
  const results = await Promise.allSettled(
    [...leaders].map(([brokerId, mine]) =>
      cluster.withBroker(brokerId, 'produce', (connection) => new LeaderPipeline(connection, ranges, options, signal).run(mine), signal),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ranges.written();
}

/** What the answers said so far, by write. */
class Ranges {
  readonly writes: readonly PartitionBatches[];
  readonly #first: bigint[];
  readonly #end: bigint[];

  constructor(writes: readonly PartitionBatches[]) {
    this.writes = writes;
    this.#first = new Array<bigint>(writes.length).fill(-1n);
    this.#end = new Array<bigint>(writes.length).fill(-1n);
  }

  take({ write, batch, bytes }: PlannedPart, baseOffset: bigint): void {
    if (batch === 0) this.#first[write] = baseOffset;
    this.#end[write] = baseOffset + BigInt(batchLastOffsetDelta(bytes) + 1);
  }

  written(): readonly WrittenRange[] {
    return this.writes.map(({ topic, partition }, index) => ({
      topic,
      partition,
      firstOffset: this.#first[index]!,
      end: this.#end[index]!,
    }));
  }
}

/** The requests of one part of a transaction to one leader. */
class LeaderPipeline {
  readonly #connection: Connection;
  readonly #ranges: Ranges;
  readonly #options: ProduceOptions;
  readonly #signal: AbortSignal;
  readonly #produce: SendProduce;
  #failure: unknown;
  /** Parts the coordinator was not ready for; only the first round collects them. */
  #notTaken: PlannedPart[] = [];

  constructor(connection: Connection, ranges: Ranges, options: ProduceOptions, signal: AbortSignal) {
    this.#connection = connection;
    this.#ranges = ranges;
    this.#options = options;
    this.#signal = signal;
    this.#produce = produceApi(options.version);
  }

  async run(mine: readonly number[]): Promise<void> {
    const { first, rest } = planProduce(this.#ranges.writes, mine, MAX_REQUEST_BYTES);
    if (this.#options.version < PRODUCE_ADDS_PARTITIONS) return this.#send([...first, ...rest], false);

    // The first batch of a partition adds it to the transaction where no part before did, and the coordinator may still be ending
    // the last one: CONCURRENT_TRANSACTIONS. Were the second batch under way by then, it could be judged
    // after the coordinator became ready, ahead of the first one's repetition. So the first round is seen
    // through before anything follows.
    let requests = first;
    for (let attempt = 0; requests.length > 0; attempt++) {
      await this.#send(requests, true);
      if (this.#notTaken.length === 0) break;
      requests = [this.#notTaken];
      this.#notTaken = [];
      await this.#options.backOff(attempt, this.#signal);
    }
    await this.#send(rest, false);
  }

  async #send(requests: readonly PlannedRequest[], mayRepeat: boolean): Promise<void> {
    const inFlight: Promise<void>[] = [];
    for (const request of requests) {
      if (inFlight.length === MAX_IN_FLIGHT) await inFlight.shift();
      if (this.#failure !== undefined || this.#signal.aborted) break;
      inFlight.push(this.#request(request, mayRepeat));
      this.#options.onSent?.();
    }
    await Promise.all(inFlight);
    this.#signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Never rejects: a failure must not keep the other requests from being waited for. */
  async #request(request: PlannedRequest, mayRepeat: boolean): Promise<void> {
    try {
      const answers = await this.#produce(this.#connection, this.#options.transactionalId, this.#options.timeoutMs, request);
      this.#read(request, answers, mayRepeat);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #read(request: PlannedRequest, answers: readonly ProduceAnswer[], mayRepeat: boolean): void {
    const byPartition = new Map<string, ProduceAnswer>();
    for (const answer of answers) byPartition.set(`${answer.topic}:${answer.partition}`, answer);
    for (const part of request) {
      const answer = byPartition.get(`${part.topic}:${part.partition}`);
      if (answer === undefined) {
        throw new KafkaError('unknown_outcome', 'UNREADABLE_ANSWER', `A produce answer leaves out ${part.topic}:${part.partition}`);
      }
      if (answer.code === 0) this.#ranges.take(part, answer.baseOffset);
      else if (mayRepeat && kafkaErrorKind(answer.code) === 'concurrent') this.#notTaken.push(part);
      else this.#failure = worse(this.#failure, this.#partError(part, answer));
    }
  }

  #partError(part: PlannedPart, { code, message }: ProduceAnswer): KafkaError {
    const { topic, partition, bytes } = part;
    const batch = this.#ranges.writes[part.write]?.batches[part.batch];
    const offset = String(batch?.baseOffset);
    return protocolError(code, `Producing to ${topic}:${partition}${message === undefined ? '' : ` (${message})`}`, {
      place: `${topic}:${partition}@${offset}`,
      facts: { topic, partition, offset, bytes: bytes.length },
      ...(kafkaErrorKind(code) === 'denied' ? { hint: `Allow Write on topic ${topic}.` } : {}),
    });
  }
}

/** After a refused batch the next ones of its partition are answered as out of order: the refusal is the cause. */
function worse(seen: unknown, next: KafkaError): unknown {
  const explains = seen === undefined || (seen instanceof KafkaError && seen.kind === 'abortable' && next.kind === 'refused');
  return explains ? next : seen;
}

/** Produces one batch without a transaction, acks from all replicas; it may come to lie twice when an answer is lost. */
export async function produceOne(
  cluster: KafkaCluster,
  part: { readonly topic: string; readonly partition: number; readonly bytes: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const { topic, partition } = part;
  const produce = produceApi(Math.min(cluster.maxVersion(0), PRODUCE_ADDS_PARTITIONS));
  await cluster.withLeader(
    topic,
    partition,
    'control',
    async (connection) => {
      const [answer] = await produce(connection, null, cluster.requestTimeoutMs, [part]);
      if (answer === undefined) throw new FarshoreError('broker_request_failed', `A produce answer leaves out ${topic}:${partition}`);
      if (answer.code === 0) return;
      throw protocolError(answer.code, `${cluster.name}: producing to ${topic}:${partition}`, {
        place: `${topic}:${partition}`,
        ...(kafkaErrorKind(answer.code) === 'denied' ? { hint: `Allow Write on topic ${topic}.` } : {}),
      });
    },
    signal,
  );
}
