import type { CommittedCycle, MirrorTransaction } from '../../../src/mirror/contracts.ts';
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

type OnDurable = (position: MirrorPosition, records: readonly SimRecord[]) => void;

/** The regional cluster: partitions, the group's positions, and one transactional id. */
export class RegionLog {
  readonly partitions: Stored[];
  readonly #positions = new Map<number, MirrorPosition>();
  readonly #onDurable: OnDurable;
  #producerEpoch = 0;
  /** Its batches are in the logs, without a marker. */
  #pending: MirrorTransaction | undefined;
  readonly #refused = new Set<SimBatch>();

  constructor(partitions: number, onDurable: OnDurable) {
    this.partitions = Array.from({ length: partitions }, () => ({ end: 0n, records: [] }));
    this.#onDurable = onDurable;
  }

  positions(): readonly MirrorPosition[] {
    return [...this.#positions.values()];
  }

  losePosition(partition: number): boolean {
    return this.#positions.delete(partition);
  }

  /** Cuts the log; answers what it held above. */
  cut(partition: number, to: bigint): ReadonlySet<SimRecord> {
    const stored = this.partitions[partition]!;
    const gone = stored.records.filter(({ offset }) => offset >= to);
    stored.records.length -= gone.length;
    if (to < stored.end) stored.end = to;
    return new Set(gone.map(({ record }) => record));
  }

  /** InitProducerId: earlier holders are fenced, and what they left open is aborted: with a marker, wherever the log ends by now. */
  open(): number {
    for (const { partition } of this.#pending?.writes ?? []) this.partitions[partition]!.end++;
    this.#pending = undefined;
    return ++this.#producerEpoch;
  }

  commit(epoch: number, transaction: MirrorTransaction, fate: CommitFate): CommittedCycle {
    if (epoch !== this.#producerEpoch) throw new FarshoreError('fenced', 'a newer producer has the transactional id');
    if (this.#pending !== undefined) throw new Error('a transaction was begun while the outcome of another was unknown');
    const [first] = transaction.writes;
    const refused = first?.batches[0] as SimBatch | undefined;
    if (fate === 'refused' && first !== undefined && refused !== undefined && !this.#refused.has(refused)) {
      this.#refused.add(refused);
      this.#leaveGarbage(transaction);
      const facts = { topic: first.topic, partition: first.partition, offset: String(refused.baseOffset), bytes: 100, kafkaCode: 87 };
      throw new FarshoreError('batch_refused', 'INVALID_RECORD', { facts });
    }
    if (fate === 'done' || fate === 'refused') return this.#apply(transaction);
    if (fate.endsWith('_done')) this.#apply(transaction);
    else if (fate.endsWith('_undone')) this.#leaveGarbage(transaction);
    else {
      this.#pending = transaction;
      this.#write(transaction);
    }
    throw new FarshoreError('transaction_unknown', 'the answer is lost');
  }

  /** Aborted copies stay in the log, and the marker behind them. */
  #leaveGarbage(transaction: MirrorTransaction): void {
    this.#write(transaction);
    for (const { partition } of transaction.writes) this.partitions[partition]!.end++;
  }

  #write({ writes }: MirrorTransaction): void {
    for (const { partition, batches } of writes) this.partitions[partition]!.end += BigInt(batches.length);
  }

  #apply({ writes, positions }: MirrorTransaction): CommittedCycle {
    const ends: { topic: string; partition: number; firstOffset: bigint; end: bigint }[] = [];
    const byPartition = new Map<number, SimRecord[]>();
    for (const { topic, partition, batches } of writes) {
      const stored = this.partitions[partition]!;
      const firstOffset = stored.end;
      const records = (batches as readonly SimBatch[]).flatMap((batch) => batch.records);
      for (const record of records) stored.records.push({ offset: stored.end++, record });
      ends.push({ topic, partition, firstOffset, end: stored.end });
      stored.end++;
      byPartition.set(partition, records);
    }
    const moved = new Set(positions.map(({ partition }) => partition));
    for (const partition of byPartition.keys()) if (!moved.has(partition)) throw new Error('records without a position');
    for (const position of positions) {
      const written = ends.find(({ partition }) => partition === position.partition);
      const regionalEnd = written === undefined ? position.regionalEnd : regionalOffset(written.end);
      this.#positions.set(position.partition, { ...position, regionalEnd });
      this.#onDurable({ ...position, regionalEnd }, byPartition.get(position.partition) ?? []);
    }
    return { ends: ends.map((one) => ({ ...one, firstOffset: regionalOffset(one.firstOffset), end: regionalOffset(one.end) })) };
  }

  ends(partition: number): { readonly start: bigint; readonly end: bigint } {
    return { start: 0n, end: this.partitions[partition]!.end };
  }

  newest(partition: number): bigint {
    const position = this.#positions.get(partition);
    return position === undefined ? -1n : offsetValue(position.next);
  }
}
