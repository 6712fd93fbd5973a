import { randomUUID } from 'node:crypto';
import { ApplyStage } from '../apply/apply-stage.ts';
import { SharedByteBudget } from '../apply/byte-budget.ts';
import { toExactJson } from '../avro/json.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { alterTopicConfigs, createTopic, growTopic, listTopics, topicConfigs } from '../kafka/admin.ts';
import { compress } from '../kafka/batch/codecs.ts';
import { recordVisitor } from '../kafka/batch/records.ts';
import { reencoder } from '../kafka/batch/reencode.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { heartbeatWriter } from '../kafka/heartbeat-writer.ts';
import { homeLog } from '../kafka/home-log.ts';
import { homePublisher } from '../kafka/home-publisher.ts';
import { partitionEnds } from '../kafka/offsets.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { type RegionalAdmin, regionalLog } from '../kafka/regional-log.ts';
import { regionalSource } from '../kafka/regional-source.ts';
import { Heartbeats } from '../lag/heartbeats.ts';
import { LagLoop } from '../lag/lag-loop.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { measureLag } from '../metrics/status.ts';
import { MirrorStage } from '../mirror/mirror-stage.ts';
import { heartbeatRoute } from '../mirror/routes.ts';
import { isCompacted } from '../mirror/topic-configs.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import { arrayLiteral } from '../postgres/array-literal.ts';
import { clusterLedger } from '../postgres/cluster-ledger.ts';
import type { Database } from '../postgres/database.ts';
import type { HeldLease } from '../postgres/held-lease.ts';
import { applyPositions, movePositionTo } from '../postgres/positions.ts';
import { stopLedger } from '../postgres/stop-ledger.ts';
import { describeTables, executeDdl } from '../postgres/tables.ts';
import { topicLedger } from '../postgres/topic-ledger.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import type { Observer } from './observer.ts';
import { patiently } from './patiently.ts';
import { schemas } from './schemas.ts';
import { type StopSignals, superviseLoops } from './supervisor.ts';

const LAG_INTERVAL_MS = 1_000;
const LAG_READ_LIMIT_MS = 5_000;
/** A batch is decompressed whole; what a few bytes of input can become is bounded. */
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

/** Loops whose turns the liveness probe watches. */
export const loopNames = ['mirror', 'apply', 'lag', 'heartbeats'] as const;
export type LoopName = (typeof loopNames)[number];

export interface ActiveParts {
  readonly config: FarshoreConfig;
  readonly database: Database;
  readonly lease: HeldLease;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * The daemon while it holds the lease: all stages, wired. A new one is built for each lease, so that
 * nothing of an epoch that was lost reaches into the next.
 */
export class ActiveDaemon implements AsyncDisposable {
  readonly #parts: ActiveParts;
  readonly #primary: KafkaCluster;
  /** Apart from the writer's: after an unknown outcome the writer drops its connections (C9), and apply reads on. */
  readonly #reader: KafkaCluster;
  readonly #writer: KafkaCluster;
  readonly mirror: MirrorStage;
  readonly apply: ApplyStage;
  readonly lag: LagLoop;
  readonly heartbeats: Heartbeats | undefined;
  readonly #applyBudget: SharedByteBudget;
  readonly #carrySchemas: (signal: AbortSignal) => Promise<void>;
  #primaryConnected = false;
  readonly #began = new Set<LoopName>();

