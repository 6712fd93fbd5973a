import type { Clock } from '../model/clock.ts';
import type { NoiseProbe, RequestQueue, ShadowIntake, ShadowSource, ShedReason, SkipReason } from './contracts.ts';
import { judgeRequest, type RawRequest, type RequestLimits } from './request-rules.ts';
import { isSampled } from './sampling.ts';
import { TokenBucket } from './token-bucket.ts';

export type IntakeOutcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'shed'; readonly reason: ShedReason }
  | { readonly kind: 'skipped'; readonly reason: SkipReason };

export interface IntakeSettings extends RequestLimits {
  /** As a part of 1. */
  readonly sample: number;
  /** Header whose value is the key of sampling; undefined: method, path and query. */
  readonly sampleBy: string | undefined;
  readonly maxPerSecond: number;
  /** Part of its time that the daemon may be busy, as a part of 1; above it nothing is taken. */
  readonly maxLoad: number;
}

const SAMPLE_SALT = 0;
const NOISE_SALT = 0x5bd1e995;

/** The door of the shadow: every source gives its requests here, and each is taken, shed or skipped, and counted. */
export class Intake {
  readonly #settings: IntakeSettings;
  readonly #queue: RequestQueue;
  readonly #counts: ShadowIntake;
  readonly #clock: Clock;
  readonly #load: () => number;
  readonly #bucket: TokenBucket;
  /** A standby, or a daemon that stops, compares nothing. */
  open = false;

  constructor(settings: IntakeSettings, queue: RequestQueue, counts: ShadowIntake, clock: Clock, load: () => number = () => 0) {
    this.#settings = settings;
    this.#queue = queue;
    this.#counts = counts;
    this.#clock = clock;
    this.#load = load;
    this.#bucket = new TokenBucket(settings.maxPerSecond, clock.monotonicMs());
  }

  offer(raw: RawRequest, source: ShadowSource): IntakeOutcome {
    const outcome = this.#judge(raw, source);
    if (outcome.kind === 'taken') this.#counts.taken(source);
    else if (outcome.kind === 'shed') this.#counts.shed(source, outcome.reason);
    else this.#counts.skipped(source, outcome.reason);
    return outcome;
  }

  /** For what a source could not even read. */
  skip(source: ShadowSource, reason: SkipReason): void {
    this.#counts.skipped(source, reason);
  }

  shed(source: ShadowSource, reason: ShedReason): void {
    this.#counts.shed(source, reason);
  }

  #judge(raw: RawRequest, source: ShadowSource): IntakeOutcome {
    const { sample, sampleBy } = this.#settings;
    const judged = judgeRequest(raw, source, this.#settings);
    if (judged.kind === 'skipped') return judged;
    const { request } = judged;
    // Who replays a file has chosen what is in it.
    if (source !== 'replay' && !isSampled(sampleKey(request, sampleBy), sample, SAMPLE_SALT)) {
      return { kind: 'skipped', reason: 'not_sampled' };
    }
    if (!this.open) return { kind: 'shed', reason: 'stopping' };
    // Replication and this share a thread, and replication comes first.
    if (this.#load() > this.#settings.maxLoad) return { kind: 'shed', reason: 'busy' };
    if (!this.#bucket.take(this.#clock.monotonicMs())) return { kind: 'shed', reason: 'rate' };
    return this.#queue.offer(request) === 'taken' ? { kind: 'taken' } : { kind: 'shed', reason: 'queue_full' };
  }
}

type Keyed = Parameters<NoiseProbe>[0];

const sampleKey = ({ method, path, query, headers }: Keyed, by: string | undefined): string =>
  (by === undefined ? undefined : headers.get(by)) ?? `${method} ${path}?${query}`;

/** Which requests the primary is asked twice; by the request's id, for a key that always is or is not would leave routes without noise. */
export const noiseProbe =
  (share: number): NoiseProbe =>
  ({ id }) =>
    isSampled(id, share, NOISE_SALT);
