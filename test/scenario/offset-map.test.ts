import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffsetsView } from '../../src/model/status.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { TestDaemon } from './daemon.ts';

/** What a consumer needs that changes from one log to the other, asked as an operator would ask it. */
describe('the mapping of offsets', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('offsets');
  const producer = kafkajsFor(primary).producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
  let database: pg.Client;
  let daemon: TestDaemon;
  let sent = 0;

  /** A committed transaction of three records, then an aborted one: the logs drift apart at home, as they do by markers in the region. */
  const round = async (): Promise<void> => {
    const committed = await producer.transaction();
    for (let n = 0; n < 3; n++) await committed.send({ topic, messages: [{ key: String(sent), value: String(sent++) }] });
    await committed.commit();
    const aborted = await producer.transaction();
    await aborted.send({ topic, messages: [{ key: 'aborted', value: 'aborted' }] });
    await aborted.abort();
  };
  /** Offset by value, of everything committed. */
  const read = async (bootstrap: string): Promise<ReadonlyMap<string, bigint>> => {
    const consumer = kafkajsFor(bootstrap).consumer({ groupId: uniqueTopic('reader'), readUncommitted: false });
    const found = new Map<string, bigint>();
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const value = message.value?.toString() ?? '';
        if (value !== 'aborted') found.set(value, BigInt(message.offset));
      },
    });
    await eventually(() => found.size === sent, { what: `${sent} records read` });
    await consumer.disconnect();
    return found;
  };
  const ask = async (...args: readonly string[]): Promise<OffsetsView> =>
    JSON.parse(await daemon.cli(['lag', '--offsets', `${topic}:0`, ...args, '-o', 'json'])) as OffsetsView;
  const view = async (): Promise<OffsetsView> =>
    (await (await fetch(`${daemon.url}/api/offsets?topic=${topic}&partition=0`)).json()) as OffsetsView;
  const translated = async (from: 'home' | 'regional', offset: bigint): Promise<OffsetsView> =>
    (await (await fetch(`${daemon.url}/api/offsets?topic=${topic}&partition=0&${from}=${offset}`)).json()) as OffsetsView;
  const mirrored = async (): Promise<void> => {
    await eventually(
      async () => {
        const status = (await daemon.partition(topic, 0))?.mirror;
        return status?.state === 'running' && status.next !== null && status.next === status.end && BigInt(status.next) >= BigInt(sent);
      },
      { what: 'everything mirrored' },
    );
  };

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect(), createTopic(primary, { topic })]);
    daemon = await TestDaemon.create({ primary, regional, database: url, region: `map-${topic.slice(-10)}`, topics: [topic] });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  const checkAll = async (): Promise<void> => {
    const [home, region] = [await read(primary), await read(regional)];
    for (const [value, asked] of home) {
      const { translation } = await translated('home', asked);
      const start = BigInt(translation?.at?.regional ?? -1);
      expect(start, `home ${asked}`).toBeGreaterThanOrEqual(0n);
      for (const [other, at] of region) if (Number(other) >= Number(value)) expect(at, `home ${asked}`).toBeGreaterThanOrEqual(start);
    }
    for (const [value, asked] of region) {
      const { translation } = await translated('regional', asked);
      const start = BigInt(translation?.at?.home ?? -1);
      expect(start, `regional ${asked}`).toBeGreaterThanOrEqual(0n);
      for (const [other, at] of home) if (Number(other) >= Number(value)) expect(at, `regional ${asked}`).toBeGreaterThanOrEqual(start);
    }
  };

  it('C5: skips no record in either direction', async () => {
    for (let n = 0; n < 8; n++) await round();
    await mirrored();
    const { partitions } = await ask();
    expect(partitions[0]?.points).toBeGreaterThan(1);
    expect(partitions[0]?.first).toEqual({ home: '0', regional: '0' });
    await checkAll();
    const { translation } = await ask('--home', '4');
    expect(BigInt(translation?.at?.home ?? 99)).toBeLessThanOrEqual(4n);
  });

  it('C5: survives a killed daemon, and goes on', async () => {
    await eventually(
      async () => {
        const { rows } = await database.query<{ n: number }>(
          'select cardinality(home_offsets) n from farshore.offset_map where topic = $1',
          [topic],
        );
        return rows[0]?.n === (await view()).partitions[0]?.points;
      },
      { what: 'the points being kept' },
    );
    const before = await view();
    await daemon.kill();
    await round();
    await daemon.start();
    await mirrored();
    const after = await view();
    expect(after.partitions[0]?.first).toEqual(before.partitions[0]?.first);
    expect(after.partitions[0]?.points).toBeGreaterThan(before.partitions[0]?.points ?? 0);
    await checkAll();
  });

  it('C5: forgets what a rewind makes untrue before the rewind holds', async () => {
    await daemon.cli(['partition', 'resume', `${topic}:0`, '--stage', 'mirror', '--from', 'earliest', '--accept-rewind']);
    await eventually(async () => BigInt((await view()).partitions[0]?.first?.regional ?? 0) > 0n, { what: 'points of the new pass' });
    await mirrored();
    const { translation } = await translated('home', 0n);
    const last = BigInt((await view()).partitions[0]?.last?.regional ?? 0);
    expect(BigInt(translation?.at?.regional ?? 0)).toBeGreaterThan(0n);
    expect(BigInt(translation?.at?.regional ?? 0)).toBeLessThan(last);
    const { translation: lost } = await translated('regional', 0n);
    expect(lost?.at).toBeNull();
  });
});
