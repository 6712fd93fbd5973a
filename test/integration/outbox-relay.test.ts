import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { outboxLog } from '../../src/kafka/outbox-log.ts';
import type { TransactionStep } from '../../src/kafka/transactions.ts';
import { systemClock } from '../../src/model/clock.ts';
import { OutboxLoop } from '../../src/outbox/outbox-loop.ts';
import { OutboxRelay } from '../../src/outbox/relay.ts';
import type { Database } from '../../src/postgres/database.ts';
import { outboxStore } from '../../src/postgres/outbox-store.ts';
import { OutboxListener } from '../../src/postgres/outbox-wakeups.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { homeAt, migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

const steps: readonly TransactionStep[] = [
  'begin',
  'produce_sent',
  'produced',
  'positions_sent',
  'positions_committed',
  'end_sent',
  'ended',
];
let database: Database;
let bootstrap: string;
const clusters: KafkaCluster[] = [];

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  bootstrap = sharedRig().regional;
  await rowsOf(
    database,
    `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', 4, 'a', clock_timestamp() + interval '1 hour')`,
  );
});

afterAll(async () => {
  for (const cluster of clusters) await cluster.close();
  await database.close();
});

/** A relay as a newly started daemon has it. */
async function relay(id: string, positions: string, onStep?: (step: TransactionStep) => void) {
  const cluster = new KafkaCluster({
    name: 'region',
    brokers: [bootstrap],
    clientId: 'test',
    requestTimeoutMs: 15_000,
    clock: systemClock,
  });
  clusters.push(cluster);
  await cluster.connect(never);
  const log = outboxLog({ cluster, transactionalId: id, group: id, transactionTimeoutMs: 15_000, onStep }, positions);
  return new OutboxRelay(outboxStore(database, 4n, 'eu-west', 1 << 22), log, 100, () => undefined);
}

const add = async (topic: string, key: string, value: string) => {
  await database.query(homeAt(topic, 'eu-west'), never);
  return await rowsOf(
    database,
    `insert into farshore.outbox (topic, key, value, headers) values ($1, convert_to($2, 'UTF8'), convert_to($3, 'UTF8'), '{"h": "x"}')`,
    [topic, key, value],
  );
};

async function drain(one: OutboxRelay): Promise<void> {
  while ((await one.turn(never)).kind !== 'idle');
}

/** What a read_committed consumer sees until it has seen the last of `until`. */
async function seen(topic: string, until: string): Promise<readonly string[]> {
  const consumer = kafkajsFor(bootstrap).consumer({ groupId: uniqueTopic('reader'), readUncommitted: false });
  const values: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(`${message.key}=${message.value}`);
        if (`${message.value}` === until) resolve();
      },
    });
    await promise;
  } finally {
    await consumer.disconnect();
  }
  return values;
}

describe('the outbox relay', () => {
  it.each(steps)('loses and doubles nothing when it ends at %s and another goes on', async (step) => {
    const topic = uniqueTopic('billing');
    await createTopic(bootstrap, { topic });
    await add(topic, 'a', '1');
    await add(topic, 'a', '2');
    const first = await relay(topic, topic, (at) => {
      if (at === step) throw new Error('ended here');
    });
    await expect(first.turn(never)).rejects.toThrow();
    const second = await relay(topic, topic);
    await drain(second);
    await add(topic, 'a', 'last');
    await drain(second);
    expect(await seen(topic, 'last')).toEqual(['a=1', 'a=2', 'a=last']);
  });

  it('publishes the rows around a refused one, and keeps that with its reason', async () => {
    const [topic, small] = [uniqueTopic('billing'), uniqueTopic('small')];
    await createTopic(bootstrap, { topic });
    await createTopic(bootstrap, { topic: small, configs: { 'max.message.bytes': '200' } });
    await add(topic, 'a', '1');
    await add(small, 'a', 'x'.repeat(1_000));
    await add(small, 'a', 'behind');
    await add(topic, 'a', 'last');
    await drain(await relay(topic, topic));
    expect(await seen(topic, 'last')).toEqual(['a=1', 'a=last']);
    const left = await rowsOf(database, 'select attempts, last_error from farshore.outbox where published_at is null order by id');
    expect(left).toEqual([
      { attempts: '1', last_error: expect.stringMatching(/^batch_refused: /) },
      { attempts: '0', last_error: null },
    ]);
  });

  it.each(['{"attempt": 1}', '{"attempt": null}', '{"attempt": true}', '{"attempt": {}}', '{"attempt": ["1"]}'])(
    'holds a row whose header value is no text, %s, and publishes the rows around it',
    async (headers) => {
      const [topic, odd] = [uniqueTopic('billing'), uniqueTopic('odd')];
      for (const one of [topic, odd]) await createTopic(bootstrap, { topic: one });
      await add(topic, 'a', '1');
      await database.query(homeAt(odd, 'eu-west'), never);
      // As one that was written before the table refused it.
      await rowsOf(database, 'alter table farshore.outbox disable trigger farshore_outbox_headers');
      await rowsOf(database, 'insert into farshore.outbox (topic, headers) values ($1, $2::jsonb)', [odd, headers]);
      await rowsOf(database, 'alter table farshore.outbox enable trigger farshore_outbox_headers');
      await add(topic, 'a', 'last');
      await drain(await relay(topic, topic));
      expect(await seen(topic, 'last')).toEqual(['a=1', 'a=last']);
      const left = await rowsOf(database, 'select id, attempts, batch, last_error from farshore.outbox where topic = $1', [odd]);
      expect(left).toEqual([
        { id: expect.any(String), attempts: '1', batch: null, last_error: expect.stringMatching(/^batch_refused: Row /) },
      ]);
      expect(left[0]!.last_error).toContain(`Row ${left[0]!.id} of the outbox, for ${odd}: header "attempt" is `);
    },
  );

  it('is woken by an insert: no row waits for its timer', async () => {
    const topic = uniqueTopic('billing');
    await createTopic(bootstrap, { topic });
    const stop = new AbortController();
    const listener = new OutboxListener(database, systemClock);
    const store = outboxStore(database, 4n, 'eu-west', 1 << 22);
    // By the timer alone each row would wait for minutes, and the test with it.
    const settings = { pollMs: 600_000, keepMs: 3_600_000 };
    const parts = {
      relay: await relay(topic, topic),
      store,
      wakeups: listener,
      prepare: async () => undefined,
      observe: () => undefined,
      clock: systemClock,
    };
    const running = new OutboxLoop(parts, settings).run(stop.signal).catch((error: unknown) => error);
    await eventually(() => Promise.resolve(listener.listening), { what: 'the relay listening' });
    const waits = `select extract(epoch from published_at - created_at) * 1000 as ms from farshore.outbox where topic = $1`;
    for (let n = 1; n <= 20; n++) {
      await add(topic, 'a', String(n));
      await eventually(async () => (await rowsOf(database, `${waits} and published_at is not null`, [topic])).length === n, {
        what: `row ${n}`,
      });
    }
    stop.abort(new Error('stopped'));
    await running;
    expect(await seen(topic, '20')).toEqual(Array.from({ length: 20 }, (_, n) => `a=${n + 1}`));
  });
});
