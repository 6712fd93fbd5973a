import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** One look: records done, seconds of a monotonic clock, CPU seconds of the process looked at. */
export interface Sample {
  readonly records: number;
  readonly atSeconds: number;
  readonly cpuSeconds: number;
}

export interface Figures {
  readonly recordsPerSecond: number;
  readonly cpuMicrosPerRecord: number;
  readonly steadySeconds: number;
}

/** Clock ticks a second of /proc/PID/stat, on every Linux of today. */
const TICKS = 100;

/** User and system CPU of a live process. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

export function rssBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}

/** The steady part: from 25 % to 95 % of `total` records, when processes are warm and none is at its end. */
export function steady(samples: readonly Sample[], total: number): Figures {
  const at = (share: number) => samples.find(({ records }) => records >= share * total);
  const [from, to] = [at(0.25), at(0.95)];
  if (from === undefined || to === undefined || to.atSeconds <= from.atSeconds) throw new Error('too few samples for a steady window');
  const records = to.records - from.records;
  const steadySeconds = to.atSeconds - from.atSeconds;
  return {
    recordsPerSecond: records / steadySeconds,
    cpuMicrosPerRecord: ((to.cpuSeconds - from.cpuSeconds) * 1e6) / records,
    steadySeconds,
  };
}

/** Looks every 50 ms until `total` records are done. */
export async function watch(pid: number, done: () => Promise<number>, total: number, withinSeconds: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const startedMs = performance.now();
  for (;;) {
    const records = await done();
    if (records > 0) samples.push({ records, atSeconds: performance.now() / 1000, cpuSeconds: cpuSeconds(pid) });
    if (records >= total) return samples;
    if (performance.now() - startedMs > withinSeconds * 1000) throw new Error(`${records} of ${total} records after ${withinSeconds} s`);
    await delay(50);
  }
}
