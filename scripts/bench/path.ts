import { applyAlone } from './apply.ts';
import { BenchDaemon } from './daemon.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import { mirrorAlone } from './mirror.ts';
import type { BenchRun } from './options.ts';
import { between, cpuSeconds, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { deleteTopic, loadRows } from './topics.ts';

const topic = 'bench.path';
const MILLION = 1_000_000;
/** Of the backlog at its begin and at its end: no process is warm there, or none has work for all its parts. */
const EDGE = 0.05;
const POINTS = 40;
const WITHIN_SECONDS = 1_200;

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
    const part = Math.min(MILLION, records / 5);
    const rate = (from: number, to: number) => between(samples, from, to).recordsPerSecond;
    const [first, last] = [rate(EDGE * records, EDGE * records + part), rate((1 - EDGE) * records - part, (1 - EDGE) * records)];
    const name = part === MILLION ? 'last million against first' : 'last fifth against first';
    emit(line('path', { case: name, unit: 'records/s' }, [last], [first], { target: 'P7', kind: 'at_least', ratio: 0.9 }));
    const points = (of: (from: number, to: number) => number) =>
      Array.from({ length: POINTS - 1 }, (_, i) => ({
        x: ((i + 1) * records) / POINTS,
        y: of((i / POINTS) * records, ((i + 1) / POINTS) * records),
      }));
    plot('path', { title: 'Rate over the backlog', x: 'records applied', y: 'records/s', points: points(rate) });
    const cpuSecondsPerMillion = (from: number, to: number) => between(samples, from, to).cpuMicrosPerRecord;
    plot('path-cpu', {
      title: 'CPU of the daemon over the backlog, mirror and apply',
      x: 'records applied',
      y: 'CPU s/million',
      points: points(cpuSecondsPerMillion),
    });
  });
}
