import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBatch, recordOf } from '../../src/kafka/batch/build.ts';
import { compress } from '../../src/kafka/batch/codecs.ts';
import { batchReader } from '../../src/kafka/batch/read.ts';
import type { KafkaCluster } from '../../src/kafka/cluster.ts';
import { apiKeys } from '../../src/kafka/cluster-versions.ts';
import { batchAt } from '../../src/kafka/fetch-batch-at.ts';
import { highWatermarks, localStarts, partitionEnds } from '../../src/kafka/offsets.ts';
import { produceApi } from '../../src/kafka/produce-wire.ts';
import { batchCodec, batchCrc, batchLeaderEpoch, type Codec, codecs } from '../../src/model/batch.ts';
import { createTopic, sharedRig, uniqueTopic } from '../rig/context.ts';
import { Oracle } from '../rig/oracle.ts';
import { connected, fetchOne, maxBytes, never, newFetcher, readAll, recordsOf, targetOf } from './kafka-reading-fixtures.ts';

let oracle: Oracle;
let cluster: KafkaCluster;
let bootstrap: string;

beforeAll(async () => {
  bootstrap = sharedRig().primary;
  oracle = await Oracle.start();
  cluster = await connected(bootstrap);
});
afterAll(async () => {
  await cluster?.close();
  await oracle?.[Symbol.asyncDispose]();
});

async function topicWith(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = uniqueTopic('fetch');
  await createTopic(bootstrap, { topic, partitions, configs });
  return topic;
}

const numbered = (from: number, to: number, padding = 0) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `k${from + i}`,
    value: `v${from + i}`.padEnd(padding, '.'),
    timestamp: 1_700_000_000_000 + i,
  }));

async function asJavaReads(topic: string) {
  const { records } = await oracle.consume({ bootstrap, topic, isolation: 'read_committed' });
  return records.map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, value }));
}

