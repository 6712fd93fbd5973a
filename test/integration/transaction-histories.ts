import type { KafkaCluster } from '../../src/kafka/cluster.ts';
import { concurrently } from '../../src/model/concurrently.ts';
import type { Consumed, Oracle } from '../rig/oracle.ts';
import { never, newFetcher, readAll, recordsOf } from './kafka-reading-fixtures.ts';

const PRODUCERS = 6;
/** A transaction stays open over many steps of the others, which take their time on a busy machine; the coordinator must not end it by itself. */
const TRANSACTION_TIMEOUT_MS = 600_000;
/** Records one step writes in so many partitions, each to one of its own choice. */
const SPREAD = 12;
/** Partitions that are read at a time: one alone leaves the broker waiting for us, and us for it. */
const READ_AT_ONCE = 8;
/** So few that compaction finds older records of the same key. */
const COMPACTED_KEYS = 4;

export interface Histories {
  readonly bootstrap: string;
  readonly topic: string;
  /** One history a partition. */
  readonly partitions: number;
  readonly steps: number;
  readonly seed: number;
  /** Records of one step: with twice the partitions and twice the records a step each history is as long, in half the steps. */
  readonly spread?: number;
  /** Few keys, for a topic that is compacted afterwards. */
  readonly repeatKeys?: boolean;
}

/** Transactions of six producers, committed, aborted, overlapping, of several batches, beside records without one. Answers the records written. */
export async function writeHistories(oracle: Oracle, histories: Histories): Promise<number> {
  const { bootstrap, topic, partitions, steps, seed, repeatKeys = false, spread = SPREAD } = histories;
  const random = lehmer(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const open = new Set<string>();
  for (let step = 0; step < steps; step++) {
    const records = Array.from({ length: spread }, (_, i) => ({
      partition: below(partitions),
      // Four zero bytes as a key look like an abort marker to a filter that does not test for control batches.
      key: random() < 0.1 ? '\0\0\0\0' : `key ${repeatKeys ? step % COMPACTED_KEYS : step}`,
      value: `step ${step} record ${i}`,
      timestamp: 1_700_000_000_000 + step,
    }));
    if (random() < 0.15) {
      await oracle.produce({ bootstrap, topic, records });
      continue;
    }
    const producer = `${topic}.${below(PRODUCERS)}`;
    if (!open.has(producer)) {
      await oracle.begin(producer, { bootstrap, transactionalId: producer, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS });
      open.add(producer);
    }
    await oracle.send(producer, { topic, records });
    if (random() < 0.3) {
      await (random() < 0.5 ? oracle.abort(producer) : oracle.commit(producer));
      open.delete(producer);
    }
  }
  for (const producer of open) await oracle.abort(producer);
  return steps * spread;
}

export interface Difference {
  readonly partition: number;
  readonly what: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly droppedAborted: number;
  /** Offsets without a record that a reader of committed records gets: markers, aborted records, and what compaction took. */
  readonly gaps: bigint;
}

/** What the Java consumer in read_committed reads: the judge of each way in which we read. */
export const javaReads = async (oracle: Oracle, { bootstrap, topic }: Pick<Histories, 'bootstrap' | 'topic'>): Promise<Consumed> =>
  await oracle.consume({ bootstrap, topic, isolation: 'read_committed' });

/** Partitions in which we and the Java consumer differ, with what differs first. */
export async function compareWithJava(
  { records, ends }: Consumed,
  cluster: KafkaCluster,
  { topic, partitions }: Pick<Histories, 'topic' | 'partitions'>,
  bytesAtOnce: number,
): Promise<Comparison> {
  const [described] = await cluster.topics([topic], never);
  if (described === undefined) throw new Error(`${topic} does not exist`);
  const wanted = Map.groupBy(records, (record) => record.partition);
  const differences: Difference[] = [];
  let droppedAborted = 0;
  let gaps = 0n;
  await concurrently([...Array(partitions).keys()], READ_AT_ONCE, async (partition) => {
    const target = { topic, topicId: described.topicId, partition, offset: 0n, lastFetchedEpoch: -1, maxBytes: bytesAtOnce };
    const end = ends.get(partition) ?? -1n;
    const read = await readAll(newFetcher(cluster), target, bytesAtOnce, end);
    droppedAborted += read.droppedAborted;
    const [ours, theirs] = [recordsOf(read.batches).map(textOf), (wanted.get(partition) ?? []).map(textOf)];
    const at = theirs.findIndex((record, i) => record !== ours[i]);
    if (at !== -1 || ours.length !== theirs.length)
      differences.push({ partition, what: `${ours.length} records, Java has ${theirs.length}; first at ${at}` });
    if (read.nextOffset !== end) differences.push({ partition, what: `ends at ${read.nextOffset}, Java at ${end}` });
    gaps += end - BigInt(theirs.length);
  });
  return { differences, droppedAborted, gaps };
}

const textOf = (record: { offset: bigint; timestamp: bigint; key: Buffer | null; value: Buffer | null }): string =>
  `${record.offset} ${record.timestamp} ${record.key?.toString('hex')} ${record.value?.toString('hex')}`;

/** Park and Miller's generator: the same histories for the same seed. */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
