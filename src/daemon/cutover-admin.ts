import type { CutoverChange, CutoverSource } from '../admin/cutover-contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { ActiveReader } from '../cutover/active-reader.ts';
import type { CutoverStore } from '../cutover/contracts.ts';
import type { CutoverLoop } from '../cutover/cutover-loop.ts';
import { shownText } from '../cutover/hook-text.ts';
import { numbered } from '../cutover/hooks.ts';
import { cutoverPlan, type Impossible } from '../cutover/plan.ts';
import type { Cutover } from '../cutover/state.ts';
import { unmirroredRanges } from '../cutover/tail-export.ts';
import type { TailStore } from '../cutover/unmirrored-tail.ts';
import type { Clock } from '../model/clock.ts';
import type { ActiveView, CutoverLogEntry, CutoverPlan, LossBound, UnmirroredRange } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';
import { cutoverReader } from '../postgres/cutover-store.ts';
import type { Database } from '../postgres/database.ts';
import { tailStore } from '../postgres/tail-store.ts';
import { cutoverHooks } from './build-cutover.ts';

/** The cutover as the API sees it, on the active daemon and on those that stand by. */
export class CutoverAdmin implements CutoverSource {
  readonly #config: FarshoreConfig;
  readonly #store: Pick<CutoverStore, 'load' | 'log'>;
  readonly #tails: Pick<TailStore, 'list'>;
  readonly #reader: ActiveReader;
  readonly #loop: () => CutoverLoop | undefined;
  readonly #lossBound: (signal: AbortSignal) => Promise<LossBound>;

  constructor(
    config: FarshoreConfig,
    database: Database,
    clock: Clock,
    loop: () => CutoverLoop | undefined,
    lossBound: (signal: AbortSignal) => Promise<LossBound>,
  ) {
    this.#config = config;
    this.#store = cutoverReader(database);
    this.#tails = tailStore(database);
    this.#reader = new ActiveReader(config.region, config.cutover.activeGraceSeconds * 1_000, this.#store, clock);
    this.#loop = loop;
    this.#lossBound = lossBound;
  }

  async active(): Promise<ActiveView> {
    return await this.#reader.ask();
  }

  async plan(signal: AbortSignal): Promise<CutoverPlan> {
    const stored = await this.#store.load(signal);
    if (stored === undefined) {
      throw new FarshoreError('request_invalid', 'No cutover is stored yet: the first active daemon stores one within seconds', {
        hint: 'farshore status shows whether one is active.',
      });
    }
    return this.#planOf(stored);
  }

  async log(limit: number, signal: AbortSignal): Promise<readonly CutoverLogEntry[]> {
    const log = await this.#store.log(limit, signal);
    return log.map((entry) => ({ ...entry, hooks: entry.hooks.map((one) => ({ ...one, hook: shownText(one.hook) })) }));
  }

  async tail(signal: AbortSignal): Promise<readonly UnmirroredRange[]> {
    const { primary, mirror } = this.#config;
    return unmirroredRanges(await this.#tails.list(signal), { brokers: primary.kafka.brokers, prefix: mirror.prefix });
  }

  async change({ verb, region, by, reason, primaryLost, acceptLoss }: CutoverChange, signal: AbortSignal): Promise<CutoverPlan> {
    const loop = this.#loop();
    if (loop === undefined) {
      throw new FarshoreError('request_invalid', 'This daemon stands by; only the active one changes the cutover', {
        hint: 'Ask the active daemon.',
      });
    }
    if (verb === 'hold') return this.#planOf(await loop.command({ type: verb, by, region, reason: reason ?? '' }, signal));
    if (verb === 'release') return this.#planOf(await loop.command({ type: verb, by, region }, signal));
    const shared = this.#shared(verb);
    if (shared !== null) throw this.#refused(verb, shared);
    if (primaryLost || acceptLoss) {
      if (!primaryLost || !acceptLoss)
        throw this.#refused(verb, 'a lost primary is given up with --primary-lost and --accept-loss together');
      const lost = await this.#lossBound(signal);
      return this.#planOf(await loop.command({ type: 'start', by, region, readiness: loop.readiness(), lost }, signal));
    }
    const why = this.#impossible(await this.#store.load(signal))(verb);
    if (why !== null) throw this.#refused(verb, why);
    if (verb === 'start') return this.#planOf(await loop.command({ type: verb, by, region, readiness: loop.readiness() }, signal));
    return this.#planOf(await loop.command({ type: verb, by, region }, signal));
  }

  #refused(verb: string, why: string): FarshoreError {
    return new FarshoreError('request_invalid', `${verb} is refused: ${why}`, {
      place: `cutover of ${this.#config.region}`,
      hint: 'Nothing was changed. farshore cutover plan shows what stands in the way.',
    });
  }

  /** Its steps were proved with one daemon that does all the work; the fence that they end in would reach every shard. */
  readonly #shared = (verb: string): string | null =>
    verb === 'start' && this.#config.mirror.shards > 1
      ? 'several daemons share the region; set mirror.shards: 1, restart all of them, and start it then'
      : null;

  /** Nothing pretends to freeze a primary, or to open one whose writers it cannot give their rights back. */
  readonly #impossible =
    (stored: Cutover | undefined): Impossible =>
    (verb) => {
      const shared = this.#shared(verb);
      if (shared !== null) return shared;
      const { freeze, primaryDatabase } = this.#config.cutover;
      if (freeze !== undefined && primaryDatabase !== undefined) return null;
      const unset = 'cutover.freeze and cutover.primaryDatabase are not both set';
      if (verb === 'start') return `the primary cannot be frozen: ${unset}`;
      // One that only gives up the move under way falls back all the same: there is nowhere else to go.
      const opens = verb === 'revert' && stored?.move === null && stored.kept?.results.read_rights !== undefined;
      return opens ? `the primary’s writers cannot be given back the rights that were taken: ${unset}; put them back as they were` : null;
    };

  #planOf(stored: Cutover): CutoverPlan {
    const hooks = numbered(cutoverHooks(this.#config)).map(({ on, text }) => ({ on, what: text }));
    const loop = this.#loop();
    // The file lies beside the daemon that acts: one that stands by has nothing to say about it.
    return cutoverPlan(stored, loop?.measured(), loop?.brake() ?? { kind: 'none' }, hooks, this.#impossible(stored));
  }
}
