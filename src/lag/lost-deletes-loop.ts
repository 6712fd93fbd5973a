import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe, Stage } from '../model/events.ts';
import { type TopicPartition, topicPartitionKey } from '../model/partition.ts';
import { Standing } from '../model/standing.ts';
import type { LagValue } from '../model/status.ts';
import { mayHaveLostDeletes, readState } from './lost-deletes.ts';

export interface ReadMark extends TopicPartition {
  readonly stage: Stage;
  readonly readUntilMs: number;
}

/** A table, or a topic that is mirrored only, whose deletes may have been missed. */
export interface NeededAudit extends TopicPartition {
  readonly stage: Stage;
  readonly table: string | undefined;
  readonly unreadMs: number;
  readonly retentionMs: number;
}

export interface ReadLedger {
  marks(signal: AbortSignal): Promise<readonly ReadMark[]>;
  saveMarks(marks: readonly ReadMark[], signal: AbortSignal): Promise<void>;
  /** From now on. True when it was not known to be needed yet. */
  need(audit: NeededAudit, signal: AbortSignal): Promise<boolean>;
  needed(signal: AbortSignal): Promise<readonly NeededAudit[]>;
}

/** `delete.retention.ms` of a topic on both sides, undefined where it is not compacted. By the topic's name in the region, with every mirrored topic. */
export interface DeleteRetention {
  readonly homeMs: number | undefined;
  readonly regionalMs: number | undefined;
}

export interface LostDeletesSources {
  readonly ledger: ReadLedger;
  retention(signal: AbortSignal): Promise<ReadonlyMap<string, DeleteRetention>>;
  lag(): Iterable<TopicPartition & { readonly lag: { readonly mirror: LagValue; readonly apply: LagValue | null } }>;
  table(topic: string): string | undefined;
  /** What the mirror from the primary does; `home_here`: it rests, because the home is the region. */
  mirror(): 'runs' | 'rests' | 'home_here';
  observe: Observe;
  /** After each look at the ledger: all that is needed now. */
  onNeeded(audits: readonly NeededAudit[]): void;
}

const LOOK_MS = 5_000;
/** Looks between two readings of configs and savings of marks. */
const LOOKS_A_MINUTE = 12;

/** Watches how long compacted topics stand unread (C7), also across restarts, by marks in the regional database. */
export class LostDeletesLoop {
  readonly #sources: LostDeletesSources;
  readonly #clock: Clock;
  readonly #standing: Standing;
  #marks: Map<string, ReadMark> | undefined;
  #retention: ReadonlyMap<string, DeleteRetention> = new Map();
  #looks = 0;

  constructor(sources: LostDeletesSources, clock: Clock) {
    this.#sources = sources;
    this.#clock = clock;
    this.#standing = new Standing((told) => sources.observe({ type: 'figure_unknown', what: 'lost_deletes', ...told }));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.look(signal);
        this.#standing.over();
      } catch (error) {
        if (signal.aborted) throw error;
        // A cluster or the database is away, which others tell. What stands unread meanwhile is counted from the marks.
        if (findFarshoreError(error)?.action !== 'retry') this.#standing.at(error, signal);
      }
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { ledger } = this.#sources;
    this.#marks ??= new Map((await ledger.marks(signal)).map((mark) => [markKey(mark), mark]));
    const isMinute = this.#looks % LOOKS_A_MINUTE === 0;
    const lags = [...this.#sources.lag()];
    const isNew = isMinute || lags.some(({ topic }) => !this.#retention.has(topic));
    if (isNew) this.#retention = await this.#readRetention(signal);
    const marked = this.#marks.size;
    const mirror = this.#sources.mirror();
    if (mirror === 'home_here') this.#markHomeHere();
    for (const { topic, partition, lag } of lags) {
      const retention = this.#retention.get(topic);
      // While it rests nothing is measured that it could be judged by.
      if (mirror === 'runs') await this.#judge({ stage: 'mirror', topic, partition }, lag.mirror, retention?.homeMs, signal);
      if (lag.apply !== null) await this.#judge({ stage: 'apply', topic, partition }, lag.apply, retention?.regionalMs, signal);
    }
    if (isMinute || this.#marks.size > marked) await ledger.saveMarks([...this.#marks.values()], signal);
    // Only now: the gate takes what is told for measured, and what could not be recorded must not open it.
    if (isNew) await this.#tell(signal);
    this.#looks++;
  }

  /** A cluster that is away keeps the retention it had: what stands unread meanwhile is what this is about. */
  async #readRetention(signal: AbortSignal): Promise<ReadonlyMap<string, DeleteRetention>> {
    try {
      return await this.#sources.retention(signal);
    } catch (error) {
      if (signal.aborted || findFarshoreError(error)?.action !== 'retry') throw error;
      return this.#retention;
    }
  }

  /**
   * Once the home is here the mirror's marks move on by themselves. The home moved when all that the primary had was read, or with the loss of it
   * accepted. What its log holds from then on came from here, deletes that the region's own writers made among it: they are in the region already,
   * so no table holds rows for want of reading them, and a mirror that runs again begins behind them. Where it rests for another reason the marks
   * stay, and the time counts once it runs. All of them, also of topics that no stage has now: after a restart the mirror that rests has none.
   */
  #markHomeHere(): void {
    const readUntilMs = this.#clock.wallMs();
    for (const [key, mark] of this.#marks ?? []) if (mark.stage === 'mirror') this.#marks?.set(key, { ...mark, readUntilMs });
  }

  async #judge(
    at: TopicPartition & { readonly stage: Stage },
    lag: LagValue,
    retentionMs: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const key = markKey(at);
    if (retentionMs === undefined || this.#marks === undefined) return;
    const before = this.#marks.get(key)?.readUntilMs;
    const { readUntilMs, unreadMs } = readState(before, lag.seconds, this.#clock.wallMs());
    if (mayHaveLostDeletes(unreadMs, retentionMs)) {
      const audit = { ...at, table: this.#sources.table(at.topic), unreadMs, retentionMs };
      // Recorded before the mark moves on: after a crash in between it is found again.
      if (await this.#sources.ledger.need(audit, signal)) {
        this.#sources.observe({ type: 'full_audit_needed', ...audit });
        await this.#tell(signal);
      }
    }
    this.#marks.set(key, { ...at, readUntilMs });
  }

  async #tell(signal: AbortSignal): Promise<void> {
    this.#sources.onNeeded(await this.#sources.ledger.needed(signal));
  }
}

const markKey = ({ stage, topic, partition }: TopicPartition & { readonly stage: Stage }): string =>
  `${stage} ${topicPartitionKey(topic, partition)}`;
