import { type AnyOffset, offsetsBetween } from '../model/offsets.ts';
import { type Timed, thin } from './readings.ts';

interface EndReading<O extends AnyOffset> extends Timed {
  readonly end: O;
}

/**
 * One stage of one partition within one kind of offset: which of the ends that were read it has passed (C21).
 * Lag is now less the latest time at which an end was read that has since been passed.
 */
export class HopReadings<O extends AnyOffset> {
  /** Not passed yet; times and ends both rise, so what is passed is always a front part. */
  #waiting: EndReading<O>[] = [];
  #latest: EndReading<O> | undefined;
  #position: O | undefined;
  #passedAtMs: number | undefined;

  /**
   * Takes an end, the time before it was asked for (what was written by then lies below it) and the position
   * as it was then. Answers false, and takes nothing, for an end below that position. No log has such an end:
   * it was cut, or created again, and "passed" would call records of the old log the new one's.
   */
  read(atMs: number, end: O, positionThen: O | undefined): boolean {
    if (positionThen !== undefined && end < positionThen) return false;
    // An older reading with the same or a higher end tells nothing more: passing it passes this one too.
    for (let last = this.#waiting.at(-1); last !== undefined && last.end >= end; last = this.#waiting.at(-1)) this.#waiting.pop();
    this.#latest = { atMs, end };
    this.#waiting.push(this.#latest);
    thin(this.#waiting);
    this.#drop();
    return true;
  }

  /**
   * Takes the stage's position, durable by now. Answers `rewound` when it is below an earlier one: then nothing
   * counts as passed any more until an end read from now on is.
   */
  moveTo(position: O): 'moved' | 'rewound' {
    const rewound = this.#position !== undefined && position < this.#position;
    this.#position = position;
    if (rewound) {
      this.#waiting = [];
      this.#latest = undefined;
      this.#passedAtMs = undefined;
      return 'rewound';
    }
    this.#drop();
    return 'moved';
  }

  #drop(): void {
    const position = this.#position;
    if (position === undefined) return;
    const waiting = this.#waiting.findIndex(({ end }) => end > position);
    const passed = waiting === -1 ? this.#waiting.length : waiting;
    if (passed === 0) return;
    this.#passedAtMs = this.#waiting[passed - 1]!.atMs;
    this.#waiting = this.#waiting.slice(passed);
  }

  get position(): O | undefined {
    return this.#position;
  }

  /** Seconds, or undefined until an end was passed. */
  lagSeconds(nowMs: number): number | undefined {
    return this.#passedAtMs === undefined ? undefined : Math.max(0, nowMs - this.#passedAtMs) / 1000;
  }

  /** Upper bound in offsets, exactly 0 when the newest end was passed; undefined until both are known. */
  lagRecords(): bigint | undefined {
    if (this.#latest === undefined || this.#position === undefined) return undefined;
    const behind = offsetsBetween(this.#position, this.#latest.end);
    return behind > 0n ? behind : 0n;
  }

  /** Readings held, for the bound on memory. */
  get held(): number {
    return this.#waiting.length;
  }
}
