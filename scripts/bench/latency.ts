import { BenchDaemon } from './daemon.ts';
import { ddl } from './data.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';
import { benchServers } from './servers.ts';
import { percentile, RECORDS_PER_SECOND, SteadyProducer } from './steady-producer.ts';
import { createTopic, loadRows } from './topics.ts';

const topic = 'bench.latency';
const warm = 'bench.warm';
/** Rows that go through before, as a backlog: brokers, daemon and database are then as warm as a service of some days. */
const WARM_UP_ROWS = 200_000;
/** Share of the measured records that is left out on top of it. */
const WARM_UP = 0.3;

/** P8: from the primary's acknowledgement to the region's commit, both by this machine's clock. */
export async function benchLatency({ records, say, emit, plot }: BenchRun): Promise<void> {
  await using rig = await benchServers();
  await createTopic(rig.primary.bootstrap, topic);
  await loadRows(rig.primary.bootstrap, warm, WARM_UP_ROWS);
  await withDatabase(rig, async (database, client) => {
    await using daemon = await BenchDaemon.create({
      rig,
      database,
      region: `bench${Date.now().toString(36)}`,
      topics: [topic, warm],
      tables: { [topic]: table, [warm]: 'public.warm' },
    });
    await client.query(ddl('public.warm', ', farshore_version bytea'));
    await daemon.start();
    await daemon.until(async () => (await appliedRecords(client, warm)) >= WARM_UP_ROWS);
    await using producer = await SteadyProducer.open(rig.primary.bootstrap, topic, records);
    say(`producing ${records} records, ${RECORDS_PER_SECOND} a second`);
    await producer.send(1, records);
    await daemon.until(async () => Number((await client.query<{ n: string }>('select count(*) as n from rows')).rows[0]?.n) === records);
    const latencies = (await producer.latencies(client, (id) => (id > records * WARM_UP ? 0 : undefined))).get(0)!;
    for (const [name, share, goal] of [
      ['p50', 0.5, 50],
      ['p99', 0.99, 250],
    ] as const) {
      emit(
        line('latency', { case: name, unit: 'ms' }, [percentile(latencies, share)], undefined, {
          target: 'P8',
          kind: 'at_most',
          ratio: goal,
        }),
      );
    }
    const points = Array.from({ length: 100 }, (_, i) => ({ x: i, y: percentile(latencies, i / 100) }));
    plot('latency', { title: 'Latency from acknowledge to commit at 2,000 records/s', x: 'percentile', y: 'ms', points });
  });
}
