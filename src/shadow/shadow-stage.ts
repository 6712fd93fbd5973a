import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { ShadowView } from '../model/shadow-view.ts';
import type { Answer, Asking, NoiseProbe, Passing, RequestQueue, ShadowRequest, ShadowSide } from './contracts.ts';
import { compareAnswers } from './differ.ts';
import type { CompareLimits } from './difference.ts';
import { judged } from './judge.ts';
import {
  afterAsk,
  afterPass,
  afterSleep,
  type Ladder,
  type LadderRules,
  ladderStart,
  ladderStep,
  ladderWaits,
  type Told,
} from './ladder.ts';
import { LagSamples } from './lag-samples.ts';
import type { RouteStatistics } from './route-statistics.ts';
import type { RuleBook } from './rules.ts';
import type { Scoreboard, Took } from './scoreboard.ts';
import type { KeptStatistics, ShadowStore } from './shadow-store.ts';
import { tellsNothing } from './tells-nothing.ts';
import { Turns } from './turns.ts';
import type { Judgement, Verdict } from './verdict.ts';

export interface ShadowStageSettings {
  readonly headers: readonly string[];
  readonly limits: CompareLimits;
  readonly confirm: {
    readonly waitsMs: readonly number[];
    readonly longestMs: number;
    readonly publishAllowanceMs: number;
    readonly times: number;
    /** Most differences that wait to be asked again. */
    readonly waiting: number;
  };
  /** Most questions at the same time. */
  readonly concurrency: number;
}

export interface ShadowStageParts {
  readonly queue: Pick<RequestQueue, 'take'>;
  readonly asking: Asking;
  readonly passing: Passing;
  readonly probe: NoiseProbe;
  readonly rules: RuleBook;
  readonly scores: Scoreboard;
  readonly store: Pick<ShadowStore, 'load' | 'save'>;
  /** How far the region is behind now; undefined while that is not known. */
  readonly lagMs: () => number | undefined;
  readonly clock: Clock;
  readonly observe: Observe;
}

const KEEP_MS = 5_000;
/** For the last write of a daemon that ends. */
const LAST_WRITE_MS = 2_000;
/** Bytes of answers that differences asked again may hold, all together: each holds two of them, and what they were parsed to. */
const WAITING_BYTES = 33_554_432;

interface Asked {
  readonly request: ShadowRequest;
  readonly statistics: RouteStatistics;
  readonly rules: LadderRules;
  readonly judge: (primary: Answer, other: Answer) => Judgement;
  took: Took;
  bytes: number;
}

/** Takes requests, asks both sides, and asks differences again until they are settled. What fails in one comparison ends that one only. */
export class ShadowStage {
  readonly #settings: ShadowStageSettings;
  readonly #parts: ShadowStageParts;
  readonly #turns: Turns;
  readonly #lags = new LagSamples();
  readonly #askedAgain = new Set<Promise<void>>();
  #waitingBytes = 0;

  constructor(settings: ShadowStageSettings, parts: ShadowStageParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#turns = new Turns(settings.concurrency);
  }

  view(): ShadowView {
    return this.#parts.scores.view(this.#askedAgain.size);
  }

  /** Until the signal. Differences that wait to be asked again are let go: they were not settled, and count for nothing. */
  async run(signal: AbortSignal): Promise<void> {
    const { scores, store } = this.#parts;
    const kept = await this.#stored((ended) => store.load(scores.oldestHourMs, ended), signal);
    if (kept === undefined) return;
    scores.restore(kept);
    const workers = Array.from({ length: this.#settings.concurrency }, () => this.#work(signal));
    await Promise.all([...workers, this.#keep(signal)]);
    await Promise.all(this.#askedAgain);
    await this.#lastWrite();
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const request = await this.#parts.queue.take(signal).catch(() => undefined);
      if (request !== undefined) await this.#safely(request, signal);
    }
  }

  async #safely(request: ShadowRequest, signal: AbortSignal): Promise<void> {
    const statistics = this.#parts.scores.route(request);
    const asked = this.#asked(request, statistics);
    const failed: Verdict = { result: 'skipped', reason: 'failed' };
    const ladder = await this.#guarded(asked, () => this.#firstLook(asked, signal), failed, signal);
    if (ladder === undefined) return;
    if (ladder.at === 'ended') {
      this.#settle(asked, ladder.verdict);
      return;
    }
    const differences = 'differences' in ladder ? ladder.differences : [];
    const isFull = this.#askedAgain.size >= this.#settings.confirm.waiting || this.#waitingBytes + asked.bytes > WAITING_BYTES;
    if (isFull) {
      this.#settle(asked, { result: 'unsettled', reason: 'too_many_waiting', differences });
      return;
    }
    this.#waitingBytes += asked.bytes;
    const climbing = this.#askAgain(asked, ladder, { result: 'unsettled', reason: 'error', differences }, signal).finally(() => {
      this.#waitingBytes -= asked.bytes;
      this.#askedAgain.delete(climbing);
    });
    this.#askedAgain.add(climbing);
  }

  async #askAgain(asked: Asked, from: Ladder<Answer>, failed: Verdict, signal: AbortSignal): Promise<void> {
    const ladder = await this.#guarded(asked, () => this.#climb(asked, from, signal), failed, signal);
    if (ladder?.at === 'ended') this.#settle(asked, ladder.verdict);
  }

