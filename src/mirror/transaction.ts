import type { FetchedPartition } from '../model/fetch.ts';
import { offsetValue } from '../model/offsets.ts';
import type { TopicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { WrittenEnd } from './contracts.ts';
import type { CyclePlan } from './cycle.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import { OpenTransaction, takesIn } from './open-transaction.ts';
import { regionCuts } from './region-cut.ts';
import { noteWentOn, tellStopped } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import type { UnrecordedStops } from './unrecorded-stops.ts';

type Deps = Pick<MirrorDependencies, 'regional' | 'kept' | 'stops' | 'observe' | 'clock' | 'cycleSize'>;
type Settings = Pick<MirrorSettings, 'maxCycleBytes' | 'transactionTimeoutMs' | 'takesInMs' | 'takesInBytes'>;

/** Writes cycles to the region and commits them, one by one or several at once, and tells the partitions what is durable. */
export class Transaction {
  readonly #deps: Deps;
  readonly #settings: Settings;
  readonly #table: PartitionTable;
  readonly #unrecorded: UnrecordedStops;
  #open: OpenTransaction | undefined;

  constructor(deps: Deps, settings: Settings, table: PartitionTable, unrecorded: UnrecordedStops) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
    this.#unrecorded = unrecorded;
  }

  /** What was open is aborted by whoever opens the region anew. */
  forget(): void {
    this.#open = undefined;
  }

  moves(place: TopicPartitionKey): boolean {
    return this.#open?.moves(place) === true;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  takesIn(answers: readonly FetchedPartition[] | undefined): boolean {
    if (this.#open === undefined) return false;
    let isRefused = false;
    for (const { mode, refused } of this.#table.all()) if (refused !== undefined && mode.mode === 'running') isRefused = true;
    return takesIn({ answers, openForMs: this.#deps.clock.monotonicMs() - this.#open.startedMs, isRefused }, this.#settings);
  }

  async write(plan: CyclePlan, signal: AbortSignal): Promise<void> {
    this.#open ??= new OpenTransaction(this.#deps.clock.monotonicMs());
    const open = this.#open;
    open.mostBytes = Math.max(
      open.mostBytes,
      plan.mirrored.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    if (plan.writes.length === 0) return open.add(plan, []);
    const ends = await this.#timed(open, () => this.#deps.regional.produce(plan.writes, signal));
    this.#refuseCut(ends);
    open.add(plan, ends);
  }

  /** Rejects where the regional log is found to be cut: nothing of the transaction may become durable then. */
  #refuseCut(ends: readonly WrittenEnd[]): void {
    const cuts = regionCuts(ends, this.#table, this.#deps.kept);
    for (const { partition, error, lost } of cuts) {
      const stop = tellStopped(partition, error, lost, this.#deps);
      if (stop !== undefined) this.#unrecorded.add(stop);
    }
    if (cuts[0] !== undefined) throw cuts[0].error;
  }

  /** Answers the positions that are durable by it: none where there was nothing to commit. */
  async commit(signal: AbortSignal): Promise<readonly MirrorPosition[]> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || open.positions.length === 0) return [];
    const { positions, startedMs, mirrored, reencoded } = open;
    const { regional, clock, observe } = this.#deps;
    await this.#timed(open, () => regional.commit(positions, signal));
    const nowMs = clock.monotonicMs();
    this.#note(open, nowMs, true);
    for (const position of positions) {
      const partition = this.#table.get(position.topic, position.partition);
      if (partition === undefined) continue;
      partition.committed = position;
      partition.committedAtMs = nowMs;
      if ((partition.refused ?? 0n) < offsetValue(position.next)) [partition.refused, partition.refusedAt] = [undefined, undefined];
      // What is read ahead was planned from the position before the answer told the regional end.
      if (partition.read !== undefined) partition.read = { ...partition.read, regionalEnd: position.regionalEnd };
    }
    for (const { topic, partition, reason } of reencoded) observe({ type: 'batch_reencoded', topic, partition, reason });
    if (mirrored.length > 0) observe({ type: 'mirror_cycle', topics: mirrored, seconds: (nowMs - startedMs) / 1000 });
    return positions;
  }

  /** After `commit`: where it fails, the outcome is not in doubt. */
  async noteWentOn(positions: readonly MirrorPosition[], signal: AbortSignal): Promise<void> {
    for (const { topic, partition } of positions) {
      const moved = this.#table.get(topic, partition);
      if (moved?.mode.mode === 'running') await noteWentOn(moved, this.#deps, signal);
    }
  }

  /** A failure is noted too: it may have failed for taking too long. */
  async #timed<T>(open: OpenTransaction, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.#note(open, this.#deps.clock.monotonicMs(), false);
      throw error;
    }
  }

  #note({ mostBytes: bytes, startedMs }: OpenTransaction, nowMs: number, committed: boolean): void {
    const { maxCycleBytes, transactionTimeoutMs } = this.#settings;
    this.#deps.cycleSize.note(maxCycleBytes, { bytes, tookMs: nowMs - startedMs, committed, transactionTimeoutMs });
  }
}
