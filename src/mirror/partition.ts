import type { FarshoreError } from '../model/errors.ts';
import type { FetchTarget } from '../model/fetch.ts';
import { type HomeOffset, offsetValue } from '../model/offsets.ts';
import type { LogProof, MirrorPosition } from '../model/position.ts';
import type { StageStatus } from '../model/status.ts';
import type { InDoubt } from './answered-positions.ts';
import type { Route } from './routes.ts';

/**
 * Modes of a partition, changed by `setMode` alone.
 *
 *   held      known, not to be read yet: its topic is growing, or its start was not checked
 *   running   fetched in every round
 *   verify    the leader changed or the connection broke: the log is proved before the next fetch (C6)
 *   paused    by an operator
 *   stopped   by an error; left by an operator's resume, and for a while where the cause may be mended outside (`retrying`)
 */
export type PartitionMode =
  | { readonly mode: 'held'; readonly reason: string }
  | { readonly mode: 'running' }
  | { readonly mode: 'verify' }
  | { readonly mode: 'paused'; readonly by: string; readonly since: string }
  | {
      readonly mode: 'stopped';
      readonly error: FarshoreError;
      readonly since: string;
      readonly lost?: { readonly from: bigint; readonly to: bigint } | undefined;
    };

type Stopped = Extract<PartitionMode, { mode: 'stopped' }>;

export class MirrorPartition {
  readonly route: Route;
  readonly partition: number;
  /** Topic id at home that the ledger accepted. */
  homeTopicId: string;
  /** Durable in the region. */
  committed: MirrorPosition | undefined;
  /** Ahead of `committed` by what is in the transaction that is under way. */
  read: MirrorPosition | undefined;
  /** Last stable offset at home, as the last answer told it. */
  end: HomeOffset | undefined;
  /**
   * Monotonic milliseconds of the last commit of this process that carried this position (C11). A start commits nothing: what it finds goes with the
   * next transaction, or a daemon that is started more often than positions are committed again would have them expire.
   */
  committedAtMs = Number.NEGATIVE_INFINITY;
  maxBatchBytes: number;
  compacted: boolean;
  /** Its log did not reach the position when it was proved last, as with a new leader for a moment: what it answers is proved before it is taken. */
  unproven = false;
  /** Its last answer was out of range, although the log held the offset. */
  wasOutOfRange = false;
  /** Records were sent to it since the region was opened: the marker of their transaction may still be written. */
  sentSinceOpen = false;
  /** The transaction it is not known of whether it was committed. */
  inDoubt: InDoubt | undefined;
  /** Monotonic milliseconds since when the region's group answers an older position than was committed. */
  oldSinceMs: number | undefined;
  /** A batch from this offset on was refused; until it is passed, no other cycle shares its transaction and fails with it. */
  refused: bigint | undefined;
  /** The batch at this offset was refused in its own form. */
  refusedAt: bigint | undefined;
  /** The stop that is being tried again. It is still shown and recorded: what came of the trial is known when data has come. */
  #retrying: Stopped | undefined;
  #configuredBatchBytes: number;
  #mode: PartitionMode = { mode: 'held', reason: 'starting' };

  constructor(route: Route, partition: number, topic: { homeTopicId: string; maxBatchBytes: number; compacted: boolean }) {
    this.route = route;
    this.partition = partition;
    this.homeTopicId = topic.homeTopicId;
    this.maxBatchBytes = topic.maxBatchBytes;
    this.#configuredBatchBytes = topic.maxBatchBytes;
    this.compacted = topic.compacted;
  }

  get mode(): PartitionMode {
    return this.#mode;
  }

  get retrying(): Stopped | undefined {
    return this.#retrying;
  }

  setMode(mode: PartitionMode): void {
    this.#mode = mode;
    if (mode.mode !== 'running' && mode.mode !== 'verify') [this.unproven, this.wasOutOfRange] = [false, false];
    if (mode.mode === 'stopped' || mode.mode === 'paused') this.#retrying = undefined;
  }

  /** Goes on being held, for another reason; a stop that is tried again stays one. */
  wait(reason: string): void {
    this.#mode = { mode: 'held', reason };
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

  /** The regional topic's own limit, read again. A lower one that a refusal taught stays until that changes. */
  limitBatches(maxBatchBytes: number): void {
    if (maxBatchBytes === this.#configuredBatchBytes) return;
    this.#configuredBatchBytes = maxBatchBytes;
    this.maxBatchBytes = maxBatchBytes;
  }

  /** Forgets what was read ahead: the next fetch starts at what is durable. */
  rewindToCommitted(): void {
    this.read = this.committed;
  }

  fetchTarget(maxBytes: number): FetchTarget | undefined {
    if (this.#mode.mode !== 'running' || this.read === undefined) return undefined;
    return this.targetAt(offsetValue(this.read.next), this.read, maxBytes);
  }

  targetAt(offset: bigint, proof: LogProof, maxBytes: number): FetchTarget {
    return {
      topic: this.route.home,
      topicId: this.homeTopicId,
      partition: this.partition,
      offset,
      lastFetchedEpoch: proof.leaderEpoch,
      maxBytes,
    };
  }

  status(): StageStatus {
    const mode = this.#retrying ?? this.#mode;
    const text = (offset: HomeOffset | undefined): string | null => (offset === undefined ? null : String(offsetValue(offset)));
    const base = { next: text(this.committed?.next), end: text(this.end), code: null, message: null, hint: null, since: null };
    switch (mode.mode) {
      case 'running':
      case 'verify':
        return { ...base, state: 'running' };
      case 'held':
        return { ...base, state: 'waiting', message: mode.reason };
      case 'paused':
        return {
          ...base,
          state: 'paused',
          code: 'partition_paused',
          message: `paused by ${mode.by}`,
          hint: `farshore partition resume ${this.route.regional}:${this.partition} --stage mirror`,
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
