import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedAction } from '../../src/model/status.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

/** Every stop of a partition is resumed by the command that its error prints, run as an operator would run it. */
describe('a stopped partition', () => {
  const { primary, regional } = sharedRig();
  const base = uniqueTopic('stops');
  const topics = ['truncated', 'recreated', 'regional', 'position', 'refused', 'grown'] as const;
  const topicOf = (name: (typeof topics)[number]): string => `${base}.${name}`;
  let producer = kafkajsFor(primary).producer();
  const home = kafkajsFor(primary).admin();
  const away = kafkajsFor(regional).admin();
  let database: pg.Client;
  let daemon: TestDaemon;
  const region = `stops-${base.slice(-10)}`;

  const send = async (name: (typeof topics)[number], ids: readonly number[], version = 1, partition = 0): Promise<void> => {
    await producer.send({
      topic: topicOf(name),
      messages: ids.map((id) => ({ key: String(id), value: rowValue(id, `${name} ${version}`, version), partition })),
    });
  };
  const ids = async (name: (typeof topics)[number]): Promise<readonly number[]> => {
    const { rows } = await database.query<{ id: number }>(`select id from ${name} order by id`);
    return rows.map((row) => row.id);
  };
  const applied = async (name: (typeof topics)[number], expected: readonly number[]): Promise<void> => {
    await eventually(async () => JSON.stringify(await ids(name)) === JSON.stringify(expected), { what: `${name} holding ${expected}` });
  };
  const running = async (name: (typeof topics)[number], partition = 0): Promise<void> => {
    await eventually(
      async () => {
        const status = await daemon.partition(topicOf(name), partition);
        return status?.mirror?.state === 'running' && status.apply?.state === 'running';
      },
      { what: `${name}:${partition} running` },
    );
  };

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect(), home.connect(), away.connect()]);
    for (const name of topics) {
      await database.query(rowTable(name));
      await createTopic(primary, { topic: topicOf(name), partitions: name === 'grown' ? 2 : 1 });
      await send(name, [1, 2, 3]);
    }
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region,
      topics: [`${base}.*`],
      tables: topics.map((name) => `{ topic: ${topicOf(name)}, table: public.${name} }`),
    });
    await daemon.start();
    for (const name of topics) await applied(name, [1, 2, 3]);
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect(), home.disconnect(), away.disconnect()]);
  });

  it('whose records retention deleted before they were mirrored names the lost range and goes on behind it', async () => {
    await daemon.cli(['partition', 'pause', `${topicOf('truncated')}:0`, '--stage', 'mirror']);
    await send('truncated', [4, 5, 6]);
    // kafkajs deletes only in topics whose metadata it has loaded.
    await home.fetchTopicOffsets(topicOf('truncated'));
    await home.deleteTopicRecords({ topic: topicOf('truncated'), partitions: [{ partition: 0, offset: '5' }] });
    await daemon.cli(['partition', 'resume', `${topicOf('truncated')}:0`, '--stage', 'mirror']);
    const hint = await daemon.stopped('mirror', topicOf('truncated'), 0, 'source_truncated');
    expect(await ids('truncated')).toEqual([1, 2, 3]);
    expect((await daemon.partition(topicOf('truncated'), 0))?.mirror?.lost).toEqual({ from: '3', to: '5' });
    expect(await daemon.cli(['partition', 'list'])).toContain('  lost: offsets 3 to 4, 2 records at most\n');
    await daemon.runHint(hint);
    await applied('truncated', [1, 2, 3, 6]);
    const { rows } = await database.query(
      "select code, lost_from, lost_to from farshore.operator_actions where topic = $1 and code = 'source_truncated'",
      [topicOf('truncated')],
    );
    expect(rows).toEqual([{ code: 'source_truncated', lost_from: '3', lost_to: '5' }]);
    const log = await daemon.cli(['partition', 'log', `${topicOf('truncated')}:0`, '-o', 'json', '--limit', '2']);
    const [resumed, rechecked] = JSON.parse(log) as readonly RecordedAction[];
    expect(resumed).toMatchObject({ action: 'resume', stage: 'mirror', code: 'source_truncated', lost: { from: '3', to: '5' } });
    expect(resumed?.by).toMatch(/.@./);
    expect(rechecked).toMatchObject({ action: 'resume', code: null, lost: null });
  });

  it('whose topic was created again at home starts over as a new generation', async () => {
    await home.deleteTopics({ topics: [topicOf('recreated')] });
    await eventually(async () => !(await home.listTopics()).includes(topicOf('recreated')), { what: 'the topic being gone' });
    await createTopic(primary, { topic: topicOf('recreated') });
    const hint = await daemon.stopped('mirror', topicOf('recreated'), 0, 'source_recreated');
    await send('recreated', [3, 4], 2);
    await daemon.runHint(hint);
    await applied('recreated', [1, 2, 3, 4]);
    const { rows } = await database.query('select note from recreated where id = 3');
    expect(rows).toEqual([{ note: 'recreated 2' }]);
    const generations = await database.query('select max(generation) g from farshore.generation_starts where topic = $1', [
      topicOf('recreated'),
    ]);
    expect(generations.rows).toEqual([{ g: 2 }]);
  });

  it('whose regional topic was deleted is mirrored and applied again from its start', async () => {
    await away.deleteTopics({ topics: [topicOf('regional')] });
    const hint = await daemon.stopped('mirror', topicOf('regional'), 0, 'region_recreated');
    await daemon.runHint(hint);
    const applyHint = await daemon.stopped('apply', topicOf('regional'), 0, 'region_recreated');
    await daemon.runHint(applyHint);
    await send('regional', [4]);
    await applied('regional', [1, 2, 3, 4]);
    await running('regional');
  });

  it('C11: whose position is gone while the region holds records is not guessed', async () => {
    await daemon.stop();
    await away.deleteGroups([`farshore.${region}.us-east`]);
    await send('position', [4]);
    await daemon.start();
    const hint = await daemon.stopped('mirror', topicOf('position'), 0, 'position_missing');
    expect(await ids('position')).toEqual([1, 2, 3]);
    await daemon.runHint(hint);
    await applied('position', [1, 2, 3, 4]);
    for (const name of topics.filter((other) => other !== 'position')) {
      for (const partition of name === 'grown' ? [0, 1] : [0]) {
        const status = await daemon.partition(topicOf(name), partition);
        if (status?.mirror?.code === 'position_missing') await daemon.runHint(status.mirror.hint ?? '');
      }
      await running(name);
    }
  });

  it('that met a row at which the server itself fails applies everything before it, and skips it only on command', async () => {
    await database.query(`create function broken() returns trigger language plpgsql as $$ begin
  if new.id = 5 then raise 'damaged' using errcode = 'XX001'; end if;
  return new;
end $$;
create trigger broken before insert on refused for each row execute function broken()`);
    const one = (id: number, note: string) => ({ key: String(id), value: rowValue(id, note, 1) });
    await producer.send({ topic: topicOf('refused'), messages: [one(4, 'four'), one(5, 'five'), one(6, 'six')] });
    const hint = await daemon.stopped('apply', topicOf('refused'), 0, 'row_refused');
    expect(await ids('refused')).toEqual([1, 2, 3, 4]);
    const skip = /farshore (?<args>partition resume \S+ --stage apply --from \d+ --accept-loss)/.exec(hint)?.groups?.args;
    expect(skip).toBeDefined();
    await daemon.cli((skip ?? '').split(' '));
    await applied('refused', [1, 2, 3, 4, 6]);
  });

  it('C1: grown partitions are found and read from their start, behind the barrier', async () => {
    await home.createPartitions({ topicPartitions: [{ topic: topicOf('grown'), count: 4 }] });
    await eventually(async () => (await home.fetchTopicMetadata({ topics: [topicOf('grown')] })).topics[0]?.partitions.length === 4);
    // kafkajs drops what is meant for a partition it does not know yet, without a word.
    await producer.disconnect();
    producer = kafkajsFor(primary).producer();
    await producer.connect();
    await send('grown', [4], 1, 3);
    await send('grown', [3], 2, 2);
    await applied('grown', [1, 2, 3, 4]);
    await eventually(
      async () => (await database.query<{ note: string }>('select note from grown where id = 3')).rows[0]?.note === 'grown 2',
    );
    const { rows } = await database.query('select distinct generation from farshore.generation_starts where topic = $1 and partition = 3', [
      topicOf('grown'),
    ]);
    expect(rows.length).toBeGreaterThan(0);
  });

  it('none of this left a partition stopped', async () => {
    await eventually(
      async () => (await daemon.status()).partitions.every((p) => p.mirror?.state === 'running' && p.apply?.state === 'running'),
      {
        what: 'all partitions running',
      },
    );
  });
});
