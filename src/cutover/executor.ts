import type { Clock } from '../model/clock.ts';
import type { CutoverStep } from '../model/cutover.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { Standing } from '../model/standing.ts';
import type { CutoverStore } from './contracts.ts';
import { toTell } from './publication.ts';
import { type Cutover, type CutoverEvent, decide, type Move } from './state.ts';
import type { StepParts } from './step-contracts.ts';
import { attempt, type StepOutcome } from './steps.ts';

export interface ExecutorSettings {
  /** Between two attempts at a step. */
  readonly everyMs: number;
  /** After that a step that can be undone has failed. */
  readonly stepLimitMs: number;
  readonly quietMs: number;
}

export interface ExecutorParts {
  readonly store: Pick<CutoverStore, 'load' | 'save'>;
  readonly steps: StepParts;
  /** Told the row as it is read and changed, before anything is done by it. */
  follow(cutover: Cutover | undefined): void;
  /** Rejects where another daemon has taken over: asked before anything outside of the regional database is changed. */
  mayAct(signal: AbortSignal): Promise<void>;
  readonly observe: Observe;
  readonly clock: Clock;
  /** For trials of what a crash does here. */
  readonly onStep?: ((step: CutoverStep, place: 'started' | 'acted') => void) | undefined;
}

const LOOK_MS = 1_000;
const RETRY_MOST_MS = 30_000;

/** They only read, or leave nothing that is half done: what the operator decided meanwhile may end them at once. Of the others nobody could say whether they took effect. */
const interruptible: ReadonlySet<CutoverStep> = new Set([
  'prove_freeze',
  'drain_first_hop',
  'drain_last_stable',
  'drain_passed',
  'drain_nothing_waiting',
  'drain_region',
  'last_digest',
]);

/**
 * Acts on the move that is stored, one step after the other: each is stored as started, done, and stored with what it came to. Only the
 * row says what is next, so that after kill -9 the next daemon goes on at the step that was not stored as done:
 *
 *     this daemon:   started freeze ── roles revoked ── †
 *     the next one:                                       reads "freeze, started" ── revokes again ── done freeze
 */
export class CutoverExecutor {
  readonly #settings: ExecutorSettings;
  readonly #parts: ExecutorParts;
  readonly #standing: Standing;
  #changed = new AbortController();
  /** What a step that cannot be given up, or a telling that is owed, failed with last, and how often. */
  #failing: { readonly reason: string; readonly times: number } | undefined;

  constructor(settings: ExecutorSettings, parts: ExecutorParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#standing = new Standing((told) => parts.observe({ type: 'cutover_stands', what: 'steps', ...told }));
  }