describe('fetching', () => {
  it.each(codecs)('reads what the Java producer wrote with codec %s as the Java consumer does', async (codec) => {
    const topic = await topicWith();
    const records = [...numbered(0, 500, 300), { key: null, value: '' }, { key: '', value: null }];
    await oracle.produce({ bootstrap, topic, partition: 0, codec, flushEvery: 200, records });
    const { batches } = await readAll(newFetcher(cluster), await targetOf(cluster, topic));
    expect(batches.map(({ bytes }) => batchCodec(bytes))).toEqual(batches.map(() => codec));
    expect(recordsOf(batches)).toEqual(await asJavaReads(topic));
  });

  it.each(codecs)('compresses with codec %s what broker and Java consumer can read', async (codec: Codec) => {
    const topic = await topicWith();
    const records = numbered(0, 400, 500).map(({ key, value, timestamp }) => recordOf(Buffer.from(key), Buffer.from(value), timestamp));
    const bytes = buildBatch(records, codec, compress);
    const answers = await cluster.withLeader(
      topic,
      0,
      'produce',
      (connection) => produceApi(cluster.maxVersion(apiKeys.Produce))(connection, null, 5000, [{ topic, partition: 0, bytes }]),
      never,
    );
    expect(answers).toMatchObject([{ code: 0, baseOffset: 0n }]);
    expect((await asJavaReads(topic)).map(({ value }) => value?.toString())).toEqual(numbered(0, 400, 500).map(({ value }) => value));
  });

  it.each([1, 2, 3, 4, 5])('finds what the Java consumer finds among aborted and overlapping transactions (history %i)', async (seed) => {
    const topic = await topicWith();
    const random = lehmer(seed);
    const open = new Set<string>();
    for (let step = 0; step < 40; step++) {
      const producer = `${topic}-${Math.floor(random() * 3)}`;
      if (random() < 0.2) {
        await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(step, step + 1) });
        continue;
      }
      if (!open.has(producer)) {
        await oracle.begin(producer, { bootstrap, transactionalId: producer });
        open.add(producer);
      }
      await oracle.send(producer, { topic, partition: 0, records: numbered(step, step + 1 + Math.floor(random() * 3)) });
      if (random() < 0.4) {
        await (random() < 0.5 ? oracle.abort(producer) : oracle.commit(producer));
        open.delete(producer);
      }
    }
    for (const producer of open) await oracle.abort(producer);

    const expected = await asJavaReads(topic);
    const fetcher = newFetcher(cluster);
    const target = await targetOf(cluster, topic);
    const whole = await readAll(fetcher, target);
    expect(recordsOf(whole.batches)).toEqual(expected);
    expect(whole.droppedControl).toBeGreaterThan(0);
    // One batch an answer: every fetch begins in the middle of something.
    expect(recordsOf((await readAll(fetcher, target, 1)).batches)).toEqual(expected);
    const [ends] = await partitionEnds(cluster, [{ topic, partition: 0 }], never);
    expect(whole.nextOffset).toBe(ends?.end);
  });

  it('does not read past the last stable offset, and C8: its empty answer says how far that is', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 3) });
    await oracle.begin(topic, { bootstrap, transactionalId: topic });
    await oracle.send(topic, { topic, partition: 0, records: numbered(3, 5) });
    const target = await targetOf(cluster, topic);
    const { batches } = await readAll(newFetcher(cluster), target);
    expect(recordsOf(batches)).toHaveLength(3);
    expect(await fetchOne(newFetcher(cluster), { ...target, offset: 3n }, { maxWaitMs: 0 })).toMatchObject({
      kind: 'batches',
      batches: [],
      empty: true,
      nextOffset: 3n,
      lastStableOffset: 3n,
      highWatermark: 5n,
      lastBatch: undefined,
    });
    expect(await partitionEnds(cluster, [{ topic, partition: 0 }], never)).toEqual([{ topic, partition: 0, start: 0n, end: 3n }]);
    expect(await highWatermarks(cluster, [{ topic, partition: 0 }], never)).toEqual(new Map([[`${topic}:0`, 5n]]));
    await oracle.abort(topic);
  });

  it('C8: takes the end of a log for a gap where only a marker lies there, and the broker says that it holds the log from there on', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, flushEvery: 1, records: numbered(0, 4) });
    await oracle.begin(topic, { bootstrap, transactionalId: topic });
    await oracle.send(topic, { topic, partition: 0, records: numbered(4, 5) });
    await oracle.commit(topic);
    const partition = { topic, partition: 0 };
    expect(await localStarts(cluster, [partition], never)).toEqual(new Map([[`${topic}:0`, 0n]]));
    await oracle.deleteRecords({ bootstrap, topic, partition: 0, before: 3n });
    expect(await localStarts(cluster, [partition], never)).toEqual(new Map([[`${topic}:0`, 3n]]));
    // The marker at 5 itself is read; a position behind the last record of a compacted log is the same to a reader.
    expect(await fetchOne(newFetcher(cluster), { ...(await targetOf(cluster, topic)), offset: 5n })).toMatchObject({
      kind: 'batches',
      batches: [],
      nextOffset: 6n,
      droppedControl: 1,
    });
  });

  it('returns a first batch above the byte limit whole, and gives every partition its turn', async () => {
    const topic = await topicWith(2);
    for (const partition of [0, 1]) await oracle.produce({ bootstrap, topic, partition, records: numbered(0, 1, 500_000) });
    const fetcher = newFetcher(cluster);
    const targets = [await targetOf(cluster, topic, 0), await targetOf(cluster, topic, 1)].map((target) => ({ ...target, maxBytes: 1000 }));
    const served: number[] = [];
    for (let round = 0; round < 2; round++) {
      for (const answer of await fetcher.fetch(targets, { maxWaitMs: 500, maxBytes: 1000 }, never)) {
        if (answer.kind === 'batches' && answer.batches.length > 0) served.push(answer.partition);
      }
    }
    expect(served.sort()).toEqual([0, 1]);
  });

  it('begins with a whole batch when the offset asked for lies inside it', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 10) });
    const answer = await fetchOne(newFetcher(cluster), { ...(await targetOf(cluster, topic)), offset: 4n });
    expect(answer).toMatchObject({ kind: 'batches', batches: [{ baseOffset: 0n, lastOffset: 9n }], nextOffset: 10n });
  });

  it('tells where the log starts and ends when the offset is outside it', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, flushEvery: 1, records: numbered(0, 10) });
    await oracle.deleteRecords({ bootstrap, topic, partition: 0, before: 6n });
    const target = await targetOf(cluster, topic);
    const outside = { kind: 'out_of_range', topic, partition: 0, logStartOffset: 6n, logEndOffset: 10n };
    expect(await fetchOne(newFetcher(cluster), target)).toEqual(outside);
    expect(await fetchOne(newFetcher(cluster), { ...target, offset: 11n })).toEqual(outside);
    expect(await fetchOne(newFetcher(cluster), { ...target, offset: 6n })).toMatchObject({ kind: 'batches', logStartOffset: 6n });
  });

  it('answers unknown_topic for the id of a topic that was deleted and created again', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 3) });
    const before = await targetOf(cluster, topic);
    const fetcher = newFetcher(cluster);
    expect(await fetchOne(fetcher, before)).toMatchObject({ kind: 'batches' });
    await oracle.deleteTopic({ bootstrap, topic });
    await expect.poll(async () => (await fetchOne(fetcher, before, { maxWaitMs: 0 })).kind).toBe('unknown_topic');
    await oracle.createTopic({ bootstrap, topic });
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 3) });
    expect(await fetchOne(fetcher, before)).toMatchObject({ kind: 'unknown_topic' });
    expect(await fetchOne(fetcher, await targetOf(cluster, topic))).toMatchObject({ kind: 'batches' });
  });

  it('answers the good partitions beside a bad one', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 3) });
    const good = await targetOf(cluster, topic);
    const bad = { ...good, topic: `${topic}.none`, topicId: '7d9f6b1e-0000-4000-8000-0123456789ab' };
    const answers = await newFetcher(cluster).fetch([bad, good], { maxWaitMs: 500, maxBytes }, never);
    expect(new Map(answers.map(({ topic: name, kind }) => [name, kind]))).toEqual(
      new Map([
        [bad.topic, 'unknown_topic'],
        [topic, 'batches'],
      ]),
    );
  });

  it('gives up at once when aborted, and fetches again afterwards', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 1) });
    const target = { ...(await targetOf(cluster, topic)), offset: 1n };
    const fetcher = newFetcher(cluster);
    const abort = new AbortController();
    const waiting = fetcher.fetch([target], { maxWaitMs: 5_000, maxBytes }, abort.signal);
    const reason = new Error('enough');
    const startedMs = performance.now();
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await fetchOne(fetcher, target, { maxWaitMs: 0 })).toMatchObject({ kind: 'batches', empty: true });
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  });

  it('lets requests for offsets through while a fetch waits for data', async () => {
    const topic = await topicWith();
    // The leader of a topic that is this young may still answer that it does not know it.
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 1) });
    const target = { ...(await targetOf(cluster, topic)), offset: 1n };
    const waiting = newFetcher(cluster).fetch([target], { maxWaitMs: 4_000, maxBytes }, never);
    const startedMs = performance.now();
    await partitionEnds(cluster, [target], never);
    await newFetcher(cluster).fetch([target], { maxWaitMs: 0, maxBytes }, never);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await oracle.produce({ bootstrap, topic, partition: 0, records: numbered(0, 1) });
    const answers = await waiting;
    expect(answers).toEqual([expect.objectContaining({ kind: 'batches', empty: false })]);
  });
});

