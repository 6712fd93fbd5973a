import type { Clock } from '../model/clock.ts';
import type { CutoverState, GateReading } from '../model/cutover.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { braked, holdOf } from './brake.ts';
import type { Brake, CutoverStore, GateLimits, GateMeasurements } from './contracts.ts';
import { readGates } from './gates.ts';
import { type Measured, unmeasured } from './plan.ts';
import { type Cutover, type CutoverEvent, decide, firstCutover } from './state.ts';
import { advance, type Readiness, readiness, type Window, type WindowSettings } from './window.ts';

export interface CutoverSettings {
  readonly region: string;
  readonly primary: string;
  readonly evaluateMs: number;
  readonly windowMs: number;
  readonly limits: GateLimits;
}

export interface CutoverParts {
  readonly store: CutoverStore;
  /** What is known at this moment; it waits for nothing. */
  measure(): Omit<GateMeasurements, 'hold'>;
  /** Looks for the operators’ file. */
  brake(): Brake;
  readonly observe: Observe;
  readonly clock: Clock;
  /** An operator's decision was stored. */
  readonly onCommand?: (() => void) | undefined;
}

export type CutoverCommand = Exclude<CutoverEvent, { type: 'evaluated' | 'step_started' | 'step_done' | 'step_failed' | 'primary_told' }>;

/** Readings that may be missed before the window begins anew. */
const MISSED = 3;
const TRIES = 5;

/** Reads the gates on a timer, and moves the stored state by what held. Nothing is acted on that was not stored. */
export class CutoverLoop {
  readonly #settings: CutoverSettings;
  readonly #parts: CutoverParts;
  readonly #windowSettings: WindowSettings;
  #window: Window | undefined;
  #gates: readonly GateReading[] = [];
  #turnMs: number;
  #known: { readonly state: CutoverState; readonly atMs: number } | undefined;

  constructor(settings: CutoverSettings, parts: CutoverParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#windowSettings = { windowMs: settings.windowMs, maxGapMs: settings.evaluateMs * MISSED };
    this.#turnMs = parts.clock.monotonicMs();
  }

  /** Monotonic milliseconds of the last turn, for the liveness probe. */
  get lastTurnMs(): number {
    return this.#turnMs;
  }

