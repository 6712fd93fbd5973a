import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';
import { type Passing, passingEnd, withApplied, withMirrored, withRegionalEnd } from './passed.ts';
import { type Timed, thin } from './readings.ts';

interface PassingReading extends Timed {
  readonly passing: Passing;
}

/** Both stages of one partition together: which of the home's ends have come through to the database (C5, C21). */
export class TotalReadings {
  #waiting: PassingReading[] = [];
  #passedAtMs: number | undefined;

  /** Takes an end at home and the time before it was asked for. */
  read(atMs: number, end: HomeOffset): void {
    const passing = passingEnd(end);
    while (this.#waiting.length > 0 && passesWith(this.#waiting.at(-1)!.passing, passing)) this.#waiting.pop();
    if (atMs > (this.#passedAtMs ?? Number.NEGATIVE_INFINITY)) this.#waiting.push({ atMs, passing });
    thin(this.#waiting);
  }

  mirrored(committed: HomeOffset): void {
    this.#settle((passing) => withMirrored(passing, committed));
  }

  /** Takes a regional high watermark that was asked for after the last call of `mirrored`. */
  regionalEnd(highWatermark: RegionalOffset): void {
    this.#settle((passing) => withRegionalEnd(passing, highWatermark));
  }

  applied(next: RegionalOffset): void {
    this.#settle((passing) => withApplied(passing, next));
  }

  /** A position went back: nothing counts as passed any more until an end read from now on is. */
  forget(): void {
    this.#waiting = [];
    this.#passedAtMs = undefined;
  }

  /** Seconds, or undefined until an end was passed. */
  lagSeconds(nowMs: number): number | undefined {
    return this.#passedAtMs === undefined ? undefined : Math.max(0, nowMs - this.#passedAtMs) / 1000;
  }

  /** Readings held, for the bound on memory. */
  get held(): number {
    return this.#waiting.length;
  }

  #settle(step: (passing: Passing) => Passing): void {
    if (this.#waiting.length === 0) return;
    const kept: PassingReading[] = [];
    for (const reading of this.#waiting) {
      const passing = step(reading.passing);
      if (passing.step === 'passed') {
        this.#passedAtMs = Math.max(this.#passedAtMs ?? reading.atMs, reading.atMs);
        continue;
      }
      while (kept.length > 0 && passesWith(kept.at(-1)!.passing, passing)) kept.pop();
      kept.push({ atMs: reading.atMs, passing });
    }
    this.#waiting = kept.filter(({ atMs }) => atMs > (this.#passedAtMs ?? Number.NEGATIVE_INFINITY));
    thin(this.#waiting);
  }
}

/** Whether `later` is passed whenever `earlier` is, so that the earlier reading tells nothing more. */
function passesWith(earlier: Passing, later: Passing): boolean {
  if (earlier.step === 'mirroring' && later.step === 'mirroring') return earlier.until >= later.until;
  if (earlier.step === 'applying' && later.step === 'applying') return earlier.until >= later.until;
  return earlier.step === 'mirrored' && later.step === 'mirrored';
}
