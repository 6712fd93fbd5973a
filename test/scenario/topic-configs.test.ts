import { ConfigResourceTypes } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const MIN_RETENTION_MS = 5 * 86_400_000;

/** Configs of real topics, as the brokers of both sides tell them. */
describe('configs of mirrored topics', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('configs');
  const producer = kafkajsFor(primary).producer();
  const home = kafkajsFor(primary).admin();
  const away = kafkajsFor(regional).admin();
  let database: pg.Client;
  let daemon: TestDaemon;

  const configs = async (): Promise<Readonly<Record<string, string>>> => {
    const { resources } = await away.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      includeSynonyms: false,
    });
    return Object.fromEntries((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]));
  };
  /** Replaces all configs of the topic at home. */
  const alter = async (wanted: Readonly<Record<string, string>>): Promise<void> => {
    const configEntries = Object.entries(wanted).map(([name, value]) => ({ name, value }));
    await home.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
  };

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect(), home.connect(), away.connect()]);
    await database.query(rowTable('configured'));
    await createTopic(primary, {
      topic,
      partitions: 3,
      configs: {
        'cleanup.policy': 'compact',
        'delete.retention.ms': '60000',
        'segment.bytes': '2000000',
        'message.timestamp.type': 'LogAppendTime',
        'compression.type': 'gzip',
        'min.insync.replicas': '1',
      },
    });
    await producer.send({ topic, messages: [{ key: '1', value: rowValue(1, 'one', 1) }] });
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `configs-${topic.slice(-10)}`,
      topics: [topic],
      tables: [`{ topic: ${topic}, table: public.configured }`],
      mirror: [`minRetentionSeconds: ${MIN_RETENTION_MS / 1000}`],
    });
    await daemon.start();
    await eventually(async () => (await database.query('select 1 from configured')).rows.length === 1, { what: 'the first row' });
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect(), home.disconnect(), away.disconnect()]);
  });

  it('C14, C7: are those of home but for what the region keeps for itself, and tombstones stay long enough', async () => {
    expect((await away.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions).toHaveLength(3);
    expect(await configs()).toMatchObject({
      'cleanup.policy': 'compact',
      'segment.bytes': '2000000',
      'delete.retention.ms': String(MIN_RETENTION_MS),
      'message.timestamp.type': 'CreateTime',
      'compression.type': 'producer',
    });
  });

  it('C14: follow a change at home, never the list of what is not synced', async () => {
    await alter({
      'cleanup.policy': 'compact,delete',
      'retention.ms': '1000',
      'segment.bytes': '3000000',
      'max.message.bytes': '900000',
      'message.timestamp.type': 'LogAppendTime',
      'compression.type': 'lz4',
      'min.insync.replicas': '1',
    });
    await eventually(async () => (await configs())['segment.bytes'] === '3000000', { what: 'the change arriving' });
    expect(await configs()).toMatchObject({
      'cleanup.policy': 'compact,delete',
      'retention.ms': String(MIN_RETENTION_MS),
      'delete.retention.ms': String(MIN_RETENTION_MS),
      'max.message.bytes': '900000',
      'message.timestamp.type': 'CreateTime',
      'compression.type': 'producer',
    });
    await alter({ 'cleanup.policy': 'compact', 'delete.retention.ms': '7000' });
    await eventually(async () => (await configs())['cleanup.policy'] === 'compact', { what: 'the removal arriving' });
    expect((await configs())['max.message.bytes']).not.toBe('900000');
    // What is in place is left alone: a sync that set the same thing at each refresh would say so each time.
    const synced = async (): Promise<number> => (await daemon.log()).split('"event":"topic_configs_synced"').length - 1;
    const before = await synced();
    const refreshes = 3;
    await daemon.cli(['partition', 'pause', `${topic}:2`, '--stage', 'mirror']);
    for (let n = 0; n < refreshes; n++) await daemon.cli(['partition', 'resume', `${topic}:2`, '--stage', 'mirror']);
    expect(await synced()).toBe(before);
  });

  it('C7: a topic that stood unread for longer than home keeps its tombstones marks its table, for good', async () => {
    await eventually(
      async () =>
        (await database.query("select 1 from farshore.read_marks where topic = $1 and stage = 'mirror'", [topic])).rows.length === 3,
      { what: 'the marks being kept' },
    );
    await daemon.kill();
    await database.query("update farshore.read_marks set read_until = read_until - interval '1 hour' where topic = $1 and partition = 1", [
      topic,
    ]);
    await daemon.start();
    const metric = /farshore_needs_full_audit\{[^}]*table="public.configured"[^}]*\} 1/;
    await eventually(async () => metric.test(await (await fetch(`${daemon.url}/metrics`)).text()), { what: 'the table being marked' });
    const { rows } = await database.query('select stage, table_name, retention_ms::int from farshore.full_audits where topic = $1', [
      topic,
    ]);
    expect(rows).toEqual([{ stage: 'mirror', table_name: 'public.configured', retention_ms: 7_000 }]);
    expect(await daemon.log()).toContain('"event":"full_audit_needed"');
    await daemon.kill();
    await daemon.start();
    await eventually(async () => metric.test(await (await fetch(`${daemon.url}/metrics`)).text()), { what: 'the mark being kept' });
  });
});
