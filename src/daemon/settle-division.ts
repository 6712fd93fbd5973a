import { fenceShards } from '../kafka/fence-shards.ts';
import { FarshoreError } from '../model/errors.ts';
import { newestShardEpoch } from '../postgres/shard-leases.ts';
import { shardLedger } from '../postgres/shard-ledger.ts';
import type { ActiveClusters } from './active-clusters.ts';
import type { ActiveParts } from './active-parts.ts';
import { settleShards } from './shards.ts';

/** Resolves once the division among shards is the configured one, and no shard of another one writes. */
export async function settleDivision(
  { current, database, observer, lease }: Pick<ActiveParts, 'current' | 'database' | 'observer' | 'lease'>,
  { writer }: Pick<ActiveClusters, 'writer'>,
  signal: AbortSignal,
): Promise<void> {
  const config = current();
  const { name: primary } = config.primary;
  const ids = { region: config.region, primary, transactionTimeoutMs: config.mirror.transactionTimeoutMs };
  await settleShards(
    {
      primary,
      shards: config.mirror.shards,
      ledger: shardLedger(database),
      fence: (shards, stop) => fenceShards(writer, ids, shards, stop),
      observe: observer.observe,
    },
    signal,
  );
  // A shard that another daemon took before the change was announced has a later epoch, by which its positions would be kept from this one.
  if (config.mirror.shards === 1 && (await newestShardEpoch(database, signal)) >= lease.epoch)
    throw new FarshoreError('lease_lost', 'A shard was taken while the division was changed; the lease is taken anew, with a later epoch.');
}
