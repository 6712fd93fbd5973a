import { type ErrorCode, FarshoreError } from '../model/errors.ts';
import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { MirrorPartition } from './partition.ts';
import { holdPartitions } from './recreated.ts';
import { isWanted, type Route, type RouteRules } from './routes.ts';
import { stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';

/** What a partition of a ready topic is mirrored with. */
interface TopicLimits {
  readonly compacted: boolean;
  readonly maxBatchBytes: number;
}

/** Keeps the table's partitions of each topic as home and ledger have the topic: found, held, stopped, or left. */
export class TopicPartitions {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #table: PartitionTable;
  /** By topic: why it could not be made ready for the shards, as it was told last. */
  readonly #notReady = new Map<string, ErrorCode>();

  constructor(deps: MirrorDependencies, settings: MirrorSettings, table: PartitionTable) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
  }

  #owns(route: Route, partition: number): boolean {
    return this.#settings.share?.owns(route.regional, partition) ?? true;
  }

  /** Whether this stage works on any partition that home has of the topic. */
  ownsOf(route: Route, home: TopicDescription | undefined): boolean {
    return home?.partitions.some(({ partition }) => this.#owns(route, partition)) === true;
  }

  /** Those of a topic that is ready, each with what is known of it now. */
  found(route: Route, home: TopicDescription, records: ReadonlyMap<string, TopicRecord>, { compacted, maxBatchBytes }: TopicLimits): void {
    const homeTopicId = records.get(route.regional)?.homeTopicId ?? home.topicId;
    for (const { partition } of home.partitions) {
      if (!this.#owns(route, partition)) continue;
      const known = this.#table.get(route.regional, partition);
      if (known === undefined) {
        this.#table.add(new MirrorPartition(route, partition, { homeTopicId, maxBatchBytes, compacted }));
        continue;
      }
      known.homeTopicId = homeTopicId;
      known.compacted = compacted;
      known.limitBatches(maxBatchBytes);
    }
  }

  /** Should it not be ready again, that is told again. */
  isReady(topic: string): void {
    this.#notReady.delete(topic);
  }

  /** The topic is not as it may be mirrored yet: its partitions are shown, and wait. */
  hold(route: Route, home: TopicDescription, records: ReadonlyMap<string, TopicRecord>, reason: string): void {
    this.#addMissing(route, numbersOf(home), home.topicId, records);
    holdPartitions(this.#table.ofTopic(route.regional), reason);
  }

  async stop(
    route: Route,
    home: TopicDescription | undefined,
    error: FarshoreError,
    records: ReadonlyMap<string, TopicRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#addMissing(route, numbersOf(home), home?.topicId, records);
    this.#tellNotReady(route.regional, error);
    for (const partition of this.#table.ofTopic(route.regional)) await stopPartition(partition, error, undefined, this.#deps, signal);
  }

  /** Where the partitions are others', stopping them tells nothing: the shards only see that the topic is not ready. */
  #tellNotReady(topic: string, { code, message, hint }: FarshoreError): void {
    if (this.#settings.share?.keepsTopics !== true || this.#notReady.get(topic) === code) return;
    this.#notReady.set(topic, code);
    this.#deps.observe({ type: 'topic_not_ready', topic, code, message, hint });
  }

  /** Partitions that were never started are shown too: a topic that cannot be mirrored must not look absent. */
  #addMissing(route: Route, numbers: readonly number[], topicIdNow: string | undefined, records: ReadonlyMap<string, TopicRecord>): void {
    // One that was created again and not accepted yet must not become that of a position that an operator moves.
    const homeTopicId = records.get(route.regional)?.homeTopicId ?? topicIdNow ?? '';
    for (const partition of numbers) {
      if (!this.#owns(route, partition) || this.#table.get(route.regional, partition) !== undefined) continue;
      this.#table.add(new MirrorPartition(route, partition, { homeTopicId, maxBatchBytes: 0, compacted: false }));
    }
  }

  /** Taken out of the configuration on purpose: it is not mirrored or shown any more, and stands in nobody's way. A pause is kept. */
  async leaveUnwanted(routes: readonly Route[], rules: RouteRules, signal: AbortSignal): Promise<void> {
    const routed = new Set(routes.map(({ regional }) => regional));
    for (const topic of this.#table.topics()) {
      const partitions = this.#table.ofTopic(topic);
      if (routed.has(topic) || partitions.some(({ route }) => isWanted(route.home, rules))) continue;
      await this.#clearStops(partitions, signal);
      this.#table.remove(topic);
    }
  }

  /** Topics that were mirrored, before this start or since, and that home does not list any more. */
  async stopVanished(
    routes: readonly Route[],
    vanished: readonly Route[],
    records: ReadonlyMap<string, TopicRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const route of vanished) {
      const { partitions = 0 } = records.get(route.regional) ?? {};
      this.#addMissing(
        route,
        Array.from({ length: partitions }, (_, partition) => partition),
        undefined,
        records,
      );
      // Its keeper has no partition of it, and tells it all the same.
      await this.stop(route, undefined, topicMissing(route), records, signal);
    }
    const done = new Set([...routes, ...vanished].map(({ regional }) => regional));
    for (const topic of this.#table.topics()) {
      const [first] = this.#table.ofTopic(topic);
      if (done.has(topic) || first === undefined) continue;
      await this.stop(first.route, undefined, topicMissing(first.route), records, signal);
    }
  }

  /** The way back rests while the home is in this region: its positions stay where they are, in the region's group. */
  async leaveMoved(routes: readonly Route[], signal: AbortSignal): Promise<void> {
    const routed = new Set(routes.map(({ regional }) => regional));
    for (const topic of this.#table.topics()) {
      if (routed.has(topic)) continue;
      await this.#clearStops(this.#table.ofTopic(topic), signal);
      this.#table.remove(topic);
    }
  }

  /** Recorded on, they would stop the next copy of the topic. */
  async #clearStops(partitions: readonly MirrorPartition[], signal: AbortSignal): Promise<void> {
    for (const { route, partition, mode, retrying } of partitions)
      if (mode.mode === 'stopped' || retrying !== undefined) await this.#deps.stops.clear('mirror', route.regional, partition, signal);
  }
}

const numbersOf = (home: TopicDescription | undefined): readonly number[] => home?.partitions.map(({ partition }) => partition) ?? [];

export const topicMissing = ({ home, regional }: Route): FarshoreError =>
  new FarshoreError('topic_missing', `${home} is not listed at home any more: it was deleted there, or may not be described`, {
    place: regional,
    hint: `If a right was lost (Describe), give it back: mirroring goes on by itself. If it was deleted, create it again and run: farshore partition resume ${regional} --stage mirror --accept-recreated. One that is gone for good is listed under mirror.exclude.`,
  });
