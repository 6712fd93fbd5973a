import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** One look: records done, seconds of a monotonic clock, CPU seconds and resident bytes of the process looked at. */
export interface Sample {
  readonly records: number;
  readonly atSeconds: number;
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

export interface Figures {
  readonly recordsPerSecond: number;
  readonly cpuMicrosPerRecord: number;
  readonly steadySeconds: number;
}

/** Clock ticks a second of /proc/PID/stat, on every Linux of today. */
const TICKS = 100;

const statFields = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);

/** User and system CPU of a live process. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return (fields[11]! + fields[12]!) / TICKS;
}

/** What a process's main thread has run, and has stood ready to run while no core was free, since it started. */
export function mainThread(pid: number): { readonly ranMs: number; readonly waitedMs: number } {
  const [ran, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return { ranMs: ran! / 1e6, waitedMs: waited! / 1e6 };
}

/** The same of a process with all its children, those that have ended included: a PostgreSQL server and its sessions. */
export function familyCpuSeconds(pid: number): number {
  const fields = statFields(pid);
  const ended = (fields[13]! + fields[14]!) / TICKS;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const alive = children.map((child) => {
    try {
      return cpuSeconds(Number(child));
    } catch {
      // Ended meanwhile: counted by its parent at the next look.
      return 0;
    }
  });
  return cpuSeconds(pid) + ended + alive.reduce((sum, seconds) => sum + seconds, 0);
}

export function rssBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}

/** Between two numbers of records, as they were first seen. */
export function between(samples: readonly Sample[], from: number, to: number): Figures {
  const at = (records: number) => samples.find((sample) => sample.records >= records);
  const [a, b] = [at(from), at(to)];
  if (a === undefined || b === undefined || b.atSeconds <= a.atSeconds) throw new Error(`too few samples from ${from} to ${to} records`);
  const records = b.records - a.records;
  const steadySeconds = b.atSeconds - a.atSeconds;
  return { recordsPerSecond: records / steadySeconds, cpuMicrosPerRecord: ((b.cpuSeconds - a.cpuSeconds) * 1e6) / records, steadySeconds };
}

/** The steady part: from 25 % to 95 % of `total` records, when processes are warm and none is at its end. */
export const steady = (samples: readonly Sample[], total: number): Figures => between(samples, 0.25 * total, 0.95 * total);

/** Looks every 50 ms until `total` records are done. */
export async function watch(pid: number, done: () => Promise<number>, total: number, withinSeconds: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const startedMs = performance.now();
  for (;;) {
    const records = await done();
    if (records > 0) samples.push({ records, atSeconds: performance.now() / 1000, cpuSeconds: cpuSeconds(pid), rssBytes: rssBytes(pid) });
    if (records >= total) return samples;
    if (performance.now() - startedMs > withinSeconds * 1000) throw new Error(`${records} of ${total} records after ${withinSeconds} s`);
    await delay(50);
  }
}
