import { FarshoreError } from '../model/errors.ts';

/** A broker, and the cluster that it says it belongs to. */
export interface SeenBroker {
  readonly address: string;
  readonly clusterId: string;
}

/**
 * Throws `cluster_wrong` when two brokers of one list belong to different clusters. With the first one down, the list would lead into
 * the other: its topics of the same name would be taken for those that are mirrored.
 */
export function checkOneCluster(name: string, first: SeenBroker, other: SeenBroker): void {
  if (first.clusterId === other.clusterId) return;
  throw new FarshoreError(
    'cluster_wrong',
    `${name}: the brokers of one list are of different clusters: ${first.address} is of ${first.clusterId}, ${other.address} of ${other.clusterId}`,
    {
      place: `${name}, brokers`,
      hint: `List the brokers of one cluster only; take out ${first.address} or ${other.address}, whichever is not of it, and start again.`,
    },
  );
}
