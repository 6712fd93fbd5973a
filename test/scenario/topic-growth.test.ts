import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const KEYS = 60;

/** Topics that appear, grow while they are written to, and come back smaller; and a mirror in the other direction. */
describe('topics that change', () => {
  const { primary, regional } = sharedRig();
  const base = uniqueTopic('growth');
  const grown = `${base}.grown`;
  const home = kafkajsFor(primary).admin();
  let database: pg.Client;
  let daemon: TestDaemon;
  let url = '';
  const written = new Map<number, number>();

  beforeAll(async () => {
    url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), home.connect()]);
    await database.query(rowTable('grown'));
    await createTopic(primary, { topic: grown, partitions: 4 });
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `growth-${base.slice(-10)}`,
      topics: [`${base}.*`],
      tables: [`{ topic: ${grown}, table: public.grown }`],
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), home.disconnect()]);
  });

  it('C1: grow from 4 to 12 partitions under load; every key keeps its newest state though it changed its partition', async () => {
    let stop = false;
    let version = 0;
    /** As an application does: keys go where their hash says, by the partition count it knows; it learns the new one when it starts anew. */
    const load = (async () => {
      while (!stop) {
        const producer = kafkajsFor(primary).producer();
        await producer.connect();
        for (let n = 0; n < 15 && !stop; n++) {
          version++;
          const ids = Array.from({ length: 20 }, (_, i) => (version * 7 + i) % KEYS);
          await producer.send({
            topic: grown,
            messages: ids.map((id) => ({ key: String(id), value: rowValue(id, `v${version}`, version) })),
          });
          for (const id of ids) written.set(id, version);
        }
        await producer.disconnect();
      }
    })();
    const count = async (): Promise<number> => Number((await database.query<{ n: string }>('select count(*) n from grown')).rows[0]?.n);
    await eventually(async () => (await count()) === KEYS, { what: 'all keys applied' });
    await home.createPartitions({ topicPartitions: [{ topic: grown, count: 12 }] });
    await eventually(
      async () => {
        const { rows } = await database.query<{ n: string }>(
          "select count(*) n from farshore.generation_starts where topic = $1 and reason = 'partitions_grown'",
          [grown],
        );
        return Number(rows[0]?.n) === 12;
      },
      { what: 'the growth being recorded' },
    );
    await eventually(async () => ((await daemon.partition(grown, 11))?.apply?.next ?? '0') !== '0', {
      what: 'new partitions being applied',
    });
    stop = true;
    await load;
    await eventually(
      async () => {
        const { rows } = await database.query<{ id: number; version: number }>('select id, version from grown order by id');
        return rows.length === KEYS && rows.every(({ id, version: applied }) => written.get(id) === applied);
      },
      { what: 'the newest state of every key' },
    );
  });

  it('appear while it runs, and are mirrored from their start', async () => {
    const topic = `${base}.appeared`;
    await createTopic(primary, { topic, partitions: 2 });
    const producer = kafkajsFor(primary).producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: 'v', partition: 1 }] });
    await producer.disconnect();
    await eventually(async () => (await daemon.partition(topic, 1))?.mirror?.next === '1', { what: 'the new topic being mirrored' });
  });

  it('C24: a mirror in the other direction refuses a topic whose home is here, so nothing goes in circles', async () => {
    await using back = await TestDaemon.create({
      primary: regional,
      regional: primary,
      database: await freshDatabase(),
      region: `back-${base.slice(-10)}`,
      primaryName: `back-of-${base.slice(-10)}`,
      topics: [grown],
    });
    await back.start();
    const hint = await back.stopped('mirror', grown, 0, 'home_elsewhere');
    expect(hint).toContain(`Exclude ${grown}`);
    expect((await back.partition(grown, 0))?.mirror?.message).toContain('us-east');
  });

  it('that come back with fewer partitions stop, and say how to go on', async () => {
    await home.deleteTopics({ topics: [grown] });
    await eventually(async () => !(await home.listTopics()).includes(grown), { what: 'the topic being gone' });
    await createTopic(primary, { topic: grown, partitions: 2 });
    const hint = await daemon.stopped('mirror', grown, 0, 'partitions_shrunk');
    expect(hint).toContain(`partition resume ${grown} --stage mirror --accept-recreated`);
    expect((await database.query('select 1 from grown')).rows).toHaveLength(KEYS);
  });
});
