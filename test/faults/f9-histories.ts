import type { KafkaCluster } from '../../src/kafka/cluster.ts';
import { connected } from '../integration/kafka-reading-fixtures.ts';
import { type Comparison, compareWithJava, type Histories, javaReads, writeHistories } from '../integration/transaction-histories.ts';
import { eventually } from '../rig/context.ts';
import { startKafka } from '../rig/kafka.ts';
import { Oracle } from '../rig/oracle.ts';
import { f9Apply } from './f9-apply.ts';
import type { Trial } from './trial.ts';

/** Histories of a round, written together: what a step costs is the round trip, and more records share it. Each one gets some thirty. */
const SHORT = { partitions: 100, spread: 12 } as const;
const FULL = { partitions: 400, spread: 24 } as const;
const STEPS = 500;
const DEADLINE_MS = 120_000;
/** Looks at a log that goes on changing. */
const MOST_MOVED = 5;
/** Of the fetches: whole logs at once, and every batch in a fetch of its own, which begins inside transactions. */
const fetchSizes = [8 << 20, 1] as const;

/**
 * Everything that may be compacted is compacted at once. Segments are not closed sooner while histories are written: one a record is three open files
 * each, and 400 partitions of them are more than a broker may open on some machines, which ends it where the cleaner comes late.
 */
const compacted = {
  'cleanup.policy': 'compact',
  'segment.ms': '10000',
  'min.cleanable.dirty.ratio': '0.0',
  'delete.retention.ms': '0',
};

/**
 * F9: seeded histories of transactions, one a partition, read by us and by the Java consumer in read_committed. Every second round's
 * topic is compacted in between: aborted and overwritten records leave gaps, and batches that hold nothing but a marker.
 */
export const f9: Trial = async (run) => {
  const { seed, full, say } = run;
  const size = full ? FULL : SHORT;
  const rounds = full ? 25 : 2;
  await using server = await startKafka({ name: 'histories', properties: { 'log.cleaner.backoff.ms': '100' } });
  await using cluster = await connected(server.bootstrap);
  let [different, aborted, compactedAway] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    // A new one each round: its producers stay open for as long as it lives, and ten rounds of them fill its heap.
    await using oracle = await Oracle.start();
    const isCompacted = round % 2 === 1;
    const histories: Histories = {
      bootstrap: server.bootstrap,
      topic: `histories.${round}`,
      ...size,
      steps: STEPS,
      seed: seed * 1_000 + round + 1,
      repeatKeys: isCompacted,
    };
    await oracle.createTopic({ ...histories, configs: isCompacted ? compacted : {} });
    await writeHistories(oracle, histories);
    if (isCompacted) compactedAway += await settleCompaction(oracle, histories);
    for (const bytesAtOnce of fetchSizes) {
      const { differences, droppedAborted } = await comparedOnOneLog(oracle, cluster, histories, bytesAtOnce);
      for (const { partition, what } of differences.slice(0, 3)) say(`seed ${histories.seed}, partition ${partition}: ${what}`);
      different += differences.length;
      aborted += droppedAborted;
    }
    await oracle.deleteTopic(histories);
    say(
      `round ${round + 1}/${rounds}: ${size.partitions} histories${isCompacted ? ', compacted' : ''}, ${different} differences so far, ${Math.round(performance.now() / 1_000)} s`,
    );
  }
  const { holds, ...applied } = await f9Apply(run);
  return {
    lost: different + applied.lost,
    duplicated: applied.duplicated,
    stale: applied.stale,
    cases: rounds * size.partitions + applied.cases,
    holds: { abortedMet: aborted > 0, compactionMet: compactedAway > 0, ...holds },
  };
};

/**
 * Both readers of one log: a cleaner that was at work as the policy was changed still puts its segment in place, and takes away what Java has read
 * and we then do not find. So a difference counts where Java, asked again, reads what it read before.
 */
async function comparedOnOneLog(oracle: Oracle, cluster: KafkaCluster, histories: Histories, bytesAtOnce: number): Promise<Comparison> {
  let judge = await javaReads(oracle, histories);
  for (let moved = 0; ; moved++) {
    const comparison = await compareWithJava(judge, cluster, histories, bytesAtOnce);
    if (comparison.differences.length === 0 || moved === MOST_MOVED) return comparison;
    const again = await javaReads(oracle, histories);
    if (again.records.length === judge.records.length) return comparison;
    judge = again;
  }
}

/** Waits until the cleaner has taken records away, then ends its work, so that both readers see one log. Answers how many it took. */
async function settleCompaction(oracle: Oracle, histories: Histories): Promise<number> {
  const { bootstrap, topic, partitions } = histories;
  const count = async (): Promise<number> => {
    const digests = await oracle.digest({ bootstrap, topic, isolation: 'read_uncommitted' });
    return digests.reduce((sum, one) => sum + Number(one.count), 0);
  };
  const before = await count();
  // A segment is closed by a record that comes after its time; the one that comes stays behind.
  await oracle.alterConfigs({ bootstrap, topic, configs: { 'segment.ms': '50' } });
  const records = Array.from({ length: partitions }, (_, partition) => ({ partition, key: 'last', value: 'last' }));
  await oracle.produce({ bootstrap, topic, records });
  const after = await eventually(
    async () => {
      const now = await count();
      return now < (before + partitions) * 0.75 ? now : undefined;
    },
    { deadlineMs: DEADLINE_MS, everyMs: 500, what: `${topic} being compacted` },
  );
  await oracle.alterConfigs({ bootstrap, topic, configs: { 'cleanup.policy': 'delete', 'retention.ms': '-1' } });
  return before + partitions - after;
}