  constructor(parts: ActiveParts) {
    const { config, database, lease, observer, metrics, clock } = parts;
    const { observe } = observer;
    this.#parts = parts;
    this.#primary = primaryCluster(config, clock, observe);
    this.#reader = regionalCluster(config, clock, observe);
    this.#writer = regionalCluster(config, clock, observe);
    const { heartbeat } = config.primary;
    const home = homeLog(this.#primary, MAX_DECOMPRESSED_BYTES);
    const source = regionalSource(this.#reader, MAX_DECOMPRESSED_BYTES);
    const visitRecords = recordVisitor(MAX_DECOMPRESSED_BYTES);
    const stops = stopLedger(database);
    const { decoders, carrier } = schemas(config.primary.registry, database, clock, observe);
    this.#carrySchemas = async (signal) => await carrier?.run(config.mirror.refreshSeconds * 1_000, clock, signal);

    if (heartbeat.enabled) {
      const writer = heartbeatWriter(this.#primary, heartbeat.topic, creator(this.#primary, undefined));
      this.heartbeats = new Heartbeats(
        {
          ensureTopic: (signal) => writer.ensureTopic(signal),
          write: (key, value, signal) => writer.write(key.toString('utf8'), value, signal),
        },
        {
          region: config.region,
          instance: randomUUID(),
          intervalMs: heartbeat.intervalMs,
          writeLimitMs: config.primary.kafka.requestTimeoutMs,
        },
        clock,
        observe,
      );
    }

    this.mirror = new MirrorStage(
      {
        home,
        regional: regionalLog(
          this.#writer,
          { region: config.region, primary: config.primary.name, shard: 0, transactionTimeoutMs: config.mirror.transactionTimeoutMs },
          regionalAdmin(this.#writer, config.mirror.replicationFactor),
        ),
        ledger: topicLedger(database),
        publishedAtHome: publishedHomes(this.#primary),
        publishedInRegion: publishedHomes(this.#writer),
        publisher: homePublisher(this.#writer, creator(this.#writer, config.mirror.replicationFactor)),
        stops,
        reencode: reencoder(visitRecords, compress),
        visitRecords,
        observe,
        clock,
      },
      {
        primary: config.primary.name,
        rules: () => ({
          primary: config.primary.name,
          topics: config.mirror.topics,
          exclude: config.mirror.exclude,
          prefix: config.mirror.prefix,
          heartbeatTopic: heartbeat.enabled ? heartbeat.topic : undefined,
          heartbeatsOnly: config.mirror.standby,
        }),
        configExclude: config.mirror.configExclude,
        onTruncated: config.mirror.onTruncated,
        onRecreated: config.mirror.onRecreated,
        refreshMs: config.mirror.refreshSeconds * 1_000,
        fetchMaxWaitMs: config.mirror.fetchMaxWaitMs,
        maxCycleBytes: config.mirror.maxCycleBytes,
        maxPartitionFetchBytes: config.mirror.maxPartitionFetchBytes,
        recommitMs: config.mirror.recommitSeconds * 1_000,
      },
    );

    const heartbeatTopic = heartbeat.enabled ? heartbeatRoute(heartbeat.topic, config.primary.name).regional : undefined;
    // Mirror holds at most two cycles: one read, one in its transaction. What is left of the limit is apply's.
    this.#applyBudget = new SharedByteBudget(
      Math.max(config.apply.maxBatchBytes, config.limits.bufferBytes - 2 * config.mirror.maxCycleBytes),
    );
    this.apply = new ApplyStage(
      {
        source,
        compactedTopics: async (topics, signal) => {
          const configs = await topicConfigs(this.#reader, topics, signal);
          return new Set(topics.filter((topic) => isCompacted(configs.get(topic) ?? new Map())));
        },
        orders: topicOrders(database),
        positions: applyPositions(database),
        movePosition: (move, signal) => movePositionTo(database, move, signal),
        database,
        decoders,
        tables: {
          describe: (tables, signal) => describeTables(database, tables, signal),
          execute: (statements, signal) => executeDdl(database, statements, signal),
        },
        stops,
        visitRecords,
        arrayLiteral,
        exactJson: toExactJson,
        budget: this.#applyBudget,
        observe,
        clock,
        random: Math.random,
        onHeartbeat: (key, value) => this.heartbeats?.returned(key, value),
      },
      {
        region: config.region,
        epoch: lease.epoch,
        entries: config.apply.tables,
        schema: config.apply.schema === 'create' ? 'create' : 'validate',
        heartbeatTopic,
        connections: config.apply.connections,
        maxBatchRecords: config.apply.maxBatchRecords,
        maxBatchBytes: config.apply.maxBatchBytes,
        maxPartitionFetchBytes: config.mirror.maxPartitionFetchBytes,
        maxFetchBytes: config.mirror.maxCycleBytes,
        fetchMaxWaitMs: config.mirror.fetchMaxWaitMs,
        refreshMs: config.mirror.refreshSeconds * 1_000,
      },
    );

    const { mirror, apply } = this;
    this.lag = new LagLoop(
      {
        home: {
          ends: async (partitions, signal) => {
            if (!this.#primaryConnected) throw new FarshoreError('cluster_unreachable', 'The primary was not reached yet');
            return await home.ends(partitions, signal);
          },
        },
        regional: source,
        mirrorCommitted: function* () {
          const committed = new Map([...mirror.positions()].map((p) => [`${p.topic}:${p.partition}`, p.next]));
          for (const { topic, homeTopic, partition } of mirror.status())
            yield { topic, homeTopic, partition, next: committed.get(`${topic}:${partition}`) };
        },
        applied: function* () {
          const committed = new Map([...apply.positions()].map((p) => [`${p.topic}:${p.partition}`, p.next]));
          for (const { topic, partition } of apply.statuses()) yield { topic, partition, next: committed.get(`${topic}:${partition}`) };
        },
      },
      { intervalMs: LAG_INTERVAL_MS, readLimitMs: LAG_READ_LIMIT_MS },
      clock,
      {
        onRead: (cluster, { kind }) => metrics.increase('farshore_lag_reads_total', { cluster, result: kind }),
        onMeasured: (lag) => measureLag(metrics, lag),
      },
    );
    observer.onTopics(() => apply.noticeTopics());
  }

  /** Bytes of record batches that apply holds. */
  get applyBufferBytes(): number {
    return this.#applyBudget.limit - this.#applyBudget.free;
  }

  /** Whether a loop has left waiting for its cluster's first answer: before that it makes no turns. */
  began(name: LoopName): boolean {
    return this.#began.has(name);
  }

  /** Runs until `signal`, or rejects with what ended it: the lease, a fence, a wrong cluster. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, database, lease, clock, observer } = this.#parts;
    const connect = async (cluster: KafkaCluster, role: 'primary' | 'regional', name: string, stop: AbortSignal): Promise<void> => {
      await patiently(
        () => cluster.connect(stop),
        (error) =>
          observer.observe({
            type: 'component',
            component: role === 'primary' ? 'primary_kafka' : 'regional_kafka',
            up: false,
            reason: error instanceof Error ? error.message : String(error),
          }),
        clock,
        stop,
      );
      await patiently(
        () => clusterLedger(database).confirm(role, name, cluster.clusterId, stop),
        () => undefined,
        clock,
        stop,
      );
    };
    /** The region goes on serving and applying when the primary is gone: only what needs the primary waits for it. */
    const primary = Promise.withResolvers<void>();
    primary.promise.catch(() => undefined);
    const regional = Promise.withResolvers<void>();
    regional.promise.catch(() => undefined);
    const loops: ((signals: StopSignals) => Promise<void>)[] = [
      async ({ stop }) => {
        try {
          await connect(this.#primary, 'primary', config.primary.name, stop);
          this.#primaryConnected = true;
          primary.resolve();
        } catch (error) {
          primary.reject(error);
          if (!stop.aborted) throw error;
        }
      },
      async ({ stop }) => {
        try {
          await connect(this.#writer, 'regional', config.region, stop);
          await connect(this.#reader, 'regional', config.region, stop);
          regional.resolve();
        } catch (error) {
          regional.reject(error);
          if (!stop.aborted) throw error;
        }
      },
      async ({ stop, hard }) => {
        await Promise.all([primary.promise, regional.promise]);
        this.#began.add('mirror');
        await this.mirror.run(stop, hard);
      },
      async ({ stop, hard }) => {
        await regional.promise;
        this.#began.add('apply');
        await this.apply.run(stop, hard);
      },
      async ({ stop }) => {
        await regional.promise;
        this.#began.add('lag');
        await untilStopped(this.lag.run(stop), stop);
      },
      async ({ stop }) => {
        await primary.promise;
        this.#began.add('heartbeats');
        await untilStopped(this.heartbeats?.run(stop), stop);
      },
      async ({ stop }) => await untilStopped(this.#carrySchemas(stop), stop),
      async ({ stop }) => {
        const lost = await Promise.race([lease.lost, aborted(stop)]);
        if (lost !== undefined) throw lost;
      },
    ];
    await superviseLoops(loops, signal, clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.observer.onTopics(() => undefined);
    await Promise.all([this.#primary.close(), this.#reader.close(), this.#writer.close()]);
  }
}

const creator =
  (cluster: KafkaCluster, replicationFactor: number | undefined) =>
  (topic: string, partitions: number, configs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> =>
    createTopic(cluster, topic, partitions, configs, signal, replicationFactor);

const regionalAdmin = (cluster: KafkaCluster, replicationFactor: number | undefined): RegionalAdmin => ({
  listTopics: (signal) => listTopics(cluster, signal),
  topicConfigs: (topics, signal) => topicConfigs(cluster, topics, signal),
  createTopic: creator(cluster, replicationFactor),
  growTopic: (topic, partitions, signal) => growTopic(cluster, topic, partitions, signal),
  alterTopicConfigs: (topic, set, remove, signal) => alterTopicConfigs(cluster, topic, set, remove, signal),
  ends: (partitions, signal) => partitionEnds(cluster, partitions, signal),
});

/** A loop that ends by rejecting with the stop itself has ended well. */
async function untilStopped(work: Promise<void> | undefined, stop: AbortSignal): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!stop.aborted) throw error;
  }
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => resolve(undefined), { once: true });
  await promise;
}
