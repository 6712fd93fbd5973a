import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import type { ApplyPlan } from './apply-plan.ts';
import type { BackOff } from './back-off.ts';
import { BatchApplier } from './batch-applier.ts';
import { BatchPlanner } from './batch-planner.ts';
import type { ApplyPartition } from './partition.ts';
import { TurnSlot } from './turn-slot.ts';
import type { Outcome, WorkerContext } from './worker-context.ts';

/** Plans in a row before a slot others wait for is given up. */
const PLANS_A_TURN = 8;

/**
 * Applies one partition, strictly in order. While the database works on one transaction the next one is
 * decoded; it is sent only after the one before is known to be in.
 */
export class PartitionWorker {
  readonly #partition: ApplyPartition;
  readonly #context: WorkerContext;
  readonly #planner: BatchPlanner;
  readonly #applier: BatchApplier;
  /** While a turn is on. */
  #slot: TurnSlot | undefined;

  constructor(partition: ApplyPartition, context: WorkerContext) {
    const backOff = backOffOf(partition, context, (ms, signal) => this.#sleep(ms, signal));
    this.#partition = partition;
    this.#context = context;
    this.#planner = new BatchPlanner(partition, context, backOff);
    this.#applier = new BatchApplier(partition, context, this.#planner, backOff);
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
      const slot = await TurnSlot.enter(this.#context.slots);
      this.#slot = slot;
      partition.turnBegan();
      try {
        await this.#turn(slot, stop, hard);
      } catch (error) {
        if (!stop.aborted || findFarshoreError(error)?.action === 'halt') throw error;
      } finally {
        partition.turnEnded();
        this.#slot = undefined;
        slot.leave();
      }
    }
  }

  /** Between two attempts: what is away may stay so for long, and other partitions need not wait for it. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.deps;
    const slot = this.#slot;
    await (slot === undefined ? clock.sleep(ms, signal) : slot.asleep(() => clock.sleep(ms, signal)));
  }

  /** Waiting: what was read was given back; when the order now allows the next record, it is fetched again. */
  #lookAgain(): void {
    const partition = this.#partition;
    const next = partition.committed?.next;
    if (next === undefined || this.#planner.decide(offsetValue(next)).kind === 'wait') return;
    partition.setMode({ mode: 'running' });
    this.#context.wanted();
  }

  async #turn(slot: TurnSlot, stop: AbortSignal, hard: AbortSignal): Promise<void> {
    let sent: Promise<Outcome> | undefined;
    let cursor = offsetValue(this.#partition.committed!.next);
    try {
      for (let turns = 0; !stop.aborted && this.#partition.active; turns++) {
        if (turns >= PLANS_A_TURN && this.#context.slots.contended) {
          this.#partition.work.ring();
          return;
        }
        const { reading } = this.#partition;
        const plan = await this.#plan(cursor, () => slot.join(sent), stop, hard);
        const outcome = await slot.join(sent);
        sent = undefined;
        if (outcome === 'stopped') this.#readAgain();
        if (stop.aborted || plan === undefined || outcome === 'stopped' || reading !== this.#partition.reading || !this.#partition.active)
          return;
        cursor = plan.next;
        sent = slot.beside(() => this.#applier.apply(plan, stop, hard));
        // It is awaited below or in the next round; a failure in between is not unhandled.
        sent.catch(() => undefined);
      }
    } finally {
      if ((await slot.join(sent)) === 'stopped') this.#readAgain();
    }
  }

  /** A batch was given up half-way without a stop (its order changed meanwhile): read on from what is committed. */
  #readAgain(): void {
    if (!this.#partition.active) return;
    this.#partition.forgetRead();
    this.#context.wanted();
  }

  /** The next plan, or undefined when there is nothing to do now. What was `sent` is awaited before anything is given up. */
  async #plan(
    cursor: bigint,
    sent: () => Promise<Outcome | undefined>,
    stop: AbortSignal,
    hard: AbortSignal,
  ): Promise<ApplyPlan | undefined> {
    const pieces = this.#partition.queue.from(cursor);
    if (pieces.length === 0) return undefined;
    let decision = this.#planner.decide(cursor);
    if (decision.kind === 'wait') {
      // The barrier may be this partition's own transaction that is under way.
      if ((await sent()) === 'stopped') return undefined;
      decision = this.#planner.decide(cursor);
    }
    if (decision.kind === 'wait') {
      this.#partition.setMode({ mode: 'waiting', reason: decision.reason });
      return undefined;
    }
    return await this.#planner.plan(pieces, cursor, decision, { upTo: undefined }, stop, hard);
  }
}

function backOffOf({ topic, partition }: ApplyPartition, { deps }: WorkerContext, sleep: Clock['sleep']): BackOff {
  const { clock } = deps;
  return {
    clock: { wallMs: () => clock.wallMs(), monotonicMs: () => clock.monotonicMs(), sleep },
    random: deps.random,
    retried: ({ code, facts }, delayMs) => {
      const sqlState = typeof facts.sqlState === 'string' ? facts.sqlState : undefined;
      deps.observe({ type: 'apply_retried', topic, partition, code, sqlState, delayMs });
    },
  };
}
