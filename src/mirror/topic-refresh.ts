import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { type EpochStarts, epochStarts } from './epoch-starts.ts';
import { type Look, lookAround } from './look.ts';
import type { MirrorPartition } from './partition.ts';
import { missingTopics, type Route, selectRoutes, vanishedRoutes } from './routes.ts';
import { startKnown } from './start-known.ts';
import type { PartitionTable } from './table.ts';
import { ToldHomes } from './told-homes.ts';
import { TopicConfigSync } from './topic-config-sync.ts';
import { isCompacted, lacksForced, maxBatchBytes } from './topic-configs.ts';
import { TopicGenerations } from './topic-generations.ts';
import { TopicPartitions, topicMissing } from './topic-partitions.ts';
import { homeIsHere, nextTopicStep } from './topic-plan.ts';

/** A step is repeated until the topic is ready; more than this many is a loop that cannot end. */
const MAX_STEPS = 8;

export interface MirroredTopic {
  readonly route: Route;
  readonly partitions: number;
  /** Why home does not have it now, where that is so. */
  readonly missing?: FarshoreError | undefined;
}

export interface TopicGaps {
  /** Topics that the configuration names and home does not have. */
  readonly missing: number;
  /** Configs that topics have at home, and the region refused. */
  readonly refusedConfigs: number;
}

/**
 * Finds topics, creates and grows their mirrors, claims their home, keeps their configs, and starts
 * their partitions. Runs between two transactions, never beside one.
 */
export class TopicRefresh {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #table: PartitionTable;
  readonly #partitions: TopicPartitions;
  readonly #configs: TopicConfigSync;
  readonly #generations: TopicGenerations;
  readonly #homes: ToldHomes;
  /** Topics whose re-creation an operator accepted since the last refresh. */
  readonly #accepted = new Set<string>();
  readonly #reportedMissing = new Set<string>();
  #records = new Map<string, TopicRecord>();
  #looked = false;
  #unproved = false;
  #mirrored: readonly MirroredTopic[] = [];
  /** Regional topics that the keeper of the topics has yet to make ready. */
  readonly #awaited = new Set<string>();
  #epochStarts: EpochStarts = new Map();

