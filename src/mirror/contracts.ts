import type { RawBatch } from '../model/batch.ts';
import type { ReencodeReason } from '../model/events.ts';
import type { FetchedPartition, FetchTarget } from '../model/fetch.ts';
import type { Generation } from '../model/generation.ts';
import type { HomeOffset, RegionalOffset } from '../model/offsets.ts';
import type { TopicPartition, TopicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';

/** A topic as one cluster describes it. */
export interface TopicDescription {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partition: number; readonly leaderEpoch: number; readonly available: boolean }[];
}

/** The log at home, read only. */
export interface HomeLog {
  listTopics(signal: AbortSignal): Promise<readonly TopicDescription[]>;
  /** Topic configs that differ from the broker's defaults, by topic. */
  topicConfigs(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /**
   * One round of Fetch requests, read_committed, with current and last fetched leader epochs (C6).
   * Resolves when any partition has data or `maxWaitMs` is over; never rejects for one partition.
   */
  fetch(
    targets: readonly FetchTarget[],
    limits: { readonly maxWaitMs: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<readonly FetchedPartition[]>;
  /** Log start and last stable offset a partition; a partition that did not answer is left out. */
  ends(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly start: bigint; readonly end: bigint }[]>;
  /** Leader epoch and CRC of the batch that holds `offset`; undefined when the log does not hold it any more. */
  batchAt(
    target: FetchTarget,
    signal: AbortSignal,
  ): Promise<{ readonly baseOffset: bigint; readonly lastOffset: bigint; readonly leaderEpoch: number; readonly crc: number } | undefined>;
}

/** The regional cluster as mirror writes it, behind one transactional id. */
export interface RegionalLog {
  listTopics(signal: AbortSignal): Promise<readonly TopicDescription[]>;
  topicConfigs(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** As `topicConfigs`, with what the topics have from brokers and defaults. */
  configsInForce(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  createTopic(topic: string, partitions: number, configs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
  growTopic(topic: string, partitions: number, signal: AbortSignal): Promise<void>;
  alterTopicConfigs(topic: string, set: ReadonlyMap<string, string>, remove: readonly string[], signal: AbortSignal): Promise<void>;
  /** Log start and high watermark: what `commit` answered for is in it, where the last stable offset may lie before it for a moment. */
  ends(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly start: bigint; readonly end: bigint }[]>;

  /**
   * Fences every earlier holder of the transactional id and aborts what it left open (InitProducerId).
   * Call it at start and after any failed `produce` or `commit`, before `positions`: that order is what makes an
   * unknown outcome known again (C9).
   */
  open(signal: AbortSignal): Promise<void>;
  /**
   * Positions as the regional cluster holds them, by OffsetFetch with require_stable (C9); every topic has an entry. Rejects with the fact
   * `notSettled` where the group does not come to rest.
   */
  positions(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly MirrorPosition[]>>;
  /**
   * What lies behind each of these regional offsets, by `topic:partition`: the first committed batch where this writer wrote it, or nothing up to
   * the log's end. Left out where another's comes first, or the log cannot be asked. A transaction that wrote a batch moved the position too, so
   * one that counts no further was read from before it.
   */
  mirroredBehind(ends: readonly MirroredTo[], signal: AbortSignal): Promise<ReadonlyMap<TopicPartitionKey, MirroredBehind>>;
  /**
   * Writes batches in the transaction that the next `commit` ends, and begins it with the first of them. Answers where they lie, in the order of
   * `writes`. Resolved means written, not durable; their memory may be used again. Rejected means that none of the transaction can be committed any
   * more, and `open` must follow: `batch_refused` names the partition whose batch the broker will not take.
   */
  produce(writes: readonly MirrorWrite[], signal: AbortSignal): Promise<readonly WrittenEnd[]>;
  /**
   * Ends the transaction: all that was produced in it and these positions, or nothing. With nothing produced it is one of positions alone.
   * Resolved means durable. Rejected with `transaction_unknown` (or `fenced`) means unknown: call `open`, then `positions`, and start over
   * from what they say.
   */
  commit(positions: readonly MirrorPosition[], signal: AbortSignal): Promise<void>;
}

export interface MirroredTo extends TopicPartition {
  readonly regionalEnd: RegionalOffset;
}

export type MirroredBehind = { readonly kind: 'nothing' } | { readonly kind: 'batch'; readonly offset: bigint };

export interface MirrorWrite extends TopicPartition {
  readonly batches: readonly RawBatch[];
}

/** Where the batches of one write came to lie: `end` is past the last of them. */
export interface WrittenEnd extends TopicPartition {
  readonly firstOffset: RegionalOffset;
  readonly end: RegionalOffset;
}

/**
 * Turns a batch that cannot be copied into batches that can, with the same keys, values, headers and
 * timestamps. Records below the home offset `from` are left out.
 */
export type Reencode = (batch: RawBatch, reason: ReencodeReason, maxBatchBytes: number, from: bigint) => readonly RawBatch[];

/** What the regional database remembers about a mirrored topic. The cutover decides the home there (C24). */
export interface TopicRecord {
  readonly topic: string;
  readonly home: string;
  readonly homeEpoch: number;
  readonly homeTopicId: string;
  readonly regionalTopicId: string;
  readonly partitions: number;
  readonly generations: readonly Generation[];
  /** Where the copy of the present log begins in the region, by partition: growth and rewinds begin a generation, and not a copy. */
  readonly mirroredFrom: ReadonlyMap<number, RegionalOffset>;
  /** Where the present epoch of the home begins in the region, by partition; one that is missing is younger than the epoch. */
  readonly epochFrom: ReadonlyMap<number, RegionalOffset>;
}

export interface TopicLedger {
  load(signal: AbortSignal): Promise<readonly TopicRecord[]>;
  /**
   * Claims `home` with epoch 1 for a topic nobody claimed, with generation 1 starting at `starts`.
   * Compare-and-set: answers the record that is there when somebody was first.
   */
  claim(
    record: {
      readonly topic: string;
      readonly home: string;
      readonly homeTopicId: string;
      readonly regionalTopicId: string;
      readonly starts: ReadonlyMap<number, RegionalOffset>;
    },
    signal: AbortSignal,
  ): Promise<TopicRecord>;
  /**
   * The home of a topic moved elsewhere, by a cutover that another region decided: records each later epoch with where it starts in the
   * regional log. Epochs that are recorded already change nothing. Answers the record that holds afterwards.
   */
  adopt(
    topic: string,
    epochs: readonly { readonly epoch: number; readonly home: string; readonly starts: ReadonlyMap<number, RegionalOffset> }[],
    signal: AbortSignal,
  ): Promise<TopicRecord>;
  /** Adds the next generation if `expected` is still the newest one; topic ids and partition count move with it. */
  raiseGeneration(
    raise: {
      readonly topic: string;
      readonly expected: number;
      readonly reason: string;
      readonly homeTopicId: string;
      readonly regionalTopicId: string;
      readonly starts: ReadonlyMap<number, RegionalOffset>;
    },
    signal: AbortSignal,
  ): Promise<TopicRecord>;
}

/** What a cluster publishes about a topic's home. */
export interface PublishedHome {
  readonly home: string;
  readonly epoch: number;
  /** Where the epoch begins in the log of the home, by partition; undefined for the first one, which begins at the start. */
  readonly fromOffsets: ReadonlyMap<number, bigint> | undefined;
  /** Of the log that these are offsets of: a topic that was created again since holds others. Undefined where an older version published them. */
  readonly topicId: string | undefined;
}

/** What is published with a home that a cutover moved. */
export interface PublishedBegin {
  readonly fromOffsets: Readonly<Record<string, string>>;
  readonly topicId: string | undefined;
}

/** Homes as a cluster publishes them in `__farshore.topics`; empty when the topic does not exist. */
export interface PublishedHomes {
  read(signal: AbortSignal): Promise<ReadonlyMap<string, PublishedHome>>;
}

export interface HomePublisher {
  /** `begin`: where the epoch begins in the home's log, by partition; a mirror of it starts there. */
  publish(topic: string, home: string, epoch: number, signal: AbortSignal, begin?: PublishedBegin): Promise<void>;
}

/** Pauses, stops and what operators did about them, kept in the regional database. */
export interface StopLedger {
  load(stage: 'mirror' | 'apply', signal: AbortSignal): Promise<readonly PartitionStop[]>;
  put(stop: PartitionStop, signal: AbortSignal): Promise<void>;
  clear(stage: 'mirror' | 'apply', topic: string, partition: number, signal: AbortSignal): Promise<void>;
  record(action: OperatorAction, signal: AbortSignal): Promise<void>;
}

export interface PartitionStop {
  readonly stage: 'mirror' | 'apply';
  readonly topic: string;
  readonly partition: number;
  readonly state: 'paused' | 'stopped';
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly since: string;
}

export interface OperatorAction {
  readonly action: 'pause' | 'resume';
  readonly stage: 'mirror' | 'apply';
  readonly topic: string;
  readonly partition: number;
  readonly by: string;
  readonly code: string | undefined;
  readonly lostFrom: HomeOffset | RegionalOffset | undefined;
  readonly lostTo: HomeOffset | RegionalOffset | undefined;
  readonly options: Readonly<Record<string, string | boolean>>;
}
