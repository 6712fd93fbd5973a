import { setTimeout as delay } from 'node:timers/promises';
import { differences, digest, misdeeds } from './compare.ts';
import type { Demo } from './main.ts';
import { type Progress, progressLine, readProgress } from './progress.ts';

const BATCH = 500;
const KILL_AT = [0.2, 0.5, 0.8] as const;
const LINE_EVERY_MS = 2_000;
/** Without any progress for this long the run has failed; a restart after a SIGKILL takes a few seconds. */
const STALL_LIMIT_MS = 90_000;

export interface CheckResult {
  readonly verdict: 'pass' | 'fail';
  readonly produced: number;
  readonly mirrored: number;
  readonly applied: number;
  readonly primaryRows: number;
  readonly regionRows: number;
  readonly digestEqual: boolean;
  readonly kills: number;
  readonly lost: number;
  readonly extra: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly lagSeconds: number | null;
  readonly seconds: number;
}

/** Runs `records` through while the daemon is killed, then compares both databases row by row. */
export async function checkRun(demo: Demo, records: number, signal: AbortSignal): Promise<CheckResult> {
  const startedMs = performance.now();
  const writing = new AbortController();
  const failed = new AbortController();
  const traffic = produce(demo, records, AbortSignal.any([signal, writing.signal]));
  // What the traffic failed of ends the waits below, instead of a stall that says nothing.
  traffic.catch((error: unknown) => failed.abort(error));
  const ending = AbortSignal.any([signal, failed.signal]);
  try {
    const kills = await killOnTheWay(demo, records, ending);
    await traffic;
    const last = await caughtUp(demo, records, ending);
    const [here, there, counted, wrong] = [
      await digest(demo.primary),
      await digest(demo.region),
      await differences(demo.primary, demo.region),
      await misdeeds(demo.region),
    ];
    const digestEqual = here.digest === there.digest;
    const clean = digestEqual && counted.lost === 0 && counted.extra === 0 && wrong.duplicated === 0 && wrong.stale === 0;
    return {
      verdict: clean && kills === KILL_AT.length && last.applied === records && last.mirrored === records ? 'pass' : 'fail',
      produced: demo.publisher.published,
      mirrored: last.mirrored,
      applied: last.applied,
      primaryRows: here.rows,
      regionRows: there.rows,
      digestEqual,
      kills,
      ...counted,
      ...wrong,
      lagSeconds: last.lagSeconds ?? null,
      seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    };
  } finally {
    writing.abort();
    await traffic.catch(() => undefined);
  }
}

export async function produce(demo: Demo, records: number, signal: AbortSignal): Promise<void> {
  for (let written = 0; written < records; written += BATCH) {
    signal.throwIfAborted();
    await demo.generator.write(Math.min(BATCH, records - written));
    await demo.publisher.publish(BATCH * 2);
  }
  while ((await demo.publisher.publish(BATCH * 2)) > 0) signal.throwIfAborted();
}

/** SIGKILL each time another share of the records is durable in the regional database. */
async function killOnTheWay(demo: Demo, records: number, signal: AbortSignal): Promise<number> {
  let kills = 0;
  for (const share of KILL_AT) {
    await until(demo, signal, (progress) => progress.applied >= share * records);
    demo.say(`SIGKILL to process ${demo.daemon.pid}`);
    await demo.daemon.kill();
    kills++;
  }
  return kills;
}

const caughtUp = (demo: Demo, records: number, signal: AbortSignal): Promise<Progress> =>
  until(demo, signal, (p) => p.mirrored >= records && p.applied >= records && p.lagSeconds !== undefined);

export async function until(demo: Demo, signal: AbortSignal, reached: (progress: Progress) => boolean): Promise<Progress> {
  let lineAtMs = 0;
  let movedAtMs = performance.now();
  let seen = '';
  for (;;) {
    signal.throwIfAborted();
    if (demo.daemon.failure !== undefined) throw demo.daemon.failure;
    const progress = await readProgress(demo);
    if (reached(progress)) {
      demo.say(progressLine(progress));
      return progress;
    }
    const now = `${progress.produced} ${progress.mirrored} ${progress.applied}`;
    if (now !== seen) movedAtMs = performance.now();
    seen = now;
    if (performance.now() - movedAtMs > STALL_LIMIT_MS)
      throw new Error(`no progress for ${STALL_LIMIT_MS / 1000} s: ${progressLine(progress)}`);
    if (performance.now() - lineAtMs > LINE_EVERY_MS) {
      lineAtMs = performance.now();
      demo.say(progressLine(progress));
    }
    await delay(50);
  }
}
