import { performance } from 'node:perf_hooks';

const WINDOW_MS = 250;

/** How busy this thread is: the part of the last quarter of a second in which it was not waiting. */
export class LoadMeter {
  #since = performance.eventLoopUtilization();
  #atMs: number;
  #load = 0;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  load(nowMs: number): number {
    if (nowMs - this.#atMs >= WINDOW_MS) {
      const now = performance.eventLoopUtilization();
      this.#load = performance.eventLoopUtilization(now, this.#since).utilization;
      this.#since = now;
      this.#atMs = nowMs;
    }
    return this.#load;
  }
}
