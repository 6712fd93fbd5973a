import type { KafkaCluster } from './cluster.ts';
import type { BrokerCall } from './connection.ts';
import type { CoordinatorKind } from './coordinators.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';
import { PRODUCE_ADDS_PARTITIONS, PRODUCE_API_KEY } from './produce-wire.ts';
import { backOffMs, mayOpenAgain, wasNotTaken } from './transactions-outcome.ts';
import {
  ADD_OFFSETS_TO_TXN,
  ADD_PARTITIONS_TO_TXN,
  addOffsetsApi,
  addPartitionsApi,
  byTopic,
  type CommittedOffset,
  END_TXN,
  endTxnApi,
  INIT_PRODUCER_ID,
  initProducerIdApi,
  type PartitionCode,
  type ProducerIdentity,
  TXN_OFFSET_COMMIT,
  txnOffsetCommitApi,
} from './transactions-wire.ts';

export interface TransactionIds {
  readonly cluster: KafkaCluster;
  readonly transactionalId: string;
  /** Group the positions are committed under. */
  readonly group: string;
  /** After this long the coordinator aborts an open transaction; until then readers wait at it (C10). */
  readonly transactionTimeoutMs: number;
}

const OPEN_WITHIN_MS = 60_000;
/** Some 165 bytes each, where a batch of `__consumer_offsets` has 1 MiB. */
const OFFSETS_AT_ONCE = 1_000;

/**
 * The requests of one transactional id to its coordinators, on the `produce` sockets, so that after an
 * unknown outcome those alone are dropped. An error number rejects as a KafkaError; an answer that proves
 * the request was not taken is asked again until the transaction timeout (C9).
 */
export class TransactionRequests {
  readonly #ids: TransactionIds;
  readonly #onSent: () => void;

  constructor(ids: TransactionIds, onSent: () => void) {
    this.#ids = ids;
    this.#onSent = onSent;
  }

  /** Whether transactions are those of KIP-890: `transaction.version` 2, and brokers that speak it. */
  get isVersion2(): boolean {
    const { cluster } = this.#ids;
    return (
      cluster.transactionVersion >= 2 &&
      cluster.maxVersion(PRODUCE_API_KEY) >= PRODUCE_ADDS_PARTITIONS &&
      cluster.maxVersion(END_TXN.key) >= END_TXN.most &&
      cluster.maxVersion(TXN_OFFSET_COMMIT.key) >= TXN_OFFSET_COMMIT.most
    );
  }

