import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type pg from 'pg';
import type { Rig } from '../../test/rig/rig.ts';
import { BenchDaemon } from './daemon.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';
import { cpuSeconds, type Sample, steady, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { deleteTopic, loadRows } from './topics.ts';

const topic = 'bench.scaling';
const SHARDS = 6;
const PARTITIONS = 24;
const DAEMONS = [1, 2, 3] as const;
const WITHIN_SECONDS = 900;

/** What one run used, a record: by the daemons, and by the servers they talk to. */
interface Measured {
  readonly recordsPerSecond: number;
  readonly daemonMicros: readonly number[];
  readonly brokerMicros: number;
  readonly databaseMicros: number;
  /** Share of all cores that was used by anything. */
  readonly machine: number;
}

/** Processes whose command line matches, of this user. */
const pidsOf = (pattern: RegExp): readonly number[] =>
  readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return pattern.test(readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });

/** Children that ended since are counted by their parent. */
function cpuOf(pids: readonly number[]): number {
  let seconds = 0;
  for (const pid of pids) {
    try {
      seconds += cpuSeconds(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  return seconds;
}

/** Busy seconds of all cores since the machine started. */
function machineSeconds(): { readonly busy: number; readonly all: number } {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used / 1000;
    all += (used + times.idle) / 1000;
  }
  return { busy, all };
}

async function measure(rig: Rig, database: string, client: pg.Client, records: number, count: number, shards: number): Promise<Measured> {
  const region = `bench${Date.now().toString(36)}`;
  const daemons: BenchDaemon[] = [];
  try {
    for (let n = 0; n < count; n++)
      daemons.push(await BenchDaemon.create({ rig, database, region, topics: [topic], tables: { [topic]: table }, shards }));
    await Promise.all(daemons.map((daemon) => daemon.start()));
    const servers = { broker: pidsOf(/\bRigBroker\b/), database: () => pidsOf(/^postgres|bin\/postgres/) };
    const before = {
      daemons: daemons.map(({ pid }) => cpuSeconds(pid)),
      broker: cpuOf(servers.broker),
      database: cpuOf(servers.database()),
      machine: machineSeconds(),
    };
    const samples: readonly Sample[] = await watch(daemons[0]!.pid, () => appliedRecords(client, topic), records, WITHIN_SECONDS);
    const machine = machineSeconds();
    const micros = (seconds: number) => (seconds * 1e6) / records;
    return {
      recordsPerSecond: steady(samples, records).recordsPerSecond,
      daemonMicros: daemons.map(({ pid }, n) => micros(cpuSeconds(pid) - before.daemons[n]!)),
      brokerMicros: micros(cpuOf(servers.broker) - before.broker),
      databaseMicros: micros(cpuOf(servers.database()) - before.database),
      machine: (machine.busy - before.machine.busy) / (machine.all - before.machine.all),
    };
  } finally {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  }
}

/** The rate of 1, 2 and 3 daemons over one backlog, and what limits it: CPU a record of each process, and how busy the machine is. */
export async function benchScaling({ records, say, emit }: BenchRun): Promise<void> {
  await using rig = await benchServers();
  say(`loading ${records} rows into ${PARTITIONS} partitions`);
  await loadRows(rig.primary.bootstrap, topic, records, Number.POSITIVE_INFINITY, 1, PARTITIONS);
  let alone: number | undefined;
  for (const [count, shards] of [[1, 1] as const, ...DAEMONS.map((n) => [n, SHARDS] as const)]) {
    await deleteTopic(rig.regional.bootstrap, topic);
    const measured = await withDatabase(rig, (database, client) => measure(rig, database, client, records, count, shards));
    const { recordsPerSecond, daemonMicros, brokerMicros, databaseMicros, machine } = measured;
    alone ??= recordsPerSecond;
    const name = `${count} daemon${count === 1 ? '' : 's'}, ${shards} shard${shards === 1 ? '' : 's'}`;
    say(
      `${name}: daemons ${daemonMicros.map((micros) => micros.toFixed(1)).join(' + ')} µs, brokers ${brokerMicros.toFixed(1)} µs, database ${databaseMicros.toFixed(1)} µs a record; the machine is ${(machine * 100).toFixed(0)} % busy`,
    );
    emit(line('scaling', { case: name, unit: 'records/s' }, [recordsPerSecond], [alone], { target: '-', kind: 'at_least', ratio: 0 }));
    const sum = daemonMicros.reduce((a, b) => a + b, 0);
    emit(
      line('scaling', { case: `${name}, all daemons`, unit: 'cpu_us/record' }, [sum], undefined, {
        target: '-',
        kind: 'at_most',
        ratio: 1_000,
      }),
    );
    emit(
      line('scaling', { case: `${name}, the machine`, unit: '% busy' }, [machine * 100], undefined, {
        target: '-',
        kind: 'at_most',
        ratio: 100,
      }),
    );
  }
}
