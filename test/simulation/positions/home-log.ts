import type { FetchedPartition, FetchTarget } from '../../../src/model/fetch.ts';
import { type SimBatch, type SimRecord, simBatch } from './batches.ts';

interface LogBatch {
  readonly base: bigint;
  readonly last: bigint;
  records: readonly SimRecord[];
  readonly epoch: number;
  crc: number;
  readonly kind: 'plain' | 'transaction' | 'marker';
  /** Of a transaction: what its marker said. */
  outcome: 'committed' | 'aborted' | 'open';
}

let crcs = 0;

/** One partition at home: what a broker would answer, and what was ever written there, which no fault takes from the judge. */
export class HomeLog {
  readonly topicId: string;
  start = 0n;
  epoch = 0;
  /** Raised each time the log is cut: what lies above the cut from then on is another log. */
  version = 0;
  /** Where version N began, by N; the first one at 0. */
  readonly cuts: bigint[] = [0n];
  readonly written: SimRecord[] = [];
  /** By compaction: a later record of their key stands for them. */
  readonly superseded = new Set<SimRecord>();
  readonly expired = new Set<SimRecord>();
  #batches: LogBatch[] = [];
  #epochs: { readonly epoch: number; readonly start: bigint }[] = [{ epoch: 0, start: 0n }];
  #end = 0n;

  constructor(topicId: string) {
    this.topicId = topicId;
  }

  get end(): bigint {
    return this.#end;
  }

  get lastStable(): bigint {
    return this.#batches.find(({ outcome }) => outcome === 'open')?.base ?? this.#end;
  }

