import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ApplyPlan } from './apply-plan.ts';
import { type BackOff, untilDone } from './back-off.ts';
import type { BatchPlanner } from './batch-planner.ts';
import { type CommitContext, type Committed, commitPlan, countCommitted } from './commit.ts';
import { commitPieces, type PiecesContext } from './commit-pieces.ts';
import type { ApplyDependencies } from './dependencies.ts';
import type { ApplyPartition } from './partition.ts';
import { isRowRefusal, isTableProblem, refusalOfRecord } from './refusal.ts';
import { byParent, byReason } from './rejects.ts';
import { rejectsAt } from './rejects-at.ts';
import { withResumeHint, withTableHint } from './start-check.ts';
import { noteWentOn, stopPartition } from './stopping.ts';
import type { Outcome, WorkerContext } from './worker-context.ts';

/** How long after a refusal batches are tried in pieces at once, and how small a batch is halved instead. */
const IN_PIECES_MS = 10_000;
const LEAST_IN_PIECES = 64;

/**
 * Brings one partition's plans into the database: whole, then without what was refused, or halved until the bad record is alone, which
 * is kept or stops what it must.
 */
export class BatchApplier {
  readonly #partition: ApplyPartition;
  readonly #context: WorkerContext;
  readonly #planner: BatchPlanner;
  readonly #backOff: BackOff;
  /** Everything here waits by the back-off's clock. */
  readonly #deps: ApplyDependencies;
  /** When the database last refused a row of this partition. */
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(partition: ApplyPartition, context: WorkerContext, planner: BatchPlanner, backOff: BackOff) {
    this.#partition = partition;
    this.#context = context;
    this.#planner = planner;
    this.#backOff = backOff;
    this.#deps = { ...context.deps, clock: backOff.clock };
  }

  /** Rejects when the daemon must not go on, or the outcome is to be looked up. */
  async apply(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    const flood = this.#flood(plan);
    if (flood !== undefined) return await this.#giveUp(flood, plan.from, hard);
    let isUnsuited = false;
    try {
      if (this.#inPieces(plan)) {
        if ((await this.#commitPieces(plan, stop, hard)) === 'committed') return await this.#afterPlan(plan, hard);
        isUnsuited = true;
      }
      if (plan.next > plan.from) await this.#commit(plan, stop, hard);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known === undefined || !isRowRefusal(known)) return await this.#giveUp(error, plan.from, hard);
      this.#refusedAtMs = this.#deps.clock.monotonicMs();
      const tried = !isUnsuited && this.#inPieces(plan) ? await this.#triedPieces(plan, stop, hard) : undefined;
      return tried ?? (await this.#bisect(plan, known, stop, hard));
    }
    return await this.#afterPlan(plan, hard);
  }

  async #afterPlan(plan: ApplyPlan, hard: AbortSignal): Promise<Outcome> {
    if (plan.failure === undefined) return 'committed';
    return await this.#stopAt(plan.failure.error, plan.failure.offset, hard);
  }

  /**
   * C16: each half folded anew, in a transaction of its own with its position, until one record is left: that one is
   * kept, or stops the partition where it may be right later. A fold can also fail where its records one by
   * one would not (two rows that trade a unique value), and then none is left.
   */
  async #bisect(plan: ApplyPlan, error: FarshoreError, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    if (plan.records <= 1 || plan.first === undefined || plan.last === undefined) {
      return await this.#keep(plan, error, stop, hard);
    }
    const middle = plan.first + (plan.last - plan.first + 1n) / 2n;
    for (let from = plan.from; from < plan.next; ) {
      stop.throwIfAborted();
      const part = await this.#planner.part(from, from < middle ? middle : plan.next, stop, hard);
      const outcome = part === undefined ? 'stopped' : await this.apply(part, stop, hard);
      if (outcome === 'stopped' || part === undefined) return 'stopped';
      from = part.next;
    }
    return plan.failure === undefined ? 'committed' : await this.#stopAt(plan.failure.error, plan.failure.offset, hard);
  }

  /** One record that the database refused. */
  async #keep(plan: ApplyPlan, error: FarshoreError, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    const offset = plan.first ?? plan.from;
    const { parked, catalog } = this.#context;
    const deps = this.#deps;
    const parentOf = (child: string, constraint: string) =>
      untilDone(() => deps.parked.parentOf(child, constraint, hard), this.#backOff, stop);
    const tables = catalog.tablesOf(this.#partition.topic);
    const full = (table: string) => parked.full(table);
    const refusal = plan.rejects.length > 0 ? undefined : await refusalOfRecord(plan, error, tables, full, parentOf);
    // Refused although it was to be kept: the ledger itself cannot take it.
    if (refusal === undefined) return await this.#stopAt(error, offset, hard);
    const kept = await this.#planner.part(plan.from, plan.next, stop, hard, new Map([[offset, refusal]]));
    return kept === undefined ? 'stopped' : await this.apply(kept, stop, hard);
  }

  #flood({ records, rejects }: ApplyPlan): FarshoreError | undefined {
    const { catalog, floods } = this.#context;
    const deps = this.#deps;
    for (const table of catalog.tablesOf(this.#partition.topic)) {
      const own = rejects.filter((reject) => reject.table === table && reject.waitsFor === undefined).length;
      const flood = floods.over(table, { records, rejects: own }, deps.clock.monotonicMs());
      if (flood !== undefined) return flood;
    }
    return undefined;
  }

  /** Where rows were refused a moment ago more will be: the batch is not tried whole first. */
  #inPieces({ records, folds }: ApplyPlan): boolean {
    const { clock } = this.#deps;
    return records >= LEAST_IN_PIECES && folds.length > 0 && clock.monotonicMs() - this.#refusedAtMs < IN_PIECES_MS;
  }

