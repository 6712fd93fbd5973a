import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ApplyPlan, PlanLimits, Sink } from './apply-plan.ts';
import type { SchemaRef, Statement } from './contracts.ts';
import type { ApplyDependencies } from './dependencies.ts';
import { loadMissing } from './load-missing.ts';
import type { LogPiece } from './log-queue.ts';
import type { OrderDecision } from './order-at.ts';
import { planBatch } from './plan-batch.ts';
import { isRejectable, keepStatement, type Refusal, type RejectPlace } from './rejects.ts';
import { type FoldedStatements, replayStatements } from './statements.ts';
import { type CatalogSettings, TableCatalog } from './table-catalog.ts';

export type ReplayParts = Pick<ApplyDependencies, 'decoders' | 'tables' | 'visitRecords' | 'arrayText' | 'arrayLiteral' | 'exactJson'>;

/** `deletes`: what they remember, and nothing else; the states between them come with all of them in a second reading. */
export type ReplayPhase = 'deletes' | 'all';

export interface ReplayedStatements {
  /** The first is the fence. */
  readonly statements: readonly Statement[];
  /** Of those that write rows. */
  readonly upserts: readonly number[];
}

/**
 * Applies records once more, to one table, beside the stream: by the stream's own mapping, folds and guards, so that what is right for a record that
 * comes late is right for these. No position moves.
 */
export class Replay {
  readonly #parts: ReplayParts;
  readonly #catalog: TableCatalog;
  /** Why schemas cannot be had; asked for again by the next replay. */
  readonly #unknown = new Map<SchemaRef, FarshoreError>();

  /** `entries` are those of the table. */
  constructor(parts: ReplayParts, settings: CatalogSettings) {
    this.#parts = parts;
    this.#catalog = new TableCatalog(parts, settings);
  }

  /** Rejects with what is not the fault of a single record. */
  async plan(
    topic: string,
    at: { readonly place: string; readonly from: bigint; readonly order: Exclude<OrderDecision, { kind: 'wait' }> },
    pieces: readonly LogPiece[],
    limits: Omit<PlanLimits, 'refused'>,
    signal: AbortSignal,
  ): Promise<ApplyPlan> {
    const plans = {
      place: at.place,
      sink: this.#sink(topic),
      decoders: this.#parts.decoders,
      unknownSchema: (ref: SchemaRef) => this.#unknown.get(ref),
      visitRecords: this.#parts.visitRecords,
      writers: this.#parts,
    };
    const refused = new Map<bigint, Refusal>();
    for (;;) {
      const result = planBatch(pieces, at.from, at.order, plans, { ...limits, refused });
      if (result.kind === 'plan') {
        if (result.plan.failure !== undefined) throw result.plan.failure.error;
        return result.plan;
      }
      if (result.kind === 'refused') {
        refused.set(result.offset, { error: result.error });
        continue;
      }
      try {
        await loadMissing(result, topic, { deps: this.#parts, catalog: this.#catalog }, signal);
      } catch (error) {
        const known = findFarshoreError(error);
        if (result.kind !== 'schema' || known === undefined || !isRejectable(known)) throw error;
        this.#unknown.set(result.ref, known);
      }
    }
  }

  /** Records that cannot be applied are kept as the stream keeps them, where they have a place in a log. */
  statements(plan: ApplyPlan, phase: ReplayPhase, epoch: bigint, keepAt: RejectPlace | undefined): ReplayedStatements {
    const folds = plan.folds.map((folded): FoldedStatements => ({ folded, statements: this.#catalog.statements(folded) }));
    const { statements, upserts } = replayStatements(epoch, folds, phase);
    if (phase === 'deletes' || plan.rejects.length === 0) return { statements, upserts };
    if (keepAt === undefined) throw new FarshoreError('internal', 'Records without a place in a log were to be kept');
    return { statements: [...statements, keepStatement(keepAt, plan.rejects, this.#parts)], upserts };
  }

  /** Only the fence. */
  nothing(epoch: bigint): ReplayedStatements {
    return replayStatements(epoch, [], 'deletes');
  }

  #sink(topic: string): Sink {
    return this.#catalog.sink(topic);
  }
}
