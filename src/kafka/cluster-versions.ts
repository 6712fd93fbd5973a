import { apiVersionsV3 } from '@platformatic/kafka';
import type { BrokerCall } from './connection.ts';
import { KafkaError } from './errors.ts';

/** Request types by their protocol number. */
export const apiKeys = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetFetch: 9,
  FindCoordinator: 10,
  ApiVersions: 18,
  CreateTopics: 19,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
  DescribeConfigs: 32,
  CreatePartitions: 37,
  IncrementalAlterConfigs: 44,
} as const;

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** What one broker says of itself. */
export interface BrokerVersions {
  readonly apis: ReadonlyMap<number, VersionRange>;
  /** Finalized feature `transaction.version`; 0 where the cluster knows no such feature. */
  readonly transactionVersion: number;
}

/** The versions Farshore can speak. Fetch by topic id (13) is what sets the floor at Kafka 3.1. */
const spoken: Readonly<Record<Exclude<keyof typeof apiKeys, 'ApiVersions'>, VersionRange>> = {
  Produce: { min: 9, max: 12 },
  Fetch: { min: 13, max: 17 },
  ListOffsets: { min: 7, max: 8 },
  Metadata: { min: 12, max: 12 },
  OffsetFetch: { min: 8, max: 9 },
  FindCoordinator: { min: 4, max: 4 },
  CreateTopics: { min: 7, max: 7 },
  InitProducerId: { min: 4, max: 5 },
  AddPartitionsToTxn: { min: 3, max: 3 },
  AddOffsetsToTxn: { min: 3, max: 4 },
  EndTxn: { min: 3, max: 5 },
  TxnOffsetCommit: { min: 3, max: 5 },
  DescribeConfigs: { min: 4, max: 4 },
  CreatePartitions: { min: 3, max: 3 },
  IncrementalAlterConfigs: { min: 1, max: 1 },
};

const OLDEST_RELEASE = '3.1';

/** What every one of the brokers understands: in a rolling upgrade the oldest of them decides. */
export function commonVersions(brokers: readonly BrokerVersions[]): BrokerVersions {
  const [first, ...others] = brokers;
  if (first === undefined) return { apis: new Map(), transactionVersion: 0 };
  const apis = new Map(first.apis);
  for (const [key, range] of first.apis) {
    let { min, max } = range;
    for (const other of others) {
      const theirs = other.apis.get(key);
      min = Math.max(min, theirs?.min ?? 0);
      max = Math.min(max, theirs?.max ?? -1);
    }
    if (min <= max) apis.set(key, { min, max });
    else apis.delete(key);
  }
  return { apis, transactionVersion: Math.min(...brokers.map((broker) => broker.transactionVersion)) };
}

/** Throws `cluster_unsupported` naming every request type for which no common version is left. */
export function checkVersions(cluster: string, versions: BrokerVersions): void {
  const missing: string[] = [];
  for (const [name, ours] of Object.entries(spoken)) {
    const theirs = versions.apis.get(apiKeys[name as keyof typeof spoken]);
    if (theirs !== undefined && theirs.min <= ours.max && ours.min <= theirs.max) continue;
    const has = theirs === undefined ? 'none' : `${theirs.min} to ${theirs.max}`;
    missing.push(`${name} ${ours.min}${ours.max === ours.min ? '' : ` to ${ours.max}`} (it has ${has})`);
  }
  if (missing.length === 0) return;
  throw new KafkaError(
    'unsupported',
    'UNSUPPORTED_VERSION',
    `${cluster}: the cluster does not speak the protocol versions Farshore needs: ${missing.join(', ')}`,
    { hint: `Apache Kafka ${OLDEST_RELEASE} or newer is needed on every broker.` },
  );
}

/** What one broker speaks. */
export const askVersions: BrokerCall<BrokerVersions> = async (connection) => {
  const answer = await apiVersionsV3.api.async(connection, 'farshore', '0.1.0');
  return {
    apis: new Map(answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }])),
    transactionVersion: answer.finalizedFeatures?.find(({ name }) => name === 'transaction.version')?.maxVersionLevel ?? 0,
  };
};