  /** Undefined where the batch must be halved. */
  async #triedPieces(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<Outcome | undefined> {
    try {
      return (await this.#commitPieces(plan, stop, hard)) === 'committed' ? await this.#afterPlan(plan, hard) : undefined;
    } catch (error) {
      const known = findFarshoreError(error);
      return known !== undefined && isRowRefusal(known) ? undefined : await this.#giveUp(error, plan.from, hard);
    }
  }

  async #commitPieces(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<'committed' | 'unsuited'> {
    const startedMs = this.#deps.clock.monotonicMs();
    const deps = this.#deps;
    const decision = this.#planner.decide(plan.from);
    if (decision.kind !== 'apply') return 'unsuited';
    const keepAt: PiecesContext['rejectsAt'] = (refused) => {
      const rejects = rejectsAt(this.#partition.queue.from(plan.from), plan, refused, decision, deps.visitRecords);
      const flood = this.#flood({ ...plan, rejects: [...plan.rejects, ...rejects] });
      if (flood !== undefined) throw flood;
      return rejects;
    };
    const committed = await commitPieces(
      plan,
      this.#partition.committed!,
      { ...this.#commitContext(), deps, rejectsAt: keepAt },
      stop,
      hard,
    );
    if (committed === 'unsuited') return committed;
    const { rejects } = committed;
    if (rejects.length > plan.rejects.length) this.#refusedAtMs = deps.clock.monotonicMs();
    await this.#committed({ ...plan, rejects }, committed, startedMs, stop, hard);
    return 'committed';
  }

  async #commit(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const startedMs = this.#deps.clock.monotonicMs();
    const committed = await commitPlan(plan, this.#partition.committed!, this.#commitContext(), stop, hard);
    await this.#committed(plan, committed, startedMs, stop, hard);
  }

  #commitContext(): CommitContext {
    const partition = this.#partition;
    const { settings, catalog, copies } = this.#context;
    const deps = this.#deps;
    return {
      deps,
      catalog,
      copies,
      topicId: partition.committed!.topicId,
      epoch: settings.epoch,
      topic: partition.topic,
      partition: partition.partition,
      retried: this.#backOff.retried,
    };
  }

  async #committed(plan: ApplyPlan, committed: Committed, startedMs: number, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const partition = this.#partition;
    const { settings, catalog, partitions, floods, parked, wanted } = this.#context;
    const deps = this.#deps;
    const { topic } = partition;
    partition.moveTo(committed.position);
    if (partition.retrying !== undefined) await untilDone(() => noteWentOn(partition, deps, hard), this.#backOff, hard);
    wanted();
    for (const other of partitions.ofTopic(topic)) if (other.mode.mode === 'waiting') other.work.ring();
    if (deps.onStep !== undefined) await deps.onStep('committed');
    for (const { key, value } of plan.heartbeats) deps.onHeartbeat?.(key, value);
    if (plan.records === 0 || topic === settings.heartbeatTopic) return;
    if (committed.refusedRows === undefined) deps.onWritten?.(plan.folds);
    const tables = new Set(catalog.tablesOf(topic));
    for (const table of tables) {
      const rejects = plan.rejects.filter((reject) => reject.table === table && reject.waitsFor === undefined).length;
      parked.wrote(table);
      floods.note(table, { records: plan.records, rejects }, deps.clock.monotonicMs());
    }
    for (const rejected of byReason(plan.rejects)) {
      deps.observe({ type: 'records_rejected', topic, partition: partition.partition, ...rejected });
    }
    for (const group of byParent(plan.rejects)) {
      parked.parked(group.table, group.records);
      deps.observe({ type: 'records_parked', topic, partition: partition.partition, ...group });
    }
    const seconds = (deps.clock.monotonicMs() - startedMs) / 1000;
    const counted = await countCommitted(plan, [...tables], committed, this.#commitContext(), stop, hard);
    for (const [index, counts] of counted.entries()) {
      const { newestTimestampMs } = plan;
      const bytes = index === 0 ? plan.bytes : 0;
      deps.observe({ type: 'batch_applied', topic, partition: partition.partition, ...counts, bytes, seconds, newestTimestampMs });
    }
    if (plan.unrouted > 0) deps.observe({ type: 'records_unrouted', topic, partition: partition.partition, records: plan.unrouted });
  }

  /** Something other than one record: the table stops for all its topics, anything else the partition. */
  async #giveUp(error: unknown, offset: bigint, signal: AbortSignal): Promise<Outcome> {
    const known = findFarshoreError(error);
    if (known === undefined || known.action === 'halt' || known.action === 'retry') throw error;
    if (!isTableProblem(known)) return await this.#stopAt(known, offset, signal);
    const { catalog, partitions } = this.#context;
    const deps = this.#deps;
    // Which of a topic's tables it is, the server's error does not always say.
    const tables = catalog.tablesOf(this.#partition.topic);
    for (const table of tables) catalog.forget(table);
    for (const topic of new Set([...catalog.topics()].flatMap((one) => (tables.includes(one.table) ? [one.topic] : [])))) {
      for (const partition of partitions.ofTopic(topic)) {
        await stopPartition(partition, withTableHint(known, partition.place), undefined, deps, signal);
      }
    }
    return 'stopped';
  }

  async #stopAt(error: FarshoreError, offset: bigint, signal: AbortSignal): Promise<Outcome> {
    if (isTableProblem(error)) return await this.#giveUp(error, offset, signal);
    const partition = this.#partition;
    // Of an older home's records each one would stop it again: it says itself where they end.
    const told = error.code === 'home_older' ? error : withResumeHint(error, partition.place, offset);
    await stopPartition(partition, told, undefined, this.#deps, signal);
    return 'stopped';
  }
}
