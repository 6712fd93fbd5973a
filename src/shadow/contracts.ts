/**
 * What the asking half and the comparing half of the shadow share. Requests come in by a RequestQueue, are asked of both
 * sides by Asking, and are compared.
 */

export const shadowSources = ['mirror', 'topic', 'replay', 'proxy'] as const;
export type ShadowSource = (typeof shadowSources)[number];

export const shadowSides = ['primary', 'region'] as const;
export type ShadowSide = (typeof shadowSides)[number];

/** A request that users sent, kept to be asked again of both sides. */
export interface ShadowRequest {
  readonly id: string;
  /** In capitals. */
  readonly method: string;
  /** Begins with a slash, still percent-encoded, without the query. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer | undefined;
  /** Wall clock. */
  readonly receivedAtMs: number;
  readonly source: ShadowSource;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case; values of a name that comes several times are joined by a comma and a space. */
  readonly headers: ReadonlyMap<string, string>;
  /** Decompressed. */
  readonly body: Buffer;
  /** The body is longer than what is kept of it: two such answers cannot be called equal. */
  readonly truncated: boolean;
  /** From sending to the last byte. */
  readonly elapsedMs: number;
}

export type AskOutcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** No answer: the target is slow, gone, or broke off. Counted, never a match. */
  | { readonly kind: 'error'; readonly side: ShadowSide; readonly reason: AskFailure }
  /** Nothing was sent. */
  | { readonly kind: 'shed'; readonly reason: ShedReason };

/** `status`: it answered that it would not, or could not, look at what was asked. */
export type AskFailure = 'timeout' | 'refused' | 'tls' | 'aborted' | 'address' | 'broken' | 'status';

/** Why the shadow let a request go rather than slow anything down. */
export type ShedReason = 'queue_full' | 'rate' | 'busy' | 'concurrency' | 'breaker_open' | 'stopping';

/** Why a request is none of the shadow's: it is counted as skipped, and never sent. */
export type SkipReason = 'unsafe_method' | 'not_sampled' | 'too_large' | 'malformed' | 'own_request';

export interface Asking {
  /** One exchange with the side's configured target. Never rejects but for what `signal` aborts with. */
  ask(side: ShadowSide, request: ShadowRequest, signal: AbortSignal): Promise<AskOutcome>;
}

/** Requests that wait to be compared, bounded by count and bytes; what finds no room is shed. */
export interface RequestQueue {
  offer(request: ShadowRequest): 'taken' | 'shed';
  /** The oldest. Rejects with the signal's reason when it is aborted. */
  take(signal: AbortSignal): Promise<ShadowRequest>;
}

/** Counts of what never became a comparison. */
export interface ShadowIntake {
  shed(source: ShadowSource, reason: ShedReason): void;
  skipped(source: ShadowSource, reason: SkipReason): void;
  taken(source: ShadowSource): void;
}

/**
 * Whether the region has passed the primary's ends as they were when this was called (C20): a difference
 * after `passed` is not lag.
 */
export interface Passing {
  passed(signal: AbortSignal): Promise<'passed' | 'not_yet'>;
}

/** Whether the second question to the primary is asked for this request, as noise probe. */
export type NoiseProbe = (request: ShadowRequest) => boolean;
