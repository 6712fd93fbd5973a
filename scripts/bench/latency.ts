import { setTimeout as delay } from 'node:timers/promises';
import { BenchDaemon } from './daemon.ts';
import { ddl } from './data.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';
import { benchServers } from './servers.ts';
import { createTopic, loadRows, outside, rowKey, rowValue } from './topics.ts';

const topic = 'bench.latency';
const warm = 'bench.warm';
const RECORDS_PER_SECOND = 2_000;
const TICK_MS = 10;
const PER_TICK = (RECORDS_PER_SECOND * TICK_MS) / 1000;
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
    const producer = outside(rig.primary.bootstrap).producer({ idempotent: true, maxInFlightRequests: 5 });
    await producer.connect();
    const ackedMs = new Float64Array(records + 1);
    const sends: Promise<void>[] = [];
    const startedMs = performance.now();
    say(`producing ${records} records, ${RECORDS_PER_SECOND} a second`);
    for (let from = 1, tick = 1; from <= records; from += PER_TICK, tick++) {
      const ids = Array.from({ length: Math.min(PER_TICK, records - from + 1) }, (_, i) => from + i);
      const messages = ids.map((id) => ({ key: rowKey(id), value: rowValue(id), partition: id % 4 }));
      sends.push(
        producer.send({ topic, messages, acks: -1 }).then(() => {
          const now = performance.timeOrigin + performance.now();
          for (const id of ids) ackedMs[id] = now;
        }),
      );
      const waitMs = startedMs + tick * TICK_MS - performance.now();
      if (waitMs > 0) await delay(waitMs);
    }
    await Promise.all(sends);
    await producer.disconnect();
    await daemon.until(async () => Number((await client.query<{ n: string }>('select count(*) as n from rows')).rows[0]?.n) === records);
    const committed = await client.query<{ id: string; ms: string }>(
      'select id, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 as ms from rows',
    );
    const latencies = committed.rows
      .filter(({ id }) => Number(id) > records * WARM_UP)
      // An acknowledgement can reach the producer after the row is in.
      .map(({ id, ms }) => Math.max(0, Number(ms) - ackedMs[Number(id)]!))
      .sort((a, b) => a - b);
    const percentile = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
    for (const [name, share, goal] of [
      ['p50', 0.5, 50],
      ['p99', 0.99, 250],
    ] as const) {
      emit(line('latency', { case: name, unit: 'ms' }, [percentile(share)], undefined, { target: 'P8', kind: 'at_most', ratio: goal }));
    }
    const points = Array.from({ length: 100 }, (_, i) => ({ x: i, y: percentile(i / 100) }));
    plot('latency', { title: 'Latency from acknowledge to commit at 2,000 records/s', x: 'percentile', y: 'ms', points });
  });
}
