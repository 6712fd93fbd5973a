import { offsetValue } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import type { SimRecord } from './batches.ts';
import type { HomeLog } from './home-log.ts';

/** A transaction's part in one partition, at the moment it became durable. */
export interface Durable {
  /** The log that the position names, also when another has taken its place since. */
  readonly home: HomeLog;
  readonly position: MirrorPosition;
  readonly records: readonly SimRecord[];
  /** Which of the logs under that id was read last up to this position; undefined: none was. */
  readonly readVersion: number | undefined;
  /** The position before, or what is kept beside it, told where the regional log ended. */
  readonly isRegionShown: boolean;
}

/**
 * Judges one partition by what becomes durable in the region, transaction by transaction, from the home's whole history alone:
 *
 *   each record once and in order, while nobody accepted that a log is read again
 *   between two positions each committed record, but those compaction took and those that were given up by name
 *   nothing of a log that was cut below the position, or created again, before somebody said so
 */
export class PartitionJudge {
  readonly #place: string;
  /** Records of the region that a reader of committed records gets, since it was last accepted that they are read again. */
  #pass = new Set<SimRecord>();
  #lost: { readonly from: bigint; readonly to: bigint }[] = [];
  #position: MirrorPosition | undefined;
  #version = 0;
  #regionIsCut = false;
  /** Of whatever pass: what was cut may be what told where this one begins. */
  #regionWasCut = false;
  /** What a transaction wrote there hides it, which was aborted before its answer came to anything (docs/limits.md). */
  #regionIsHidden = false;
  /** An operator was told of it, and decides. */
  #toldOfCut = false;
  /** It was found, and nobody decided since. */
  #toldOfDivergence = false;
  /** Reasons for which a generation was raised since the pass began (C1). */
  #raised = new Set<string>();

  constructor(place: string) {
    this.#place = place;
  }

  gaveUp(lost: { readonly from: bigint; readonly to: bigint }): void {
    this.#lost.push(lost);
  }

  generationRaised(reason: string): void {
    this.#raised.add(reason);
  }

  positionLost(): void {
    this.#position = undefined;
  }

