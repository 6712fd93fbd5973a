import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue, regionalOffset } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { type Look, lookAround } from './look.ts';
import { MirrorPartition } from './partition.ts';
import { readEnds, startPartitions } from './partition-start.ts';
import { missingTopics, type Route, selectRoutes } from './routes.ts';
import { stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import { configChanges, isCompacted, maxBatchBytes, mirroredConfigs } from './topic-configs.ts';
import { growthMayBeRecorded, homeUnknown, nextTopicStep } from './topic-plan.ts';

/** A step is repeated until the topic is ready; more than this many is a loop that cannot end. */
const MAX_STEPS = 8;
const LEADER_LOOKS = 50;
const LEADER_LOOK_MS = 100;

/**
 * Finds topics, creates and grows their mirrors, claims their home, keeps their configs, and starts
 * their partitions. Runs between two transactions, never beside one.
 */
export class TopicRefresh {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #table: PartitionTable;
  /** Ends of the partitions that were there when growth was seen, by regional topic (C1). */
  readonly #growing = new Map<string, ReadonlyMap<number, bigint>>();
  /** Topics whose re-creation an operator accepted since the last refresh. */
  readonly #accepted = new Set<string>();
  readonly #reportedMissing = new Set<string>();
  readonly #published = new Set<string>();
  #records = new Map<string, TopicRecord>();

  constructor(deps: MirrorDependencies, settings: MirrorSettings, table: PartitionTable) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
  }

  acceptRecreated(regionalTopic: string): void {
    this.#accepted.add(regionalTopic);
  }

  record(regionalTopic: string): TopicRecord | undefined {
    return this.#records.get(regionalTopic);
  }

  /** Whether a topic that grows may have become ready since: asked after each transaction, so it must be cheap. */
  growthReady(): boolean {
    for (const [topic, ends] of this.#growing) if (growthMayBeRecorded(ends, this.#committed(topic)).ready) return true;
    return false;
  }

  async run(signal: AbortSignal): Promise<void> {
    const look = await lookAround(this.#deps, this.#settings.rules(), signal);
    const rules = this.#settings.rules();
    const routes = selectRoutes([...look.home.keys()], rules);
    this.#reportMissing(missingTopics([...look.home.keys()], rules));
    for (const route of routes) {
      try {
        await this.#advance(route, look, signal);
      } catch (error) {
        // A missing right or a topic the region refuses concerns this topic alone; an unreachable cluster concerns all.
        const known = findFarshoreError(error);
        if (known?.action !== 'stop') throw error;
        await this.#stopTopic(route, look.home.get(route.home), known, signal);
      }
    }
    await this.#stopVanished(routes, signal);
    this.#records = look.records;
    await this.#publishHomes(routes, signal);
    await this.startHeld(signal);
  }

  /** A new generation for a rewind of one partition, recorded before the position goes back. */
  async raiseForRewind(partition: MirrorPartition, signal: AbortSignal): Promise<void> {
    const { route } = partition;
    const look = await lookAround(this.#deps, this.#settings.rules(), signal);
    const [home, regional, record] = [look.home.get(route.home), look.regional.get(route.regional), look.records.get(route.regional)];
    if (home === undefined || regional === undefined || record === undefined) {
      throw new FarshoreError('request_invalid', `${route.regional} is not mirrored now, so it cannot be rewound`, {
        place: route.regional,
      });
    }
    const ends = await this.#regionalEnds(route.regional, record.partitions, signal);
    look.records.set(route.regional, await this.#raiseTo(route, home, regional, record, 'rewind_accepted', ends, signal));
    this.#records = look.records;
  }

  /** The ledger decides the home; `__farshore.topics` tells other daemons (C24). */
  async #publishHomes(routes: readonly Route[], signal: AbortSignal): Promise<void> {
    const due = routes.filter((r) => this.#records.has(r.regional) && !this.#published.has(r.regional));
    if (due.length === 0) return;
    const published = await this.#deps.publishedInRegion.read(signal);
    for (const { regional } of due) {
      const record = this.#records.get(regional);
      if (record === undefined) continue;
      const there = published.get(regional);
      if (there === undefined || there.epoch < record.homeEpoch)
        await this.#deps.publisher.publish(regional, record.home, record.homeEpoch, signal);
      this.#published.add(regional);
    }
  }

  /** Starts what is held and known; positions are read first, under require_stable. */
  async startHeld(signal: AbortSignal): Promise<void> {
    const held = [...this.#table.all()].filter((p) => p.mode.mode === 'held' && !this.#isHeldByGrowth(p));
    if (held.length === 0) return;
    const topics = [...new Set(held.map((p) => p.route.regional))];
    const positions = await this.#deps.regional.positions(topics, signal);
    await startPartitions(held, positions, (p) => this.#generationStart(p), this.#deps, this.#settings, signal);
  }

  #isHeldByGrowth(partition: MirrorPartition): boolean {
    const ends = this.#growing.get(partition.route.regional);
    return ends !== undefined && !ends.has(partition.partition);
  }

  #generationStart(partition: MirrorPartition): bigint {
    const record = this.#records.get(partition.route.regional);
    const start = record?.generations.at(-1)?.starts.get(partition.partition);
    if (start === undefined)
      throw new FarshoreError('internal', `No generation is recorded for ${partition.route.regional}:${partition.partition}`);
    return offsetValue(start);
  }

  async #advance(route: Route, look: Look, signal: AbortSignal): Promise<void> {
    const home = look.home.get(route.home);
    if (home === undefined) return;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const step = nextTopicStep({
        route,
        primary: this.#settings.primary,
        home,
        regional: look.regional.get(route.regional),
        record: look.records.get(route.regional),
        publishedHome: look.publishedAtHome.get(route.home)?.home,
        acceptRecreated: this.#accepted.has(route.regional) || this.#settings.onRecreated === 'restart',
      });
      switch (step.kind) {
        case 'create':
          await this.#create(route, step.partitions, look, signal);
          break;
        case 'grow':
          await this.#deps.regional.growTopic(route.regional, step.partitions, signal);
          this.#deps.observe({ type: 'topic_grown', topic: route.regional, partitions: step.partitions });
          await this.#relook(look, signal);
          break;
        case 'claim':
          await this.#claim(route, home, look, signal);
          break;
        case 'raise':
          if (!(await this.#raise(route, home, step.reason, look, signal))) {
            await this.#ready(route, home, look, signal);
            return;
          }
          break;
        case 'ready':
          this.#accepted.delete(route.regional);
          this.#growing.delete(route.regional);
          await this.#ready(route, home, look, signal);
          return;
        case 'stop':
          await this.#stopTopic(route, home, step.error, signal);
          return;
      }
    }
    throw new FarshoreError('internal', `${route.regional} was not ready after ${MAX_STEPS} steps`);
  }

  async #relook(look: Look, signal: AbortSignal): Promise<void> {
    look.regional = new Map((await this.#deps.regional.listTopics(signal)).map((t) => [t.topic, t]));
  }

  async #create(route: Route, partitions: number, look: Look, signal: AbortSignal): Promise<void> {
    const configs = mirroredConfigs(look.homeConfigs.get(route.home) ?? new Map(), this.#settings.configExclude);
    await this.#deps.regional.createTopic(route.regional, partitions, configs, signal);
    this.#deps.observe({ type: 'topic_created', topic: route.regional, partitions });
    await this.#relook(look, signal);
  }

  async #regionalEnds(
    topic: string,
    partitions: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, { start: bigint; end: bigint }>> {
    const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    for (let looks = 0; ; looks++) {
      const ends = await readEnds(this.#deps.regional, wanted, signal);
      const silent = wanted.find(({ partition }) => !ends.has(topicPartitionKey(topic, partition)));
      if (silent === undefined) {
        return new Map(wanted.map(({ partition }) => [partition, ends.get(topicPartitionKey(topic, partition)) ?? { start: 0n, end: 0n }]));
      }
      if (looks >= LEADER_LOOKS) {
        const place = `${topic}:${silent.partition}`;
        throw new FarshoreError('broker_request_failed', `The region did not tell the end of ${place}`, { place });
      }
      // A topic that was just created has no leaders for a moment.
      await this.#deps.clock.sleep(LEADER_LOOK_MS, signal);
    }
  }

  async #claim(route: Route, home: TopicDescription, look: Look, signal: AbortSignal): Promise<void> {
    const regional = look.regional.get(route.regional);
    if (regional === undefined) return;
    const ends = await this.#regionalEnds(route.regional, regional.partitions.length, signal);
    const holdsRecords = [...ends.values()].some((e) => e.start !== e.end);
    if (holdsRecords && !this.#accepted.has(route.regional)) throw homeUnknown(route, this.#settings.primary);
    const zero = regionalOffset(0n);
    let record = await this.#deps.ledger.claim(
      {
        topic: route.regional,
        home: this.#settings.primary,
        homeTopicId: home.topicId,
        regionalTopicId: regional.topicId,
        starts: new Map([...ends.keys()].map((partition) => [partition, zero])),
      },
      signal,
    );
    this.#deps.observe({ type: 'home_claimed', topic: route.regional, home: record.home, epoch: record.homeEpoch });
    if (record.generations.length === 1 && [...ends.values()].some((e) => e.end > 0n)) {
      // What was there before stays below what is mirrored now, and a missing position is not mistaken for a lost one.
      record = await this.#raiseTo(route, home, regional, record, 'claimed_with_records', ends, signal);
    }
    look.records.set(route.regional, record);
  }

  /** False while a growing topic waits for its old partitions. */
  async #raise(
    route: Route,
    home: TopicDescription,
    reason: 'home_recreated' | 'region_recreated' | 'partitions_grown',
    look: Look,
    signal: AbortSignal,
  ): Promise<boolean> {
    const record = look.records.get(route.regional);
    const regional = look.regional.get(route.regional);
    if (record === undefined || regional === undefined)
      throw new FarshoreError('internal', `A generation of ${route.regional} cannot rise before its home is claimed`);
    if (reason === 'partitions_grown' && !(await this.#growthSettled(route, record, signal))) return false;
    const ends = await this.#regionalEnds(route.regional, home.partitions.length, signal);
    look.records.set(route.regional, await this.#raiseTo(route, home, regional, record, reason, ends, signal));
    return true;
  }

  async #raiseTo(
    route: Route,
    home: TopicDescription,
    regional: TopicDescription,
    record: TopicRecord,
    reason: string,
    ends: ReadonlyMap<number, { readonly end: bigint }>,
    signal: AbortSignal,
  ): Promise<TopicRecord> {
    const raised = await this.#deps.ledger.raiseGeneration(
      {
        topic: route.regional,
        expected: record.generations.at(-1)?.generation ?? 0,
        reason,
        homeTopicId: home.topicId,
        regionalTopicId: regional.topicId,
        starts: new Map([...ends].map(([partition, e]) => [partition, regionalOffset(e.end)])),
      },
      signal,
    );
    this.#deps.observe({
      type: 'generation_raised',
      topic: route.regional,
      generation: raised.generations.at(-1)?.generation ?? 0,
      reason,
    });
    return raised;
  }

  /** Ends are read once, after the growth was seen; then the old partitions must pass them. */
  async #growthSettled(route: Route, record: TopicRecord, signal: AbortSignal): Promise<boolean> {
    let ends = this.#growing.get(route.regional);
    if (ends === undefined) {
      const old = Array.from({ length: record.partitions }, (_, partition) => ({ topic: route.home, partition }));
      const answers = await readEnds(this.#deps.home, old, signal);
      if (answers.size < old.length) {
        throw new FarshoreError('broker_request_failed', `Home did not tell the ends of ${route.home} while it grows`, {
          place: route.home,
        });
      }
      ends = new Map(old.map(({ partition }) => [partition, answers.get(topicPartitionKey(route.home, partition))?.end ?? 0n]));
      this.#growing.set(route.regional, ends);
    }
    return growthMayBeRecorded(ends, this.#committed(route.regional)).ready;
  }

  #committed(topic: string): ReadonlyMap<number, bigint> {
    const committed = new Map<number, bigint>();
    for (const p of this.#table.ofTopic(topic)) if (p.committed !== undefined) committed.set(p.partition, offsetValue(p.committed.next));
    return committed;
  }

  async #ready(route: Route, home: TopicDescription, look: Look, signal: AbortSignal): Promise<void> {
    const regionalConfigs =
      (await this.#deps.regional.topicConfigs([route.regional], signal)).get(route.regional) ?? new Map<string, string>();
    await this.#syncConfigs(route, look.homeConfigs.get(route.home) ?? new Map(), regionalConfigs, signal);
    const compacted = isCompacted(look.homeConfigs.get(route.home) ?? new Map());
    const recorded = look.records.get(route.regional)?.homeTopicId ?? home.topicId;
    const limit = maxBatchBytes(regionalConfigs);
    const found = this.#table.ofTopic(route.regional).length === 0;
    for (const { partition } of home.partitions) {
      const known = this.#table.get(route.regional, partition);
      if (known === undefined) {
        this.#table.add(new MirrorPartition(route, partition, { homeTopicId: recorded, maxBatchBytes: limit, compacted }));
        continue;
      }
      known.homeTopicId = recorded;
      known.compacted = compacted;
    }
    if (found) this.#deps.observe({ type: 'topic_found', topic: route.regional, partitions: home.partitions.length });
  }

  async #syncConfigs(
    route: Route,
    home: ReadonlyMap<string, string>,
    regional: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { set, remove } = configChanges(home, regional, this.#settings.configExclude);
    if (set.size === 0 && remove.length === 0) return;
    await this.#deps.regional.alterTopicConfigs(route.regional, set, remove, signal);
    this.#deps.observe({ type: 'topic_configs_synced', topic: route.regional, set: [...set.keys()], removed: remove });
  }

  async #stopTopic(route: Route, home: TopicDescription | undefined, error: FarshoreError, signal: AbortSignal): Promise<void> {
    // Partitions that were never started are shown as stopped too: a topic that cannot be mirrored must not look absent.
    for (const { partition } of home?.partitions ?? []) {
      if (this.#table.get(route.regional, partition) !== undefined) continue;
      this.#table.add(new MirrorPartition(route, partition, { homeTopicId: home?.topicId ?? '', maxBatchBytes: 0, compacted: false }));
    }
    for (const partition of this.#table.ofTopic(route.regional)) await stopPartition(partition, error, undefined, this.#deps, signal);
  }

  /** Topics that were mirrored and that home does not list any more. */
  async #stopVanished(routes: readonly Route[], signal: AbortSignal): Promise<void> {
    const routed = new Set(routes.map((r) => r.regional));
    for (const topic of this.#table.topics()) {
      const [first] = this.#table.ofTopic(topic);
      if (routed.has(topic) || first === undefined) continue;
      const error = new FarshoreError(
        'topic_missing',
        `${first.route.home} is no longer among the topics to mirror: it was deleted at home, or excluded`,
        {
          place: topic,
          hint: `Create it again and run: farshore partition resume ${topic} --stage mirror --accept-recreated`,
        },
      );
      await this.#stopTopic(first.route, undefined, error, signal);
    }
  }

  #reportMissing(missing: readonly string[]): void {
    for (const topic of missing) {
      if (this.#reportedMissing.has(topic)) continue;
      this.#reportedMissing.add(topic);
      this.#deps.observe({
        type: 'topic_missing',
        topic,
        hint: `Create ${topic} at home, or take it out of mirror.topics; it is looked for at each refresh.`,
      });
    }
    for (const topic of this.#reportedMissing) if (!missing.includes(topic)) this.#reportedMissing.delete(topic);
  }
}
