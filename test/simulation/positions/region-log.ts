import type { MirroredTo, MirrorWrite, WrittenEnd } from '../../../src/mirror/contracts.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { offsetValue, regionalOffset } from '../../../src/model/offsets.ts';
import type { MirrorPosition } from '../../../src/model/position.ts';
import type { SimBatch, SimRecord } from './batches.ts';

/** What becomes of a commit: the answer that is lost leaves open which of the next two it was, until somebody opens anew. */
export const commitFates = [
  'done',
  'lost_done',
  'lost_undone',
  'lost_pending',
  'refused',
  'crash_done',
  'crash_undone',
  'crash_pending',
] as const;
export type CommitFate = (typeof commitFates)[number];

interface Stored {
  end: bigint;
  readonly records: { readonly offset: bigint; readonly record: SimRecord }[];
}

/** How far the coordinator has read, and how much further with each answer, in commits; with a step of 0 it stays there. */
export interface OldAnswers {
  readonly read: number;
  readonly step: number;
}

type OnDurable = (position: MirrorPosition, records: readonly SimRecord[], before: MirrorPosition | undefined) => void;

/** The regional cluster: partitions, the group's positions, and one transactional id. */
export class RegionLog {
  readonly partitions: Stored[];
  readonly #positions = new Map<number, MirrorPosition>();
  /** Every one that was committed, oldest first. */
  readonly #committed: MirrorPosition[] = [];
  #oldAnswers: (OldAnswers & { readonly upTo: number }) | undefined;
  /** How many were committed when a partition lost records. */
  readonly #cutAt = new Map<number, number>();
  readonly #onDurable: OnDurable;
  readonly #onAborted: (partition: number) => void;
  #producerEpoch = 0;
  /** By partition: what the open transaction wrote. Its batches are in the logs, without a marker. */
  #open: Map<number, { readonly offset: bigint; readonly record: SimRecord }[]> | undefined;
  /** It was told to commit, and the answer is lost. */
  #isInDoubt = false;
  readonly #refused = new Set<SimBatch>();

  constructor(partitions: number, onDurable: OnDurable, onAborted: (partition: number) => void) {
    this.partitions = Array.from({ length: partitions }, () => ({ end: 0n, records: [] }));
    this.#onDurable = onDurable;
    this.#onAborted = onAborted;
  }