  /** Whether a reader of committed records gets any from `from` on and before `to`. */
  holdsCommitted(from: bigint, to: bigint): boolean {
    return this.#batches.some(
      ({ outcome, records }) => outcome === 'committed' && records.some(({ offset }) => offset >= from && offset < to),
    );
  }

  append(keys: readonly number[], kind: 'plain' | 'transaction'): void {
    if (keys.length === 0) return;
    const outcome = kind === 'plain' ? 'committed' : 'open';
    const records = keys.map((key, i): SimRecord => ({ offset: this.#end + BigInt(i), key, version: this.version, outcome }));
    this.written.push(...records);
    this.#add({ records, last: this.#end + BigInt(keys.length - 1), kind, outcome });
  }

  endTransaction(outcome: 'committed' | 'aborted'): void {
    const open = this.#batches.filter((batch) => batch.outcome === 'open');
    if (open.length === 0) return;
    for (const batch of open) {
      batch.outcome = outcome;
      for (const record of batch.records) record.outcome = outcome;
    }
    this.#add({ records: [], last: this.#end, kind: 'marker', outcome: 'committed' });
  }

  #add(batch: Pick<LogBatch, 'records' | 'last' | 'kind' | 'outcome'>): void {
    this.#batches.push({ ...batch, base: this.#end, epoch: this.epoch, crc: ++crcs });
    this.#end = batch.last + 1n;
  }

  /** Keeps the last of each key below the last stable offset. What is left of a batch has another checksum. */
  compact(): void {
    const stable = this.lastStable;
    const latest = new Map<number, SimRecord>();
    for (const { records, outcome, last } of this.#batches)
      if (outcome === 'committed' && last < stable) for (const record of records) latest.set(record.key, record);
    this.#batches = this.#batches.filter((batch) => {
      if (batch.last >= stable) return true;
      const kept = batch.outcome === 'committed' ? batch.records.filter((record) => latest.get(record.key) === record) : [];
      if (kept.length === batch.records.length && batch.kind !== 'marker') return true;
      for (const record of batch.records) if (!kept.includes(record)) this.superseded.add(record);
      batch.records = kept;
      batch.crc = ++crcs;
      return kept.length > 0;
    });
  }

  /** Retention: whole batches from the front, up to the last stable offset. */
  truncateFront(batches: number): void {
    let to = this.#batches[batches]?.base ?? this.#end;
    if (this.lastStable < to) to = this.lastStable;
    if (to <= this.start) return;
    for (const batch of this.#batches) if (batch.last < to) for (const record of batch.records) this.expired.add(record);
    this.#batches = this.#batches.filter(({ last }) => last >= to);
    this.start = to;
    const known = this.#epochs.filter(({ start }) => start >= to);
    const before = this.#epochs.findLast(({ start }) => start < to);
    this.#epochs = before === undefined || known[0]?.start === to ? known : [{ epoch: before.epoch, start: to }, ...known];
  }

  /** Another broker leads, which has no more than what lies below `to`: an unclean election. */
  cut(to: bigint): void {
    this.epoch++;
    if (to < this.#end) {
      this.version++;
      this.cuts.push(to);
      this.#batches = this.#batches.filter(({ last }) => last < to);
      this.#end = to > this.start ? to : this.start;
    }
    this.#epochs = [...this.#epochs.filter(({ start }) => start < this.#end), { epoch: this.epoch, start: this.#end }];
  }

  /** What the log held in all once it had been cut so many times. */
  *inVersion(version: number): Iterable<SimRecord> {
    for (const record of this.written) {
      if (record.version > version) continue;
      const cuts = this.cuts.slice(record.version + 1, version + 1);
      if (cuts.every((to) => record.offset < to)) yield record;
    }
  }

  /** A batch never straddles the cut. */
  batchStarts(): readonly bigint[] {
    return this.#batches.map(({ base }) => base).filter((base) => base > this.start);
  }

  answer(target: FetchTarget, most: number): FetchedPartition {
    const { topic, partition, offset, topicId, lastFetchedEpoch } = target;
    const at = { topic, partition };
    if (topicId !== this.topicId) return { kind: 'unknown_topic', ...at };
    if (offset < this.start || offset > this.#end)
      return { kind: 'out_of_range', ...at, logStartOffset: this.start, logEndOffset: this.#end };
    if (lastFetchedEpoch >= 0) {
      const found = this.#endOfEpoch(lastFetchedEpoch);
      if (found.epoch < lastFetchedEpoch || found.end < offset)
        return { kind: 'diverging', ...at, epoch: found.epoch, endOffset: found.end };
    }
    const stable = this.lastStable;
    const seen = this.#batches.filter(({ last, base }) => last >= offset && base < stable).slice(0, most);
    const last = seen.at(-1);
    const batches = seen.flatMap((batch): SimBatch[] =>
      batch.records.length > 0 && batch.outcome === 'committed' ? [simBatch(batch.records, batch.base, batch.last)] : [],
    );
    return {
      kind: 'batches',
      ...at,
      batches,
      nextOffset: last === undefined ? offset : last.last + 1n,
      empty: seen.length === 0,
      highWatermark: this.#end,
      lastStableOffset: stable,
      logStartOffset: this.start,
      lastBatch: last === undefined ? undefined : { leaderEpoch: last.epoch, crc: last.crc },
      droppedAborted: 0,
      droppedControl: 0,
    };
  }

  /** As a broker answers for an epoch older than any it knows: where the first one it knows begins. */
  #endOfEpoch(epoch: number): { readonly epoch: number; readonly end: bigint } {
    const index = this.#epochs.findLastIndex((one) => one.epoch <= epoch);
    const next = this.#epochs[index + 1];
    if (index === -1) return { epoch, end: next!.start };
    return { epoch: this.#epochs[index]!.epoch, end: next?.start ?? this.#end };
  }

  batchAt(target: FetchTarget) {
    if (target.topicId !== this.topicId) return undefined;
    const found = this.#batches.find(({ base, last }) => base <= target.offset && target.offset <= last);
    return found && { baseOffset: found.base, lastOffset: found.last, leaderEpoch: found.epoch, crc: found.crc };
  }
}