  regionLost(records: ReadonlySet<SimRecord>): void {
    this.#regionWasCut ||= records.size > 0;
    for (const record of records)
      if (this.#pass.delete(record)) [this.#regionIsCut, this.#toldOfCut, this.#regionIsHidden] = [true, false, false];
  }

  /** A transaction was aborted that had written there. */
  wroteInVain(): void {
    if (!this.#toldOfCut) this.#regionIsHidden = true;
  }

  told(code: string): void {
    if (code === 'region_truncated') this.#toldOfCut = true;
    if (code === 'source_diverged') this.#toldOfDivergence = true;
  }

  /** An operator resumed the partition. */
  decided(): void {
    this.#toldOfDivergence = false;
    if (this.#toldOfCut) this.#regionIsCut = false;
  }

  committed({ home, position, records, readVersion, isRegionShown }: Durable): void {
    const before = this.#position;
    const [from, to] = [before === undefined ? undefined : offsetValue(before.next), offsetValue(position.next)];
    const fail = (what: string): never => {
      throw new Error(`${this.#place}: ${what} (from ${from ?? 'nowhere'} to ${to})`);
    };
    this.#position = position;
    if (before === undefined || from === undefined || before.topicId !== position.topicId) {
      this.#begun(home, to, before, records, fail);
      return;
    }
    if (to < from) {
      const isAccepted = this.#raised.has('rewind_accepted');
      // Over what no reader gets: what is kept beside a lost position counts records, and nothing comes twice. Or in a log that was cut and filled
      // again after the position that told of it was lost.
      const isOther = home.cuts.some((at, index) => index > this.#version && at < from);
      if (!isAccepted && records.length === 0 && (isOther || !home.holdsCommitted(to, from))) return;
      if (!isAccepted) fail('went back, which nobody accepted');
      this.#newPass(readVersion ?? home.version);
      return;
    }
    if (to === from && records.length > 0) fail('records without a move');
    const isMoved = records.length === 0 && position.crc === undefined && position.regionalEnd === undefined;
    // An operator accepted to go on just there, as a new generation.
    if (to === from && isMoved && this.#raised.has('rewind_accepted')) this.#regionIsCut = false;
    if (to === from) return;
    if (this.#regionIsCut && this.#toldOfCut && isMoved) this.#regionIsCut = false;
    // An operator who moves the position alone still has the region's end compared before a record follows.
    if (this.#regionIsCut && records.length > 0 && isRegionShown && !this.#regionIsHidden)
      fail('went on in a region that had lost records');
    if (records.length > 0) this.#regionIsCut = false;
    const version = readVersion ?? this.#version;
    const cut = home.cuts.find((at, index) => index > this.#version && index <= version && at < from);
    // Without a proof in the position nothing could tell (C6), nor where retention took all that lay before it, epochs and batches alike, unless it
    // had been found before that.
    const couldTell = before.crc !== undefined && (home.start < from || this.#toldOfDivergence);
    if (cut !== undefined && couldTell) fail(`went on in a log that was cut at ${cut}`);
    this.#version = version;
    this.#inOrderAndOnce(records, from, to, fail);
    this.#nothingLeftOut(home, records, { version, from, to, orExpired: false }, fail);
  }

  #begun(
    home: HomeLog,
    to: bigint,
    before: MirrorPosition | undefined,
    records: readonly SimRecord[],
    fail: (what: string) => never,
  ): void {
    if (records.length > 0) fail('records before there was a position');
    const accepted = [...this.#raised].some((reason) => reason === 'rewind_accepted' || reason === 'home_recreated');
    if (!accepted && before !== undefined) fail('another log under its name, which nobody accepted');
    // A region that lost records and then the position too begins anew: what comes twice is passed over by its version.
    // Or an operator gave up, by name, what lies before the place to go on from.
    const isGivenUp = this.#lost.some((range) => range.to === to);
    if (!accepted && this.#pass.size > 0 && !this.#regionWasCut && !isGivenUp) fail('began anew beside what it had mirrored');
    // A log that was cut meanwhile and filled again has lost what told so with the position.
    const couldTell = !home.cuts.some((at, index) => index > this.#version && at < to);
    // What lies before what was given up was mirrored already.
    const mirrored = isGivenUp ? [...this.#pass] : [];
    this.#newPass(home.version);
    // Where the position is gone, who accepts a rewind says where it was.
    if (!accepted && couldTell) this.#nothingLeftOut(home, mirrored, { version: home.version, from: 0n, to, orExpired: true }, fail);
  }

  #newPass(version: number): void {
    this.#pass = new Set();
    this.#raised = new Set();
    this.#regionIsCut = false;
    this.#toldOfCut = false;
    this.#toldOfDivergence = false;
    this.#version = version;
  }

  #inOrderAndOnce(records: readonly SimRecord[], from: bigint, to: bigint, fail: (what: string) => never): void {
    let last = from - 1n;
    for (const record of records) {
      if (record.outcome !== 'committed') fail(`record ${record.offset} is ${record.outcome}`);
      if (record.offset <= last || record.offset >= to) fail(`record ${record.offset} out of order`);
      if (this.#pass.has(record)) fail(`record ${record.offset} twice`);
      this.#pass.add(record);
      last = record.offset;
    }
  }

  #nothingLeftOut(
    home: HomeLog,
    records: readonly SimRecord[],
    { version, from, to, orExpired }: { readonly version: number; readonly from: bigint; readonly to: bigint; readonly orExpired: boolean },
    fail: (what: string) => never,
  ): void {
    const mirrored = new Set(records);
    for (const record of home.inVersion(version)) {
      const { offset, outcome } = record;
      if (offset < from || offset >= to || outcome === 'aborted' || mirrored.has(record)) continue;
      if (home.superseded.has(record) || (orExpired && home.expired.has(record))) continue;
      if (this.#lost.some((range) => range.from <= offset && offset < range.to)) continue;
      fail(`record ${offset} was left out`);
    }
  }
}
