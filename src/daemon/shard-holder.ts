import type { RecordDecoder } from '../apply/contracts.ts';
import { Slots } from '../apply/slots.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { GroupMember } from '../kafka/group-member.ts';
import { shardGroup } from '../kafka/regional-log.ts';
import { assignedShards, divide, introduction } from '../mirror/shard-messages.ts';
import { type ErrorCode, FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { StageStatus } from '../model/status.ts';
import type { Database } from '../postgres/database.ts';
import { type HeldShard, ShardLeases } from '../postgres/shard-leases.ts';
import { applyBudget } from './build-apply.ts';
import { regionalCluster } from './clusters.ts';
import { connectCluster } from './connect-cluster.ts';
import { ShardWorker } from './shard-worker.ts';
import type { StageParts } from './stage-parts.ts';
import { StoredDecisions } from './stored-decisions.ts';
import { superviseLoops } from './supervisor.ts';
import { untilStopped } from './until-stopped.ts';

/** How soon a shard is tried that another daemon still holds, or that ended by an error. */
const TRY_MS = 250;
const IDLE_MS = 1_000;
const HEARTBEAT_MS = 1_000;
/** Least that brokers allow by default. */
const SESSION_MS = 6_000;
const RELEASE_LIMIT_MS = 2_000;

/** Ends of a shard after which it may be tried again: another daemon was faster, or a decision was stored. */
const TRIED_AGAIN: ReadonlySet<ErrorCode> = new Set(['fenced', 'lease_lost', 'position_moved']);

export interface ShardHolderParts extends Omit<StageParts, 'lease'> {
  /** Its connections renew the leases: they must not wait behind rows. */
  readonly leaseDatabase: Database;
  /** Unique to this process, told to operators. */
  readonly holder: string;
}

interface Work {
  readonly worker: ShardWorker;
  readonly held: HeldShard;
  readonly stop: AbortController;
  ended: boolean;
}

/**
 * The shards that this daemon works on. Kafka's group says which to try; a shard is worked only under its lease, so that a wrong belief of who
 * should costs time and no record.
 */
export class ShardHolder implements AsyncDisposable {
  readonly #parts: ShardHolderParts;
  readonly #shards: number;
  readonly #cluster: KafkaCluster;
  readonly #leases: ShardLeases;
  readonly #working = new Map<number, Work>();
  readonly decisions: StoredDecisions;
  readonly budget;
  readonly slots: Slots;
  #assigned: readonly number[] = [];
  #changed = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(parts: ShardHolderParts) {
    const { current, database, leaseDatabase, clock, observer, holder } = parts;
    const config = current();
    this.#parts = parts;
    this.#shards = config.mirror.shards;
    this.#cluster = regionalCluster(current, clock, observer.observe);
    const primary = config.primary.name;
    this.#leases = new ShardLeases(leaseDatabase, clock, { holder, ttlMs: config.lease.ttlMs, primary, shards: this.#shards });
    this.decisions = new StoredDecisions({ database, primary, shards: this.#shards, clock });
    this.budget = applyBudget(config);
    this.slots = new Slots(config.apply.connections);
  }

  /** Shards that are worked on here, lowest first. */
  get held(): readonly number[] {
    return [...this.#working].flatMap(([shard, { ended }]) => (ended ? [] : [shard])).sort((a, b) => a - b);
  }

  *workers(): Iterable<ShardWorker> {
    for (const { worker, ended } of this.#working.values()) if (!ended) yield worker;
  }

  worker(shard: number): ShardWorker | undefined {
    const work = this.#working.get(shard);
    return work?.ended === false ? work.worker : undefined;
  }

  *mirrorStatuses(): Iterable<{
    readonly topic: string;
    readonly homeTopic: string;
    readonly partition: number;
    readonly status: StageStatus;
  }> {
    for (const { mirror } of this.workers()) yield* mirror.status();
  }

  *applyStatuses(): Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }> {
    for (const { apply } of this.workers()) yield* apply.statuses();
  }

  /** Schemas that records of the shards here came with. */
  metSchemas(topic: string): readonly RecordDecoder[] {
    const met = new Map<string | undefined, RecordDecoder>();
    for (const { apply } of this.workers()) for (const decoder of apply.metSchemas(topic)) met.set(decoder.ref, decoder);
    return [...met.values()];
  }

  /** Bytes of record batches that apply holds. */
  get bufferedBytes(): number {
    return this.budget.limit - this.budget.free;
  }

  noticeTopics(): void {
    for (const { apply } of this.workers()) apply.noticeTopics();
  }

  renewConnections(): void {
    this.#cluster.renewConnections();
    for (const worker of this.workers()) worker.renewConnections();
  }

  /** Until `signal`; then it gives all shards up. Rejects when the daemon must not go on. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    await superviseLoops(
      [
        async ({ stop }) => {
          await connectCluster(this.#cluster, 'regional', this.#parts, stop).catch((error: unknown) => {
            if (!stop.aborted) throw error;
          });
          await this.#beMember(stop);
        },
        async ({ stop }) => await untilStopped(this.decisions.run(stop), stop),
        async ({ stop }) => {
          // The leases outlive the stop until what is in hand is done and they are given up.
          const ended = new AbortController();
          const renewing = this.#leases.run(ended.signal);
          renewing.catch((error: unknown) => {
            this.#failure ??= error;
            this.#ring();
          });
          try {
            await this.#work(stop);
          } finally {
            ended.abort();
            await renewing.catch(() => undefined);
          }
        },
      ],
      signal,
      clock,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.close();
  }

  /** A daemon that cannot reach the database can hold no shard: it leaves, so that the others divide them without it. */
  async #beMember(stop: AbortSignal): Promise<void> {
    const { current, clock, observer } = this.#parts;
    const config = current();
    const { ttlMs } = config.lease;
    while (!stop.aborted) {
      if (this.decisions.unreadMs > ttlMs) {
        await clock.sleep(TRY_MS, stop).catch(() => undefined);
        continue;
      }
      const away = new AbortController();
      const member = new GroupMember({
        cluster: this.#cluster,
        group: shardGroup(config.region, config.primary.name),
        protocolType: 'farshore-shards',
        protocol: 'v1',
        sessionTimeoutMs: SESSION_MS,
        // The answer to a join comes when all have joined: it must come before the request is given up.
        rebalanceTimeoutMs: Math.max(1_000, Math.min(SESSION_MS, config.regional.kafka.requestTimeoutMs - 2_000)),
        heartbeatMs: HEARTBEAT_MS,
        metadata: () => introduction({ shards: this.#shards, held: this.held }),
        assign: (members) => divide(members, this.#shards),
        onAssigned: (assignment) => {
          this.#assigned = assignedShards(assignment).filter((shard) => shard >= 0 && shard < this.#shards);
          this.#ring();
        },
        // What is worked on goes on under its lease; the next division says what of it stays.
        onLost: () => undefined,
        onFailure: (error) => {
          const { code, message } = findFarshoreError(error) ?? new FarshoreError('internal', String(error));
          observer.observe({ type: 'shard_group_failed', code, reason: message });
        },
      });
      const watching = (async () => {
        while (!stop.aborted && !away.signal.aborted) {
          await clock.sleep(TRY_MS, AbortSignal.any([stop, away.signal])).catch(() => undefined);
          if (this.decisions.unreadMs > ttlMs) away.abort();
        }
      })();
      try {
        await member.run(AbortSignal.any([stop, away.signal]));
      } finally {
        away.abort();
        await watching;
      }
      if (!stop.aborted) this.#assigned = [];
      this.#ring();
    }
  }

  async #work(stop: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    try {
      while (!stop.aborted) {
        this.#changed = Promise.withResolvers<void>();
        const wanted = new Set(this.decisions.division === undefined ? this.#assigned : []);
        for (const [shard, work] of this.#working) if (!wanted.has(shard)) work.stop.abort();
        let missing = false;
        for (const shard of wanted) {
          if (this.#working.has(shard)) continue;
          const held = await this.#take(shard, stop);
          if (held === undefined) {
            missing = true;
            continue;
          }
          const started: Promise<void> = this.#start(held)
            .catch((error: unknown) => {
              this.#failure ??= error;
              this.#ring();
            })
            .finally(() => running.delete(started));
          running.add(started);
        }
        if (this.#failure !== undefined) throw this.#failure;
        const over = new AbortController();
        const timer = this.#parts.clock.sleep(missing ? TRY_MS : IDLE_MS, over.signal).catch(() => undefined);
        await Promise.race([this.#changed.promise, timer, stopped]);
        over.abort();
      }
    } finally {
      for (const { stop: stopping } of this.#working.values()) stopping.abort();
      await Promise.all(running);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #take(shard: number, signal: AbortSignal): Promise<HeldShard | undefined> {
    try {
      return await this.#leases.take(shard, signal);
    } catch (error) {
      if (signal.aborted || findFarshoreError(error)?.action === 'retry') return undefined;
      throw error;
    }
  }

  /** Resolves when the shard was given up, whatever ended it. */
  async #start(held: HeldShard): Promise<void> {
    const { observer, clock } = this.#parts;
    const { shard, epoch } = held;
    const stop = new AbortController();
    const parts = { ...this.#parts, lease: held, decisions: this.decisions, budget: this.budget, slots: this.slots };
    await using worker = new ShardWorker(parts);
    const work: Work = { worker, held, stop, ended: false };
    this.#working.set(shard, work);
    observer.observe({ type: 'shard', state: 'acquired', shard, epoch, reason: undefined });
    let reason: string | undefined;
    try {
      await worker.run(stop.signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known === undefined || !TRIED_AGAIN.has(known.code)) this.#failure ??= error;
      reason = known?.message ?? String(error);
    }
    work.ended = true;
    await this.#giveUp(held);
    observer.observe({ type: 'shard', state: reason === undefined ? 'released' : 'lost', shard, epoch, reason });
    // One that failed must not be taken again in the same moment.
    if (reason !== undefined && this.#failure === undefined) await clock.sleep(TRY_MS, stop.signal).catch(() => undefined);
    this.#working.delete(shard);
    this.#ring();
  }

  async #giveUp(held: HeldShard): Promise<void> {
    const limit = new AbortController();
    const over = new AbortController();
    const timer = this.#parts.clock.sleep(RELEASE_LIMIT_MS, over.signal).then(
      () => limit.abort(),
      () => undefined,
    );
    // Not heard, the row expires by itself.
    await this.#leases.release(held, limit.signal).catch(() => undefined);
    over.abort();
    await timer;
  }

  #ring(): void {
    this.#changed.resolve();
  }
}
