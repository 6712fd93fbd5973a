import { type ErrorCode, findFarshoreError } from '../model/errors.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { PartitionTable } from './table.ts';
import { type MirroredTopic, type TopicGaps, TopicRefresh } from './topic-refresh.ts';

/** How soon a topic that grows is looked at again. */
const GROWING_MS = 1_000;
const BACKOFF_MS = { first: 200, most: 10_000 } as const;

/**
 * Makes topics ready for a mirror that several stages share: created, claimed, grown, configured, published. It mirrors no partition itself; what it
 * records is what the others start by.
 */
export class TopicKeeper {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #refresh: TopicRefresh;
  #looking = false;
  #turnMs: number;
  #told: ErrorCode | undefined;

  constructor(deps: MirrorDependencies, settings: Omit<MirrorSettings, 'share'>) {
    this.#deps = deps;
    this.#settings = { ...settings, share: { owns: () => false, keepsTopics: true } };
    this.#refresh = new TopicRefresh(deps, this.#settings, new PartitionTable());
    this.#turnMs = deps.clock.monotonicMs();
  }

  /** Monotonic milliseconds since when it looks, for the liveness probe; between two looks it misses none. */
  get lastTurnMs(): number {
    return this.#looking ? this.#turnMs : this.#deps.clock.monotonicMs();
  }

  get gaps(): TopicGaps | undefined {
    return this.#refresh.gaps;
  }

  /** Topics to mirror, with the partitions that home has; none before the first look. */
  get mirrored(): readonly MirroredTopic[] {
    return this.#refresh.mirrored;
  }

  /** Until the signal. Rejects when the daemon must not go on; all else is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, observe } = this.#deps;
    let failures = 0;
    while (!signal.aborted) {
      [this.#turnMs, this.#looking] = [clock.monotonicMs(), true];
      let pauseMs = this.#settings.refreshMs;
      try {
        await this.#refresh.run(signal);
        [failures, this.#told] = [0, undefined];
        if (this.#refresh.growing) pauseMs = Math.min(pauseMs, GROWING_MS);
      } catch (error) {
        if (signal.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        if (this.#told !== known.code) observe({ type: 'mirror_rebuilt', code: known.code, reason: known.message });
        this.#told = known.code;
        pauseMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(failures++, 10));
      }
      this.#looking = false;
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}
