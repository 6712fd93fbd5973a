import type { Clock } from '../model/clock.ts';
import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';
import { type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { ApplyProgress, LagSources, MirrorProgress } from './contracts.ts';
import { type EndsRead, EndsReader } from './ends-reader.ts';
import { StuckEnds } from './stuck.ts';
import { type PartitionLagValues, PartitionTracker } from './tracker.ts';

export interface LagSettings {
  /** Time between two reads of a cluster's ends. */
  readonly intervalMs: number;
  /** A read that takes longer is a missed one. */
  readonly readLimitMs: number;
}

export type LagCluster = 'primary' | 'regional';

export interface LagObserver {
  /** After each read of a cluster, also a missed one. */
  onRead(cluster: LagCluster, read: EndsRead): void;
}

export interface PartitionLag extends TopicPartition {
  readonly lag: PartitionLagValues;
  readonly home: { readonly start: HomeOffset; readonly end: HomeOffset } | undefined;
  readonly mirrored: HomeOffset | undefined;
  readonly applied: RegionalOffset | undefined;
}

export interface LagSnapshot {
  readonly partitions: readonly PartitionLag[];
  /** Longest standing last stable offset below its high watermark; undefined while not measured. */
  readonly stuckSeconds: Readonly<Record<LagCluster, number | undefined>>;
}

interface Tracked extends TopicPartition {
  readonly tracker: PartitionTracker;
  isApplied: boolean;
  /** The last turn in which a stage had it. */
  turn: number;
}

/** Where the stages stand, taken in one moment. */
interface Positions {
  readonly mirrored: readonly MirrorProgress[];
  readonly applied: readonly ApplyProgress[];
}

/**
 * Measures lag by a timer, apart from the stages. The clusters are read by two loops of their own, so that a
 * primary that hangs does not make the regional measurements late.
 */
export class LagLoop {
  readonly #sources: LagSources;
  readonly #settings: LagSettings;
  readonly #clock: Clock;
  readonly #observer: LagObserver;
  readonly #readers: Readonly<Record<LagCluster, EndsReader>>;
  readonly #stuck: Readonly<Record<LagCluster, StuckEnds>> = { primary: new StuckEnds(), regional: new StuckEnds() };
  readonly #tracked = new Map<TopicPartitionKey, Tracked>();
  readonly #turnMs: Record<LagCluster, number>;
  #turn = 0;

  constructor(sources: LagSources, settings: LagSettings, clock: Clock, observer: LagObserver) {
    this.#sources = sources;
    this.#settings = settings;
    this.#clock = clock;
    this.#observer = observer;
    this.#readers = {
      primary: new EndsReader(sources.home, settings.readLimitMs, clock),
      regional: new EndsReader(sources.regional, settings.readLimitMs, clock),
    };
    this.#turnMs = { primary: clock.monotonicMs(), regional: clock.monotonicMs() };
  }

  /** Monotonic milliseconds of the older of both loops' last turns, for the liveness probe. */
  get lastTurnMs(): number {
    return Math.min(this.#turnMs.primary, this.#turnMs.regional);
  }

  /** Runs until the signal. Rejects for errors that halt the daemon. */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const loops = [this.#loop('primary', stop), this.#loop('regional', stop)].map(async (loop) => {
      try {
        await loop;
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    });
    const ended = await Promise.allSettled(loops);
    if (signal.aborted) return;
    for (const loop of ended) if (loop.status === 'rejected') throw loop.reason;
  }

  async #loop(cluster: LagCluster, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      this.#turnMs[cluster] = startedMs;
      await (cluster === 'primary' ? this.measureHome(signal) : this.measureRegional(signal));
      const tookMs = this.#clock.monotonicMs() - startedMs;
      await this.#clock.sleep(Math.max(0, this.#settings.intervalMs - tookMs), signal);
    }
  }

  /** One read of the home's ends. */
  async measureHome(signal: AbortSignal): Promise<void> {
    const { mirrored: rows } = this.#takePositions();
    if (rows.length === 0) return;
    // The time before asking: what was written by then lies below the ends that come back.
    const atMs = this.#clock.monotonicMs();
    const read = await this.#readers.primary.read(
      rows.map(({ homeTopic, partition }) => ({ topic: homeTopic, partition })),
      signal,
    );
    for (const row of rows) {
      const tracker = this.#tracked.get(topicPartitionKey(row.topic, row.partition))?.tracker;
      const ends = read.kind === 'read' ? read.ends.get(topicPartitionKey(row.homeTopic, row.partition)) : undefined;
      if (ends === undefined) tracker?.missHome();
      else tracker?.homeEnds(atMs, ends, row.next);
    }
    this.#measured('primary', atMs, read);
  }

  /** One read of the regional ends of what is applied. */
  async measureRegional(signal: AbortSignal): Promise<void> {
    const { mirrored, applied: rows } = this.#takePositions();
    for (const { topic, partition, next } of mirrored) {
      if (next !== undefined) this.#tracked.get(topicPartitionKey(topic, partition))?.tracker.beforeRegionalRead(next);
    }
    if (rows.length === 0) return;
    const atMs = this.#clock.monotonicMs();
    const read = await this.#readers.regional.read(
      rows.map(({ topic, partition }) => ({ topic, partition })),
      signal,
    );
    for (const { topic, partition, next } of rows) {
      const key = topicPartitionKey(topic, partition);
      const ends = read.kind === 'read' ? read.ends.get(key) : undefined;
      const tracker = this.#tracked.get(key)?.tracker;
      if (ends === undefined) tracker?.missRegional();
      else tracker?.regionalEnds(atMs, ends, next);
    }
    this.#measured('regional', atMs, read);
  }

  /** The lag as of now, from the positions as of now: it also grows between two reads, and when reads stop. */
  snapshot(): LagSnapshot {
    this.#takePositions();
    const nowMs = this.#clock.monotonicMs();
    const partitions = [...this.#tracked.values()].map(({ topic, partition, tracker, isApplied }) => ({
      topic,
      partition,
      lag: tracker.lag(nowMs, isApplied),
      home: tracker.home,
      mirrored: tracker.mirrored,
      applied: tracker.applied,
    }));
    return {
      partitions,
      stuckSeconds: { primary: this.#stuck.primary.longestSeconds(), regional: this.#stuck.regional.longestSeconds() },
    };
  }

  #measured(cluster: LagCluster, atMs: number, read: EndsRead): void {
    if (read.kind === 'read') {
      const stuck = this.#stuck[cluster];
      stuck.keepOnly(new Set(read.ends.keys()));
      for (const [partition, { end, highWatermark }] of read.ends) {
        stuck.read(partition, atMs, end, highWatermark);
      }
    }
    this.#observer.onRead(cluster, read);
  }

  /** Follows the stages' partitions and positions; partitions that are gone are forgotten. */
  #takePositions(): Positions {
    const turn = ++this.#turn;
    const mirrored = [...this.#sources.mirrorCommitted()];
    const applied = [...this.#sources.applied()];
    for (const { topic, partition, next } of mirrored) {
      const tracked = this.#track(topic, partition, turn);
      tracked.isApplied = false;
      if (next !== undefined) tracked.tracker.mirrorAt(next);
    }
    for (const { topic, partition, next } of applied) {
      const tracked = this.#track(topic, partition, turn);
      tracked.isApplied = true;
      if (next !== undefined) tracked.tracker.applyAt(next);
    }
    for (const [key, tracked] of this.#tracked) if (tracked.turn !== turn) this.#tracked.delete(key);
    return { mirrored, applied };
  }

  #track(topic: string, partition: number, turn: number): Tracked {
    const key = topicPartitionKey(topic, partition);
    let tracked = this.#tracked.get(key);
    if (tracked === undefined) {
      tracked = { topic, partition, tracker: new PartitionTracker(), isApplied: false, turn };
      this.#tracked.set(key, tracked);
    }
    tracked.turn = turn;
    return tracked;
  }
}
