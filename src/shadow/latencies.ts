import type { ShadowLatency } from '../model/shadow-view.ts';

/** Milliseconds; the last bucket is open. */
const bounds = [1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000, 60_000] as const;
/** Every count is halved here, so that what is told is of these days. */
const FADE_AT = 100_000;

/** How long a side took to answer: as much memory for a million answers as for one. */
export class Latencies {
  readonly #counts = new Float64Array(bounds.length + 1);
  #total = 0;

  add(ms: number): void {
    const at = bounds.findIndex((bound) => ms <= bound);
    const bucket = at < 0 ? bounds.length : at;
    this.#counts[bucket] = this.#counts[bucket]! + 1;
    this.#total += 1;
    if (this.#total < FADE_AT) return;
    this.#total = 0;
    for (const [index, count] of this.#counts.entries()) {
      this.#counts[index] = Math.floor(count / 2);
      this.#total += Math.floor(count / 2);
    }
  }

  /** Upper bounds of the buckets the percentiles are in; null without any answer. */
  view(): ShadowLatency | null {
    return this.#total === 0 ? null : { p50Ms: this.#at(0.5), p99Ms: this.#at(0.99) };
  }

  #at(part: number): number {
    let left = this.#total * part;
    for (const [index, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return bounds[index] ?? bounds.at(-1)!;
    }
    return bounds.at(-1)!;
  }
}