  /** Nothing that goes wrong in one comparison, whatever the answers hold, may end the others or the daemon. */
  async #guarded(
    asked: Asked,
    work: () => Promise<Ladder<Answer>>,
    failed: Verdict,
    signal: AbortSignal,
  ): Promise<Ladder<Answer> | undefined> {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#parts.observe({ type: 'shadow_comparison_failed', route: asked.statistics.route, error });
      return { at: 'ended', verdict: failed };
    }
  }

  #asked(request: ShadowRequest, statistics: RouteStatistics): Asked {
    const { waitsMs, longestMs, publishAllowanceMs, times } = this.#settings.confirm;
    const rules = { waitsMs: ladderWaits(waitsMs, this.#lags.p99Ms, longestMs, times), publishAllowanceMs, times };
    const judge = (primary: Answer, other: Answer): Judgement => judged(this.#compare(statistics, primary, other), statistics.noise);
    return { request, statistics, rules, judge, took: { primaryMs: undefined, regionMs: undefined }, bytes: 0 };
  }

  #compare({ route }: RouteStatistics, primary: Answer, other: Answer) {
    const { headers, limits } = this.#settings;
    return compareAnswers(primary, other, {
      rules: this.#parts.rules.of(route),
      headers,
      limits,
      nowMs: () => this.#parts.clock.monotonicMs(),
    });
  }

  /** Both sides once, and the primary a second time where this request was picked for that. */
  async #firstLook(asked: Asked, signal: AbortSignal): Promise<Ladder<Answer>> {
    const primary = await this.#ask(asked, 'primary', signal);
    const afterPrimary = afterAsk(ladderStart, primary, asked.judge, asked.rules);
    if (primary.kind !== 'answer') return afterPrimary;
    const region = await this.#ask(asked, 'region', signal);
    if (region.kind === 'answer' && this.#parts.probe(asked.request)) await this.#probeNoise(asked, primary.answer, signal);
    asked.bytes = primary.answer.body.length + (region.kind === 'answer' ? region.answer.body.length : 0);
    asked.took = { primaryMs: primary.answer.elapsedMs, regionMs: region.kind === 'answer' ? region.answer.elapsedMs : undefined };
    return afterAsk(afterPrimary, region, asked.judge, asked.rules);
  }

  async #probeNoise(asked: Asked, primary: Answer, signal: AbortSignal): Promise<void> {
    const again = await this.#ask(asked, 'primary', signal);
    if (again.kind !== 'answer') return;
    const comparison = this.#compare(asked.statistics, primary, again.answer);
    if (comparison.kind === 'compared') asked.statistics.noise.probed(comparison.differences.map(({ path }) => path));
  }

  async #climb(asked: Asked, from: Ladder<Answer>, signal: AbortSignal): Promise<Ladder<Answer>> {
    const { clock } = this.#parts;
    const { rules, judge } = asked;
    let ladder = from;
    for (;;) {
      const step = ladderStep(ladder, rules);
      if (step.do === 'end') return ladder;
      if (step.do === 'sleep') {
        await clock.sleep(step.ms, signal);
        ladder = afterSleep(ladder);
      } else if (step.do === 'pass') ladder = afterPass(ladder, await this.#passed(signal), rules);
      else ladder = afterAsk(ladder, await this.#ask(asked, step.side, signal), judge, rules);
    }
  }

  /** A cluster that does not answer says nothing about the region: it has not passed then. */
  async #passed(signal: AbortSignal): Promise<'passed' | 'not_yet'> {
    try {
      return await this.#parts.passing.passed(signal);
    } catch (error) {
      if (signal.aborted || findFarshoreError(error) === undefined) throw error;
      return 'not_yet';
    }
  }

  async #ask({ request }: Asked, side: ShadowSide, signal: AbortSignal): Promise<Told<Answer>> {
    const told = await this.#turns.with(() => this.#parts.asking.ask(side, request, signal), signal);
    if (side === 'primary' && told.kind === 'answer' && tellsNothing(told.answer.status)) return { kind: 'error', side, reason: 'status' };
    return told;
  }

  #settle({ request, statistics, took }: Asked, verdict: Verdict): void {
    try {
      this.#parts.scores.settle(statistics, request, verdict, took);
    } catch (error) {
      this.#parts.observe({ type: 'shadow_comparison_failed', route: statistics.route, error });
    }
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock, lagMs } = this.#parts;
    while (!signal.aborted) {
      const lag = lagMs();
      if (lag !== undefined) this.#lags.add(lag);
      await clock.sleep(KEEP_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.#write(signal);
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { scores, store } = this.#parts;
    const changes = scores.takeChanges();
    try {
      await store.save(changes, signal);
    } catch (error) {
      scores.putBack(changes);
      if (!signal.aborted) this.#storeFailed(error);
    }
  }

  async #lastWrite(): Promise<void> {
    const { clock } = this.#parts;
    const ended = new AbortController();
    const late = clock.sleep(LAST_WRITE_MS, ended.signal).then(
      () => ended.abort(),
      () => undefined,
    );
    await this.#write(ended.signal);
    ended.abort();
    await late;
  }

  /** Undefined: the signal came first. */
  async #stored(read: (signal: AbortSignal) => Promise<KeptStatistics>, signal: AbortSignal): Promise<KeptStatistics | undefined> {
    while (!signal.aborted) {
      try {
        return await read(signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#storeFailed(error);
      }
      await this.#parts.clock.sleep(KEEP_MS, signal).catch(() => undefined);
    }
    return undefined;
  }

  #storeFailed(error: unknown): void {
    const known = findFarshoreError(error);
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.observe({ type: 'shadow_store_failed', code: known?.code ?? 'internal', message, hint: known?.hint });
  }
}
