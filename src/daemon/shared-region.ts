import type { ApplyProgress, MirrorProgress } from '../lag/contracts.ts';
import type { PartitionStop } from '../mirror/contracts.ts';
import { shardOf } from '../mirror/shards.ts';
import type { TopicKeeper } from '../mirror/topic-keeper.ts';
import type { Clock } from '../model/clock.ts';
import type { ErrorCode, FarshoreError } from '../model/errors.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { offsetValue, type RegionalOffset } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { StageStatus } from '../model/status.ts';
import type { ShardHolder as Holder } from '../postgres/shard-leases.ts';

const LOOK_MS = 500;
/** Ten looks, and less than a shard takes to change hands: what is older is not told as how the region stands. */
const STALE_MS = 5_000;

export interface SharedRegionParts {
  /** What is durable of all shards now; `topics`: those that are mirrored. */
  readonly read: (topics: readonly string[], signal: AbortSignal) => Promise<RegionSeen>;
  readonly shards: number;
  readonly keeper: Pick<TopicKeeper, 'mirrored'>;
  /** Regional topics that are applied, heartbeats among them. */
  readonly applied: ReadonlySet<string>;
  /** Applied by the leader itself, in no shard. */
  readonly heartbeatTopic: string | undefined;
  /** Why nothing is mirrored now; undefined: it is. */
  readonly resting: () => string | undefined;
  readonly observe: Observe;
  readonly clock: Clock;
}

export interface RegionSeen {
  readonly mirrored: ReadonlyMap<string, readonly MirrorPosition[]>;
  /** Topics whose positions may not be read, each with its reason: it concerns no other. */
  readonly refused: ReadonlyMap<string, FarshoreError>;
  readonly applied: ReadonlyMap<TopicPartitionKey, RegionalOffset>;
  readonly stops: ReadonlyMap<string, PartitionStop>;
  readonly holders: ReadonlyMap<number, Holder>;
}

const NOTHING: RegionSeen = { mirrored: new Map(), refused: new Map(), applied: new Map(), stops: new Map(), holders: new Map() };

/**
 * Where the whole region stands, for what exists once in it, read from what is durable: committed positions in the regional Kafka, positions, stops and
 * leases in the database. Positions that no rewind moves only rise, so what was read a moment ago says less than is true, never more (C5).
 */
export class SharedRegion {
  readonly #parts: SharedRegionParts;
  #seen = NOTHING;
  /** Monotonic: before the last look that succeeded. Undefined: none has. */
  #seenAtMs: number | undefined;
  /** Why looks fail, as it was told last: an outage is one event, not two a second. */
  #failure: FarshoreError | undefined;

  constructor(parts: SharedRegionParts) {
    this.#parts = parts;
  }

