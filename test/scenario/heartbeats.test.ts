import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { Oracle } from '../rig/oracle.ts';
import { TestDaemon } from './daemon.ts';

const HEARTBEATS = 60;

/** Both directions at once, as before a cutover: one daemon mirrors, the other stands by with heartbeats only. */
describe('two daemons that mirror towards each other', () => {
  const { primary: east, regional: west } = sharedRig();
  const topic = uniqueTopic('both');
  let oracle: Oracle;
  let forward: TestDaemon;
  let reverse: TestDaemon;
  /** Other daemons of other regions were here, and their heartbeats too. */
  let before: readonly string[];

  const heartbeatTopics = async (): Promise<readonly string[]> => {
    const admin = kafkajsFor(east).admin();
    await admin.connect();
    try {
      return (await admin.listTopics()).filter((found) => found.startsWith('farshore.heartbeat'));
    } finally {
      await admin.disconnect();
    }
  };

  beforeAll(async () => {
    before = [...(await heartbeatTopics()), 'farshore.heartbeat'];
    oracle = await Oracle.start();
    await createTopic(east, { topic });
    const common = { heartbeat: true, heartbeatMs: 200, topics: [topic] };
    forward = await TestDaemon.create({
      ...common,
      primary: east,
      regional: west,
      database: await freshDatabase(),
      region: 'west',
      primaryName: 'east',
    });
    reverse = await TestDaemon.create({
      ...common,
      primary: west,
      regional: east,
      database: await freshDatabase(),
      region: 'east',
      primaryName: 'west',
      mirror: ['standby: true'],
    });
    await Promise.all([forward.start(), reverse.start()]);
  });

  afterAll(async () => {
    await forward?.[Symbol.asyncDispose]();
    await reverse?.[Symbol.asyncDispose]();
    await oracle?.[Symbol.asyncDispose]();
  });

  const count = async (bootstrap: string, name: string): Promise<number> =>
    (await oracle.consume({ bootstrap, topic: name, isolation: 'read_committed' })).records.length;

  it('C23: each heartbeat arrives once, under the name of its cluster, and goes no further', async () => {
    await eventually(
      async () =>
        (await count(west, 'farshore.heartbeat.east')) >= HEARTBEATS && (await count(east, 'farshore.heartbeat.west')) >= HEARTBEATS,
      { deadlineMs: 90_000, everyMs: 1_000, what: `${HEARTBEATS} heartbeats both ways` },
    );
    await Promise.all([forward.stop(), reverse.stop()]);
    // A daemon that is stopped writes no more; what it wrote and did not mirror is at most what came after its last cycle.
    for (const [home, away, name] of [
      [east, west, 'east'],
      [west, east, 'west'],
    ] as const) {
      const written = await count(home, 'farshore.heartbeat');
      const arrived = await count(away, `farshore.heartbeat.${name}`);
      expect(arrived).toBeLessThanOrEqual(written);
      expect(arrived).toBeGreaterThan(written - 10);
    }
    expect((await heartbeatTopics()).filter((name) => !before.includes(name))).toEqual(['farshore.heartbeat.west']);
  });

  it('C24: the standing-by direction carried no topic back, and the home of each is published', async () => {
    const homes = await oracle.consume({ bootstrap: west, topic: '__farshore.topics', isolation: 'read_committed' });
    const published = new Map(homes.records.map(({ key, value }) => [key?.toString(), value?.toString()]));
    expect(published.get(topic)).toBe('{"home":"east","epoch":1}');
    expect(await count(east, topic)).toBe(0);
  });
});
