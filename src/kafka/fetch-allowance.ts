const FIRST_BYTES = 1 << 20;
const LEAST_BYTES = 64 << 10;
const MOST_BYTES = 1 << 30;
const SHRINK = 8;
/** An answer twice as large as one that came in a quarter of the time still comes in half of it. */
const QUICK_SHARE = 1 / 4;

/**
 * How many bytes a broker is asked for at once. What does not fit through the link within the request timeout never arrives, and
 * asking for as much again would go on for ever: at 1 Mbit/s and 10 s that is every fetch of more than 1.2 MB. So it starts
 * small, doubles after each quick answer that was full, and is cut after each that came too late: a fast link is at its limit after a
 * few answers, and what a quiet topic answers says nothing about how much the link would carry.
 */
export class FetchAllowance {
  readonly #bytes = new Map<number, number>();

  /** Of the `asked` bytes, those to ask the broker for now. */
  of(brokerId: number, asked: number): number {
    return Math.min(asked, this.#bytes.get(brokerId) ?? FIRST_BYTES);
  }

  /** `bytes` came in answer to a fetch of at most `asked`. Batches come whole, so that a full answer may be half empty. */
  answered(brokerId: number, asked: number, bytes: number, tookMs: number, timeoutMs: number): void {
    if (tookMs > timeoutMs * QUICK_SHARE || bytes < asked / 2) return;
    this.#bytes.set(brokerId, Math.min(MOST_BYTES, this.of(brokerId, MOST_BYTES) * 2));
  }

  /** No answer to a fetch of at most `asked` bytes. One that was lost before the time was up says nothing about the link. */
  unanswered(brokerId: number, asked: number, tookMs: number, timeoutMs: number): void {
    if (tookMs < timeoutMs) return;
    this.#bytes.set(brokerId, Math.max(LEAST_BYTES, Math.floor(this.of(brokerId, asked) / SHRINK)));
  }
}
