import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedRig, uniqueTopic } from '../rig/context.ts';
import { startKafka } from '../rig/kafka.ts';
import { Oracle } from '../rig/oracle.ts';

let oracle: Oracle;
let bootstrap: string;
beforeAll(async () => {
  oracle = await Oracle.start();
  bootstrap = sharedRig().primary;
});
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

const values = (records: readonly { value: Buffer | null }[]): (string | undefined)[] => records.map(({ value }) => value?.toString());

describe('the oracle', () => {
  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('reads back what it wrote with codec %s', async (codec) => {
    const topic = uniqueTopic('oracle');
    await oracle.createTopic({ bootstrap, topic, partitions: 2 });
    const sent = await oracle.produce({
      bootstrap,
      topic,
      partition: 1,
      codec,
      flushEvery: 2,
      records: [
        {
          key: 'k',
          value: 'v',
          timestamp: 1_700_000_000_123n,
          headers: [
            ['h', 'x'],
            ['h', null],
          ],
        },
        { key: null, value: '' },
        { key: 'deleted', value: null },
        { key: 'elsewhere', value: 'zero', partition: 0 },
      ],
    });
    expect(sent).toEqual([
      { partition: 1, offset: 0n },
      { partition: 1, offset: 1n },
      { partition: 1, offset: 2n },
      { partition: 0, offset: 0n },
    ]);

    const { records, ends } = await oracle.consume({ bootstrap, topic, isolation: 'read_committed' });

    expect(ends).toEqual(
      new Map([
        [0, 1n],
        [1, 3n],
      ]),
    );
    const second = records.filter(({ partition }) => partition === 1);
    expect(second[0]).toEqual({
      partition: 1,
      offset: 0n,
      timestamp: 1_700_000_000_123n,
      timestampType: 'CreateTime',
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      headers: [
        ['h', Buffer.from('x')],
        ['h', null],
      ],
    });
    expect(second[1]).toMatchObject({ key: null, value: Buffer.alloc(0) });
    expect(second[2]).toMatchObject({ key: Buffer.from('deleted'), value: null });
  });

  it('interleaves transactions exactly as it was told', async () => {
    const topic = uniqueTopic('transactions');
    await oracle.createTopic({ bootstrap, topic });
    const send = (producer: string, value: string) => oracle.send(producer, { topic, partition: 0, records: [{ value }] });
    await oracle.begin('a', { bootstrap, transactionalId: `${topic}.a` });
    await oracle.begin('b', { bootstrap, transactionalId: `${topic}.b` });
    await send('a', 'a1');
    await send('b', 'b1');
    await send('a', 'a2');
    await oracle.abort('a');
    await send('b', 'b2');

    expect(values((await oracle.consume({ bootstrap, topic, isolation: 'read_committed' })).records)).toEqual([]);
    await oracle.commit('b');

    expect(values((await oracle.consume({ bootstrap, topic, isolation: 'read_committed' })).records)).toEqual(['b1', 'b2']);
    const raw = await oracle.consume({ bootstrap, topic, isolation: 'read_uncommitted' });
    expect(values(raw.records)).toEqual(['a1', 'b1', 'a2', 'b2']);
    // offset 3 is the marker of the abort
    expect(raw.records.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 4n]);
  });

  it('leaves the transaction of an abandoned producer open', async () => {
    const topic = uniqueTopic('abandoned');
    await oracle.createTopic({ bootstrap, topic });
    await oracle.begin('gone', { bootstrap, transactionalId: topic });
    await oracle.send('gone', { topic, partition: 0, records: [{ value: 'x' }] });
    await oracle.abandon('gone');
    expect((await oracle.consume({ bootstrap, topic, isolation: 'read_committed' })).ends).toEqual(new Map([[0, 0n]]));
    expect((await oracle.consume({ bootstrap, topic, isolation: 'read_uncommitted' })).ends).toEqual(new Map([[0, 1n]]));
  });

  it('digests copies alike whatever their offsets, and differing records differently', async () => {
    const [one, shifted, other] = [uniqueTopic('one'), uniqueTopic('shifted'), uniqueTopic('other')];
    const records = [{ key: 'k', value: 'v', timestamp: 5n }];
    for (const topic of [one, shifted, other]) await oracle.createTopic({ bootstrap, topic });
    await oracle.produce({ bootstrap, topic: one, partition: 0, records });
    await oracle.produce({ bootstrap, topic: shifted, partition: 0, records: [{ value: 'before' }, ...records] });
    await oracle.deleteRecords({ bootstrap, topic: shifted, partition: 0, before: 1n });
    await oracle.produce({ bootstrap, topic: other, partition: 0, records: [{ key: 'k', value: 'v', timestamp: 6n }] });
    const digests = [];
    for (const topic of [one, shifted, other]) digests.push(...(await oracle.digest({ bootstrap, topic, isolation: 'read_committed' })));
    expect(digests.map(({ count }) => count)).toEqual([1n, 1n, 1n]);
    expect(digests.map(({ end }) => end)).toEqual([1n, 2n, 1n]);
    expect(digests[0]?.sha256).toBe(digests[1]?.sha256);
    expect(digests[0]?.sha256).not.toBe(digests[2]?.sha256);
  });

  it('grows, configures and deletes topics', async () => {
    const topic = uniqueTopic('grown');
    await oracle.createTopic({ bootstrap, topic, configs: { 'message.timestamp.type': 'LogAppendTime' } });
    await oracle.createPartitions({ bootstrap, topic, count: 3 });
    await oracle.alterConfigs({ bootstrap, topic, configs: { 'message.timestamp.type': 'CreateTime' } });
    await oracle.deleteTopic({ bootstrap, topic });
    await expect(oracle.deleteTopic({ bootstrap, topic })).rejects.toThrow('UnknownTopicOrPartition');
  });

  it('writes transactions in a cluster formatted for the older transaction protocol', async () => {
    await using kafka = await startKafka({ name: 'older', features: { 'transaction.version': 0 } });
    await oracle.createTopic({ bootstrap: kafka.bootstrap, topic: 't' });
    await oracle.produce({ bootstrap: kafka.bootstrap, topic: 't', partition: 0, transactionalId: 'x', records: [{ value: 'v' }] });
    const { records } = await oracle.consume({ bootstrap: kafka.bootstrap, topic: 't', isolation: 'read_committed' });
    expect(values(records)).toEqual(['v']);
  });
});
