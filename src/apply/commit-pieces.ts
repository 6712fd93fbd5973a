import type { FarshoreError } from '../model/errors.ts';
import type { ApplyPosition } from '../model/position.ts';
import type { ApplyPlan } from './apply-plan.ts';
import { type CommitContext, type Committed, positionAfter, untilCommitted } from './commit.ts';
import type { Statement, StatementResult } from './contracts.ts';
import type { ApplyDependencies } from './dependencies.ts';
import { isOfAnotherRow } from './parking.ts';
import { isHalf, isLate } from './piece-order.ts';
import { PIECE_ROWS, type Piece, partsOf, piecesOf, preparing, tryStatement } from './pieces.ts';
import { keepStatement, type Reject } from './rejects.ts';
import type { RefusedAt } from './rejects-at.ts';
import { fenceStatement, moveStatement, setConstraints, tableLocks } from './statements.ts';

export interface PiecesContext extends CommitContext {
  readonly deps: CommitContext['deps'] & Pick<ApplyDependencies, 'refusalOf'>;
  /** The records at these offsets as they are kept; throws what stops the table where they are too many. */
  readonly rejectsAt: (refused: RefusedAt) => readonly Reject[];
}

export interface CommittedPieces extends Committed {
  /** All that was kept, also what the plan had kept before. */
  readonly rejects: readonly Reject[];
}

/**
 * A refused row hides an older state of its key, waits for another row, or is not all of its record; a good one beside it came too late; or what is
 * to be kept is not at hand any more. The batch must be folded anew.
 */
class Unsuited extends Error {}

/**
 * Commits a plan some of whose rows the database refuses: they are found by trying pieces, then smaller ones and at last each row of the refused
 * pieces, each undone by itself, inside the one transaction that keeps them and moves the position. Four round trips where halving took
 * two dozen transactions for each such row. `unsuited`: nothing was applied, and halving finds the way.
 */
export async function commitPieces(
  plan: ApplyPlan,
  before: ApplyPosition,
  context: PiecesContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<CommittedPieces | 'unsuited'> {
  const { deps } = context;
  let rejects: readonly Reject[] = plan.rejects;
  let refusedRows: NonNullable<Committed['refusedRows']> = [];
  const position = positionAfter(plan, before);
  const steps = conversation(plan, context, (kept, rows) => {
    rejects = kept;
    refusedRows = rows;
  });
  try {
    await untilCommitted(plan, context, () => deps.database.conversation(steps, hard), stop, hard);
  } catch (error) {
    if (error instanceof Unsuited) return 'unsuited';
    throw error;
  }
  return { position, answers: undefined, refusedRows, rejects };
}

// A backslash in a call's literals is a backslash, whatever the database's default.
const plainStrings: Statement = { text: 'set local standard_conforming_strings = on', values: [] };

type Step = (answers: readonly StatementResult[]) => readonly Statement[];

function conversation(
  plan: ApplyPlan,
  context: PiecesContext,
  decided: (rejects: readonly Reject[], rows: NonNullable<Committed['refusedRows']>) => void,
): readonly Step[] {
  const { deps, catalog, topic, partition, topicId, epoch } = context;
  const { from, next, proof, records } = plan;
  const folds = plan.folds.map((folded) => ({ folded, statements: catalog.statements(folded) }));
  const transition = { topic, partition, topicId, from, next, proof, records, epoch };
  const [largest = 1, ...smaller] = PIECE_ROWS;
  const all = piecesOf(folds, largest);
  let pieces = all;
  let first: readonly Piece[] = [];
  const refusedOf = (answers: readonly StatementResult[]) =>
    (answers.at(-1)?.rows ?? []).map((row) => ({ row, piece: pieces[Number(row.call)]! }));
  return [
    () => {
      // Also when it is all tried again after a lost connection.
      pieces = all;
      // Constraints that are deferred must speak up while it is known whose row it is.
      return [fenceStatement(transition, tableLocks(folds)), setConstraints, plainStrings, ...preparing(folds), tryStatement(all)];
    },
    ...smaller.map(
      (size): Step =>
        (answers) => {
          const refused = refusedOf(answers).map(({ piece }) => piece);
          if (pieces === all) first = refused;
          pieces = refused.flatMap((piece) => partsOf(piece, folds, size));
          return [tryStatement(pieces)];
        },
    ),
    (answers) => {
      const refused = new Map<bigint, { readonly table: string; readonly error: FarshoreError }>();
      const rows: { readonly table: string; readonly op: 'upserts' | 'deletes' }[] = [];
      const alone = refusedOf(answers);
      for (const { row, piece } of alone) {
        const error = deps.refusalOf(row);
        if (piece.rows.merged(piece.from) || isOfAnotherRow(error) || error.code === 'row_unknown') throw new Unsuited();
        const { folded } = folds[piece.fold]!;
        const table = folded.table.name;
        for (const offset of [piece.rows.offsetOf(piece.from), ...(piece.rows.alike?.(piece.from) ?? [])])
          refused.set(offset, { table, error });
        rows.push({ table, op: piece.rows === folded.deletes ? 'deletes' : 'upserts' });
      }
      const pieceOf = alone.map(({ piece }) => piece);
      if (isLate(first, pieceOf, folds) || isHalf(pieceOf, folds)) throw new Unsuited();
      const rejects = context.rejectsAt(refused);
      // What was read is forgotten at once where the partition stops meanwhile, for its table or by an operator: kept by nobody, what was refused
      // would be lost with the position behind it.
      if (rejects.length !== refused.size) throw new Unsuited();
      const kept = [...plan.rejects, ...rejects].sort((a, b) => (a.offset < b.offset ? -1 : 1));
      decided(kept, rows);
      return [...(kept.length === 0 ? [] : [keepStatement({ topic, partition, topicId }, kept, deps)]), moveStatement(transition)];
    },
  ];
}
