import type { Clock } from '../model/clock.ts';
import type { ActiveView } from '../model/cutover.ts';
import type { CutoverNow, LiveSample, LiveStatus, ToldEvent } from '../model/live.ts';
import type { AdminSource } from './contracts.ts';
import { type Counted, countedNow, liveStatus, sampleOf } from './live-status.ts';
import type { Judged } from './verdict.ts';
import { cutoverNow } from './verdict-cutover.ts';

const WATCHED_MS = 1_000;
/** While nobody looks: a point of the charts, so that who looks at 3 a.m. sees the hour before. */
const UNWATCHED_MS = 5_000;
const KEPT_SAMPLES = 720;
const CUTOVER_MS = 5_000;
/** An answer that is older says nothing of now. */
const CUTOVER_OLD_MS = 15_000;
/** Enough for a change of state among entries that change none. */
const CUTOVER_ENTRIES = 50;

export type LiveMessage =
  | { readonly event: 'history'; readonly data: { readonly samples: readonly LiveSample[]; readonly events: readonly ToldEvent[] } }
  | { readonly event: 'status'; readonly data: LiveStatus }
  | { readonly event: 'happened'; readonly data: ToldEvent };

export type LiveClient = (message: LiveMessage) => void;

/** The daemon's status each second and its events as they come, for whoever looks, and an hour of both before that. */
export class LiveFeed {
  readonly #source: AdminSource;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #clients = new Set<LiveClient>();
  readonly #samples: LiveSample[] = [];
  #wake = new AbortController();
  #counted: Counted | undefined;
  /** Of the last point that was kept. */
  #kept: Counted | undefined;
  #active: ActiveView | null = null;
  #cutover: { readonly now: CutoverNow; readonly atMs: number } | undefined;
  #cutoverAskedMs: number | undefined;

  constructor(source: AdminSource, clock: Clock, onFailure: (error: unknown) => void) {
    this.#source = source;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Sends what is known, then goes on. Answers how to leave. */
  add(client: LiveClient): () => void {
    client({ event: 'history', data: { samples: this.#samples, events: this.#source.events.recent() } });
    this.#clients.add(client);
    // Whoever comes is told at once, also when nobody looked before.
    this.#wake.abort();
    return () => this.#clients.delete(client);
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#source.events.subscribe((data) => this.#send({ event: 'happened', data }));
    try {
      while (!signal.aborted) {
        this.#wake = new AbortController();
        // A status that cannot be told is not told: the page sees that none comes, and calls what it shows old.
        try {
          await this.#turn(signal);
        } catch (error) {
          this.#onFailure(error);
        }
        const pauseMs = this.#clients.size > 0 ? WATCHED_MS : UNWATCHED_MS;
        await this.#clock.sleep(pauseMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
      }
    } finally {
      unsubscribe();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#clients.size > 0) await this.#askCutover(signal);
    const { audit, backfills, shadowView, outbox } = {
      audit: this.#source.audit(),
      backfills: this.#source.backfills(),
      shadowView: this.#source.shadowView(),
      outbox: this.#source.outboxBacklog(),
    };
    const nowMs = this.#clock.monotonicMs();
    const judged: Judged = {
      ...{ status: this.#source.status(), audit, backfills, shadow: shadowView, outbox },
      relaysOutbox: this.#source.relaysOutbox(),
      cutover: this.#cutoverAt(nowMs),
    };
    const [now, wallMs] = [countedNow(judged, nowMs), this.#clock.wallMs()];
    const sample = sampleOf(judged, now, this.#counted, wallMs);
    this.#counted = now;
    if (this.#kept === undefined || now.atMs - this.#kept.atMs >= UNWATCHED_MS) {
      this.#samples.push(sampleOf(judged, now, this.#kept, wallMs));
      if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
      this.#kept = now;
    }
    if (this.#clients.size > 0) this.#send({ event: 'status', data: liveStatus(judged, sample, this.#active) });
  }

  #cutoverAt(nowMs: number): CutoverNow | null {
    return this.#cutover === undefined || nowMs - this.#cutover.atMs > CUTOVER_OLD_MS ? null : this.#cutover.now;
  }

  /** It is read from the database: beside the status, and not each time. Only who comes first waits for it, and not for long. */
  async #askCutover(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#cutoverAskedMs !== undefined && nowMs - this.#cutoverAskedMs < CUTOVER_MS) return;
    this.#cutoverAskedMs = nowMs;
    const { cutover } = this.#source;
    const active = cutover.active().then(
      (view) => {
        this.#active = view;
      },
      () => {
        this.#active = null;
      },
    );
    const now = Promise.all([cutover.plan(signal), cutover.log(CUTOVER_ENTRIES, signal)]).then(
      ([plan, log]) => {
        this.#cutover = { now: cutoverNow(plan, log, this.#clock.wallMs()), atMs: nowMs };
      },
      // What was read before counts until it is old.
      () => undefined,
    );
    if (this.#cutoverAt(nowMs) !== null) return;
    const answered = new AbortController();
    const patience = this.#clock.sleep(WATCHED_MS, AbortSignal.any([signal, answered.signal])).catch(() => undefined);
    await Promise.race([Promise.all([active, now]), patience]);
    answered.abort();
  }

  #send(message: LiveMessage): void {
    for (const client of this.#clients) client(message);
  }
}
