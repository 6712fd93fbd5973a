import { type HomeOffset, homeOffset, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import type { LagValue } from '../model/status.ts';
import type { PartitionEnds } from './contracts.ts';
import { HopReadings } from './hop.ts';
import { TotalReadings } from './total.ts';

/** After this many missed reads in a row the lag counts as not known (C21). */
export const MISSED_READS = 3;

export interface PartitionLagValues {
  readonly mirror: LagValue;
  /** Null for a topic that is mirrored only. */
  readonly apply: LagValue | null;
  readonly total: LagValue | null;
}

/**
 * The lag of one partition (C21): a value over readings and positions, without a clock of its own, so that a
 * stage that is dead still shows growing lag. Times are monotonic milliseconds.
 */
export class PartitionTracker {
  readonly #mirror = new HopReadings<HomeOffset>();
  readonly #apply = new HopReadings<RegionalOffset>();
  readonly #total = new TotalReadings();
  #home: { readonly start: HomeOffset; readonly end: HomeOffset } | undefined;
  #missedHome = 0;
  #missedRegional = 0;

  /** The mirror's committed position, at any time. */
  mirrorAt(committed: HomeOffset): void {
    if (this.#mirror.moveTo(committed) === 'rewound') this.#total.forget();
  }

  /** Apply's position in the database, at any time. */
  applyAt(next: RegionalOffset): void {
    if (this.#apply.moveTo(next) === 'rewound') this.#total.forget();
    this.#total.applied(next);
  }

  /** The ends at home, with the time before they were asked for and the mirror's position at that time. */
  homeEnds(atMs: number, { start, end }: Pick<PartitionEnds, 'start' | 'end'>, committedThen: HomeOffset | undefined): void {
    if (!this.#mirror.read(atMs, homeOffset(end), committedThen)) {
      this.missHome();
      return;
    }
    this.#total.read(atMs, homeOffset(end));
    this.#home = { start: homeOffset(start), end: homeOffset(end) };
    this.#missedHome = 0;
  }

  missHome(): void {
    this.#missedHome++;
  }

  /**
   * The mirror's committed position right before the regional ends are asked for. No other call may hand the
   * total a position of the mirror: one that moves while the answer is under way is not covered by it (C5).
   */
  beforeRegionalRead(committed: HomeOffset): void {
    this.mirrorAt(committed);
    this.#total.mirrored(committed);
  }

  /** The regional ends, with the time before they were asked for and apply's position at that time. */
  regionalEnds(
    atMs: number,
    { end, highWatermark }: Pick<PartitionEnds, 'end' | 'highWatermark'>,
    nextThen: RegionalOffset | undefined,
  ): void {
    if (!this.#apply.read(atMs, regionalOffset(end), nextThen)) {
      this.missRegional();
      return;
    }
    this.#total.regionalEnd(regionalOffset(highWatermark));
    this.#missedRegional = 0;
  }

  missRegional(): void {
    this.#missedRegional++;
  }

  get home(): { readonly start: HomeOffset; readonly end: HomeOffset } | undefined {
    return this.#home;
  }

  get mirrored(): HomeOffset | undefined {
    return this.#mirror.position;
  }

  get applied(): RegionalOffset | undefined {
    return this.#apply.position;
  }

  /** Readings held by all stages. */
  get held(): number {
    return this.#mirror.held + this.#apply.held + this.#total.held;
  }

  lag(nowMs: number, isApplied: boolean): PartitionLagValues {
    const homeRead = this.#missedHome < MISSED_READS;
    const regionalRead = this.#missedRegional < MISSED_READS;
    const mirrorRecords = this.#mirror.lagRecords();
    const mirror = lagValue(homeRead, this.#mirror.lagSeconds(nowMs), mirrorRecords);
    if (!isApplied) return { mirror, apply: null, total: null };
    const applyRecords = this.#apply.lagRecords();
    // What the mirror had not committed, and what lies between apply and an end that covers what it had.
    const records = mirrorRecords === undefined || applyRecords === undefined ? undefined : mirrorRecords + applyRecords;
    return {
      mirror,
      apply: lagValue(regionalRead, this.#apply.lagSeconds(nowMs), applyRecords),
      total: lagValue(homeRead && regionalRead, this.#total.lagSeconds(nowMs), records),
    };
  }
}

function lagValue(isRead: boolean, seconds: number | undefined, records: bigint | undefined): LagValue {
  return {
    known: isRead && seconds !== undefined,
    seconds: seconds ?? null,
    records: records === undefined ? null : String(records),
  };
}
