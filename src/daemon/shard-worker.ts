import type { ApplyStage } from '../apply/apply-stage.ts';
import type { SharedByteBudget } from '../apply/byte-budget.ts';
import type { ReadBack } from '../apply/read-back.ts';
import type { Slots } from '../apply/slots.ts';
import type { ConflictWatch } from '../avro/conflict-watch.ts';
import { recordVisitor } from '../kafka/batch/records.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { homeLog } from '../kafka/home-log.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { regionalSource } from '../kafka/regional-source.ts';
import type { MirrorStage } from '../mirror/mirror-stage.ts';
import type { OffsetKeeper } from '../mirror/offset-keeper.ts';
import { shardOf } from '../mirror/shards.ts';
import { type HeldShard, shardLeaseName } from '../postgres/shard-leases.ts';
import { stopLedger } from '../postgres/stop-ledger.ts';
import { topicLedger } from '../postgres/topic-ledger.ts';
import { buildApply } from './build-apply.ts';
import { buildMirror } from './build-mirror.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { connectCluster } from './connect-cluster.ts';
import { guardedLog } from './guarded-log.ts';
import { MirrorGate } from './mirror-gate.ts';
import { schemas } from './schemas.ts';
import type { StageParts } from './stage-parts.ts';
import type { StoredDecisions } from './stored-decisions.ts';
import { superviseLoops } from './supervisor.ts';
import { aborted, untilStopped } from './until-stopped.ts';

const LEAST_BYTES = 262_144;

export interface ShardWorkerParts extends Omit<StageParts, 'lease'> {
  readonly lease: HeldShard;
  readonly decisions: StoredDecisions;
  /** What the shards of this daemon have in common. */
  readonly budget: SharedByteBudget;
  readonly slots: Slots;
}

/** Whether a shard has a partition. Heartbeats are applied by who sends them, and mirrored like all else. */
export const ownedBy = (shard: number, shards: number) => (topic: string, partition: number) => shardOf(topic, partition, shards) === shard;

/**
 * Mirror and apply of one shard, while this daemon holds its lease. A new one is built for each lease, with connections of its own: after an
 * unknown outcome one shard drops its connections (C9), and a broker answers one connection's requests one after the other.
 */
export class ShardWorker implements AsyncDisposable {
  readonly #parts: ShardWorkerParts;
  readonly #primary: KafkaCluster;
  readonly #reader: KafkaCluster;
  readonly #writer: KafkaCluster;
  readonly #gate = new MirrorGate();
  readonly #readBack: ReadBack;
  readonly #conflicts: ConflictWatch;
  readonly mirror: MirrorStage;
  readonly apply: ApplyStage;
  readonly offsets: OffsetKeeper;
  readonly #began = new Set<'mirror' | 'apply'>();
  readonly #connecting: ReturnType<ShardWorkerParts['observer']['connecting']>;

