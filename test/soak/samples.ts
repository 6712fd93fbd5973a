import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProbeLine } from './probe.ts';

export const series = [
  'rssMib',
  'heapMib',
  'externalMib',
  'fileHandles',
  'brokerConnections',
  'databaseConnections',
  'timers',
  'handles',
] as const;
export type Series = (typeof series)[number];
export type Sample = { readonly seconds: number } & Readonly<Record<Series, number>>;

const MIB = 1_048_576;
/** As /proc/net/tcp writes it. */
const ESTABLISHED = '01';

/** A process as the kernel sees it: memory, open files, and its connections by the port at their other end. */
export function processAt(pid: number): { readonly rssMib: number; readonly fileHandles: number; readonly remotePorts: readonly number[] } {
  const rssKib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const open = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed since the list was read.
      return [];
    }
  });
  const inodes = new Set(open.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  return {
    rssMib: rssKib / 1024,
    fileHandles: open.length,
    remotePorts: remotePorts(readFileSync(`/proc/${pid}/net/tcp`, 'utf8'), inodes),
  };
}

/** Of the table of all TCP sockets, those that are in `inodes` and connected. */
export const remotePorts = (table: string, inodes: ReadonlySet<string>): readonly number[] =>
  table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === ESTABLISHED && inodes.has(fields[9] ?? ''))
    .map((fields) => Number.parseInt(fields[2]!.split(':')[1]!, 16));

/** The newest line of the probe; undefined before the first. */
export function lastProbe(file: string): ProbeLine | undefined {
  try {
    const line = readFileSync(file, 'utf8').trimEnd().split('\n').at(-1);
    return line === undefined || line === '' ? undefined : (JSON.parse(line) as ProbeLine);
  } catch {
    return undefined;
  }
}

export function sampleOf(pid: number, probe: ProbeLine, seconds: number, brokers: ReadonlySet<number>, database: number): Sample {
  const { rssMib, fileHandles, remotePorts: ports } = processAt(pid);
  return {
    seconds,
    rssMib,
    heapMib: probe.heapBytes / MIB,
    externalMib: probe.externalBytes / MIB,
    fileHandles,
    brokerConnections: ports.filter((port) => brokers.has(port)).length,
    databaseConnections: ports.filter((port) => port === database).length,
    timers: probe.timers,
    handles: probe.handles,
  };
}
