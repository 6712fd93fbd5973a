import type { FarshoreError } from '../model/errors.ts';
import type { FetchTarget } from '../model/fetch.ts';
import { offsetValue, type RegionalOffset } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';
import type { StageStatus } from '../model/status.ts';
import { Wakeup } from '../model/wakeup.ts';
import type { TopicOrder } from './contracts.ts';
import type { ByteBudget } from './dependencies.ts';
import { LogQueue } from './log-queue.ts';

/**
 * Modes of a partition.
 *
 *   held      known, its position not taken or its log not proved yet
 *   running   fetched and applied
 *   waiting   running, but its next record must wait (C1); nothing is fetched until it may go on
 *   verify    the leader changed or the connection broke: the log is proved before the next fetch (C6)
 *   paused    by an operator
 *   stopped   by an error; left by an operator's resume, and for a while where the cause may be mended outside (`retrying`)
 */
export type PartitionMode =
  | { readonly mode: 'held'; readonly reason: string }
  | { readonly mode: 'running' }
  | { readonly mode: 'waiting'; readonly reason: string }
  | { readonly mode: 'verify' }
  | { readonly mode: 'paused'; readonly by: string; readonly since: string }
  | {
      readonly mode: 'stopped';
      readonly error: FarshoreError;
      readonly since: string;
      readonly lost?: { readonly from: bigint; readonly to: bigint } | undefined;
    };

type Stopped = Extract<PartitionMode, { mode: 'stopped' }>;

/** One regional partition: what is committed, what is read ahead of it, and its mode. */
export class ApplyPartition {
  readonly topic: string;
  readonly partition: number;
  /** As the cluster describes the topic now. */
  topicId: string;
  readonly queue = new LogQueue();
  /** Rung when there is something to do: data, a mode, a position another partition waited for. */
  readonly work = new Wakeup();
  /** What the ledger said when the newest queued piece had been read, or later. */
  order: TopicOrder | undefined;
  /** Last stable offset, as the last answer told it. */
  end: bigint | undefined;
  /** Next offset to ask for. */
  fetchNext = 0n;
  /** Leader epoch of the last batch before `fetchNext`. */
  fetchEpoch = -1;
  /** Bytes that are read and on their way into the queue. */
  arriving = 0;
  /** Changes whenever what was read is dropped: an answer of before is not for this reading any more. */
  reading = 0;
  /** The stop that is being tried again. It is still shown and recorded: what came of the trial is known when records are in. */
  #retrying: Stopped | undefined;
  readonly #budget: ByteBudget;
  #committed: ApplyPosition | undefined;
  #turn: PromiseWithResolvers<void> | undefined;
  #mode: PartitionMode = { mode: 'held', reason: 'starting' };

  constructor(topic: string, partition: number, topicId: string, budget: ByteBudget) {
    this.topic = topic;
    this.partition = partition;
    this.topicId = topicId;
    this.#budget = budget;
  }

  get place(): string {
    return `${this.topic}:${this.partition}`;
  }

  get committed(): ApplyPosition | undefined {
    return this.#committed;
  }

  get mode(): PartitionMode {
    return this.#mode;
  }

  get retrying(): Stopped | undefined {
    return this.#retrying;
  }

  /** A stop or pause is left only on purpose. */
  setMode(mode: PartitionMode): void {
    this.#mode = mode;
    if (mode.mode === 'stopped' || mode.mode === 'paused') this.#retrying = undefined;
    if (mode.mode !== 'running' && mode.mode !== 'verify') this.forgetRead();
    this.work.ring();
  }

  /** From a stop whose cause may be mended by now to `held`, as if it had just been found. */
  tryAgain(): void {
    const mode = this.#mode;
    if (mode.mode !== 'stopped') return;
    this.setMode({ mode: 'held', reason: 'tried again' });
    this.#retrying = mode;
  }

  /** The trial is over, and well. */
  wentOn(): void {
    this.#retrying = undefined;
  }

  get active(): boolean {
    return this.#mode.mode === 'running' || this.#mode.mode === 'verify' || this.#mode.mode === 'waiting';
  }

  /** A transaction may be under way from here to `turnEnded`. */
  turnBegan(): void {
    this.#turn = Promise.withResolvers();
  }

  turnEnded(): void {
    this.#turn?.resolve();
    this.#turn = undefined;
  }

  /** Resolves when no transaction is under way. */
  async idle(): Promise<void> {
    await this.#turn?.promise;
  }

  /** Takes a position as the database holds it and reads on from there. */
  standAt(position: ApplyPosition): void {
    this.#committed = position;
    this.forgetRead();
  }

  /** After a commit: what it covers is given back. */
  moveTo(position: ApplyPosition): void {
    this.#committed = position;
    this.#budget.give(this.queue.committed(offsetValue(position.next)));
  }

  /** Drops what was read ahead of the committed position. */
  forgetRead(): void {
    this.#budget.give(this.queue.clear());
    this.reading++;
    this.fetchNext = this.#committed === undefined ? 0n : offsetValue(this.#committed.next);
    this.fetchEpoch = this.#committed?.leaderEpoch ?? -1;
  }

  fetchTarget(maxBytes: number): FetchTarget {
    return this.targetAt(this.fetchNext, this.fetchEpoch, maxBytes);
  }

  targetAt(offset: bigint, lastFetchedEpoch: number, maxBytes: number): FetchTarget {
    return { topic: this.topic, topicId: this.topicId, partition: this.partition, offset, lastFetchedEpoch, maxBytes };
  }

  status(): StageStatus {
    const mode = this.#retrying ?? this.#mode;
    const next: RegionalOffset | undefined = this.#committed?.next;
    const base = {
      next: next === undefined ? null : String(offsetValue(next)),
      end: this.end === undefined ? null : String(this.end),
      code: null,
      message: null,
      hint: null,
      since: null,
    };
    switch (mode.mode) {
      case 'running':
      case 'verify':
        return { ...base, state: 'running' };
      case 'held':
      case 'waiting':
        return { ...base, state: 'waiting', message: mode.reason };
      case 'paused':
        return {
          ...base,
          state: 'paused',
          code: 'partition_paused',
          message: `paused by ${mode.by}`,
          hint: `farshore partition resume ${this.place} --stage apply`,
          since: mode.since,
        };
      case 'stopped':
        return {
          ...base,
          state: 'stopped',
          code: mode.error.code,
          message: mode.error.message,
          hint: mode.error.hint ?? null,
          ...(mode.lost === undefined ? {} : { lost: { from: String(mode.lost.from), to: String(mode.lost.to) } }),
          since: mode.since,
        };
    }
  }
}
