/** Smallest piece, as a power of two; what is smaller is cheap to allocate and is not kept. */
const LEAST_BITS = 16;

/**
 * Memory for fetched records that is used again. Without it every fetch allocates what it reads, and some tens
 * of MB make V8 mark its whole heap: a fifth of the mirror's CPU. What is never given back is left to the
 * garbage collector, so forgetting costs speed and nothing else.
 *
 * Not for concurrent owners: who gives bytes back must be the last who reads them.
 */
export class FetchMemory {
  readonly #keepAtMostBytes: number;
  readonly #free: Buffer[][] = [];
  #freeBytes = 0;

  /** `keepAtMostBytes` stay resident while nothing is fetched: as much as is given back before it is taken again, not more. */
  constructor(keepAtMostBytes: number) {
    this.#keepAtMostBytes = keepAtMostBytes;
  }

  /** A view of exactly `bytes`, its content left over from before. */
  take(bytes: number): Buffer {
    const bits = sizeBits(bytes);
    if (bits < LEAST_BITS) return Buffer.allocUnsafe(bytes);
    const kept = this.#free[bits]?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(2 ** bits).subarray(0, bytes);
    this.#freeBytes -= kept.length;
    return kept.subarray(0, bytes);
  }

  /**
   * Gives a view that `take` answered back. Once. A piece is kept where the view is of its size: a small view lies in Node's own pool, which
   * is as large as the least piece, and the first one in a pool at its start. Were the pool kept, the next answer would be read over whatever
   * else has its bytes there: other answers, requests, values on their way to the database.
   */
  give(view: Buffer): void {
    const { buffer } = view;
    const bits = sizeBits(view.length);
    if (bits < LEAST_BITS || buffer.byteLength !== 2 ** bits || view.byteOffset !== 0) return;
    if (this.#freeBytes + buffer.byteLength > this.#keepAtMostBytes) return;
    const kept = this.#free[bits] ?? [];
    this.#free[bits] = kept;
    kept.push(Buffer.from(buffer));
    this.#freeBytes += buffer.byteLength;
  }
}

/** The power of two that holds `bytes`. */
const sizeBits = (bytes: number): number => (bytes <= 1 ? 0 : 32 - Math.clz32(bytes - 1));