  /** A new epoch of the id: of whoever holds it for no known identity, else only of that one. */
  async initProducerId(known: ProducerIdentity, signal: AbortSignal): Promise<ProducerIdentity> {
    const { cluster, transactionalId, transactionTimeoutMs } = this.#ids;
    const api = initProducerIdApi(cluster.maxVersion(INIT_PRODUCER_ID.key));
    const request = this.#ask('transaction', 'opening the producer', async (connection) => {
      const answer = await api.async(connection, transactionalId, transactionTimeoutMs, known);
      return { code: answer.code, answer };
    });
    return this.#until(mayOpenAgain, OPEN_WITHIN_MS, request, signal);
  }

  /** A group's coordinator comes up with its first group; in a transaction its absence would be an unknown outcome. */
  async findGroup(signal: AbortSignal): Promise<void> {
    const { cluster, group } = this.#ids;
    const find = (s: AbortSignal) => cluster.withCoordinator('group', group, 'produce', () => Promise.resolve(), s);
    await this.#until(mayOpenAgain, OPEN_WITHIN_MS, find, signal);
  }

  async addPartitions(
    identity: ProducerIdentity,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, transactionalId } = this.#ids;
    const api = addPartitionsApi(cluster.maxVersion(ADD_PARTITIONS_TO_TXN.key));
    const topics = [...byTopic(partitions)].map(([topic, ofTopic]) => ({ topic, partitions: ofTopic.map(({ partition }) => partition) }));
    await this.#step(
      'transaction',
      'adding partitions to the transaction',
      async (connection) => ({ code: firstCode(await api.async(connection, transactionalId, identity, topics)), answer: undefined }),
      signal,
    );
  }

  async addGroup(identity: ProducerIdentity, signal: AbortSignal): Promise<void> {
    const { cluster, transactionalId, group } = this.#ids;
    const api = addOffsetsApi(cluster.maxVersion(ADD_OFFSETS_TO_TXN.key));
    await this.#step(
      'transaction',
      'adding the position group to the transaction',
      async (connection) => ({ code: await api.async(connection, transactionalId, identity, group), answer: undefined }),
      signal,
    );
  }

  /** In requests of so many: a coordinator writes those of one in one batch, and refuses what is larger than `max.message.bytes`. */
  async commitOffsets(identity: ProducerIdentity, offsets: readonly CommittedOffset[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < offsets.length; at += OFFSETS_AT_ONCE)
      await this.#commitOffsets(identity, offsets.slice(at, at + OFFSETS_AT_ONCE), signal);
  }

  async #commitOffsets(identity: ProducerIdentity, offsets: readonly CommittedOffset[], signal: AbortSignal): Promise<void> {
    const { cluster, transactionalId, group } = this.#ids;
    const most = this.isVersion2 ? TXN_OFFSET_COMMIT.most : TXN_OFFSET_COMMIT.mostBeforeVersion2;
    const api = txnOffsetCommitApi(Math.min(most, cluster.maxVersion(TXN_OFFSET_COMMIT.key)));
    await this.#step(
      'group',
      'committing positions',
      async (connection) => ({
        code: firstCode(await api.async(connection, transactionalId, group, identity, offsets)),
        answer: undefined,
      }),
      signal,
    );
  }

  /** Commits or aborts. Answers the identity of the next transaction where each has its own epoch. */
  async end(identity: ProducerIdentity, commit: boolean, signal: AbortSignal): Promise<ProducerIdentity | undefined> {
    const { cluster, transactionalId } = this.#ids;
    const most = this.isVersion2 ? END_TXN.most : END_TXN.mostBeforeVersion2;
    const api = endTxnApi(Math.min(most, cluster.maxVersion(END_TXN.key)));
    const next = await this.#step(
      'transaction',
      commit ? 'committing the transaction' : 'aborting the transaction',
      async (connection) => {
        const answer = await api.async(connection, transactionalId, identity, commit);
        return { code: answer.code, answer };
      },
      signal,
    );
    return this.isVersion2 ? { producerId: next.producerId, producerEpoch: next.producerEpoch } : undefined;
  }

  #step<T>(kind: CoordinatorKind, doing: string, call: BrokerCall<{ code: number; answer: T }>, signal: AbortSignal): Promise<T> {
    return this.#until(wasNotTaken, this.#ids.transactionTimeoutMs, this.#ask(kind, doing, call), signal);
  }

  /** One request to a coordinator; an error number rejects, and where it says so the coordinator is looked up anew. */
  #ask<T>(kind: CoordinatorKind, doing: string, call: BrokerCall<{ code: number; answer: T }>): (signal: AbortSignal) => Promise<T> {
    const { cluster, transactionalId, group } = this.#ids;
    const key = kind === 'group' ? group : transactionalId;
    const run: BrokerCall<T> = async (connection) => {
      const answering = call(connection);
      this.#onSent();
      const { code, answer } = await answering;
      if (code === 0) return answer;
      throw protocolError(code, `${cluster.name}: ${doing}`, {
        place: `${kind === 'group' ? 'group' : 'transactional id'} ${key}`,
        ...(kafkaErrorKind(code) === 'denied' ? { hint: deniedHint(transactionalId, group) } : {}),
      });
    };
    return (signal) => cluster.withCoordinator(kind, key, 'produce', run, signal);
  }

  async #until<T>(
    mayRepeat: (error: unknown) => boolean,
    withinMs: number,
    request: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { clock } = this.#ids.cluster;
    const deadlineMs = clock.monotonicMs() + withinMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await request(signal);
      } catch (error) {
        if (!mayRepeat(error) || clock.monotonicMs() >= deadlineMs) throw error;
        await clock.sleep(backOffMs(attempt), signal);
      }
    }
  }
}

/** The number that explains a failure: partitions that were only left alone because of it say OPERATION_NOT_ATTEMPTED. */
function firstCode(codes: readonly PartitionCode[]): number {
  let found = 0;
  for (const { code } of codes) {
    if (code !== 0 && (found === 0 || kafkaErrorKind(found) === 'abortable')) found = code;
  }
  return found;
}

const deniedHint = (transactionalId: string, group: string): string =>
  `Allow Write and Describe on transactional id ${transactionalId}, Read on group ${group} and on the mirrored topics.`;
