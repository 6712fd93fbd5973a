import { findFarshoreError } from '../model/errors.ts';
import type { ApplyPlan, PlanContext, PlanLimits, PlanResult } from './apply-plan.ts';
import { type BackOff, untilDone } from './back-off.ts';
import { loadMissing } from './load-missing.ts';
import { type OrderDecision, orderOfLog } from './order-at.ts';
import type { ApplyPartition } from './partition.ts';
import { planBatch } from './plan-batch.ts';
import type { WorkerContext } from './worker-context.ts';

type Pieces = Parameters<typeof planBatch>[0];
type PlannedOrder = Exclude<OrderDecision, { readonly kind: 'wait' }>;

/** What the next batch of one partition is: plans of what was read, with everything they need loaded. */
export class BatchPlanner {
  readonly #partition: ApplyPartition;
  readonly #context: WorkerContext;
  readonly #plans: PlanContext;
  readonly #backOff: BackOff;

  constructor(partition: ApplyPartition, context: WorkerContext, backOff: BackOff) {
    const { deps, catalog, settings, unknownSchemas } = context;
    this.#partition = partition;
    this.#context = context;
    this.#backOff = backOff;
    this.#plans = {
      place: partition.place,
      sink: partition.topic === settings.heartbeatTopic ? { kind: 'heartbeat' } : catalog.sink(partition.topic),
      decoders: deps.decoders,
      unknownSchema: (ref) => unknownSchemas.get(ref),
      visitRecords: deps.visitRecords,
      writers: deps,
    };
  }

  /** What the order of homes and generations says of the record at an offset. */
  decide(offset: bigint): OrderDecision {
    const { topic, partition, topicId, order } = this.#partition;
    const { settings, partitions } = this.#context;
    if (topic === settings.heartbeatTopic) return { kind: 'apply', homeEpoch: 0, generation: 0, end: undefined };
    return orderOfLog({ topicId, order }, partition, offset, partitions.applied(topic), settings.region);
  }

  /** The next batch of what was read, from `from` on. */
  async plan(
    pieces: Pieces,
    from: bigint,
    decision: PlannedOrder,
    { upTo, refused }: Pick<PlanLimits, 'upTo' | 'refused'>,
    stop: AbortSignal,
    hard: AbortSignal,
  ): Promise<ApplyPlan> {
    const { maxBatchRecords, maxBatchBytes } = this.#context.settings;
    const limits = { maxRecords: maxBatchRecords, maxBytes: maxBatchBytes, upTo, refused };
    return await this.#loaded(limits, (within) => planBatch(pieces, from, decision, this.#plans, within), stop, hard);
  }

  /** What of a batch lies from `from` to below `upTo`, without the records in `refused`; undefined when it can no longer be applied. */
  async part(
    from: bigint,
    upTo: bigint,
    stop: AbortSignal,
    hard: AbortSignal,
    refused?: PlanLimits['refused'],
  ): Promise<ApplyPlan | undefined> {
    const decision = this.decide(from);
    const pieces = this.#partition.queue.from(from);
    if (decision.kind === 'wait' || pieces.length === 0) return undefined;
    return await this.plan(pieces, from, decision, { upTo, refused }, stop, hard);
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
        await untilDone(() => loadMissing(result, this.#partition.topic, this.#context, hard), this.#backOff, stop);
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
}
