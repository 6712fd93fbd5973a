import type { KafkaCluster } from './cluster.ts';
import { positionGroup, type RegionalLogOptions, shardTransactionalId } from './regional-log.ts';
import { TransactionalWriter } from './transactions.ts';

/**
 * Takes over the transactional ids of these shards and aborts what they left open: whoever still holds one can
 * commit nothing any more. One after the other; repeating it does no harm.
 */
export async function fenceShards(
  cluster: KafkaCluster,
  { region, primary, transactionTimeoutMs }: Pick<RegionalLogOptions, 'region' | 'primary' | 'transactionTimeoutMs'>,
  shards: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (const shard of shards) {
    const transactionalId = shardTransactionalId(region, primary, shard);
    await new TransactionalWriter({ cluster, transactionalId, group: positionGroup(region, primary), transactionTimeoutMs }).open(signal);
  }
}
