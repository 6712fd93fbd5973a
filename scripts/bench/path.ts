import { applyAlone } from './apply.ts';
import { BenchDaemon } from './daemon.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import { mirrorAlone } from './mirror.ts';
import type { BenchRun } from './options.ts';
import { cpuSeconds, type Sample, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { deleteTopic, loadRows } from './topics.ts';

const topic = 'bench.path';
/** Of the backlog, at its begin and at its end, whose rates are compared. */
const EDGE = 0.2;
const WITHIN_SECONDS = 1_200;

/** Rate between two shares of the backlog. */
function rateBetween(samples: readonly Sample[], records: number, from: number, to: number): number {
  const at = (share: number) => samples.find((sample) => sample.records >= share * records)!;
  const [a, b] = [at(from), at(to)];
  return (b.records - a.records) / (b.atSeconds - a.atSeconds);
}

/** P7: the whole path over one backlog, against mirror and apply alone over the same records. */
export async function benchPath({ records, say, emit, plot }: BenchRun): Promise<void> {
  await using rig = await benchServers();
  say(`loading ${records} rows`);
  await loadRows(rig.primary.bootstrap, topic, records);
  await mirrorAlone(rig, topic, records);
  const alone = [await mirrorAlone(rig, topic, records), await applyAlone(rig, topic, records)].map((one) => one.cpuMicrosPerRecord);
  const sum = alone.reduce((a, b) => a + b);
  say(`mirror ${alone[0]?.toFixed(2)} µs and apply ${alone[1]?.toFixed(2)} µs a record, each alone`);
  await withDatabase(rig, async (database, client) => {
    await deleteTopic(rig.regional.bootstrap, topic);
    await using daemon = await BenchDaemon.create({
      rig,
      database,
      region: `bench${Date.now().toString(36)}`,
      topics: [topic],
      tables: { [topic]: table },
    });
    await daemon.start();
    const started = cpuSeconds(daemon.pid);
    const samples = await watch(daemon.pid, () => appliedRecords(client, topic), records, WITHIN_SECONDS);
    const cpu = ((samples.at(-1)!.cpuSeconds - started) * 1e6) / records;
    emit(line('path', { case: 'backlog', unit: 'cpu_us/record' }, [cpu], [sum], { target: 'P7', kind: 'at_most', ratio: 1.15 }));
    const [first, last] = [rateBetween(samples, records, 0.05, 0.05 + EDGE), rateBetween(samples, records, 0.95 - EDGE, 0.95)];
    emit(
      line('path', { case: 'last fifth against first', unit: 'records/s' }, [last], [first], {
        target: 'P7',
        kind: 'at_least',
        ratio: 0.9,
      }),
    );
    const steps = 40;
    const points = Array.from({ length: steps - 1 }, (_, i) => ({
      x: ((i + 1) * records) / steps,
      y: rateBetween(samples, records, i / steps, (i + 1) / steps),
    }));
    plot('path', { title: 'Rate over the backlog', x: 'records applied', y: 'records/s', points });
  });
}
