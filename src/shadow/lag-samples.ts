const MOST = 720;

/** The lag of the last while, for how long a difference may be waited out. */
export class LagSamples {
  readonly #samples: number[] = [];
  #next = 0;
  #p99Ms: number | undefined;

  add(ms: number): void {
    this.#samples[this.#next] = ms;
    this.#next = (this.#next + 1) % MOST;
    const sorted = this.#samples.toSorted((a, b) => a - b);
    this.#p99Ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))];
  }

  get p99Ms(): number | undefined {
    return this.#p99Ms;
  }
}
