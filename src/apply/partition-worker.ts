import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import { type ApplyPlan, type PlanContext, type PlanLimits, type PlanResult, planBatch } from './apply-plan.ts';
import { type BackOff, untilDone } from './back-off.ts';
import { type CommitContext, type Committed, commitPlan, countCommitted } from './commit.ts';
import { commitPieces, type PiecesContext } from './commit-pieces.ts';
import type { CopyTrials } from './copy-chances.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import type { RejectFloods } from './flood.ts';
import { loadMissing } from './load-missing.ts';
import { type OrderDecision, orderAt } from './order-at.ts';
import type { ParkedCounts } from './parking.ts';
import type { ApplyPartition } from './partition.ts';
import { isRowRefusal, isTableProblem, refusalOfRecord } from './refusal.ts';
import { byParent, byReason } from './rejects.ts';
import { rejectsAt } from './rejects-at.ts';
import type { Slots } from './slots.ts';
import { withResumeHint, withTableHint } from './start-check.ts';
import { noteWentOn, stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import type { TableCatalog } from './table-catalog.ts';
import type { UnknownSchemas } from './unknown-schemas.ts';

/** Plans in a row before a slot others wait for is given up. */
const PLANS_A_TURN = 8;

/** How long after a refusal batches are tried in pieces at once, and how small a batch is halved instead. */
const IN_PIECES_MS = 10_000;
const LEAST_IN_PIECES = 64;

/** What all workers share. */
export interface WorkerContext {
  readonly deps: ApplyDependencies;
  readonly settings: ApplySettings;
  readonly catalog: TableCatalog;
  readonly copies: CopyTrials;
  readonly partitions: PartitionTable;
  readonly slots: Slots;
  readonly floods: RejectFloods;
  readonly parked: ParkedCounts;
  readonly unknownSchemas: UnknownSchemas;
  /** The fetch loop looks again: a partition wants data. */
  readonly wanted: () => void;
}

/** How a commit ended: `stopped` also for a plan that was only applied in part before its bad record. */
type Outcome = 'committed' | 'stopped';

/**
 * Applies one partition, strictly in order. While the database works on one transaction the next one is
 * decoded; it is sent only after the one before is known to be in.
 */
export class PartitionWorker {
  readonly #partition: ApplyPartition;
  readonly #context: WorkerContext;
  readonly #plans: PlanContext;
  /** When the database last refused a row of this partition. */
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(partition: ApplyPartition, context: WorkerContext) {
    const { deps, catalog, settings, unknownSchemas } = context;
    this.#partition = partition;
    this.#context = context;
    this.#plans = {
      place: partition.place,
      sink: partition.topic === settings.heartbeatTopic ? { kind: 'heartbeat' } : catalog.sink(partition.topic),
      decoders: deps.decoders,
      unknownSchema: (ref) => unknownSchemas.get(ref),
      visitRecords: deps.visitRecords,
      writers: deps,
    };
  }

  /** Until `stop`, then ends after the transaction in hand. Rejects when the daemon must not go on. */
  async run(stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const partition = this.#partition;
    while (!stop.aborted) {
      await partition.work.heard(stop);
      if (stop.aborted) return;
      if (!partition.active || partition.queue.empty) {
        if (partition.mode.mode === 'waiting') this.#lookAgain();
        continue;
      }
      await this.#context.slots.enter();
      partition.turnBegan();
      try {
        await this.#turn(stop, hard);
      } catch (error) {
        if (!stop.aborted || findFarshoreError(error)?.action === 'halt') throw error;
      } finally {
        partition.turnEnded();
        this.#context.slots.leave();
      }
    }
  }

  /** Waiting: what was read was given back; when the order now allows the next record, it is fetched again. */
  #lookAgain(): void {
    const partition = this.#partition;
    const next = partition.committed?.next;
    if (next === undefined || this.#decide(offsetValue(next)).kind === 'wait') return;
    partition.setMode({ mode: 'running' });
    this.#context.wanted();
  }

  async #turn(stop: AbortSignal, hard: AbortSignal): Promise<void> {
    let sent: Promise<Outcome> | undefined;
    let cursor = offsetValue(this.#partition.committed!.next);
    try {
      for (let turns = 0; !stop.aborted && this.#partition.active; turns++) {
        if (turns >= PLANS_A_TURN && this.#context.slots.contended) {
          this.#partition.work.ring();
          return;
        }
        const { reading } = this.#partition;
        const plan = await this.#plan(cursor, sent, stop, hard);
        const outcome = await sent;
        sent = undefined;
        if (outcome === 'stopped') this.#readAgain();
        if (stop.aborted || plan === undefined || outcome === 'stopped' || reading !== this.#partition.reading || !this.#partition.active)
          return;
        cursor = plan.next;
        sent = this.#apply(plan, stop, hard);
        // It is awaited below or in the next round; a failure in between is not unhandled.
        sent.catch(() => undefined);
      }
    } finally {
      if ((await sent) === 'stopped') this.#readAgain();
    }
  }

  /** A batch was given up half-way without a stop (its order changed meanwhile): read on from what is committed. */
  #readAgain(): void {
    if (!this.#partition.active) return;
    this.#partition.forgetRead();
    this.#context.wanted();
  }

  /** The next plan, or undefined when there is nothing to do now. `sent` is awaited before anything is given up. */
  async #plan(cursor: bigint, sent: Promise<Outcome> | undefined, stop: AbortSignal, hard: AbortSignal): Promise<ApplyPlan | undefined> {
    const pieces = this.#partition.queue.from(cursor);
    if (pieces.length === 0) return undefined;
    let decision = this.#decide(cursor);
    if (decision.kind === 'wait') {
      // The barrier may be this partition's own transaction that is under way.
      if ((await sent) === 'stopped') return undefined;
      decision = this.#decide(cursor);
    }
    if (decision.kind === 'wait') {
      this.#partition.setMode({ mode: 'waiting', reason: decision.reason });
      return undefined;
    }
    const { maxBatchRecords, maxBatchBytes } = this.#context.settings;
    const limits = { maxRecords: maxBatchRecords, maxBytes: maxBatchBytes, upTo: undefined };
    return await this.#loaded(limits, (within) => planBatch(pieces, cursor, decision, this.#plans, within), stop, hard);
  }

  /**
   * Plans again until everything it needs is loaded. What cannot be loaded ends the plan before the record
   * that needs it, so that everything before is applied first.
   */
  async #loaded(limits: PlanLimits, plan: (limits: PlanLimits) => PlanResult, stop: AbortSignal, hard: AbortSignal): Promise<ApplyPlan> {
    const refused = new Map(limits.refused);
    for (;;) {
      const result = plan({ ...limits, refused });
      if (result.kind === 'plan') return result.plan;
      if (result.kind === 'refused') {
        refused.set(result.offset, { error: result.error });
        continue;
      }
      try {
        await untilDone(() => loadMissing(result, this.#partition.topic, this.#context, hard), this.#backOff(), stop);
      } catch (error) {
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt' || stop.aborted) throw error;
        if (known.code === 'schema_unknown' && result.kind === 'schema') {
          this.#context.unknownSchemas.note(result.ref, known);
          continue;
        }
        const before = plan({ ...limits, refused, upTo: result.offset });
        if (before.kind === 'plan') return { ...before.plan, failure: { error: known, offset: result.offset } };
      }
    }
  }

  async #apply(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    const flood = this.#flood(plan);
    if (flood !== undefined) return await this.#giveUp(flood, plan.from, hard);
    try {
      if (this.#inPieces(plan) && (await this.#commitPieces(plan, stop, hard)) === 'committed') return await this.#afterPlan(plan, hard);
      if (plan.next > plan.from) await this.#commit(plan, stop, hard);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known === undefined || !isRowRefusal(known)) return await this.#giveUp(error, plan.from, hard);
      this.#refusedAtMs = this.#context.deps.clock.monotonicMs();
      const tried = this.#inPieces(plan) ? await this.#triedPieces(plan, stop, hard) : undefined;
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
      const part = await this.#part(from, from < middle ? middle : plan.next, stop, hard);
      const outcome = part === undefined ? 'stopped' : await this.#apply(part, stop, hard);
      if (outcome === 'stopped' || part === undefined) return 'stopped';
      from = part.next;
    }
    return plan.failure === undefined ? 'committed' : await this.#stopAt(plan.failure.error, plan.failure.offset, hard);
  }

  /** One record that the database refused. */
  async #keep(plan: ApplyPlan, error: FarshoreError, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    const offset = plan.first ?? plan.from;
    const { deps, parked, catalog } = this.#context;
    const parentOf = (child: string, constraint: string) =>
      untilDone(() => deps.parked.parentOf(child, constraint, hard), this.#backOff(), stop);
    const tables = catalog.tablesOf(this.#partition.topic);
    const full = (table: string) => parked.full(table);
    const refusal = plan.rejects.length > 0 ? undefined : await refusalOfRecord(plan, error, tables, full, parentOf);
    // Refused although it was to be kept: the ledger itself cannot take it.
    if (refusal === undefined) return await this.#stopAt(error, offset, hard);
    const kept = await this.#part(plan.from, plan.next, stop, hard, new Map([[offset, refusal]]));
    return kept === undefined ? 'stopped' : await this.#apply(kept, stop, hard);
  }

  #flood({ records, rejects }: ApplyPlan): FarshoreError | undefined {
    const { catalog, floods, deps } = this.#context;
    for (const table of catalog.tablesOf(this.#partition.topic)) {
      const own = rejects.filter((reject) => reject.table === table && reject.waitsFor === undefined).length;
      const flood = floods.over(table, { records, rejects: own }, deps.clock.monotonicMs());
      if (flood !== undefined) return flood;
    }
    return undefined;
  }

  /** Where rows were refused a moment ago more will be: the batch is not tried whole first. */
  #inPieces({ records, folds }: ApplyPlan): boolean {
    const { clock } = this.#context.deps;
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
    const startedMs = this.#context.deps.clock.monotonicMs();
    const { deps } = this.#context;
    const decision = this.#decide(plan.from);
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

  async #part(
    from: bigint,
    upTo: bigint,
    stop: AbortSignal,
    hard: AbortSignal,
    refused?: PlanLimits['refused'],
  ): Promise<ApplyPlan | undefined> {
    const decision = this.#decide(from);
    const pieces = this.#partition.queue.from(from);
    if (decision.kind === 'wait' || pieces.length === 0) return undefined;
    const { maxBatchRecords, maxBatchBytes } = this.#context.settings;
    const limits = { maxRecords: maxBatchRecords, maxBytes: maxBatchBytes, upTo, refused };
    return await this.#loaded(limits, (within) => planBatch(pieces, from, decision, this.#plans, within), stop, hard);
  }

  #decide(offset: bigint): OrderDecision {
    const { topic, partition, order } = this.#partition;
    const { settings, partitions } = this.#context;
    if (topic === settings.heartbeatTopic) return { kind: 'apply', homeEpoch: 0, generation: 0, end: undefined };
    return orderAt(order, partition, offset, partitions.applied(topic), settings.region);
  }

  async #commit(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const startedMs = this.#context.deps.clock.monotonicMs();
    const committed = await commitPlan(plan, this.#partition.committed!, this.#commitContext(), stop, hard);
    await this.#committed(plan, committed, startedMs, stop, hard);
  }

  #commitContext(): CommitContext {
    const partition = this.#partition;
    const { deps, settings, catalog, copies } = this.#context;
    return {
      deps,
      catalog,
      copies,
      topicId: partition.committed!.topicId,
      epoch: settings.epoch,
      topic: partition.topic,
      partition: partition.partition,
      retried: this.#backOff().retried,
    };
  }

  async #committed(plan: ApplyPlan, committed: Committed, startedMs: number, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const partition = this.#partition;
    const { deps, settings, catalog, partitions, floods, parked, wanted } = this.#context;
    const { topic } = partition;
    partition.moveTo(committed.position);
    if (partition.retrying !== undefined) await untilDone(() => noteWentOn(partition, deps, hard), this.#backOff(), hard);
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
    const { deps, catalog, partitions } = this.#context;
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
    await stopPartition(partition, withResumeHint(error, partition.place, offset), undefined, this.#context.deps, signal);
    return 'stopped';
  }

  #backOff(): BackOff {
    const { deps } = this.#context;
    const { topic, partition } = this.#partition;
    return {
      clock: deps.clock,
      random: deps.random,
      retried: ({ code, facts }, delayMs) => {
        const sqlState = typeof facts.sqlState === 'string' ? facts.sqlState : undefined;
        deps.observe({ type: 'apply_retried', topic, partition, code, sqlState, delayMs });
      },
    };
  }
}
