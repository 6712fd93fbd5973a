/**
 * Loaded into the daemon before its own code (`--import`): writes a line of JSON a few seconds apart about what only the process itself can tell. Heap is
 * what is left after a collection, so that garbage that waits is not taken for a leak.
 */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface ProbeLine {
  readonly atMs: number;
  readonly heapBytes: number;
  /** Array buffers and other memory beside the heap that objects hold. */
  readonly externalBytes: number;
  readonly timers: number;
  /** Sockets, servers, pipes and requests under way. */
  readonly handles: number;
}

const file = process.env.FARSHORE_SOAK_PROBE;
const everyMs = Number(process.env.FARSHORE_SOAK_EVERY_MS ?? '5000');

// What starts processes of its own gives them the environment too.
if (file !== undefined && process.argv.includes('run')) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setInterval(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const active = process.getActiveResourcesInfo();
    const timers = active.filter((kind) => kind === 'Timeout' || kind === 'Immediate').length;
    const line: ProbeLine = { atMs: Date.now(), heapBytes: heapUsed, externalBytes: external, timers, handles: active.length - timers };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  }, everyMs).unref();
}
