import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import type { Route } from './routes.ts';
import { configChanges, isForced, mirroredConfigs, type RetentionFloor, withRetentionFloor } from './topic-configs.ts';

type Configs = ReadonlyMap<string, string>;

/** Gives regional topics the configs of home, at creation and whenever they differ later (C14). */
export class TopicConfigSync {
  readonly #deps: Pick<MirrorDependencies, 'regional' | 'observe'>;
  readonly #settings: Pick<MirrorSettings, 'configExclude' | 'minRetentionMs'>;
  /** `topic name=value` the region refused: told once, and not tried again before it changes. */
  readonly #refused = new Set<string>();
  /** By regional topic: how many of what home has now were refused. */
  readonly #refusedNow = new Map<string, number>();

  constructor(deps: Pick<MirrorDependencies, 'regional' | 'observe'>, settings: Pick<MirrorSettings, 'configExclude' | 'minRetentionMs'>) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Configs that the topics go without now: one that was set by hand, or that home has no more, is none. */
  refusedNow(topics: readonly string[]): number {
    return topics.reduce((sum, topic) => sum + (this.#refusedNow.get(topic) ?? 0), 0);
  }

  /** Creates the topic with the configs of home. What the region refuses of them is left to `sync`, which tells it. */
  async create({ regional: topic }: Route, partitions: number, home: Configs, signal: AbortSignal): Promise<void> {
    const { configExclude } = this.#settings;
    const floor = await this.#floor(topic, undefined);
    const synced = mirroredConfigs(home, configExclude);
    const wanted = floor === undefined ? synced : withRetentionFloor(synced, new Map(), floor, configExclude);
    try {
      await this.#deps.regional.createTopic(topic, partitions, wanted, signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const needed = new Map([...wanted].filter(([name]) => isForced(name)));
      try {
        await this.#deps.regional.createTopic(topic, partitions, needed, signal);
      } catch (again) {
        throw isRefusal(again) ? refusedTopic(topic, 'it cannot be created', again) : again;
      }
    }
  }

  /** Alters what differs, one config at a time where the region refuses some of them. */
  async sync({ regional: topic }: Route, home: Configs, regional: Configs, signal: AbortSignal): Promise<void> {
    const floor = await this.#floor(topic, signal);
    const changes = configChanges(home, regional, this.#settings.configExclude, floor);
    await this.#change(topic, changes, signal);
    const keys = [
      ...[...changes.set].map(([name, value]) => refusalKey(topic, name, value)),
      ...changes.remove.map((name) => refusalKey(topic, name, undefined)),
    ];
    this.#refusedNow.set(topic, keys.filter((key) => this.#refused.has(key)).length);
  }

  async #change(topic: string, changes: ReturnType<typeof configChanges>, signal: AbortSignal): Promise<void> {
    const set = new Map([...changes.set].filter(([name, value]) => !this.#refused.has(refusalKey(topic, name, value))));
    const remove = changes.remove.filter((name) => !this.#refused.has(refusalKey(topic, name, undefined)));
    if (set.size === 0 && remove.length === 0) return;
    try {
      await this.#deps.regional.alterTopicConfigs(topic, set, remove, signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#oneByOne(topic, set, remove, signal);
      return;
    }
    this.#deps.observe({ type: 'topic_configs_synced', topic, set: [...set.keys()], removed: remove });
  }

  async #oneByOne(topic: string, set: Configs, remove: readonly string[], signal: AbortSignal): Promise<void> {
    const done: { set: string[]; removed: string[] } = { set: [], removed: [] };
    const single: readonly (readonly [string, string | undefined])[] = [...set, ...remove.map((name) => [name, undefined] as const)];
    for (const [name, value] of single) {
      try {
        await this.#deps.regional.alterTopicConfigs(
          topic,
          value === undefined ? new Map() : new Map([[name, value]]),
          value === undefined ? [name] : [],
          signal,
        );
        (value === undefined ? done.removed : done.set).push(name);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // Without these the broker would overwrite timestamps, refuse records or recompress batches.
        if (isForced(name)) throw refusedTopic(topic, `${name}=${value} cannot be set`, error);
        this.#refused.add(refusalKey(topic, name, value));
        this.#deps.observe({ type: 'topic_config_refused', topic, config: name, value, reason: error.message });
      }
    }
    if (done.set.length > 0 || done.removed.length > 0) this.#deps.observe({ type: 'topic_configs_synced', topic, ...done });
  }

  async #floor(topic: string, signal: AbortSignal | undefined): Promise<RetentionFloor | undefined> {
    const leastMs = this.#settings.minRetentionMs(topic);
    if (leastMs === undefined) return undefined;
    const inForce = signal === undefined ? undefined : (await this.#deps.regional.configsInForce([topic], signal)).get(topic);
    return { leastMs, inForce };
  }
}

const refusalKey = (topic: string, name: string, value: string | undefined): string => `${topic} ${name}=${value ?? ''}`;

function isRefusal(error: unknown): error is FarshoreError {
  return findFarshoreError(error)?.code === 'request_invalid';
}

const refusedTopic = (topic: string, what: string, cause: FarshoreError): FarshoreError =>
  new FarshoreError('topic_refused', `The region refuses the topic ${topic}: ${what}: ${cause.message}`, {
    place: topic,
    hint: `Mend what the regional brokers' answer names, then: farshore partition resume ${topic} --stage mirror`,
    cause,
  });
