import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue, regionalOffset } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';
import type { ApplyPlan } from './apply-plan.ts';
import { type BackOff, backOffMs, untilDone } from './back-off.ts';
import type { StatementResult } from './contracts.ts';
import type { ApplyDependencies } from './dependencies.ts';
import type { Folded, RowSet } from './fold.ts';
import { type Rounds, transactionStatements } from './statements.ts';
import type { TableCatalog } from './table-catalog.ts';

/** What became of the records of a plan. */
export interface Counts {
  readonly upserts: number;
  readonly deletes: number;
  readonly folded: number;
  readonly stale: number;
  readonly duplicates: number;
  readonly ties: number;
}

export interface CommitContext {
  readonly deps: Pick<ApplyDependencies, 'database' | 'positions' | 'clock' | 'random' | 'onStep'>;
  readonly catalog: TableCatalog;
  readonly topicId: string;
  readonly epoch: bigint;
  readonly topic: string;
  readonly partition: number;
  readonly retried: BackOff['retried'];
}

export interface Committed {
  readonly position: ApplyPosition;
  /** Undefined when the answers were lost and only the position told that it is in. */
  readonly answers: { readonly results: readonly StatementResult[]; readonly rounds: readonly Rounds[] } | undefined;
}

/**
 * Commits a plan: rows and position in one transaction, again and again while the reason is one that
 * passes. Of a lost connection nothing is known, so the position is read before anything else (C9's order,
 * here in one database):
 *
 *     commit sent · connection lost · position = next → it is in, go on
 *                                     position = from → it is not, the same again
 *                                     anything else   → somebody else moves it: halt
 *
 * `stop` ends the waiting between attempts, `hard` the attempt itself. Rejects with the FarshoreError of what does not pass.
 */
export async function commitPlan(
  plan: ApplyPlan,
  before: ApplyPosition,
  context: CommitContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<Committed> {
  const { deps, catalog, topic, partition, topicId, epoch } = context;
  const folds = plan.folds.map((folded) => ({ folded, statements: catalog.statements(folded) }));
  const { from, next, proof, records } = plan;
  const { statements, rounds } = transactionStatements({ topic, partition, topicId, from, next, proof, records, epoch }, folds);
  const position: ApplyPosition = {
    ...before,
    next: regionalOffset(next),
    leaderEpoch: proof?.leaderEpoch ?? before.leaderEpoch,
    crc: proof?.crc ?? before.crc,
  };
  for (let failures = 0; ; failures++) {
    try {
      if (deps.onStep !== undefined) await deps.onStep('before_begin');
      const results = await deps.database.transaction(statements, hard);
      return { position, answers: { results, rounds } };
    } catch (error) {
      hard.throwIfAborted();
      const known = findFarshoreError(error);
      if (known === undefined || known.action !== 'retry') throw error;
      const delayMs = backOffMs(failures, deps.random);
      context.retried(known, delayMs);
      await deps.clock.sleep(delayMs, stop);
      if (known.facts.outcome === 'not_applied') continue;
      const standing = await standingAt(plan, context, stop, hard);
      if (standing === 'committed') return { position, answers: undefined };
    }
  }
}

async function standingAt(
  plan: ApplyPlan,
  context: CommitContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<'committed' | 'not_committed'> {
  const { deps, topic, partition, retried } = context;
  const found = await untilDone(() => deps.positions.read(topic, partition, hard), { ...deps, retried }, stop);
  const at = found === undefined ? undefined : offsetValue(found.next);
  if (at === plan.from) return 'not_committed';
  if (at === plan.next) return 'committed';
  throw new FarshoreError(
    'position_moved',
    `The position is ${at ?? 'gone'}; this daemon left it at ${plan.from} and was moving it to ${plan.next}`,
    {
      place: `${topic}:${partition}`,
    },
  );
}

const size = (rows: RowSet | undefined): number => rows?.versions.length ?? 0;

const foldedAway = ({ folds }: ApplyPlan): Pick<Counts, 'folded' | 'ties'> => ({
  folded: folds.reduce((total, fold) => total + fold.folded, 0),
  ties: folds.reduce((total, fold) => total + fold.ties, 0),
});

/** Known to be in, but the answers that tell writes from stale records are lost: what was sent counts as written. */
function uncounted(plan: ApplyPlan): Counts {
  const upserts = plan.folds.reduce((total, { before, after }) => total + size(before) + size(after), 0);
  const deletes = plan.folds.reduce((total, fold) => total + size(fold.deletes), 0);
  return { upserts, deletes, stale: 0, duplicates: 0, ...foldedAway(plan) };
}

/**
 * Rows given but not written are stale or duplicates. Only when there are any, a second statement asks
 * which ones stand in the table with their own version: those written just now, and the duplicates.
 * When a stop comes before its answer, what was not written counts as stale.
 */
export async function countCommitted(
  plan: ApplyPlan,
  { answers }: Committed,
  context: CommitContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<Counts> {
  if (answers === undefined) return uncounted(plan);
  const { results, rounds } = answers;
  const written = (at: number) => (at === -1 ? 0 : (results[at]?.rowCount ?? 0));
  let [upserts, deletes, stale, duplicates] = [0, 0, 0, 0];
  for (const [index, fold] of plan.folds.entries()) {
    const round = rounds[index]!;
    deletes += written(round.deletes);
    upserts += written(round.before) + written(round.after);
    // What the first round wrote is gone again after the second: it cannot be asked, and what it did not write was old.
    stale += size(fold.deletes) - written(round.deletes) + size(fold.before) - written(round.before);
    const skipped = size(fold.after) - written(round.after);
    const same = skipped === 0 ? 0 : await duplicatesOf(fold, written(round.after), skipped, context, stop, hard);
    duplicates += same;
    stale += skipped - same;
  }
  return { upserts, deletes, stale, duplicates, ...foldedAway(plan) };
}

async function duplicatesOf(
  fold: Folded,
  written: number,
  skipped: number,
  { deps, retried, catalog }: CommitContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<number> {
  const statement = fold.after === undefined ? undefined : catalog.statements(fold).standing?.(fold.after);
  if (statement === undefined) return 0;
  try {
    const { rows } = await untilDone(() => deps.database.query(statement, hard), { ...deps, retried }, stop);
    return Math.min(skipped, Math.max(0, Number(rows[0]?.standing) - written));
  } catch (error) {
    if (stop.aborted) return 0;
    throw error;
  }
}