  /** As OffsetFetch answers: while the group's coordinator reads its log, what it has read so far; never more than can be shown to be old. */
  positions(isKept: (newest: MirrorPosition) => boolean): readonly MirrorPosition[] {
    if (this.#oldAnswers === undefined) return [...this.#positions.values()];
    const { read, step, upTo } = this.#oldAnswers;
    this.#oldAnswers = step > 0 && read >= upTo ? undefined : { read: Math.min(read + step, upTo), step, upTo };
    const kept = new Set([...this.#positions.values()].filter(isKept).map(({ partition }) => partition));
    const answered = new Map<number, MirrorPosition>();
    // What is committed meanwhile it knows at once.
    for (const [index, position] of this.#committed.entries()) {
      if (index >= read && index < upTo) continue;
      const shownFrom = kept.has(position.partition) ? this.#keptFrom(position.partition) : this.#shownFrom(position.partition);
      if (index >= shownFrom) answered.set(position.partition, position);
    }
    // One that was lost is in no part of the log.
    for (const partition of answered.keys()) if (!this.#positions.has(partition)) answered.delete(partition);
    for (const [partition, position] of this.#positions) {
      const one = answered.get(partition);
      // What moved without a record may be read again by a daemon that starts: nothing comes twice of it.
      if (one === undefined ? !kept.has(partition) : one.regionalEnd === position.regionalEnd) answered.set(partition, position);
    }
    return [...answered.values()];
  }

  /** By the log alone, neither none is shown to be old, nor one from before mirroring began anew or the log was cut. */
  #shownFrom(partition: number): number {
    const begun = this.#committed.findLastIndex((position) => position.partition === partition && position.regionalEnd === undefined);
    return Math.max(begun + 1, this.#cutAt.get(partition) ?? 0);
  }

  /** What began anew in a log that had been cut has the offsets of what was lost: one from before is not shown to be old by what is kept (ADR 4). */
  #keptFrom(partition: number): number {
    const cutAt = this.#cutAt.get(partition) ?? 0;
    const begun = this.#committed.findLastIndex((position) => position.partition === partition && position.regionalEnd === undefined);
    return begun >= cutAt ? cutAt : 0;
  }

  /** The group's coordinator reads its log anew, and answers meanwhile. */
  answerOld({ read, step }: OldAnswers): void {
    this.#oldAnswers = { read, step, upTo: this.#committed.length };
  }

  /** Answers old positions now, and will not for ever. */
  get isReading(): boolean {
    return this.#oldAnswers !== undefined && this.#oldAnswers.step > 0;
  }

  /** A record of this mirror behind what an answered position counts. */
  mirroredBehind({ partition, regionalEnd }: MirroredTo): bigint | undefined {
    return this.partitions[partition]!.records.find(({ offset }) => offset >= offsetValue(regionalEnd))?.offset;
  }

  /** The open transaction has written to the partition. */
  isWritten(partition: number): boolean {
    return this.#open?.has(partition) === true;
  }

  newestPositions(): readonly MirrorPosition[] {
    return [...this.#positions.values()];
  }

  losePosition(partition: number): MirrorPosition | undefined {
    const lost = this.#positions.get(partition);
    this.#positions.delete(partition);
    return lost;
  }

  /** Cuts the log; answers what it held above. */
  cut(partition: number, to: bigint): ReadonlySet<SimRecord> {
    const stored = this.partitions[partition]!;
    this.#cutAt.set(partition, this.#committed.length);
    const gone = stored.records.filter(({ offset }) => offset >= to);
    stored.records.length -= gone.length;
    if (to < stored.end) stored.end = to;
    return new Set(gone.map(({ record }) => record));
  }

  /**
   * InitProducerId: earlier holders are fenced, and what they left open is aborted: with a marker, wherever the log ends by now. Who names the epoch it
   * had is refused when somebody else came in between; -1: takes the id over.
   */
  open(known: number): number {
    if (known !== -1 && known !== this.#producerEpoch) throw new FarshoreError('fenced', 'a newer producer has the transactional id');
    this.#abort();
    return ++this.#producerEpoch;
  }

  /** `refused`: the first batch is not taken, and the transaction aborted; `lost_undone`: the answer is lost. */
  produce(epoch: number, writes: readonly MirrorWrite[], fate: CommitFate): readonly WrittenEnd[] {
    this.#ownedBy(epoch);
    this.#open ??= new Map();
    const ends: WrittenEnd[] = [];
    for (const { topic, partition, batches } of writes) {
      const stored = this.partitions[partition]!;
      const firstOffset = stored.end;
      const written = this.#open.get(partition) ?? [];
      for (const { records } of batches as readonly SimBatch[])
        for (const record of records) written.push({ offset: stored.end++, record });
      this.#open.set(partition, written);
      ends.push({ topic, partition, firstOffset: regionalOffset(firstOffset), end: regionalOffset(stored.end) });
    }
    const [first] = writes;
    const refused = first?.batches[0] as SimBatch | undefined;
    if (fate === 'refused' && first !== undefined && refused !== undefined && !this.#refused.has(refused)) {
      this.#refused.add(refused);
      this.#abort();
      const facts = { topic: first.topic, partition: first.partition, offset: String(refused.baseOffset), bytes: 100, kafkaCode: 87 };
      throw new FarshoreError('batch_refused', 'INVALID_RECORD', { facts });
    }
    if (fate === 'lost_undone' || fate === 'crash_undone') throw new FarshoreError('transaction_unknown', 'the answer is lost');
    return ends;
  }

  commit(epoch: number, positions: readonly MirrorPosition[], fate: CommitFate): void {
    this.#ownedBy(epoch);
    const isAnswered = fate === 'done' || fate === 'refused';
    if (isAnswered || fate.endsWith('_done')) this.#apply(positions);
    else if (fate.endsWith('_undone')) this.#abort();
    else this.#isInDoubt = true;
    if (!isAnswered) throw new FarshoreError('transaction_unknown', 'the answer is lost');
  }

  #ownedBy(epoch: number): void {
    if (epoch !== this.#producerEpoch) throw new FarshoreError('fenced', 'a newer producer has the transactional id');
    if (this.#isInDoubt) throw new Error('a transaction was begun while the outcome of another was unknown');
  }

  /** Aborted copies stay in the log, and the marker behind them. */
  #abort(): void {
    for (const partition of this.#open?.keys() ?? []) {
      this.partitions[partition]!.end++;
      this.#onAborted(partition);
    }
    this.#open = undefined;
    this.#isInDoubt = false;
  }

  #apply(positions: readonly MirrorPosition[]): void {
    const written = this.#open ?? new Map<number, { readonly offset: bigint; readonly record: SimRecord }[]>();
    this.#open = undefined;
    const moved = new Set(positions.map(({ partition }) => partition));
    for (const partition of written.keys()) if (!moved.has(partition)) throw new Error('records without a position');
    for (const [partition, records] of written) {
      this.partitions[partition]!.records.push(...records);
      this.partitions[partition]!.end++;
    }
    for (const position of positions) {
      const records = written.get(position.partition) ?? [];
      const last = records.at(-1);
      if (last !== undefined && position.regionalEnd !== regionalOffset(last.offset + 1n))
        throw new Error('a position with another end than its records');
      const before = this.#positions.get(position.partition);
      this.#positions.set(position.partition, position);
      this.#committed.push(position);
      this.#onDurable(
        position,
        records.map(({ record }) => record),
        before,
      );
    }
  }

  ends(partition: number): { readonly start: bigint; readonly end: bigint } {
    return { start: 0n, end: this.partitions[partition]!.end };
  }

  newest(partition: number): bigint {
    const position = this.#positions.get(partition);
    return position === undefined ? -1n : offsetValue(position.next);
  }
}
