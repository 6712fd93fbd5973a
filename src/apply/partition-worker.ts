import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';
import { type ApplyPlan, type PlanContext, type PlanLimits, type PlanResult, planBatch } from './apply-plan.ts';
import { type BackOff, untilDone } from './back-off.ts';
import { type CommitContext, commitPlan, countCommitted } from './commit.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { type OrderDecision, orderAt } from './order-at.ts';
import type { ApplyPartition } from './partition.ts';
import type { Slots } from './slots.ts';
import { withResumeHint, withTableHint } from './start-check.ts';
import { stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import type { TableCatalog } from './table-catalog.ts';

/** Plans in a row before a slot others wait for is given up. */
const PLANS_A_TURN = 8;

/** What all workers share. */
export interface WorkerContext {
  readonly deps: ApplyDependencies;
  readonly settings: ApplySettings;
  readonly catalog: TableCatalog;
  readonly partitions: PartitionTable;
  readonly slots: Slots;
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

  constructor(partition: ApplyPartition, context: WorkerContext) {
    const { deps, catalog, settings } = context;
    this.#partition = partition;
    this.#context = context;
    this.#plans = {
      place: partition.place,
      sink: partition.topic === settings.heartbeatTopic ? { kind: 'heartbeat' } : catalog.sink(partition.topic),
      decoders: deps.decoders,
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
    for (;;) {
      const result = plan(limits);
      if (result.kind === 'plan') return result.plan;
      try {
        await untilDone(() => this.#load(result, hard), this.#backOff(), stop);
      } catch (error) {
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt' || stop.aborted) throw error;
        const before = plan({ ...limits, upTo: result.offset });
        if (before.kind === 'plan') return { ...before.plan, failure: { error: known, offset: result.offset } };
      }
    }
  }

  async #load(missing: Exclude<PlanResult, { kind: 'plan' }>, hard: AbortSignal): Promise<void> {
    const { deps, catalog } = this.#context;
    const { topic } = this.#partition;
    if (missing.kind === 'schema') await deps.decoders.load(missing.ref, hard);
    else if (missing.kind === 'mapping') await catalog.loadMapping(topic, missing.decoder, hard);
    else await catalog.loadKey(topic, hard);
  }

  async #apply(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    try {
      if (plan.next > plan.from) await this.#commit(plan, stop, hard);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known === undefined || !isRowRefusal(known)) return await this.#giveUp(error, plan.from, hard);
      return await this.#bisect(plan, known, stop, hard);
    }
    if (plan.failure === undefined) return 'committed';
    return await this.#stopAt(plan.failure.error, plan.failure.offset, hard);
  }

  /**
   * C16: each half folded anew, in a transaction of its own with its position, until one record is left:
   * everything before it is applied and the position stands at it. A fold can also fail where its records one by
   * one would not (two rows that trade a unique value), and then none is left.
   */
  async #bisect(plan: ApplyPlan, error: FarshoreError, stop: AbortSignal, hard: AbortSignal): Promise<Outcome> {
    if (plan.records <= 1 || plan.first === undefined || plan.last === undefined) {
      return await this.#stopAt(error, plan.first ?? plan.from, hard);
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

  async #part(from: bigint, upTo: bigint, stop: AbortSignal, hard: AbortSignal): Promise<ApplyPlan | undefined> {
    const decision = this.#decide(from);
    const pieces = this.#partition.queue.from(from);
    if (decision.kind === 'wait' || pieces.length === 0) return undefined;
    const { maxBatchRecords, maxBatchBytes } = this.#context.settings;
    const limits = { maxRecords: maxBatchRecords, maxBytes: maxBatchBytes, upTo };
    return await this.#loaded(limits, (within) => planBatch(pieces, from, decision, this.#plans, within), stop, hard);
  }

  #decide(offset: bigint): OrderDecision {
    const { topic, partition, order } = this.#partition;
    const { settings, partitions } = this.#context;
    if (topic === settings.heartbeatTopic) return { kind: 'apply', homeEpoch: 0, generation: 0, end: undefined };
    return orderAt(order, partition, offset, partitions.applied(topic), settings.region);
  }

  async #commit(plan: ApplyPlan, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    const partition = this.#partition;
    const { deps, settings, catalog, partitions, wanted } = this.#context;
    const { topic } = partition;
    const startedMs = deps.clock.monotonicMs();
    const before = partition.committed as ApplyPosition;
    const commit: CommitContext = {
      deps,
      catalog,
      topicId: before.topicId,
      epoch: settings.epoch,
      topic,
      partition: partition.partition,
      retried: this.#backOff().retried,
    };
    const committed = await commitPlan(plan, before, commit, stop, hard);
    partition.moveTo(committed.position);
    wanted();
    for (const other of partitions.ofTopic(topic)) if (other.mode.mode === 'waiting') other.work.ring();
    if (deps.onStep !== undefined) await deps.onStep('committed');
    for (const { key, value } of plan.heartbeats) deps.onHeartbeat?.(key, value);
    if (plan.records === 0 || topic === settings.heartbeatTopic) return;
    const counts = await countCommitted(plan, committed, commit, stop, hard);
    deps.observe({
      type: 'batch_applied',
      topic,
      partition: partition.partition,
      table: catalog.tableOf(topic) ?? topic,
      records: plan.records,
      ...counts,
      bytes: plan.bytes,
      seconds: (deps.clock.monotonicMs() - startedMs) / 1000,
      newestTimestampMs: plan.newestTimestampMs,
    });
  }

  /** Something other than one record: the table stops for all its topics, anything else the partition. */
  async #giveUp(error: unknown, offset: bigint, signal: AbortSignal): Promise<Outcome> {
    const known = findFarshoreError(error);
    if (known === undefined || known.action === 'halt' || known.action === 'retry') throw error;
    if (!isTableProblem(known)) return await this.#stopAt(known, offset, signal);
    const { deps, catalog, partitions } = this.#context;
    const table = catalog.tableOf(this.#partition.topic);
    if (table !== undefined) catalog.forget(table);
    for (const { topic, table: name } of catalog.topics()) {
      if (name !== table) continue;
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

// 21000: two key texts of one statement were one row for the database; halves part them.
const isRowRefusal = (error: FarshoreError): boolean => error.code === 'row_refused' || error.facts.sqlState === '21000';

const tableProblems: ReadonlySet<string> = new Set([
  'table_missing',
  'table_mismatch',
  'table_unmappable',
  'database_denied',
  'schema_conflict',
]);

const isTableProblem = (error: FarshoreError): boolean => tableProblems.has(error.code);