  /** Who works on which shard. */
  get holders(): readonly Holder[] {
    return [...this.#seen.holders.values()].sort((a, b) => a.shard - b.shard);
  }

  holderOf(topic: string, partition: number): Holder | undefined {
    return this.#seen.holders.get(shardOf(topic, partition, this.#parts.shards));
  }

  /** Every partition with what is committed of it; none while nothing is mirrored. */
  *mirrorProgress(): Iterable<MirrorProgress> {
    if (this.#parts.resting() !== undefined) return;
    for (const { topic, homeTopic, partition } of this.#partitions())
      yield { topic, homeTopic, partition, next: this.#position(topic, partition)?.next };
  }

  *applyProgress(): Iterable<ApplyProgress> {
    for (const { topic, partition } of this.#partitions()) {
      if (this.#parts.applied.has(topic)) yield { topic, partition, next: this.#seen.applied.get(topicPartitionKey(topic, partition)) };
    }
  }

  *mirrorStatuses(): Iterable<{
    readonly topic: string;
    readonly homeTopic: string;
    readonly partition: number;
    readonly status: StageStatus;
  }> {
    const resting = this.#parts.resting();
    for (const { topic, homeTopic, partition, missing } of this.#partitions()) {
      const next = this.#position(topic, partition)?.next;
      const known = this.#status('mirror', topic, partition, next === undefined ? null : String(offsetValue(next)));
      const status = missing === undefined || isStanding(known) ? known : stoppedBy(missing, known);
      yield {
        topic,
        homeTopic,
        partition,
        status: resting !== undefined && status.state === 'running' ? waiting(status, resting) : this.#current(status),
      };
    }
  }

  *applyStatuses(): Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }> {
    for (const { topic, partition } of this.#partitions()) {
      if (!this.#parts.applied.has(topic)) continue;
      const next = this.#seen.applied.get(topicPartitionKey(topic, partition));
      const status = this.#status('apply', topic, partition, next === undefined ? null : String(offsetValue(next)));
      yield { topic, partition, status: this.#current(status) };
    }
  }

  /** Until the signal. While a part does not answer, what was seen last stays, and soon nothing counts as running by it. */
  async run(signal: AbortSignal): Promise<void> {
    const { read, keeper, clock } = this.#parts;
    while (!signal.aborted) {
      const atMs = clock.monotonicMs();
      try {
        this.#seen = await read(
          keeper.mirrored.map(({ route }) => route.regional),
          signal,
        );
        this.#seenAtMs = atMs;
        this.#tell([...this.#seen.refused.values()][0]);
      } catch (error) {
        if (signal.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        this.#tell(known);
      }
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  #tell(failure: FarshoreError | undefined): void {
    if (failure !== undefined && this.#failure?.code !== failure.code)
      this.#parts.observe({ type: 'region_look_failed', code: failure.code, reason: failure.message });
    this.#failure = failure;
  }

  /** What was read a while ago says where the region stood, not that it goes on. */
  #current(status: StageStatus): StageStatus {
    if (status.state !== 'running') return status;
    const why = this.#failure === undefined ? '' : `: ${this.#failure.message}`;
    if (this.#seenAtMs === undefined) return waiting(status, `where the shards stand was not read yet${why}`);
    const ageMs = this.#parts.clock.monotonicMs() - this.#seenAtMs;
    return ageMs <= STALE_MS ? status : waiting(status, `where the shards stand was read ${Math.floor(ageMs / 1_000)} s ago${why}`);
  }

  *#partitions(): Iterable<{
    readonly topic: string;
    readonly homeTopic: string;
    readonly partition: number;
    readonly missing: FarshoreError | undefined;
  }> {
    for (const { route, partitions, missing } of this.#parts.keeper.mirrored)
      for (let partition = 0; partition < partitions; partition++)
        yield { topic: route.regional, homeTopic: route.home, partition, missing };
  }

  #position(topic: string, partition: number): MirrorPosition | undefined {
    return this.#seen.mirrored.get(topic)?.find((one) => one.partition === partition);
  }

  /** A partition that its holder itself cannot go on with, and has not recorded as stopped, shows by its lag alone. */
  #status(stage: 'mirror' | 'apply', topic: string, partition: number, next: string | null): StageStatus {
    const base: StageStatus = { state: 'running', next, end: null, code: null, message: null, hint: null, since: null };
    const stop = this.#seen.stops.get(`${stage} ${topic}:${partition}`);
    if (stop !== undefined) {
      const { state, code, message, hint, since } = stop;
      return { ...base, state, code: code as ErrorCode, message, hint: hint ?? null, since };
    }
    if (stage === 'apply' && topic === this.#parts.heartbeatTopic) return next === null ? waiting(base, 'nothing is applied yet') : base;
    if (this.holderOf(topic, partition) === undefined)
      return waiting(base, `no daemon works on shard ${shardOf(topic, partition, this.#parts.shards)}`);
    if (next !== null) return base;
    const refused = stage === 'mirror' ? this.#seen.refused.get(topic) : undefined;
    return waiting(base, refused === undefined ? 'nothing is committed yet' : `where it stands may not be read: ${refused.message}`);
  }
}

const isStanding = ({ state }: StageStatus): boolean => state === 'stopped' || state === 'paused';

/** As the keeper of the topics found it; the shards record the same once they look. */
const stoppedBy = ({ code, message, hint }: FarshoreError, status: StageStatus): StageStatus => ({
  ...status,
  ...{ state: 'stopped', code, message, hint: hint ?? null },
});

const waiting = (status: StageStatus, message: string): StageStatus => ({ ...status, state: 'waiting', message });
