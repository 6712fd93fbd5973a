import type { Clock } from '../model/clock.ts';
import type { ActiveView } from '../model/cutover.ts';
import type { LiveSample, LiveStatus, ToldEvent } from '../model/live.ts';
import type { AdminSource } from './contracts.ts';
import { type Counted, countedNow, liveStatus, sampleOf } from './live-status.ts';
import type { Judged } from './verdict.ts';

const WATCHED_MS = 1_000;
/** While nobody looks: a point of the charts, so that who looks at 3 a.m. sees the hour before. */
const UNWATCHED_MS = 5_000;
const KEPT_SAMPLES = 720;
const CUTOVER_MS = 5_000;

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
  #cutover: ActiveView | null = null;
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
          this.#turn();
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

  #turn(): void {
    const { audit, backfills, shadowView, outbox } = {
      audit: this.#source.audit(),
      backfills: this.#source.backfills(),
      shadowView: this.#source.shadowView(),
      outbox: this.#source.outboxBacklog(),
    };
    const judged: Judged = { status: this.#source.status(), audit, backfills, shadow: shadowView, outbox };
    const [now, wallMs] = [countedNow(judged, this.#clock.monotonicMs()), this.#clock.wallMs()];
    const sample = sampleOf(judged, now, this.#counted, wallMs);
    this.#counted = now;
    if (this.#kept === undefined || now.atMs - this.#kept.atMs >= UNWATCHED_MS) {
      this.#samples.push(sampleOf(judged, now, this.#kept, wallMs));
      if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
      this.#kept = now;
    }
    if (this.#clients.size === 0) return;
    this.#askCutover(now.atMs);
    this.#send({ event: 'status', data: liveStatus(judged, sample, this.#cutover) });
  }

  /** It is read from the database: beside the status, and not each time. */
  #askCutover(nowMs: number): void {
    if (this.#cutoverAskedMs !== undefined && nowMs - this.#cutoverAskedMs < CUTOVER_MS) return;
    this.#cutoverAskedMs = nowMs;
    this.#source.cutover.active().then(
      (view) => {
        this.#cutover = view;
      },
      () => {
        this.#cutover = null;
      },
    );
  }

  #send(message: LiveMessage): void {
    for (const client of this.#clients) client(message);
  }
}
