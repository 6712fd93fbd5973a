/** At most `perSecond` a second, of which as many may come at once. Time is given, so that tests hold it. */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = this.#most;
    this.#atMs = nowMs;
  }

  get #most(): number {
    return Math.max(1, this.#perSecond);
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1_000);
    this.#atMs = Math.max(this.#atMs, nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
