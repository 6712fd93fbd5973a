import type { HomeOffset, RegionalOffset } from './offsets.ts';

/** What proves that a log is the one a position was taken in (C6). */
export interface LogProof {
  /** Leader epoch of the last batch before the position, -1 when nothing was read yet. */
  readonly leaderEpoch: number;
  /** CRC-32C that batch carried, undefined when nothing was read yet. */
  readonly crc: number | undefined;
}

/** Where mirror stands in a home partition: committed in the regional cluster with the records. */
export interface MirrorPosition extends LogProof {
  readonly topic: string;
  readonly partition: number;
  /** Topic id at home. */
  readonly topicId: string;
  readonly next: HomeOffset;
  /** End of the regional partition after the last batch of the transaction that set this position. */
  readonly regionalEnd: RegionalOffset | undefined;
}

/** Where apply stands in a regional partition: a row in PostgreSQL, moved with the rows it covers. */
export interface ApplyPosition extends LogProof {
  readonly topic: string;
  readonly partition: number;
  /** Topic id in the region. */
  readonly topicId: string;
  readonly next: RegionalOffset;
}

/** The fact of an error that says so: positions are not answered, for transactions that are over. */
export const NOT_SETTLED = 'notSettled';
