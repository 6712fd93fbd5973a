import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import { homeOffset, regionalOffset } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { LagSources, MirrorProgress } from './contracts.ts';
import { type Passing, passingEnd, withApplied, withMirrored, withRegionalEnd } from './passed.ts';

export interface EndsPassedSettings {
  /** In the region. Each must be applied: one that no partition is known of yet may hold anything. */
  readonly topics: ReadonlySet<string>;
  /** Between two looks at the positions. */
  readonly everyMs: number;
  /** What is not passed by then is not yet passed. */
  readonly limitMs: number;
}

type Passed = 'passed' | 'not_yet';

/**
 * Whether the region has passed the end at home of every partition of the topics, as it was after the question was put (C5, C20). Who asks while
 * a look is under way waits for the next one, whose ends are read later: many that ask at the same time cost one look.
 */
export class EndsPassed {
  readonly #sources: LagSources;
  readonly #settings: EndsPassedSettings;
  readonly #clock: Clock;
  #waiting: PromiseWithResolvers<Passed>[] = [];
  #looking = false;

  constructor(sources: LagSources, settings: EndsPassedSettings, clock: Clock) {
    this.#sources = sources;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Rejects with the signal's reason, and for errors that halt the daemon. `signal` ends the waiting, `ending` the looking of all. */
  async passed(signal: AbortSignal, ending: AbortSignal): Promise<Passed> {
    signal.throwIfAborted();
    const asked = Promise.withResolvers<Passed>();
    this.#waiting.push(asked);
    void this.#look(ending);
    const abort = (): void => asked.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await asked.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #look(ending: AbortSignal): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      while (this.#waiting.length > 0) {
        const asking = this.#waiting;
        this.#waiting = [];
        try {
          const passed = await this.#once(ending);
          for (const { resolve } of asking) resolve(passed);
        } catch (error) {
          const known = findFarshoreError(error);
          const isPassing = !ending.aborted && known !== undefined && known.action !== 'halt';
          for (const { resolve, reject } of asking) isPassing ? resolve('not_yet') : reject(error);
        }
      }
    } finally {
      this.#looking = false;
    }
  }

  async #once(signal: AbortSignal): Promise<Passed> {
    const { home, regional } = this.#sources;
    const applied = this.#applied();
    const rows = [...this.#sources.mirrorCommitted()].filter(({ topic, partition }) => applied.has(topicPartitionKey(topic, partition)));
    if (rows.length === 0 || rows.length < applied.size || !this.#areMet(rows)) return 'not_yet';
    const ends = await home.ends(
      rows.map(({ homeTopic, partition }) => ({ topic: homeTopic, partition })),
      signal,
    );
    const endAt = new Map(ends.map((end) => [topicPartitionKey(end.topic, end.partition), end.end]));
    const passing = new Map<TopicPartitionKey, Passing>();
    for (const { topic, homeTopic, partition } of rows) {
      const end = endAt.get(topicPartitionKey(homeTopic, partition));
      // A partition whose end is not known may hold anything.
      if (end === undefined) return 'not_yet';
      passing.set(topicPartitionKey(topic, partition), passingEnd(homeOffset(end)));
    }
    const untilMs = this.#clock.monotonicMs() + this.#settings.limitMs;
    const allAre = (step: Passing['step']): boolean => [...passing.values()].every((one) => one.step === step);
    while (!allAre('mirrored')) {
      if (this.#clock.monotonicMs() >= untilMs) return 'not_yet';
      this.#advance(passing, [...this.#sources.mirrorCommitted()], (one, { next }) => (next === undefined ? one : withMirrored(one, next)));
      if (!allAre('mirrored')) await this.#clock.sleep(this.#settings.everyMs, signal);
    }
    // Only now: an end read before the copies were there could be one without them.
    const regionalEnds = await regional.ends(rows, signal);
    this.#advance(passing, regionalEnds, (one, { highWatermark }) => withRegionalEnd(one, regionalOffset(highWatermark)));
    if (!allAre('applying')) return 'not_yet';
    for (;;) {
      this.#advance(passing, [...this.#sources.applied()], (one, { next }) => (next === undefined ? one : withApplied(one, next)));
      if (allAre('passed')) return 'passed';
      if (this.#clock.monotonicMs() >= untilMs) return 'not_yet';
      await this.#clock.sleep(this.#settings.everyMs, signal);
    }
  }

  #applied(): ReadonlySet<TopicPartitionKey> {
    const { topics } = this.#settings;
    const asked = [...this.#sources.applied()].filter(({ topic }) => topics.has(topic));
    return new Set(asked.map(({ topic, partition }) => topicPartitionKey(topic, partition)));
  }

  #areMet(rows: readonly MirrorProgress[]): boolean {
    const met = new Set(rows.map(({ topic }) => topic));
    return [...this.#settings.topics].every((topic) => met.has(topic));
  }

  #advance<T extends Pick<MirrorProgress, 'topic' | 'partition'>>(
    passing: Map<TopicPartitionKey, Passing>,
    seen: readonly T[],
    step: (passing: Passing, one: T) => Passing,
  ): void {
    for (const one of seen) {
      const key = topicPartitionKey(one.topic, one.partition);
      const before = passing.get(key);
      if (before !== undefined) passing.set(key, step(before, one));
    }
  }
}
