import type { ErrorCode } from './errors.ts';

/** A kept record as the API and `farshore rejected` show it: plain JSON, offsets and ids as decimal text, times ISO 8601 in UTC. */
export interface RejectedRecord {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  /** Regional. */
  readonly offset: string;
  readonly table: string;
  /** Of a parked record: the table it waits for. */
  readonly waitsFor: string | null;
  /** Of the last attempt. */
  readonly reason: ErrorCode;
  readonly sqlState: string | null;
  readonly message: string;
  readonly attempts: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** With its bytes, in base64; null where the record has none. */
export interface RejectedDetail extends RejectedRecord {
  readonly timestampMs: number;
  readonly homeEpoch: number;
  readonly generation: number;
  readonly key: string | null;
  readonly value: string | null;
  /** As Kafka encodes them, `headerCount` of them. */
  readonly headers: string;
  readonly headerCount: number;
}

/** Which kept records are meant: those that every given condition holds for. */
export interface RejectedFilter {
  readonly ids: readonly string[] | undefined;
  /** `schema.table` */
  readonly table: string | undefined;
  readonly reason: string | undefined;
  /** Last seen at or after this time, ISO 8601. */
  readonly since: string | undefined;
  /** Those that wait for another row, instead of those that are rejected. Ids name either. */
  readonly parked: boolean;
}

/** How many records of a table are kept. */
export interface KeptCount {
  readonly table: string;
  readonly records: number;
  /** Of those that wait for another row. */
  readonly parked: number;
}

/** What became of kept records that were tried again. */
export interface RetryCounts {
  readonly applied: number;
  /** The region holds the same or a newer state already: nothing was left to apply. */
  readonly superseded: number;
  /** Refused again, and kept. */
  readonly rejected: number;
}
