import { FarshoreError } from '../model/errors.ts';
import type { Statement } from './contracts.ts';
import type { Folded, RowSet } from './folded.ts';
import { nameOf } from './statement-parts.ts';
import type { TableStatements } from './table-statements.ts';

const named = (text: string, values: readonly unknown[]): Statement => ({ name: nameOf(text), text, values });

/** What one transaction of a partition does, besides its rows. */
export interface Transition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly from: bigint;
  readonly next: bigint;
  /** Of the last batch before `next`; undefined when only a gap was passed. */
  readonly proof: { readonly leaderEpoch: number; readonly crc: number } | undefined;
  readonly records: number;
  readonly epoch: bigint;
}

// A plan made anew for each batch costs as much as a third of its work (the planner looks into every array), and
// expects to hash all tombstones; the one plan made without them looks rows up by key, which suits any batch.
const genericPlans = "set_config('plan_cache_mode', 'force_generic_plan', true)";

/**
 * First statement: the fence, and one lock a table. READ COMMITTED does not see a tombstone that is not
 * committed yet, and the key of a row that is being deleted may come through another partition (a grown topic,
 * several topics on one table):
 *
 *     partition 1: delete row k · tombstone k (o=9) ..................... commit
 *     partition 2:               state of k (older) sees neither · inserts k ...... commit → k is back
 *
 * So transactions with deletes take the lock alone, those with upserts only share it; the loser waits here, before
 * it holds any row, and its later statements see what the winner committed.
 */
export function fenceStatement(transition: Transition, tables: readonly TableLock[]): Statement {
  const { topic, partition, topicId, from, epoch } = transition;
  return named(`select ${['farshore.check_fence($1, $2, $3, $4, $5)', ...lockCalls(tables, 6), genericPlans].join(', ')}`, [
    topic,
    partition,
    topicId,
    from,
    epoch,
    ...tables.map(({ name }) => name),
  ]);
}

/** `first` is the number of the first table's parameter. */
const lockCalls = (tables: readonly TableLock[], first: number): readonly string[] =>
  tables.map(
    ({ exclusive }, index) =>
      `pg_advisory_xact_lock${exclusive ? '' : '_shared'}(hashtextextended('farshore apply ' || $${index + first}::text, 0))`,
  );

/** Deferred constraints speak up here, not at COMMIT, and so before the position moves (C16). */
export const setConstraints: Statement = named('set constraints all immediate', []);

export function moveStatement({ topic, partition, from, next, proof, records, epoch }: Transition): Statement {
  return named('select farshore.move_position($1, $2, $3, $4, $5, $6, $7, $8)', [
    topic,
    partition,
    from,
    next,
    proof?.leaderEpoch ?? null,
    proof?.crc ?? null,
    records,
    epoch,
  ]);
}

export interface FoldedStatements {
  readonly folded: Folded;
  readonly statements: TableStatements;
}

/** Indexes of the statements whose answers count the rows of a round; none when it was empty. */
export interface Rounds {
  readonly before: readonly number[];
  readonly deletes: readonly number[];
  readonly after: readonly number[];
}

/**
 * The statements of one transaction in order: fence, each fold's rounds in log order, constraints, records that are kept, position.
 * The rows of the folds in `copied` are taken for new.
 */
export function transactionStatements(
  transition: Transition,
  folds: readonly FoldedStatements[],
  keep?: Statement | undefined,
  copied: ReadonlySet<Folded> = new Set(),
): { readonly statements: readonly Statement[]; readonly rounds: readonly Rounds[] } {
  const list: Statement[] = [fenceStatement(transition, tableLocks(folds))];
  const rounds = addRounds(list, folds, copied);
  if (keep !== undefined) list.push(keep);
  list.push(moveStatement(transition));
  return { statements: list, rounds };
}

/**
 * The statements that apply one kept record after all: `taking` has the record leave the ledger by `done`, behind fence and locks, and then come its
 * rows; nothing moves. Where another stage holds the partition, the region's lease is the fence.
 */
export function retryStatements(
  holder: { readonly topic: string; readonly partition: number; readonly epoch: bigint; readonly fence: 'partition' | 'lease' },
  folds: readonly FoldedStatements[],
  done: Statement,
): { readonly taking: readonly Statement[]; readonly statements: readonly Statement[]; readonly rounds: readonly Rounds[] } {
  const { topic, partition, epoch, fence } = holder;
  const tables = tableLocks(folds);
  const [fenced, values] =
    fence === 'partition' ? ['farshore.check_holder($1, $2, $3)', [topic, partition, epoch]] : ['farshore.check_lease($1)', [epoch]];
  const checks = [fenced, ...lockCalls(tables, values.length + 1), genericPlans];
  const fenceAndLocks = named(`select ${checks.join(', ')}`, [...values, ...tables.map(({ name }) => name)]);
  const statements: Statement[] = [];
  const rounds = addRounds(statements, folds);
  return { taking: [fenceAndLocks, done], statements, rounds };
}

/**
 * The statements that apply records once more behind the lease alone: the rows' own versions say what is newer, and no position moves. `deletes`
 * leaves out all but what deletes remember.
 */
export function replayStatements(
  epoch: bigint,
  folds: readonly FoldedStatements[],
  phase: 'deletes' | 'all',
): { readonly statements: readonly Statement[]; readonly upserts: readonly number[] } {
  const tables = tableLocks(folds);
  const checks = ['farshore.check_lease($1)', ...lockCalls(tables, 2), genericPlans];
  const list: Statement[] = [named(`select ${checks.join(', ')}`, [epoch, ...tables.map(({ name }) => name)])];
  if (phase === 'all') {
    const rounds = addRounds(list, folds);
    return { statements: list, upserts: rounds.flatMap(({ before, after }) => [...before, ...after]) };
  }
  for (const { folded, statements } of folds) if (folded.deletes !== undefined) list.push(statements.tombstones(folded.deletes));
  return { statements: list, upserts: [] };
}

interface TableLock {
  readonly name: string;
  readonly exclusive: boolean;
}

export function tableLocks(folds: readonly FoldedStatements[]): readonly TableLock[] {
  const names = new Set(folds.map(({ folded }) => folded.table.name));
  return [...names].sort().map((name) => ({
    name,
    exclusive: folds.some(({ folded }) => folded.table.name === name && folded.deletes !== undefined),
  }));
}

function addRounds(list: Statement[], folds: readonly FoldedStatements[], copied: ReadonlySet<Folded> = new Set()): readonly Rounds[] {
  const add = (statement: Statement): number => list.push(statement) - 1;
  const rounds = folds.map(({ folded, statements }): Rounds => {
    const upsert = (rows: RowSet | undefined): readonly number[] => {
      if (rows === undefined) return [];
      // States without a statement would be left out while the position moves over them.
      if (statements.upsert === undefined)
        throw new FarshoreError('internal', `States of ${folded.table.name} have no statement that writes them`);
      return statements.upsert(rows).map(add);
    };
    const { newRows } = statements;
    if (copied.has(folded) && newRows !== undefined && folded.after !== undefined) {
      add(newRows.permitted);
      return { before: [], deletes: [], after: [add(newRows.copy(folded.after))] };
    }
    const before = upsert(folded.before);
    if (folded.deletes !== undefined) for (const statement of statements.deleteRows(folded.deletes)) add(statement);
    const deletes = folded.deletes === undefined ? [] : [add(statements.tombstones(folded.deletes))];
    const after = upsert(folded.after);
    return { before, deletes, after };
  });
  if (folds.length > 0) list.push(setConstraints);
  return rounds;
}
