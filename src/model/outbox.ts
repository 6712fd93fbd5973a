/** The outbox as the API and `farshore outbox` show it: plain JSON, ids as decimal text, times ISO 8601 in UTC; no key and no value of any row. */
export interface OutboxStatus {
  /** Whether this daemon publishes: an active one with `outbox.enabled`. */
  readonly relaying: boolean;
  /** Whether inserts wake the relay at once; false: it looks every `outbox.pollMs`. */
  readonly listening: boolean;
  readonly unpublished: number;
  /** Of them, rows of topics whose home is elsewhere, or that nobody knows the home of (C24). */
  readonly held: number;
  /** Of them, rows that Kafka refused the last time; each holds its topic until it is taken. */
  readonly refused: number;
  /** Age of the oldest that is not published; null: there is none. */
  readonly oldestSeconds: number | null;
  /** Those with unpublished rows. */
  readonly topics: readonly OutboxTopicView[];
}

export interface OutboxTopicView {
  readonly topic: string;
  /** Null: no topic of that name is known. */
  readonly home: string | null;
  readonly unpublished: number;
  readonly refused: number;
  readonly oldestSeconds: number;
}

/**
 *     due       goes out with one of the next batches
 *     sending   named in a batch that is not settled
 *     refused   Kafka refused it; tried again at `nextAttemptAt`
 *     behind    waits for a refused row of its topic
 *     held      the home of its topic is elsewhere, or not known
 */
export const outboxRowStates = ['due', 'sending', 'refused', 'behind', 'held'] as const;
export type OutboxRowState = (typeof outboxRowStates)[number];

/** A row that is not published. */
export interface OutboxRowView {
  readonly id: string;
  readonly topic: string;
  /** Null: chosen by its key. */
  readonly partition: number | null;
  readonly state: OutboxRowState;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  /** What Kafka refused it with. */
  readonly error: string | null;
  readonly createdAt: string;
  /** Of key and value. */
  readonly bytes: number;
}

/** Which refused rows are meant: those that every given condition holds for. */
export interface OutboxFilter {
  readonly ids: readonly string[] | undefined;
  readonly topic: string | undefined;
}

/** Which rows are listed, in the order of their ids. */
export interface OutboxListRequest {
  readonly topic: string | undefined;
  readonly state: OutboxRowState | undefined;
  /** Only those with a higher id: the last one of the page before. */
  readonly after: string;
  readonly limit: number;
}
