import { expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, sharedRig, uniqueTopic } from '../rig/context.ts';
import { startKafka } from '../rig/kafka.ts';
import { Oracle } from '../rig/oracle.ts';
import { TestDaemon } from './daemon.ts';

/** A fast machine writes 10,000 within the second that a transaction has. */
const BATCHES = 25_000;

/** A request takes one batch a partition, so a cycle of tiny batches takes long for its bytes. */
it('a backlog of batches too many for one transaction’s timeout comes through, instead of being sent again for ever', async () => {
  const { primary } = sharedRig();
  const topic = uniqueTopic('tiny');
  // By default a coordinator looks every ten seconds only for transactions that ran out of time.
  const properties = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' };
  await using regional = await startKafka({ name: 'small-batches', properties });
  await using oracle = await Oracle.start();
  await createTopic(primary, { topic, partitions: 1 });
  const records = Array.from({ length: BATCHES }, (_, n) => ({ partition: 0, key: String(n), value: 'v' }));
  await oracle.produce({ bootstrap: primary, topic, records, batchBytes: 1, lingerMs: 0 });
  await using daemon = await TestDaemon.create({
    ...{ primary, regional: regional.bootstrap, database: await freshDatabase() },
    region: topic.replaceAll('.', '-'),
    topics: [topic],
    mirror: ['transactionTimeoutMs: 1000'],
  });
  await daemon.start();
  const mirrored = async () => (await daemon.partition(topic, 0))?.mirror?.next;
  await eventually(async () => (await mirrored()) === String(BATCHES), { deadlineMs: 90_000, everyMs: 250, what: 'all being mirrored' });
  const { records: copies } = await oracle.consume({ bootstrap: regional.bootstrap, topic, isolation: 'read_committed' });
  expect(copies.map(({ key }) => Number(key))).toEqual(records.map((_, n) => n));
  // It did run out of time: else nothing was shown.
  expect(await daemon.log()).toContain('its transaction ran out of time');
});
