import fc from 'fast-check';
import { MAX_READINGS } from '../../src/lag/readings.ts';
import { PartitionTracker } from '../../src/lag/tracker.ts';
import { homeOffset, regionalOffset } from '../../src/model/offsets.ts';
import { Reached, type Simulation } from './simulation.ts';

type Act =
  | { readonly act: 'write'; readonly records: number; readonly marker: boolean }
  | { readonly act: 'mirror'; readonly most: number }
  | { readonly act: 'apply'; readonly most: number }
  /** An aborted copy of a transaction: offsets of the region without a record. */
  | { readonly act: 'garbage' }
  | { readonly act: 'read_home'; readonly lateMs: number; readonly missed: boolean }
  | { readonly act: 'read_region'; readonly lateMs: number; readonly missed: boolean; readonly movesMeanwhile: number }
  | { readonly act: 'rewind_apply' }
  | { readonly act: 'wait'; readonly ms: number };

interface Record {
  readonly writtenMs: number;
  regional: bigint | undefined;
  readonly home: bigint;
}

/** A log, its copy and rows, by the times at which records were written; the tracker is told only what a daemon can read. */
class World {
  readonly tracker = new PartitionTracker();
  nowMs = 0;
  readonly records: Record[] = [];
  homeEnd = 0n;
  regionEnd = 0n;
  mirrored = 0n;
  applied = 0n;
  /** Since a position went back: before, nothing that was passed counts. */
  rewoundMs: number | undefined;

  play(act: Act): void {
    switch (act.act) {
      case 'write':
        for (let i = 0; i < act.records; i++) this.records.push({ writtenMs: this.nowMs, home: this.homeEnd++, regional: undefined });
        if (act.marker) this.homeEnd++;
        return;
      case 'mirror':
        this.#mirror(act.most);
        return;
      case 'apply':
        this.applied = this.applied + BigInt(act.most) < this.regionEnd ? this.applied + BigInt(act.most) : this.regionEnd;
        this.tracker.applyAt(regionalOffset(this.applied));
        return;
      case 'garbage':
        this.regionEnd += 2n;
        return;
      case 'read_home': {
        const [askedMs, then] = [this.nowMs, homeOffset(this.mirrored)];
        this.nowMs += act.lateMs;
        if (act.missed) this.tracker.missHome();
        else this.tracker.homeEnds(askedMs, { start: 0n, end: this.homeEnd }, then);
        return;
      }
      case 'read_region': {
        this.tracker.beforeRegionalRead(homeOffset(this.mirrored));
        const [askedMs, then, end] = [this.nowMs, regionalOffset(this.applied), this.regionEnd];
        // What is mirrored while the answer is under way is not in it.
        this.#mirror(act.movesMeanwhile);
        this.nowMs += act.lateMs;
        if (act.missed) this.tracker.missRegional();
        else this.tracker.regionalEnds(askedMs, { end, highWatermark: end }, then);
        return;
      }
      case 'rewind_apply':
        this.applied = this.applied / 2n;
        this.tracker.applyAt(regionalOffset(this.applied));
        return;
      case 'wait':
        this.nowMs += act.ms;
        return;
    }
  }

