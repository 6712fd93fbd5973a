import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MovingTopic, movingLogs } from '../../src/daemon/moving-logs.ts';
import type { KafkaCluster } from '../../src/kafka/cluster.ts';
import { createTopic, eventually, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { connected, never } from './kafka-reading-fixtures.ts';

const region = 'eu-west';

describe('the logs of topics whose home moves', () => {
  let [atPrimary, inRegion]: (KafkaCluster | undefined)[] = [];

  beforeAll(async () => {
    const { primary, regional } = sharedRig();
    [atPrimary, inRegion] = [await connected(primary), await connected(regional)];
  });
  afterAll(async () => {
    await Promise.all([atPrimary?.close(), inRegion?.close()]);
  });

  /** A topic of which the ledger knows two partitions, and its logs; each has one record in its last partition. */
  const moving = async (at: { readonly primary: number; readonly region: number; readonly home?: string }) => {
    const { primary, regional } = sharedRig();
    const topic = uniqueTopic('moving');
    for (const [bootstrap, partitions] of [
      [primary, at.primary],
      [regional, at.region],
    ] as const) {
      await createTopic(bootstrap, { topic, partitions });
      const producer = kafkajsFor(bootstrap).producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'one', partition: partitions - 1 }] });
      await producer.disconnect();
    }
    const record = { partitions: 2, home: at.home ?? 'us-east' } as MovingTopic['record'];
    const logs = movingLogs({
      ...{ region, primary: atPrimary!, reader: inRegion!, primaryConnected: () => true },
      topics: async () => [{ regional: topic, home: topic, record }],
      matches: (name) => name === topic,
    });
    return { topic, logs };
  };
  const offsets = (ends: readonly { readonly end: bigint }[]) => ends.map(({ end }) => end);

  it('C26: tells the tail of a primary that was given up after the region’s topic had grown, or before that of the region had', async () => {
    const grownInRegion = await moving({ primary: 2, region: 4, home: region });
    await expect(grownInRegion.logs.home(never)).rejects.toThrow('it has 2 partitions, and 4 are known');
    expect(offsets(await grownInRegion.logs.homeAsItIs(never))).toEqual([0n, 1n]);
    const grownAtHome = await moving({ primary: 3, region: 2 });
    await expect(grownAtHome.logs.home(never)).rejects.toThrow('it has 3 partitions, and 2 are known');
    expect(offsets(await grownAtHome.logs.homeAsItIs(never))).toEqual([0n, 0n, 1n]);
  });

  it('C6: says of which log the ends are: of one that is created again under its name, of another', async () => {
    const { primary } = sharedRig();
    const { topic, logs } = await moving({ primary: 2, region: 2 });
    const idsOf = (ends: readonly { readonly topicId: string }[]) => [...new Set(ends.map(({ topicId }) => topicId))];
    const [before, ...others] = idsOf(await logs.home(never));
    expect(others).toEqual([]);
    expect(idsOf(await logs.region(never))).not.toEqual([before]);
    const admin = kafkajsFor(primary).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await admin.listTopics()).includes(topic), { what: 'the topic being gone' });
    await admin.disconnect();
    await createTopic(primary, { topic, partitions: 2 });
    const after = await eventually(() => logs.home(never), { what: 'the new topic answering' });
    expect(offsets(after)).toEqual([0n, 0n]);
    expect(idsOf(after)).not.toEqual([before]);
  });
});