describe('batchAt', () => {
  it('C6: gives leader epoch and checksum of the batch that holds an offset, markers included', async () => {
    const topic = await topicWith();
    await oracle.produce({ bootstrap, topic, partition: 0, transactionalId: topic, flushEvery: 5, records: numbered(0, 10) });
    const target = await targetOf(cluster, topic);
    const { batches } = await readAll(newFetcher(cluster), target);
    const at = (offset: bigint) => batchAt(cluster, batchReader(maxBytes), { ...target, offset }, never);
    const second = batches[1]!;
    expect(await at(7n)).toEqual({
      baseOffset: 5n,
      lastOffset: 9n,
      leaderEpoch: batchLeaderEpoch(second.bytes),
      crc: batchCrc(second.bytes),
    });
    expect(await at(10n)).toMatchObject({ baseOffset: 10n, lastOffset: 10n });
    expect(await at(11n)).toBeUndefined();
    expect(await at(500n)).toBeUndefined();
    await oracle.deleteRecords({ bootstrap, topic, partition: 0, before: 10n });
    expect(await at(7n)).toBeUndefined();
  });

  it('rejects with topic_missing for a topic id that is gone', async () => {
    const topic = await topicWith();
    const target = { ...(await targetOf(cluster, topic)), topicId: '7d9f6b1e-0000-4000-8000-0123456789ab' };
    await expect(batchAt(cluster, batchReader(maxBytes), target, never)).rejects.toMatchObject({ code: 'topic_missing' });
  });
});

/** Park and Miller's generator: the same history for the same seed. */
function lehmer(seed: number): () => number {
  let state = seed * 48_271;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