  /** The row was changed by somebody else: it is read now, and a step that only waits is given up. */
  notice(): void {
    this.#changed.abort(new Error('the cutover was changed'));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController();
      if (!(await this.#turn(signal))) await this.#pause(Math.min(RETRY_MOST_MS, LOOK_MS * (this.#failing?.times ?? 1)), signal);
    }
  }

  /** Answers whether there may be more to do at once. Rejects for errors that halt the daemon. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    try {
      const more = await this.#next(signal);
      this.#standing.over();
      return more;
    } catch (error) {
      // The step is where it was once that is mended.
      this.#standing.at(error, signal);
      return false;
    }
  }

  async #next(signal: AbortSignal): Promise<boolean> {
    const seen = await this.#parts.store.load(signal);
    this.#parts.follow(seen);
    if (seen === undefined) return false;
    if (seen.move === null) return await this.#tell(seen, signal);
    const { step, started } = seen.move;
    if (!started) return await this.#save(seen, { type: 'step_started', step }, signal);
    this.#parts.onStep?.(step, 'started');
    return await this.#act(seen, seen.move, signal);
  }

  /** What a revert that fell back owes to the primary’s cluster: tried while no move is under way, and so never behind a higher epoch. */
  async #tell(seen: Cutover, signal: AbortSignal): Promise<boolean> {
    const from = toTell(seen);
    if (from === undefined) return false;
    const { steps, clock, observe } = this.#parts;
    const step = 'publish_home_back';
    const startedMs = clock.monotonicMs();
    const seconds = (): number => (clock.monotonicMs() - startedMs) / 1_000;
    let result: 'published' | 'not_allowed';
    try {
      await this.#parts.mayAct(signal);
      result = await steps.homes.atPrimary(seen.region, Number(seen.epoch), from, signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      const reason = `${seen.primary} is not told yet: ${known.message}`;
      if (this.#failed(reason)) observe({ type: 'cutover_step_ended', step, result: 'failed', reason, seconds: seconds() });
      return false;
    }
    this.#failing = undefined;
    if (!(await this.#save(seen, { type: 'primary_told', result }, signal))) return true;
    observe({ type: 'cutover_step_ended', step, result: 'done', reason: undefined, seconds: seconds() });
    return true;
  }

  /** Counts it; answers whether it is told for the first time. */
  #failed(reason: string): boolean {
    const again = this.#failing?.reason === reason;
    this.#failing = { reason, times: (again ? (this.#failing?.times ?? 0) : 0) + 1 };
    return !again;
  }

  async #act(seen: Cutover, move: Move, signal: AbortSignal): Promise<boolean> {
    const { clock, observe, onStep } = this.#parts;
    const { step } = move;
    const startedMs = clock.monotonicMs();
    const outcome = await this.#outcome(seen, move, signal);
    // Somebody decided otherwise: what is stored now says what to do.
    if (outcome === undefined) return true;
    onStep?.(step, 'acted');
    const seconds = (clock.monotonicMs() - startedMs) / 1_000;
    if (outcome.kind === 'done') {
      this.#failing = undefined;
      const saved = await this.#save(seen, { type: 'step_done', step, result: outcome.result }, signal);
      if (saved) observe({ type: 'cutover_step_ended', step, result: 'done', reason: undefined, seconds });
      return true;
    }
    if (this.#failed(outcome.reason)) observe({ type: 'cutover_step_ended', step, result: 'failed', reason: outcome.reason, seconds });
    const saved = await this.#save(seen, { type: 'step_failed', step, reason: outcome.reason }, signal);
    if (saved && move.direction === 'forward' && seen.open !== move.to) return true;
    // Where there is no way back it is tried again, and not without a pause.
    return false;
  }

  /** Undefined when the row was changed meanwhile. */
  async #outcome(seen: Cutover, move: Move, signal: AbortSignal): Promise<Exclude<StepOutcome, { kind: 'not_yet' }> | undefined> {
    const { store, steps, clock } = this.#parts;
    const { everyMs, stepLimitMs, quietMs } = this.#settings;
    let untilMs = clock.monotonicMs() + stepLimitMs + (move.step === 'drain_first_hop' ? quietMs : 0);
    let least: bigint | undefined;
    for (;;) {
      const changed = this.#changed.signal;
      const within = interruptible.has(move.step) ? AbortSignal.any([signal, changed]) : signal;
      let reason: string;
      try {
        await this.#parts.mayAct(signal);
        const outcome = await attempt({ cutover: seen, move, parts: steps, settings: { quietMs }, clock, signal: within });
        if (outcome.kind !== 'not_yet') return outcome;
        reason = outcome.reason;
        const { left } = outcome;
        // How long a backlog takes nobody knows beforehand: it has failed once it comes no nearer.
        if (left !== undefined && (least === undefined || left < least)) {
          least = left;
          untilMs = Math.max(untilMs, clock.monotonicMs() + stepLimitMs);
        }
      } catch (error) {
        if (signal.aborted) throw error;
        if (within.aborted) return undefined;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        reason = known.hint === undefined ? known.message : `${known.message} ${known.hint}`;
        if (known.action !== 'retry') return { kind: 'failed', reason };
      }
      if (clock.monotonicMs() >= untilMs) return { kind: 'failed', reason: `not within ${stepLimitMs / 1_000} s: ${reason}` };
      await this.#pause(everyMs, signal);
      if ((await store.load(signal))?.revision !== seen.revision) return undefined;
    }
  }

  /** False where the row was changed meanwhile, or nothing changes by it. */
  async #save(seen: Cutover, event: CutoverEvent, signal: AbortSignal): Promise<boolean> {
    const { store, observe, clock } = this.#parts;
    const decision = decide(seen, event, new Date(clock.wallMs()).toISOString());
    if (decision.kind !== 'moved') return false;
    const { next, entry } = decision;
    if ((await store.save(seen, next, entry, signal)) !== 'saved') return false;
    this.#parts.follow(next);
    if (seen.state !== next.state) {
      observe({ type: 'cutover_moved', from: seen.state, to: next.state, epoch: next.epoch, by: entry.by, reason: entry.reason });
    }
    return true;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.clock.sleep(ms, AbortSignal.any([signal, this.#changed.signal]));
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
}
