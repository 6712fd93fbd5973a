import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { BenchDaemon } from './daemon.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line } from './line.ts';
import type { BenchRun } from './options.ts';
import { cpuSeconds, rssBytes, watch } from './samples.ts';
import { benchServers } from './servers.ts';
import { createTopic, loadRows, outside, rowKey, rowValue } from './topics.ts';

const MIB = 2 ** 20;
const LIMIT_MIB = 350;
const STALL_SECONDS = 30;
const IDLE_SECONDS = 60;
/** V8 goes on compiling for two minutes after the start: the first seconds cost half as much again as an hour of nothing. */
const SETTLE_SECONDS = 150;
const region = () => `bench${Date.now().toString(36)}`;

async function mostMib(pid: number, over: () => Promise<boolean>): Promise<number> {
  let most = 0;
  while (!(await over())) {
    most = Math.max(most, rssBytes(pid) / MIB);
    await delay(100);
  }
  return most;
}

const BACKLOG_WITHIN_SECONDS = 1_800;
const STALL_AT = 0.1;
/** Figures over more parts of the backlog than that would be those of single looks. */
const PARTS = 50;

/** P9: resident memory over a backlog, and while the table is locked. */
export async function benchMemory({ records, say, emit, plot }: BenchRun): Promise<void> {
  const topic = 'bench.memory';
  await using rig = await benchServers();
  say(`loading ${records} rows`);
  await loadRows(rig.primary.bootstrap, topic, records);
  await withDatabase(rig, async (database, client) => {
    await using daemon = await BenchDaemon.create({ rig, database, region: region(), topics: [topic], tables: { [topic]: table } });
    await daemon.start();
    await daemon.until(async () => (await appliedRecords(client, topic)) > records * STALL_AT, BACKLOG_WITHIN_SECONDS);
    const locker = new pg.Client({ connectionString: database });
    await locker.connect();
    await locker.query(`begin; lock table ${table} in share mode`);
    const untilMs = performance.now() + STALL_SECONDS * 1000;
    const stalled = await mostMib(daemon.pid, async () => performance.now() > untilMs);
    await locker.query('rollback');
    await locker.end();
    const samples = await watch(daemon.pid, () => appliedRecords(client, topic), records, BACKLOG_WITHIN_SECONDS);
    const points = Array.from({ length: PARTS }, (_, i) => {
      const [from, to] = [(i / PARTS) * records, ((i + 1) / PARTS) * records];
      const within = samples.filter((sample) => sample.records >= from && sample.records < to);
      return { x: to, y: Math.max(...within.map((sample) => sample.rssBytes / MIB)) };
    }).filter(({ y }) => Number.isFinite(y));
    const backlog = Math.max(...points.map(({ y }) => y));
    plot('memory', { title: 'Resident memory over the backlog', x: 'records applied', y: 'MiB', points });
    const goal = { target: 'P9', kind: 'at_most', ratio: LIMIT_MIB } as const;
    emit(line('memory', { case: 'stalled database', unit: 'MiB' }, [stalled], undefined, goal));
    emit(line('memory', { case: 'backlog', unit: 'MiB' }, [backlog], undefined, goal));
    const half = points.length >> 1;
    const [early, late] = [points.slice(0, half), points.slice(half)].map((some) => Math.max(...some.map(({ y }) => y)));
    emit(line('memory', { case: 'second half against first', unit: 'MiB' }, [late!], [early!], { ...goal, ratio: 1.1 }));
  });
}

/** P10: CPU of a daemon with nothing to do but heartbeats, over 100 partitions. */
export async function benchIdle({ say, emit }: BenchRun): Promise<void> {
  const topic = 'bench.idle';
  await using rig = await benchServers();
  await createTopic(rig.primary.bootstrap, topic, 100);
  await withDatabase(rig, async (database) => {
    await using daemon = await BenchDaemon.create({ rig, database, region: region(), topics: [topic], heartbeat: true, hasty: false });
    await daemon.start();
    await daemon.until(async () => (await daemon.status()).partitions.filter((p) => p.mirror?.state === 'running').length >= 100);
    await delay(SETTLE_SECONDS * 1000);
    say(`idle for ${IDLE_SECONDS} s`);
    const writes = socketWrites(daemon.pid);
    const percent = await idlePercent(daemon.pid);
    const perSecond = (socketWrites(daemon.pid) - writes) / IDLE_SECONDS;
    emit(line('idle', { case: '100 partitions', unit: '% of a core' }, [percent], undefined, { target: 'P10', kind: 'at_most', ratio: 1 }));
    say(`${perSecond.toFixed(1)} writes a second; as many requests of a bare process`);
    // No target: how much of it is the daemon's own.
    const bare = await bareRequests(rig.regional.bootstrap, perSecond);
    emit(
      line('idle', { case: 'beside as many bare requests', unit: '% of a core' }, [percent], [bare], {
        target: 'cost',
        kind: 'at_most',
        ratio: 2,
      }),
    );
  });
}

async function idlePercent(pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  await delay(IDLE_SECONDS * 1000);
  return ((cpuSeconds(pid) - before) * 100) / IDLE_SECONDS;
}

/** Write calls since the process started: an idle daemon makes them for requests, and for a log line now and then. */
const socketWrites = (pid: number): number => Number(/syscw: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);

/** CPU of a process that sends as many requests as the daemon and does nothing with the answers: what no daemon on Node goes below. */
async function bareRequests(to: string, perSecond: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-requests.ts'), '--to', to, '--perSecond', String(perSecond)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await delay(SETTLE_SECONDS * 1000);
    if (child.exitCode !== null || child.pid === undefined) throw new Error('the bare process ended');
    return await idlePercent(child.pid);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** P14: from the start of the process to the first new row, with many rows applied before. */
export async function benchRestart({ records, runs, say, emit }: BenchRun): Promise<void> {
  const topic = 'bench.restart';
  await using rig = await benchServers();
  say(`loading ${records} rows`);
  await loadRows(rig.primary.bootstrap, topic, records);
  await withDatabase(rig, async (database, client) => {
    await using daemon = await BenchDaemon.create({ rig, database, region: region(), topics: [topic], tables: { [topic]: table } });
    await daemon.start();
    await daemon.until(async () => (await appliedRecords(client, topic)) >= records, 1_200);
    const producer = outside(rig.primary.bootstrap).producer();
    await producer.connect();
    const seconds: number[] = [];
    for (let n = 1; n <= runs; n++) {
      await daemon.stop();
      const id = records + n;
      await producer.send({ topic, messages: [{ key: rowKey(id), value: rowValue(id), partition: id % 4 }] });
      const startedMs = performance.now();
      const starting = daemon.start();
      await daemon.until(async () => (await client.query('select 1 from rows where id = $1', [id])).rowCount === 1);
      seconds.push((performance.now() - startedMs) / 1000);
      await starting;
      say(`restart ${n}/${runs}: ${seconds.at(-1)?.toFixed(2)} s`);
    }
    await producer.disconnect();
    emit(line('restart', { case: `${records} rows`, unit: 's' }, seconds, undefined, { target: 'P14', kind: 'at_most', ratio: 2 }));
  });
}
