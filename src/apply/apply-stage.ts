import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { RegionalOffset } from '../model/offsets.ts';
import type { StageStatus } from '../model/status.ts';
import { Assignment } from './assignment.ts';
import { backOffMs } from './back-off.ts';
import { type CommandContext, partitionsMeant, pausePartition, resumePartition } from './commands.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { FetchLoop } from './fetch-loop.ts';
import type { ApplyPartition } from './partition.ts';
import { PartitionWorker } from './partition-worker.ts';
import type { ResumeRequest } from './resume.ts';
import { Slots } from './slots.ts';
import { PartitionTable } from './table.ts';
import { TableCatalog } from './table-catalog.ts';
import { Wakeup } from './wakeup.ts';

/** How soon held, doubtful and waiting partitions are looked at again. */
const PENDING_MS = 1_000;

/**
 * Applies the region's topics to its database. One loop fetches for all partitions, one looks at topics and
 * ledger, and each partition has a worker that keeps its order; as many transactions run at a time as there are connections.
 */
export class ApplyStage {
  readonly #deps: ApplyDependencies;
  readonly #settings: ApplySettings;
  readonly #partitions = new PartitionTable();
  readonly #catalog: TableCatalog;
  readonly #assignment: Assignment;
  readonly #fetch: FetchLoop;
  readonly #slots: Slots;
  readonly #notice = new Wakeup();
  readonly #added: ApplyPartition[] = [];
  #commands: Promise<void> = Promise.resolve();

  constructor(deps: ApplyDependencies, settings: ApplySettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#catalog = new TableCatalog(deps, settings);
    this.#slots = new Slots(settings.connections);
    this.#fetch = new FetchLoop(deps, settings, this.#partitions, () => this.#notice.ring());
    this.#assignment = new Assignment(deps, settings, this.#partitions, (partition) => this.#added.push(partition));
  }

  /** Monotonic milliseconds of the fetch loop's last turn, for the liveness probe. */
  get lastTurnMs(): number {
    return this.#fetch.lastTurnMs;
  }

  /** Committed positions. */
  *positions(): Iterable<{ readonly topic: string; readonly partition: number; readonly next: RegionalOffset }> {
    for (const { topic, partition, committed } of this.#partitions.all()) {
      if (committed !== undefined) yield { topic, partition, next: committed.next };
    }
  }

  *statuses(): Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }> {
    for (const p of this.#partitions.all()) yield { topic: p.topic, partition: p.partition, status: p.status() };
  }

  status(topic: string, partition: number): StageStatus | undefined {
    return this.#partitions.get(topic, partition)?.status();
  }

  /** Tables with the reason their topic stands still: the first of its stopped partitions. */
  *tables(): Iterable<{
    readonly table: string;
    readonly topic: string;
    readonly state: 'applying' | 'stopped';
    readonly reason: string | null;
  }> {
    for (const { topic, table } of this.#catalog.topics()) {
      const stopped = this.#partitions.ofTopic(topic).find(({ mode }) => mode.mode === 'stopped');
      yield { table, topic, state: stopped === undefined ? 'applying' : 'stopped', reason: stopped?.status().message ?? null };
    }
  }

  /** Topics, partitions or the ledger changed: they are looked at now. */
  noticeTopics(): void {
    this.#notice.ring();
  }

  /** Resolves when no transaction of the partition (or of all of the topic's) is under way. Rejects with `request_invalid`. */
  async pause(topic: string, partition: number | undefined, by: string, signal: AbortSignal): Promise<void> {
    await this.#command(async (context) => {
      for (const meant of partitionsMeant(this.#partitions, topic, partition)) await pausePartition(meant, by, context, signal);
    });
  }

  /** Rejects with `request_invalid` when it cannot be done as asked. Recorded with who asked and the offsets given up. */
  async resume(topic: string, partition: number | undefined, request: ResumeRequest, signal: AbortSignal): Promise<void> {
    await this.#command(async (context) => {
      for (const meant of partitionsMeant(this.#partitions, topic, partition)) await resumePartition(meant, request, context, signal);
    });
    this.#notice.ring();
  }

  /**
   * Runs until `stop`, then ends after the transactions in hand; `hard` gives those up. Rejects when the
   * daemon must not go on (`fenced`, `position_moved`, `internal`); everything else is retried or stops a partition.
   */
  async run(stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const ending = AbortSignal.any([stop, hard, failed.signal]);
    let failure: unknown;
    const guarded = async (work: Promise<void>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        if (hard.aborted) return;
        failure ??= error;
        failed.abort();
      }
    };
    const tasks = [guarded(this.#fetch.run(ending))];
    await guarded(this.#look(tasks, guarded, ending, hard));
    await Promise.all(tasks);
    if (failure !== undefined) throw failure;
  }

  async #look(
    tasks: Promise<void>[],
    guarded: (work: Promise<void>) => Promise<void>,
    ending: AbortSignal,
    hard: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    while (!ending.aborted) {
      let delayMs = this.#settings.refreshMs;
      try {
        await this.#assignment.look(ending);
        failures = 0;
        if (this.#assignment.pending) delayMs = Math.min(delayMs, PENDING_MS);
      } catch (error) {
        if (ending.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        delayMs = backOffMs(failures++, this.#deps.random);
        this.#retried(known, delayMs);
      }
      for (const partition of this.#added.splice(0)) tasks.push(guarded(new PartitionWorker(partition, this.#worker()).run(ending, hard)));
      this.#fetch.wanted();
      await this.#untilNoticed(delayMs, ending);
    }
  }

  #worker() {
    return {
      deps: this.#deps,
      settings: this.#settings,
      catalog: this.#catalog,
      partitions: this.#partitions,
      slots: this.#slots,
      wanted: () => this.#fetch.wanted(),
    };
  }

  async #untilNoticed(delayMs: number, ending: AbortSignal): Promise<void> {
    const over = new AbortController();
    const timer = this.#deps.clock.sleep(delayMs, AbortSignal.any([ending, over.signal])).then(
      () => this.#notice.ring(),
      () => undefined,
    );
    await this.#notice.heard(ending);
    over.abort();
    await timer;
  }

  /** Of no partition in particular: number -1, under the first topic. */
  #retried({ code, facts }: FarshoreError, delayMs: number): void {
    const topic = this.#settings.entries[0]?.topic ?? this.#settings.heartbeatTopic ?? '';
    const sqlState = typeof facts.sqlState === 'string' ? facts.sqlState : undefined;
    this.#deps.observe({ type: 'apply_retried', topic, partition: -1, code, sqlState, delayMs });
  }

  /** One command at a time. */
  async #command(work: (context: CommandContext) => Promise<void>): Promise<void> {
    const context = {
      deps: this.#deps,
      settings: this.#settings,
      partitions: this.#partitions,
      assignment: this.#assignment,
      catalog: this.#catalog,
    };
    const before = this.#commands;
    const done = before.then(() => work(context));
    this.#commands = done.catch(() => undefined);
    await done;
  }
}
