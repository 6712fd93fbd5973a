import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';
import type { TopicPartition } from '../model/partition.ts';

/** Start, last stable offset and high watermark of a partition. */
export interface PartitionEnds extends TopicPartition {
  readonly start: bigint;
  readonly end: bigint;
  readonly highWatermark: bigint;
}

/** The logs of one cluster. A partition that did not answer is left out. */
export interface LogEnds {
  ends(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly PartitionEnds[]>;
}

/** Where mirror stands: `topic` in the region, `homeTopic` at home, `next` committed in the regional cluster. */
export interface MirrorProgress extends TopicPartition {
  readonly homeTopic: string;
  readonly next: HomeOffset | undefined;
}

/** Where apply stands, as the regional database holds it. */
export interface ApplyProgress extends TopicPartition {
  readonly next: RegionalOffset | undefined;
}

export interface LagSources {
  readonly home: LogEnds;
  readonly regional: LogEnds;
  mirrorCommitted(): Iterable<MirrorProgress>;
  /** Partitions whose topic is applied to a table; those that are only mirrored are not among them. */
  applied(): Iterable<ApplyProgress>;
}

/** The primary's heartbeat topic, as the daemon writes it. */
export interface HeartbeatWriter {
  /** Creates the topic where it is missing. */
  ensureTopic(signal: AbortSignal): Promise<void>;
  /** Resolves once the primary has acknowledged the record. */
  write(key: Buffer, value: Buffer, signal: AbortSignal): Promise<void>;
}
