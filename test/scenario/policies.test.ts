import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedAction } from '../../src/model/status.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

/** A mirror under a prefix whose operator chose in advance what becomes of lost and re-created logs. */
describe('a mirror with policies', () => {
  const { primary, regional } = sharedRig();
  const base = uniqueTopic('policy');
  const topicOf = (name: string): string => `${base}.${name}`;
  const mirrorOf = (name: string): string => `copy.${base}.${name}`;
  const producer = kafkajsFor(primary).producer();
  const home = kafkajsFor(primary).admin();
  const away = kafkajsFor(regional).admin();
  let database: pg.Client;
  let daemon: TestDaemon;

  const send = async (name: string, ids: readonly number[], version = 1): Promise<void> => {
    await producer.send({
      topic: topicOf(name),
      messages: ids.map((id) => ({ key: String(id), value: rowValue(id, `${name} ${version}`, version) })),
    });
  };
  const applied = async (name: string, expected: readonly (readonly [number, string])[]): Promise<void> => {
    await eventually(
      async () => {
        const { rows } = await database.query<{ id: number; note: string }>(`select id, note from ${name} order by id`);
        return JSON.stringify(rows.map(({ id, note }) => [id, note])) === JSON.stringify(expected);
      },
      { what: `${name} holding ${JSON.stringify(expected)}` },
    );
  };
  const log = async (name: string): Promise<readonly RecordedAction[]> =>
    JSON.parse(await daemon.cli(['partition', 'log', `${mirrorOf(name)}:0`, '-o', 'json'])) as readonly RecordedAction[];

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect(), home.connect(), away.connect()]);
    for (const name of ['truncated', 'recreated']) {
      await database.query(rowTable(name));
      await createTopic(primary, { topic: topicOf(name) });
      await send(name, [1, 2, 3]);
    }
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `policy-${base.slice(-10)}`,
      topics: [`${base}.*`],
      // The table of the second is named by the last part of the topic's name in the region.
      tables: [`{ topic: ${mirrorOf('truncated')}, table: public.truncated }`, `{ topic: ${mirrorOf('recreated')} }`],
      mirror: ['prefix: copy.', 'onTruncated: earliest', 'onRecreated: restart'],
      heartbeat: true,
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect(), home.disconnect(), away.disconnect()]);
  });

  it('C24: names topics with the prefix, but not the heartbeats, and publishes their home under that name', async () => {
    await applied(
      'truncated',
      [1, 2, 3].map((id) => [id, 'truncated 1']),
    );
    await applied(
      'recreated',
      [1, 2, 3].map((id) => [id, 'recreated 1']),
    );
    await eventually(async () => (await daemon.status()).heartbeat.latencySeconds !== null, { what: 'a heartbeat returning' });
    const topics = await away.listTopics();
    expect(topics.filter((topic) => topic.includes(base)).sort()).toEqual([mirrorOf('recreated'), mirrorOf('truncated')]);
    expect(topics).toContain('farshore.heartbeat.us-east');
    const consumer = kafkajsFor(regional).consumer({ groupId: uniqueTopic('homes') });
    const homes = new Map<string, string>();
    await consumer.connect();
    await consumer.subscribe({ topic: '__farshore.topics', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void homes.set(String(message.key), String(message.value)) });
    await eventually(() => homes.has(mirrorOf('recreated')) && homes.has(mirrorOf('truncated')), { what: 'the homes being published' });
    await consumer.disconnect();
    expect(homes.get(mirrorOf('recreated'))).toContain('us-east');
    expect(homes.has(topicOf('recreated'))).toBe(false);
  });

  it('a topic the region refuses stops alone, and says why', async () => {
    const name = 'x'.repeat(249 - base.length - 1);
    await createTopic(primary, { topic: topicOf(name) });
    const hint = await daemon.stopped('mirror', mirrorOf(name), 0, 'topic_refused');
    expect(hint).toContain('partition resume');
    await home.deleteTopics({ topics: [topicOf(name)] });
    await send('truncated', [1]);
    await eventually(async () => (await daemon.partition(mirrorOf('truncated'), 0))?.mirror?.next === '4', { what: 'others going on' });
  });

  it('C24: a regional topic that holds records of nobody knows whom is taken on command only, and mirrored after them', async () => {
    await createTopic(regional, { topic: mirrorOf('claimed') });
    const stranger = kafkajsFor(regional).producer();
    await stranger.connect();
    await stranger.send({ topic: mirrorOf('claimed'), messages: [{ key: 'k', value: 'of somebody' }] });
    await stranger.disconnect();
    await createTopic(primary, { topic: topicOf('claimed') });
    await send('claimed', [1, 2]);
    const hint = await daemon.stopped('mirror', mirrorOf('claimed'), 0, 'home_unknown');
    await daemon.runHint(hint);
    await eventually(async () => (await daemon.partition(mirrorOf('claimed'), 0))?.mirror?.next === '2', {
      what: 'the topic being mirrored',
    });
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    expect(metrics).toMatch(/farshore_mirror_reencoded_batches_total\{[^}]*reason="too_large"[^}]*\} 0\b/);
  });

  it('onTruncated: earliest goes on at what is left, and says and records what is lost', async () => {
    await daemon.cli(['partition', 'pause', `${mirrorOf('truncated')}:0`, '--stage', 'mirror']);
    await send('truncated', [4, 5, 6]);
    await home.fetchTopicOffsets(topicOf('truncated'));
    await home.deleteTopicRecords({ topic: topicOf('truncated'), partitions: [{ partition: 0, offset: '6' }] });
    await daemon.cli(['partition', 'resume', `${mirrorOf('truncated')}:0`, '--stage', 'mirror']);
    await applied(
      'truncated',
      [1, 2, 3, 6].map((id) => [id, 'truncated 1']),
    );
    const [first] = await log('truncated');
    expect(first).toMatchObject({ by: 'mirror.onTruncated', code: 'source_truncated', lost: { from: '4', to: '6' } });
    expect(await daemon.log()).toMatch(/"event":"partition_stopped"[^\n]*"lostFrom":"4","lostTo":"6"/);
    expect(await (await fetch(`${daemon.url}/metrics`)).text()).toMatch(
      new RegExp(`farshore_lost_records_total\\{[^}]*topic="${mirrorOf('truncated')}"[^}]*\\} 2\\b`),
    );
  });

  it('C1: onRecreated: restart mirrors the new log from its start, as a new generation, without an operator', async () => {
    await home.deleteTopics({ topics: [topicOf('recreated')] });
    await eventually(async () => !(await home.listTopics()).includes(topicOf('recreated')), { what: 'the topic being gone' });
    await createTopic(primary, { topic: topicOf('recreated') });
    // As many as the old position stood at, and more: read on from there, some of them would be missed.
    await send('recreated', [7, 8, 9, 10, 3], 2);
    await applied('recreated', [
      [1, 'recreated 1'],
      [2, 'recreated 1'],
      [3, 'recreated 2'],
      ...[7, 8, 9, 10].map((id) => [id, 'recreated 2'] as const),
    ]);
    const [first] = await log('recreated');
    expect(first).toMatchObject({ by: 'mirror.onRecreated', code: 'source_recreated', options: { onRecreated: 'restart' } });
    const { rows } = await database.query('select generation, home_topic_id from farshore.topics where topic = $1', [
      mirrorOf('recreated'),
    ]);
    expect(rows).toMatchObject([{ generation: 2 }]);
  });

  it('C1: --from earliest --accept-rewind mirrors a topic again from its start, as a new generation', async () => {
    await database.query('delete from recreated');
    await expect(
      daemon.cli(['partition', 'resume', `${mirrorOf('recreated')}:0`, '--stage', 'mirror', '--from', 'earliest']),
    ).rejects.toThrow(/--accept-rewind/);
    await daemon.cli(['partition', 'resume', `${mirrorOf('recreated')}:0`, '--stage', 'mirror', '--from', 'earliest', '--accept-rewind']);
    await applied(
      'recreated',
      [3, 7, 8, 9, 10].map((id) => [id, 'recreated 2']),
    );
    const { rows } = await database.query('select generation from farshore.topics where topic = $1', [mirrorOf('recreated')]);
    expect(rows).toEqual([{ generation: 3 }]);
    const [first] = await log('recreated');
    expect(first).toMatchObject({ action: 'resume', options: { from: 'earliest', acceptRewind: true } });
  });
});
