import type { KafkaCluster } from '../kafka/cluster.ts';
import { clusterLedger } from '../postgres/cluster-ledger.ts';
import { patiently, reasonWithHint } from './patiently.ts';
import type { StageParts } from './stage-parts.ts';

/** Waits for a cluster to answer, and makes sure that it is the one this region worked with before. Rejects with `cluster_wrong` for another. */
export async function connectCluster(
  cluster: KafkaCluster,
  role: 'primary' | 'regional',
  { current, database, observer, clock }: Pick<StageParts, 'current' | 'database' | 'observer' | 'clock'>,
  stop: AbortSignal,
): Promise<void> {
  const { region, primary } = current();
  await patiently(
    () => cluster.connect(stop),
    (error) =>
      observer.observe({
        type: 'component',
        component: role === 'primary' ? 'primary_kafka' : 'regional_kafka',
        up: false,
        reason: reasonWithHint(error),
      }),
    clock,
    stop,
  );
  await patiently(
    () => clusterLedger(database).confirm(role, role === 'primary' ? primary.name : region, cluster.clusterId, stop),
    () => undefined,
    clock,
    stop,
  );
}