  constructor(deps: MirrorDependencies, settings: MirrorSettings, table: PartitionTable) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
    this.#partitions = new TopicPartitions(deps, settings, table);
    this.#configs = new TopicConfigSync(deps, settings);
    this.#generations = new TopicGenerations(deps, settings, table);
    this.#homes = new ToldHomes(deps);
  }

  acceptRecreated(regionalTopic: string): void {
    this.#accepted.add(regionalTopic);
  }

  record(regionalTopic: string): TopicRecord | undefined {
    return this.#records.get(regionalTopic);
  }

  /** Whether a topic that grows may have become ready since: asked after each cycle, so it must be cheap. */
  growthReady(): boolean {
    return this.#generations.growthReady();
  }

  /** Whether a topic grows, and waits for partitions that were there before. */
  get growing(): boolean {
    return this.#generations.growing;
  }

  /** What is not as configured now; undefined before the first look, and where another keeps the topics. */
  get gaps(): TopicGaps | undefined {
    if (!this.#looked || !this.#keepsTopics) return undefined;
    const vanished = this.#mirrored.filter(({ missing }) => missing !== undefined).map(({ route }) => route.home);
    return {
      missing: new Set([...this.#reportedMissing, ...vanished]).size,
      refusedConfigs: this.#configs.refusedNow(this.#mirrored.map(({ route }) => route.regional)),
    };
  }

  /** What was found to be mirrored, with as many partitions as home has, also those of a growth that is not recorded yet; and what home has no more. */
  get mirrored(): readonly MirroredTopic[] {
    return this.#mirrored;
  }

  /** Whether the last start left partitions held that could not be asked. */
  get unproved(): boolean {
    return this.#unproved;
  }

  async run(signal: AbortSignal): Promise<void> {
    const rules = this.#settings.rules();
    const look = await lookAround(this.#deps, rules, signal);
    if (rules.heartbeatsOnly) await this.#generations.recordReturned((topic) => topic.slice(rules.prefix.length), look, signal);
    const found = selectRoutes([...look.home.keys()], rules, look.publishedAtHome);
    const routes = rules.heartbeatsOnly ? found.filter((route) => !homeIsHere(this.#view(route, look))) : found;
    if (this.#keepsTopics) this.#reportMissing(missingTopics([...look.home.keys()], rules));
    for (const route of routes) {
      if (!this.#keepsTopics && !this.#partitions.ownsOf(route, look.home.get(route.home))) continue;
      try {
        const unreadable = look.unreadable.get(route.home);
        if (unreadable !== undefined) throw unreadable;
        await this.#advance(route, look, signal);
      } catch (error) {
        // A missing right or a topic the region refuses concerns this topic alone; an unreachable cluster concerns all.
        const known = findFarshoreError(error);
        if (known?.action !== 'stop') throw error;
        await this.#partitions.stop(route, look.home.get(route.home), known, look.records, signal);
      }
    }
    const vanished = vanishedRoutes(look.records.values(), routes, rules);
    if (rules.heartbeatsOnly) await this.#partitions.leaveMoved(routes, signal);
    else {
      await this.#partitions.leaveUnwanted(routes, rules, signal);
      await this.#partitions.stopVanished(routes, vanished, look.records, signal);
    }
    this.#records = look.records;
    this.#mirrored = [
      ...routes.map((route) => ({ route, partitions: look.home.get(route.home)?.partitions.length ?? 0 })),
      ...vanished.map((route) => ({ route, partitions: look.records.get(route.regional)?.partitions ?? 0, missing: topicMissing(route) })),
    ];
    this.#looked = true;
    this.#epochStarts = epochStarts(look, routes, this.#settings.primary);
    if (this.#keepsTopics) await this.#homes.tell(routes, this.#records, signal);
    await this.startHeld(signal);
  }

  /** A new generation for a rewind of one partition, recorded before the position goes back. */
  async raiseForRewind({ route }: MirrorPartition, signal: AbortSignal): Promise<void> {
    const look = await lookAround(this.#deps, this.#settings.rules(), signal);
    await this.#generations.raiseForRewind(route, look, signal);
    this.#records = look.records;
  }

  /** Starts what is held and known; positions are read first, under require_stable. */
  async startHeld(signal: AbortSignal): Promise<void> {
    const known = [...this.#table.all()].filter((p) => !this.#generations.isHeldByGrowth(p) && !this.#isAwaited(p));
    const starts = {
      mirroredFrom: (p: MirrorPartition) => this.#mirroredFrom(p),
      epoch: ({ route, partition }: MirrorPartition) => this.#epochStarts.get(route.home)?.get(partition),
      epochInRegion: ({ route, partition }: MirrorPartition) => this.#records.get(route.regional)?.epochFrom.get(partition),
    };
    this.#unproved = await startKnown(known, starts, this.#deps, this.#settings, signal);
  }

  get #keepsTopics(): boolean {
    return this.#settings.share?.keepsTopics ?? true;
  }

  /** Before the keeper recorded where its generation starts, nothing says where a partition begins. */
  #isAwaited({ route, partition }: MirrorPartition): boolean {
    if (this.#keepsTopics) return false;
    return this.#awaited.has(route.regional) || partition >= (this.#records.get(route.regional)?.partitions ?? 0);
  }

  /** The topic is not as this stage may mirror it, and making it so is the keeper's. What is recorded of a topic that grows goes on. */
  async #await(
    route: Route,
    home: TopicDescription,
    step: 'create' | 'grow' | 'claim' | 'adopt' | 'raise',
    look: Look,
    signal: AbortSignal,
  ) {
    if (step === 'grow' || step === 'raise') {
      await this.#ready(route, home, look, signal);
      return;
    }
    this.#hold(route, home, look.records, 'the topic is being made ready');
  }

  #hold(route: Route, home: TopicDescription, records: ReadonlyMap<string, TopicRecord>, reason: string): void {
    this.#awaited.add(route.regional);
    this.#partitions.hold(route, home, records, reason);
  }

  #mirroredFrom(partition: MirrorPartition): bigint {
    const start = this.#records.get(partition.route.regional)?.mirroredFrom.get(partition.partition);
    if (start === undefined)
      throw new FarshoreError('internal', `No generation is recorded for ${partition.route.regional}:${partition.partition}`);
    return offsetValue(start);
  }

  async #advance(route: Route, look: Look, signal: AbortSignal): Promise<void> {
    const home = look.home.get(route.home);
    if (home === undefined) return;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const step = nextTopicStep({
        ...this.#view(route, look),
        route,
        home,
        regional: look.regional.get(route.regional),
        acceptRecreated: this.#accepted.has(route.regional),
        restartRecreated: this.#settings.onRecreated === 'restart',
      });
      if (!this.#keepsTopics && step.kind !== 'ready' && step.kind !== 'stop')
        return await this.#await(route, home, step.kind, look, signal);
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
          await this.#generations.claim(route, home, look, this.#accepted.has(route.regional), signal);
          break;
        case 'adopt':
          await this.#generations.adopt(route, look, signal);
          break;
        case 'raise':
          if (!(await this.#generations.raise(route, home, step.reason, look, this.#accepted.has(route.regional), signal))) {
            await this.#ready(route, home, look, signal);
            return;
          }
          break;
        case 'ready':
          this.#accepted.delete(route.regional);
          this.#generations.grown(route.regional);
          await this.#ready(route, home, look, signal);
          return;
        case 'stop':
          await this.#partitions.stop(route, home, step.error, look.records, signal);
          return;
      }
    }
    throw new FarshoreError('internal', `${route.regional} was not ready after ${MAX_STEPS} steps`);
  }

  /** What the ledger and both clusters say of a topic's home. */
  #view({ home, regional }: Route, { records, publishedAtHome, publishedInRegion }: Look) {
    const { primary, region } = this.#settings;
    return {
      ...{ primary, region, record: records.get(regional) },
      ...{ publishedHome: publishedAtHome.get(home), publishedInRegion: publishedInRegion.get(regional) },
    };
  }

  async #relook(look: Look, signal: AbortSignal): Promise<void> {
    look.regional = new Map((await this.#deps.regional.listTopics(signal)).map((t) => [t.topic, t]));
  }

  async #create(route: Route, partitions: number, look: Look, signal: AbortSignal): Promise<void> {
    await this.#configs.create(route, partitions, look.homeConfigs.get(route.home) ?? new Map(), signal);
    this.#deps.observe({ type: 'topic_created', topic: route.regional, partitions });
    await this.#relook(look, signal);
  }

  async #ready(route: Route, home: TopicDescription, look: Look, signal: AbortSignal): Promise<void> {
    const regionalConfigs =
      (await this.#deps.regional.topicConfigs([route.regional], signal)).get(route.regional) ?? new Map<string, string>();
    const wasAwaited = this.#awaited.delete(route.regional);
    if (!this.#keepsTopics && lacksForced(regionalConfigs)) {
      // Setting them is the keeper's, and where it is refused that only the keeper can tell.
      this.#hold(route, home, look.records, 'the region has yet to take a config that the mirror needs');
      return;
    }
    if (this.#keepsTopics) await this.#configs.sync(route, look.homeConfigs.get(route.home) ?? new Map(), regionalConfigs, signal);
    this.#partitions.isReady(route.regional);
    const found = wasAwaited || this.#table.ofTopic(route.regional).length === 0;
    this.#partitions.found(route, home, look.records, {
      compacted: isCompacted(look.homeConfigs.get(route.home) ?? new Map()),
      maxBatchBytes: maxBatchBytes(regionalConfigs),
    });
    if (found && this.#table.ofTopic(route.regional).length > 0)
      this.#deps.observe({ type: 'topic_found', topic: route.regional, partitions: home.partitions.length });
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
