import type { VisitRecords } from '../model/batch.ts';
import type { Clock } from '../model/clock.ts';
import type { Observe } from '../model/events.ts';
import type { HomeLog, HomePublisher, PublishedHomes, Reencode, RegionalLog, StopLedger, TopicLedger } from './contracts.ts';
import type { CycleSize } from './cycle-bytes.ts';
import type { KeptEnds } from './old-position.ts';
import type { RouteRules } from './routes.ts';

/** All that mirror needs from outside, wired in one place. */
export interface MirrorDependencies {
  readonly home: HomeLog;
  readonly regional: RegionalLog;
  /** What the answers of the region's group are compared with. */
  readonly kept: KeptEnds;
  readonly ledger: TopicLedger;
  /** `__farshore.topics` of the primary: the loop guard. */
  readonly publishedAtHome: PublishedHomes;
  /** `__farshore.topics` of the region, and how to add to it. */
  readonly publishedInRegion: PublishedHomes;
  readonly publisher: HomePublisher;
  readonly stops: StopLedger;
  readonly reencode: Reencode;
  readonly visitRecords: VisitRecords;
  readonly observe: Observe;
  readonly clock: Clock;
  readonly cycleSize: CycleSize;
}

/** Of a mirror that several stages share, in one daemon or in many. */
export interface MirrorShare {
  /** Whether the stage mirrors a partition, by its regional topic. */
  readonly owns: (topic: string, partition: number) => boolean;
  /** Whether topics are created, claimed, grown, configured and published by this one. Only one of a region does; the others wait for what it records. */
  readonly keepsTopics: boolean;
}

export interface MirrorSettings {
  /** Left out: the stage mirrors all there is and keeps the topics. */
  readonly share?: MirrorShare | undefined;
  /** Name of this region: what its own cluster was home of before a cutover. */
  readonly region: string;
  readonly primary: string;
  /** Read anew at each refresh, so that a reload of topic patterns needs no restart. */
  readonly rules: () => RouteRules;
  readonly configExclude: readonly string[];
  /** What the regional topic keeps at least (C7); undefined for topics that apply does not read. */
  readonly minRetentionMs: (regionalTopic: string) => number | undefined;
  readonly onTruncated: 'stop' | 'earliest';
  readonly onRecreated: 'stop' | 'restart';
  readonly refreshMs: number;
  readonly fetchMaxWaitMs: number;
  /** Bytes one round of fetches may bring; two rounds are held at a time (one read, one being written). */
  readonly maxCycleBytes: number;
  readonly transactionTimeoutMs: number;
  /**
   * How long one transaction takes in cycles while there is a backlog; 0: one cycle each. Between two of them nothing is written for some 12 ms
   * (markers, positions, end), beside 37 ms for a cycle of 16 MiB at 1.7 million records/s; what is committed later is read later.
   */
  readonly takesInMs: number;
  /** What a round brings at least to be taken in: of less, a record should be read soon. */
  readonly takesInBytes: number;
  readonly maxPartitionFetchBytes: number;
  /** A position that did not move for this long is committed again: group offsets expire one by one (C11). */
  readonly recommitMs: number;
}