  /** As it was stored when it was last read or changed; undefined where that is too long ago to be of now, as the gates are. */
  get state(): CutoverState | undefined {
    const known = this.#known;
    const isOfNow = known !== undefined && this.#parts.clock.monotonicMs() - known.atMs <= this.#windowSettings.maxGapMs;
    return isOfNow ? known.state : undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      const startedMs = clock.monotonicMs();
      this.#turnMs = startedMs;
      await this.evaluate(signal);
      await clock.sleep(Math.max(0, this.#settings.evaluateMs - (clock.monotonicMs() - startedMs)), signal);
    }
  }

  /** One reading of every gate, and what it makes of the state. Rejects for errors that halt the daemon. */
  async evaluate(signal: AbortSignal): Promise<void> {
    const { store, measure, clock } = this.#parts;
    const stored = await this.#retriable(() => this.#stored(signal), signal);
    const known = measure();
    // After everything was measured: nothing of it is of a later moment.
    const nowMs = clock.monotonicMs();
    const hold: GateMeasurements['hold'] =
      stored.kind === 'done'
        ? holdOf(stored.value, this.#parts.brake(), nowMs)
        : { kind: 'missing', reason: `the stored state cannot be read: ${stored.reason}` };
    const gates = readGates({ ...known, hold }, this.#settings.limits, nowMs);
    this.#tellChanges(gates);
    this.#window = advance(this.#window, gates, nowMs, this.#windowSettings);
    this.#gates = gates;
    if (stored.kind !== 'done') return;
    const event: CutoverEvent = { type: 'evaluated', readiness: readiness(this.#window, gates, this.#windowSettings) };
    const decision = decide(stored.value, event, this.#now());
    if (decision.kind !== 'moved') return;
    // Lost to somebody else: what they made of it is looked at in the next turn.
    const saved = await this.#retriable(() => store.save(stored.value, decision.next, decision.entry, signal), signal);
    if (saved.kind === 'done' && saved.value === 'saved') this.#told(stored.value, decision.next, decision.entry.by, decision.entry.reason);
  }

  /** The newest reading, or undefined where it is too old to be of now. */
  measured(): Measured | undefined {
    const { clock } = this.#parts;
    const window = this.#window;
    const nowMs = clock.monotonicMs();
    if (window === undefined || !(nowMs - window.lastMs <= this.#windowSettings.maxGapMs)) return;
    const iso = (ms: number): string => new Date(clock.wallMs() - (nowMs - ms)).toISOString();
    return {
      readiness: readiness(window, this.#gates, this.#windowSettings),
      view: {
        at: iso(window.lastMs),
        gates: this.#gates.map((gate) => {
          const since = window.gates.get(gate.gate)?.sinceMs;
          return { ...gate, since: since === undefined ? null : iso(since) };
        }),
        window: {
          seconds: this.#settings.windowMs / 1_000,
          heldSeconds: window.all === undefined ? 0 : Math.round((window.lastMs - window.all.sinceMs) / 1_000),
          readings: window.all?.readings ?? 0,
          broken: window.broken ?? null,
        },
      },
    };
  }

  /** What a start is decided on. */
  readiness(): Readiness {
    return this.measured()?.readiness ?? unmeasured;
  }

  /** Whether the operators’ file is there, now. */
  brake(): Brake {
    return this.#parts.brake();
  }

  /** Resolves with the row as it became. Rejects with `request_invalid` and the reason of the refusal. */
  async command(event: CutoverCommand, signal: AbortSignal): Promise<Cutover> {
    const { store } = this.#parts;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      // Decided anew on what the other one made of it: of two that want the same the second is told so.
      const seen = await this.#stored(signal);
      const decision = braked(decide(seen, event, this.#now()), seen, event, this.#parts.brake());
      if (decision.kind === 'unchanged') return seen;
      if (decision.kind === 'refused') {
        throw new FarshoreError('request_invalid', `${event.type} is refused: ${decision.reason}`, {
          place: `cutover of ${seen.region}`,
          hint: 'farshore cutover plan shows the state, the gates and what each verb would be refused with.',
          facts: { refused: decision.code },
        });
      }
      if ((await store.save(seen, decision.next, decision.entry, signal)) === 'saved') {
        this.#told(seen, decision.next, event.by, decision.entry.reason);
        if (event.type === 'hold' || event.type === 'release') {
          const type = event.type === 'hold' ? 'cutover_held' : 'cutover_released';
          this.#parts.observe({ type, by: event.by, reason: decision.entry.reason });
        }
        this.#parts.onCommand?.();
        return decision.next;
      }
    }
    throw new FarshoreError('request_invalid', `${event.type} lost to other changes ${TRIES} times`, { hint: 'Try again.' });
  }

  async #stored(signal: AbortSignal): Promise<Cutover> {
    const { store, clock } = this.#parts;
    const { region, primary } = this.#settings;
    // Before it is asked for: an answer that comes late is not of the moment it comes.
    const atMs = clock.monotonicMs();
    const row = (await store.load(signal)) ?? (await store.ensure(firstCutover(region, primary, this.#now()), signal));
    if (row.region !== region || row.primary !== primary) {
      throw new FarshoreError('request_invalid', `The cutover stored here is of region ${row.region} and primary ${row.primary}.`, {
        place: 'region, primary.name',
        hint: 'Give the names the region was started with, or another database.',
      });
    }
    this.#known = { state: row.state, atMs };
    return row;
  }

  /** While the row cannot be had the gates are read on, with the hold shut: a right that is missing here is no reason to stop the copy. */
  async #retriable<T>(
    work: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly reason: string }> {
    try {
      return { kind: 'done', value: await work() };
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  #told(from: Cutover, to: Cutover, by: string, reason: string): void {
    this.#known = { state: to.state, atMs: this.#parts.clock.monotonicMs() };
    if (from.state === to.state) return;
    this.#parts.observe({ type: 'cutover_moved', from: from.state, to: to.state, epoch: to.epoch, by, reason });
  }

  #tellChanges(gates: readonly GateReading[]): void {
    for (const { gate, open, reason } of gates) {
      const before = this.#gates.find((one) => one.gate === gate);
      if (before !== undefined && before.open !== open)
        this.#parts.observe({ type: 'gate_changed', gate, open, reason: reason ?? undefined });
    }
  }

  #now(): string {
    return new Date(this.#parts.clock.wallMs()).toISOString();
  }
}
