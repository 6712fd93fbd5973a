import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { RegionalOffset } from '../model/offsets.ts';
import type { StageStatus } from '../model/status.ts';
import { Wakeup } from '../model/wakeup.ts';
import { Assignment } from './assignment.ts';
import { backOffMs } from './back-off.ts';
import { type CommandContext, partitionsMeant, pausePartition, resumePartition } from './commands.ts';
import type { RecordDecoder } from './contracts.ts';
import { CopyChances } from './copy-chances.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { FetchLoop } from './fetch-loop.ts';
import { RejectFloods } from './flood.ts';
import { ParkedRecords } from './parked-records.ts';
import { ParkedCounts } from './parking.ts';
import type { ApplyPartition } from './partition.ts';
import { PartitionWorker } from './partition-worker.ts';
import type { ResumeRequest } from './resume.ts';
import { applyKept, type KeptRecord, keysOfKept } from './retry-kept.ts';
import { Slots } from './slots.ts';
import { PartitionTable } from './table.ts';
import { TableCatalog } from './table-catalog.ts';
import { UnknownSchemas } from './unknown-schemas.ts';

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
  readonly #copies = new CopyChances();
  readonly #assignment: Assignment;
  readonly #fetch: FetchLoop;
  readonly #slots: Slots;
  readonly #floods: RejectFloods;
  readonly #parked: ParkedCounts;
  readonly #unknownSchemas: UnknownSchemas;
  readonly #notice = new Wakeup();
  readonly #added: ApplyPartition[] = [];
  #commands: Promise<void> = Promise.resolve();
  #failure: FarshoreError | undefined;

  constructor(deps: ApplyDependencies, settings: ApplySettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#catalog = new TableCatalog(deps, settings);
    this.#slots = deps.slots ?? new Slots(settings.connections);
    this.#floods = new RejectFloods(settings.rejectBudget);
    this.#parked = new ParkedCounts(settings.parkLimits);
    this.#unknownSchemas = new UnknownSchemas(deps.clock);
    this.#fetch = new FetchLoop(deps, settings, this.#partitions, () => this.#notice.ring());
    this.#assignment = new Assignment(deps, settings, this.#partitions, {
      added: (partition) => this.#added.push(partition),
      beforeRetry: (topic) => {
        for (const table of this.#catalog.tablesOf(topic)) this.#catalog.forget(table);
      },
    });
  }

  /** Monotonic milliseconds of the fetch loop's last turn, for the liveness probe. */
  get lastTurnMs(): number {
    return this.#fetch.lastTurnMs;
  }

  /** Every partition with what is committed of it. */
  *progress(): Iterable<{ readonly topic: string; readonly partition: number; readonly next: RegionalOffset | undefined }> {
    for (const { topic, partition, committed } of this.#partitions.all()) yield { topic, partition, next: committed?.next };
  }

  *statuses(): Iterable<{ readonly topic: string; readonly partition: number; readonly status: StageStatus }> {
    for (const p of this.#partitions.all()) yield { topic: p.topic, partition: p.partition, status: p.status() };
  }

  status(topic: string, partition: number): StageStatus | undefined {
    return this.#partitions.get(topic, partition)?.status();
  }

  /** Whether the stage has taken the partition. */
  has(topic: string, partition: number): boolean {
    return this.#partitions.get(topic, partition) !== undefined;
  }

  /** Why nothing of the topic may be taken, while that is so. */
  refusal(topic: string): FarshoreError | undefined {
    return this.#assignment.refused.get(topic);
  }

  /** Why the last look at topics and ledger failed, after which nothing new was taken; undefined: it did not. */
  get failure(): FarshoreError | undefined {
    return this.#failure;
  }

  /** Tables with the reason their topic stands still: that of the topic, or of the first of its stopped partitions. */
  *tables(): Iterable<{
    readonly table: string;
    readonly topic: string;
    readonly state: 'applying' | 'stopped';
    readonly reason: string | null;
  }> {
    for (const { topic, table } of this.#catalog.topics()) {
      const statuses = this.#partitions.ofTopic(topic).map((partition) => partition.status());
      const stopped = statuses.find(({ state }) => state === 'stopped');
      const reason = stopped?.message ?? this.refusal(topic)?.message ?? null;
      yield { table, topic, state: stopped === undefined && reason === null ? 'applying' : 'stopped', reason };
    }
  }

  /** The writer schemas whose records came, the last one last. */
  metSchemas(topic: string): readonly RecordDecoder[] {
    return this.#catalog.met.of(topic);
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
   * Tries a kept record again. Rejects with `request_invalid` when its topic is not applied here, and with what is not the
   * record's fault.
   */
  async applyKept(record: KeptRecord, signal: AbortSignal): Promise<'applied' | 'superseded' | 'rejected'> {
    const { topic, id } = record;
    if (this.#catalog.tablesOf(topic).length === 0) {
      throw new FarshoreError('request_invalid', `Topic ${topic} has no table entry any more`, {
        place: `rejected record ${id}`,
        hint: 'Give the topic an entry in apply.tables, or discard its records.',
      });
    }
    return await applyKept(record, { deps: this.#deps, settings: this.#settings, catalog: this.#catalog }, signal);
  }

  /** Keys of the rows of a table that a kept record is about. Rejects as `applyKept` does. */
  async keysOfKept(record: KeptRecord, table: string, signal: AbortSignal): Promise<readonly (readonly string[])[]> {
    if (!this.#catalog.tablesOf(record.topic).includes(table)) return [];
    return await keysOfKept(record, table, { deps: this.#deps, settings: this.#settings, catalog: this.#catalog }, signal);
  }

  /** The table is looked at again before its next record: somebody may have mended it. */
  lookAgainAt(table: string): void {
    this.#catalog.forget(table);
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
    const tasks = [guarded(this.#fetch.run(ending)), guarded(this.#parkedRecords().run(ending))];
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
        this.#failure = undefined;
        if (this.#assignment.pending) delayMs = Math.min(delayMs, PENDING_MS);
      } catch (error) {
        if (ending.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        this.#failure = known;
        delayMs = backOffMs(failures++, this.#deps.random);
        this.#retried(known, delayMs);
      }
      for (const partition of this.#added.splice(0)) tasks.push(guarded(new PartitionWorker(partition, this.#worker()).run(ending, hard)));
      this.#fetch.wanted();
      await this.#untilNoticed(delayMs, ending);
    }
  }

  #parkedRecords(): ParkedRecords {
    const { parked: store, observe, clock, random } = this.#deps;
    const applyKept = (record: KeptRecord, signal: AbortSignal) => this.applyKept(record, signal);
    const applies = (topic: string, partition: number) => this.#partitions.get(topic, partition)?.active === true;
    return new ParkedRecords({ store, counts: this.#parked, applyKept, applies, observe, clock, random }, this.#settings.parkLimits);
  }

  #worker() {
    return {
      deps: this.#deps,
      settings: this.#settings,
      catalog: this.#catalog,
      copies: this.#copies,
      partitions: this.#partitions,
      slots: this.#slots,
      floods: this.#floods,
      parked: this.#parked,
      unknownSchemas: this.#unknownSchemas,
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
      floods: this.#floods,
    };
    const before = this.#commands;
    const done = before.then(() => work(context));
    this.#commands = done.catch(() => undefined);
    await done;
  }
}
