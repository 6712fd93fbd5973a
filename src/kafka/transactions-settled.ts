import { createAPI, Writer } from '@platformatic/kafka';
import type { KafkaCluster } from './cluster.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';

/* DescribeTransactions 0: [transactional_id] → throttle [error transactional_id state …] */
const describeApi = createAPI<[transactionalId: string], { readonly code: number; readonly state: string }>(
  65,
  0,
  (transactionalId: string) =>
    Writer.create()
      .appendArray([transactionalId], (writer, id) => writer.appendString(id), true, false)
      .appendTaggedFields(),
  (_correlationId, _key, _version, reader) => {
    reader.skip(4);
    if (reader.readUnsignedVarInt() < 2) return { code: 0, state: '' };
    const code = reader.readInt16();
    reader.readString();
    return { code, state: reader.readString() };
  },
);

const DESCRIBE_TRANSACTIONS_KEY = 65;
const ENDING: ReadonlySet<string> = new Set(['PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']);
const ASK_EVERY_MS = 1;
/** A transaction that ended longer ago need not be asked for: a mirror with a record a second spares a request a record. */
export const SETTLES_WITHIN_MS = 100;

/**
 * Waits until the coordinator has written the markers of the last transaction, which takes it a
 * millisecond or two after it answered EndTxn. A produce request that comes before that is kept by
 * the broker, which asks the coordinator again only every 20 ms (`add.partitions.to.txn.retry.backoff.ms`).
 *
 * This saves time and proves nothing: when the state cannot be read, or stays, the broker's own wait does.
 */
export async function lastTransactionSettled(cluster: KafkaCluster, transactionalId: string, signal: AbortSignal): Promise<void> {
  if (cluster.maxVersion(DESCRIBE_TRANSACTIONS_KEY) < 0) return;
  const deadlineMs = cluster.clock.monotonicMs() + SETTLES_WITHIN_MS;
  for (;;) {
    const { code, state } = await cluster.withCoordinator(
      'transaction',
      transactionalId,
      'produce',
      async (connection) => {
        const answer = await describeApi.async(connection, transactionalId);
        if (kafkaErrorKind(answer.code) === 'coordinator') throw protocolError(answer.code, `${cluster.name}: describing the transaction`);
        return answer;
      },
      signal,
    );
    if (code !== 0 || !ENDING.has(state) || cluster.clock.monotonicMs() >= deadlineMs) return;
    await cluster.clock.sleep(ASK_EVERY_MS, signal);
  }
}
