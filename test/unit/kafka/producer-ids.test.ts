import { describe, expect, it } from 'vitest';
import type { KafkaCluster } from '../../../src/kafka/cluster.ts';
import { TransactionalWriter } from '../../../src/kafka/transactions.ts';
import type { ProducerIdentity } from '../../../src/kafka/transactions-wire.ts';

/** A cluster whose coordinator answers the identities in turn, to openings and ends. */
function answering(identities: readonly ProducerIdentity[]): KafkaCluster {
  const left = identities.map((identity) => ({ code: 0, ...identity }));
  const connection = {
    send(...args: readonly unknown[]): void {
      const callback = args.at(-1) as (error: null, answer: unknown) => void;
      const apiKey = args[0] as number;
      callback(null, apiKey === TXN_OFFSET_COMMIT_KEY ? [{ code: 0 }] : left.shift());
    },
  };
  let nowMs = 0;
  const cluster = {
    name: 'regional',
    transactionVersion: 2,
    maxVersion: () => 99,
    // Each look an hour later, so that no transaction is waited for.
    clock: { wallMs: () => 0, monotonicMs: () => (nowMs += 3_600_000), sleep: () => Promise.resolve() },
    withCoordinator: (_kind: unknown, _key: unknown, _purpose: unknown, run: (connection: unknown) => Promise<unknown>) => run(connection),
    dropConnections: () => undefined,
  };
  return cluster as unknown as KafkaCluster;
}

const TXN_OFFSET_COMMIT_KEY = 28;
const options = { transactionalId: 'id', group: 'group', transactionTimeoutMs: 1_000 };

describe('ids a producer has had', () => {
  it('what was written before the epochs of an id ran out stays known as its own', async () => {
    const identities = [
      { producerId: 7n, producerEpoch: 32_765 },
      { producerId: 7n, producerEpoch: 32_766 },
      { producerId: 8n, producerEpoch: 0 },
    ];
    const writer = new TransactionalWriter({ ...options, cluster: answering(identities) });
    const { signal } = new AbortController();
    await writer.open(signal);
    expect([...writer.producerIds]).toEqual([7n]);
    const offset = { topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' };
    for (let commit = 0; commit < 2; commit++) await writer.commit([offset], signal);
    expect([...writer.producerIds]).toEqual([7n, 8n]);
  });
});
