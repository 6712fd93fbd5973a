import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

/** Longest retention below is a minute; the broker looks each second. */
const EXPIRY_MS = 80_000;

/** Brokers that forget the offsets of a group without members after a minute. */
describe('positions in a region that expires offsets after a minute', () => {
  let rig: Rig;
  let database: pg.Client;
  let daemon: TestDaemon;
  const group = 'farshore.expiry.us-east';

  const held = async (name: string): Promise<string | undefined> => {
    const admin = kafkajsFor(rig.regional.bootstrap).admin();
    await admin.connect();
    try {
      const [topic] = await admin.fetchOffsets({ groupId: name, topics: ['quiet'] });
      return topic?.partitions.find(({ partition }) => partition === 0)?.offset;
    } finally {
      await admin.disconnect();
    }
  };

  beforeAll(async () => {
    rig = await startRig({ regional: { properties: { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' } } });
    const url = await rig.database.createDatabase('expiry');
    database = new pg.Client({ connectionString: url });
    await database.connect();
    await database.query(rowTable('quiet'));
    await createTopic(rig.primary.bootstrap, { topic: 'quiet' });
    const producer = kafkajsFor(rig.primary.bootstrap).producer();
    await producer.connect();
    await producer.send({ topic: 'quiet', messages: [{ key: '1', value: rowValue(1, 'only', 1) }] });
    await producer.disconnect();
    daemon = await TestDaemon.create({
      primary: rig.primary.bootstrap,
      regional: rig.regional.bootstrap,
      database: url,
      region: 'expiry',
      topics: ['quiet'],
      tables: ['{ topic: quiet, table: public.quiet }'],
      mirror: ['recommitSeconds: 10'],
    });
    await daemon.start();
    await eventually(async () => (await database.query('select 1 from quiet')).rowCount === 1, { what: 'the record' });
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await database?.end();
    await rig?.[Symbol.asyncDispose]();
  });

  it('C11: stand although nothing is written, while those of a group that commits once are gone', async () => {
    const admin = kafkajsFor(rig.regional.bootstrap).admin();
    await admin.connect();
    await admin.setOffsets({ groupId: 'once', topic: 'quiet', partitions: [{ partition: 0, offset: '1' }] });
    await admin.disconnect();
    expect(await held('once')).toBe('1');
    expect(await held(group)).toBe('1');
    // The other group's offset going is the proof that offsets committed at that time have expired by now.
    await eventually(async () => (await held('once')) === '-1', {
      deadlineMs: EXPIRY_MS * 2,
      everyMs: 2_000,
      what: 'the expiry of an offset',
    });
    expect(await held(group)).toBe('1');
    await daemon.kill();
    await daemon.start();
    await eventually(async () => (await daemon.partition('quiet', 0))?.mirror?.state === 'running', { what: 'quiet:0 running' });
  }, 240_000);
});