  constructor(parts: ShardWorkerParts) {
    const { current, database, clock, observer, lease, decisions, budget, slots } = parts;
    const config = current();
    const { observe } = observer;
    const { maxDecompressedBytes } = config.limits;
    const { shards } = config.mirror;
    this.#parts = parts;
    this.#connecting = observer.connecting();
    this.#primary = primaryCluster(current, clock, observe);
    this.#reader = regionalCluster(current, clock, observe);
    this.#writer = regionalCluster(current, clock, observe);
    // A daemon that has all shards must hold no more than one that has all partitions.
    const part = (bytes: number): number => Math.min(bytes, Math.max(LEAST_BYTES, Math.floor(bytes / shards)));
    const maxCycleBytes = part(config.mirror.maxCycleBytes);
    const maxFetchBytes = part(Math.min(config.mirror.maxCycleBytes, config.apply.maxBatchBytes));
    const owns = ownedBy(lease.shard, shards);
    const applied = new Set(config.apply.tables.map(({ topic }) => topic));
    const visitRecords = recordVisitor(maxDecompressedBytes);
    const shardLease = { name: shardLeaseName(lease.shard), epoch: lease.epoch };
    const stops = stopLedger(database, shardLease);
    const { mirror, offsets } = buildMirror(
      parts,
      { primary: this.#primary, writer: this.#writer },
      {
        home: homeLog(this.#primary, maxDecompressedBytes, maxCycleBytes),
        stops,
        ledger: topicLedger(database, shardLease),
        visitRecords,
        isApplied: (topic) => applied.has(topic),
      },
      { shard: lease.shard, share: { owns, keepsTopics: false }, maxCycleBytes, guarded: (log) => guardedLog(log, lease, decisions) },
    );
    const { decoders, conflicts } = schemas(() => current().primary.registry, database, clock, observe);
    const { apply, readBack } = buildApply(
      parts,
      this.#reader,
      {
        source: regionalSource(this.#reader, maxDecompressedBytes, maxFetchBytes),
        decoders,
        stops,
        visitRecords,
        onHeartbeat: () => undefined,
        // Told and counted where it is found; the audit of the region's leader finds it again by itself.
        keepRogueWrites: async () => undefined,
        homes: { here: publishedHomes(this.#reader), there: publishedHomes(this.#primary) },
        maxFetchBytes,
      },
      { owns, heartbeats: false, budget, slots },
    );
    this.mirror = mirror;
    this.apply = apply;
    this.offsets = offsets;
    this.#readBack = readBack;
    this.#conflicts = conflicts;
  }

  /** Loops that make turns, for the liveness probe: before its cluster answered first, one makes none. */
  loops(): readonly { readonly name: string; readonly lastTurnMs: number }[] {
    return [...this.#began].map((name) => ({ name: `${name} of shard ${this.shard}`, lastTurnMs: this[name].lastTurnMs }));
  }

  get shard(): number {
    return this.#parts.lease.shard;
  }

  /** Until `signal`, or rejects with what ended it: the lease, a fence, a wrong cluster. */
  async run(signal: AbortSignal): Promise<void> {
    const { lease, decisions, clock, current } = this.#parts;
    const refreshMs = current().mirror.refreshSeconds * 1_000;
    const unfollow = decisions.follow((mayMirror) => this.#gate.follow(mayMirror));
    const primary = Promise.withResolvers<void>();
    const regional = Promise.withResolvers<void>();
    for (const { promise } of [primary, regional]) promise.catch(() => undefined);
    try {
      await superviseLoops(
        [
          async ({ stop }) => await settling(primary, stop, async () => await connectCluster(this.#primary, 'primary', this.#parts, stop)),
          async ({ stop }) =>
            await settling(regional, stop, async () => {
              await connectCluster(this.#writer, 'regional', this.#parts, stop);
              await connectCluster(this.#reader, 'regional', this.#parts, stop);
            }),
          async ({ stop, hard }) => {
            await Promise.all([primary.promise, regional.promise]);
            this.#began.add('mirror');
            await this.#gate.run(this.mirror, stop, hard);
          },
          async ({ stop, hard }) => {
            await regional.promise;
            this.#began.add('apply');
            await this.apply.run(stop, hard);
          },
          async ({ stop }) => await untilStopped(this.offsets.run(stop), stop),
          async ({ stop }) => await untilStopped(this.#readBack.run(stop), stop),
          async ({ stop }) => await untilStopped(this.#conflicts.run(refreshMs, clock, stop), stop),
          async ({ stop }) => {
            const lost = await Promise.race([lease.lost, aborted(stop)]);
            if (lost !== undefined) throw lost;
          },
        ],
        signal,
        clock,
      );
    } finally {
      unfollow();
    }
  }

  renewConnections(): void {
    for (const cluster of [this.#primary, this.#reader, this.#writer]) cluster.renewConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#primary.close(), this.#reader.close(), this.#writer.close()]);
    this.#connecting.left();
  }
}

async function settling(settled: PromiseWithResolvers<void>, stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    settled.resolve();
  } catch (error) {
    settled.reject(error);
    if (!stop.aborted) throw error;
  }
}