  #mirror(most: number): void {
    const waiting = this.records.filter(({ regional }) => regional === undefined).slice(0, most);
    for (const record of waiting) record.regional = this.regionEnd++;
    const next = this.records.find(({ regional }) => regional === undefined);
    if (waiting.length > 0) this.regionEnd++;
    if (most > 0) this.mirrored = next?.home ?? this.homeEnd;
    this.tracker.mirrorAt(homeOffset(this.mirrored));
  }

  /** How long the oldest record that is not there yet has waited, which no lag may be shorter than. */
  oldestMs(isThere: (record: Record) => boolean): number {
    const missing = this.records.filter((record) => !isThere(record)).map(({ writtenMs }) => writtenMs);
    return missing.length === 0 ? 0 : this.nowMs - Math.min(...missing);
  }

  judge(reached: Reached): void {
    const { mirror, apply, total } = this.tracker.lag(this.nowMs, true);
    const isApplied = ({ regional }: Record) => regional !== undefined && regional < this.applied;
    const atLeast = (what: string, seconds: number | null | undefined, ms: number) => {
      if (seconds !== null && seconds !== undefined && seconds * 1_000 < ms)
        throw new Error(`${what} says ${seconds} s, a record waits ${ms / 1_000} s`);
    };
    atLeast(
      'mirror',
      mirror.seconds,
      this.oldestMs(({ home }) => home < this.mirrored),
    );
    atLeast('total', total?.seconds, this.oldestMs(isApplied));
    for (const [what, value] of Object.entries({ mirror, apply, total })) {
      if (value?.seconds != null && !(value.seconds >= 0 && Number.isFinite(value.seconds)))
        throw new Error(`${what} says ${value.seconds} s`);
      if (value?.records != null && BigInt(value.records) < 0n) throw new Error(`${what} says ${value.records} records`);
    }
    if (total?.known === true) reached.note('known');
    if (this.tracker.held > 3 * MAX_READINGS + 3) throw new Error(`${this.tracker.held} readings are held`);
  }

  /** Everything came through, and was read: then the lag is what passed since that, and no record is left. */
  settle(reached: Reached): void {
    this.play({ act: 'mirror', most: 10_000 });
    this.play({ act: 'apply', most: 100_000 });
    const readMs = this.nowMs;
    this.play({ act: 'read_home', lateMs: 5, missed: false });
    this.play({ act: 'read_region', lateMs: 5, missed: false, movesMeanwhile: 0 });
    this.play({ act: 'apply', most: 100_000 });
    const { mirror, apply, total } = this.tracker.lag(this.nowMs, true);
    for (const [what, value] of Object.entries({ mirror, apply, total })) {
      if (value?.known !== true || value.seconds! * 1_000 > this.nowMs - readMs)
        throw new Error(`${what} is caught up and says ${value?.seconds} s, known: ${value?.known}`);
      if (value.records !== '0') throw new Error(`${what} is caught up and says ${value.records} records`);
    }
    reached.note('caught_up');
  }
}

const few = fc.integer({ min: 1, max: 6 });
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('write' as const), records: few, marker: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('mirror' as const), most: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('apply' as const), most: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('garbage' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('read_home' as const),
      lateMs: fc.nat({ max: 400 }),
      missed: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('read_region' as const),
      lateMs: fc.nat({ max: 400 }),
      missed: fc.constantFrom(false, false, false, true),
      movesMeanwhile: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('rewind_apply' as const) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
);

export const lag: Simulation = {
  name: 'lag',
  judges: 'lag is never shorter than a record has waited, nothing counts as passed before it is applied, and caught up means 0: C5, C21',
  shortRuns: 2_000,
  create: () => {
    const reached = new Reached(['known', 'caught_up', 'unreachable']);
    const property = fc.property(fc.boolean(), fc.array(acts, { maxLength: 60 }), (isWarm, history) => {
      const world = new World();
      if (isWarm) world.settle(reached);
      for (const act of history) {
        world.play(act);
        world.judge(reached);
      }
      world.settle(reached);
      // A primary that does not answer: the lag grows with the clock, and is not known after three reads.
      const before = world.tracker.lag(world.nowMs, true).total!.seconds!;
      for (let read = 0; read < 3; read++) world.play({ act: 'read_home', lateMs: 1_000, missed: true });
      const after = world.tracker.lag(world.nowMs, true).total!;
      if (after.known || Math.abs(after.seconds! - before - 3) > 1e-9)
        throw new Error(`unreachable for 3 s: ${before} s became ${after.seconds} s, known: ${after.known}`);
      reached.note('unreachable');
    });
    return { property, reached, leastShare: 0.2 };
  },
};
