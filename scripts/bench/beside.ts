import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePorts } from '../../test/rig/ports.ts';
import { BenchDaemon } from './daemon.ts';
import { appliedRecords, table, withDatabase } from './database.ts';
import { line, median } from './line.ts';
import type { BenchRun } from './options.ts';
import { mainThread } from './samples.ts';
import { benchServers } from './servers.ts';
import { percentile, RECORDS_PER_SECOND, SteadyProducer } from './steady-producer.ts';
import { createTopic } from './topics.ts';

const topic = 'bench.beside';
const WINDOW_SECONDS = 5;
const PER_WINDOW = RECORDS_PER_SECOND * WINDOW_SECONDS;
/** What `shadow.maxPerSecond` lets through where nobody sets it. */
const REQUESTS_PER_SECOND = 100;
/** Before those that count: in its first minute the daemon's p99 falls from 140 to 50 ms, whatever goes on beside it. */
const WARM_UP = 16;

/** Of four windows the first and the last have none: what grows or shrinks with time is the same for both kinds. */
const hasRequests = (window: number): boolean => window % 4 === 1 || window % 4 === 2;

/**
 * P13: whether apply's p99 is another while requests are compared beside it, on the same daemon, in windows that take turns. The services and the
 * web server share the machine here: in the windows without shadow they are sent the same requests and questions, from outside. Twice as many
 * windows as needed for one comparison tell the noise: those without shadow, against each other.
 */
export async function benchBeside({ records, say, emit }: BenchRun): Promise<void> {
  const windows = Math.max(4, Math.round(records / PER_WINDOW / 4) * 4) + WARM_UP;
  const world = spawn(process.execPath, [join(import.meta.dirname, 'shadow-world.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await using _world = { [Symbol.asyncDispose]: () => ended(world) };
  const [said] = (await once(world.stdout, 'data')) as [Buffer];
  const url = `http://127.0.0.1:${Number(said.toString())}`;
  const [listen] = await freePorts(1);
  const shadow = `shadow:
  targets: { primary: { url: "${url}" }, region: { url: "${url}" } }
  listen: "127.0.0.1:${listen}"
  maxPerSecond: ${2 * REQUESTS_PER_SECOND}
  compare: { routes: ["GET /orders/{id}"], rules: [{ path: updatedAt, ignore: true }] }
`;
  await using rig = await benchServers();
  await createTopic(rig.primary.bootstrap, topic);
  await withDatabase(rig, async (database, client) => {
    const region = `bench${Date.now().toString(36)}`;
    await using daemon = await BenchDaemon.create({ rig, database, region, topics: [topic], tables: { [topic]: table }, more: shadow });
    await daemon.start();
    await using producer = await SteadyProducer.open(rig.primary.bootstrap, topic, windows * PER_WINDOW);
    const before = await comparisons(daemon);
    const thread = { with: { ranMs: 0, waitedMs: 0 }, without: { ranMs: 0, waitedMs: 0 } };
    for (let window = 0; window < windows; window++) {
      const then = mainThread(daemon.pid);
      const kind = hasRequests(window) ? '' : ' bare';
      world.stdin.write(`${listen} ${REQUESTS_PER_SECOND * WINDOW_SECONDS} ${REQUESTS_PER_SECOND}${kind}\n`);
      const last = (window + 1) * PER_WINDOW;
      await producer.send(last - PER_WINDOW + 1, last);
      // What is on its way belongs to this window.
      await daemon.until(async () => (await appliedRecords(client, topic)) >= last);
      if (window < WARM_UP) continue;
      const now = mainThread(daemon.pid);
      const sum = hasRequests(window) ? thread.with : thread.without;
      sum.ranMs += now.ranMs - then.ranMs;
      sum.waitedMs += now.waitedMs - then.waitedMs;
    }
    const asked = ((await comparisons(daemon)) - before) / ((windows / 2) * WINDOW_SECONDS);
    const latencies = await producer.latencies(client, (id) => Math.ceil(id / PER_WINDOW) - 1);
    const counted = [...latencies].filter(([window]) => window >= WARM_UP);
    const p99s = counted.map(([window, own]) => ({ window, p99: percentile(own, 0.99) }));
    const of = (wanted: (window: number) => boolean) => p99s.filter(({ window }) => wanted(window)).map(({ p99 }) => p99);
    const [withShadow, without] = [of(hasRequests), of((window) => !hasRequests(window))];
    const alike = median(of((window) => window % 4 === 3)) / median(of((window) => window % 4 === 0));
    say(`${Math.round(asked)} compared a second; p99 with ${shown(withShadow)} ms, without ${shown(without)} ms`);
    say(`windows without shadow against each other: ${alike.toFixed(3)}`);
    const aSecond = ({ ranMs, waitedMs }: typeof thread.with): string => {
      const seconds = ((windows - WARM_UP) / 2) * WINDOW_SECONDS;
      return `ran ${(ranMs / seconds).toFixed(0)} ms a second and waited ${(waitedMs / seconds).toFixed(0)} for a core`;
    };
    say(`the daemon's thread ${aSecond(thread.with)} with shadow, ${aSecond(thread.without)} without`);
    if (asked < REQUESTS_PER_SECOND * 0.8) throw new Error(`only ${asked} of ${REQUESTS_PER_SECOND} requests a second were compared`);
    emit(line('beside', { case: 'p99 beside shadow', unit: 'ms' }, withShadow, without, { target: 'P13', kind: 'at_most', ratio: 1.05 }));
  });
}

const shown = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(', ');

/** Requests that were compared, as the daemon counts them. */
async function comparisons(daemon: BenchDaemon): Promise<number> {
  const counted = (await daemon.metrics()).matchAll(/^farshore_shadow_comparisons_total\{.*\} (\d+)/gm);
  return [...counted].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
