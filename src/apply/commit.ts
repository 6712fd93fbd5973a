import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { offsetValue, regionalOffset } from '../model/offsets.ts';
import type { ApplyPosition } from '../model/position.ts';
import type { ApplyPlan } from './apply-plan.ts';
import { type BackOff, backOffMs, untilDone } from './back-off.ts';
import type { StatementResult } from './contracts.ts';
import type { CopyTrials } from './copy-chances.ts';
import type { ApplyDependencies } from './dependencies.ts';
import type { Folded, RowSet } from './folded.ts';
import { keepStatement } from './rejects.ts';
import { type Rounds, transactionStatements } from './statements.ts';
import type { TableCatalog } from './table-catalog.ts';

/** What became of the records of a plan in one of its tables. */
export interface Counts {
  readonly table: string;
  readonly records: number;
  readonly upserts: number;
  readonly deletes: number;
  readonly folded: number;
  readonly stale: number;
  readonly duplicates: number;
  readonly ties: number;
  /** Records that set a field the entry does not allow, by field. */
  readonly notAllowed: ReadonlyMap<string, number>;
}

export interface CommitContext {
  readonly deps: Pick<ApplyDependencies, 'database' | 'positions' | 'clock' | 'random' | 'onStep' | 'arrayText'>;
  readonly catalog: TableCatalog;
  readonly copies: CopyTrials;
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
  /** Rows of the plan that were not written. */
  readonly refusedRows?: readonly { readonly table: string; readonly op: 'upserts' | 'deletes' }[] | undefined;
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
 * Rows that look new are copied at the first attempt, and written with their guard at every later one.
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
  const { deps, catalog, copies, topic, partition, topicId, epoch } = context;
  const folds = plan.folds.map((folded) => ({ folded, statements: catalog.statements(folded) }));
  const { from, next, proof, records, rejects } = plan;
  const keep = rejects.length === 0 ? undefined : keepStatement({ topic, partition, topicId }, rejects, deps);
  const transition = { topic, partition, topicId, from, next, proof, records, epoch };
  const run = async (copied: ReadonlySet<Folded>) => {
    const { statements, rounds } = transactionStatements(transition, folds, keep, copied);
    return { results: await deps.database.transaction(statements, hard), rounds };
  };
  const position = positionAfter(plan, before);
  const isNew = ({ folded, statements }: (typeof folds)[number]) => statements.newRows !== undefined && copies.tries(folded);
  let copied: ReadonlySet<Folded> = new Set(folds.filter(isNew).map(({ folded }) => folded));
  const attempt = async () => {
    if (copied.size === 0) return await run(copied);
    const tried = copied;
    copied = new Set();
    try {
      const answers = await run(tried);
      for (const folded of tried) copies.note(folded, 'copied');
      return answers;
    } catch (error) {
      for (const folded of tried) copies.note(folded, 'refused');
      // Nothing of it is in. Whatever the refusal says, of a row that exists or of a column: the guarded statements decide.
      const action = findFarshoreError(error)?.action;
      if (hard.aborted || (action !== 'reject' && action !== 'stop')) throw error;
      return await run(copied);
    }
  };
  const answers = await untilCommitted(plan, context, attempt, stop, hard);
  return { position, answers };
}

export const positionAfter = ({ next, proof }: ApplyPlan, before: ApplyPosition): ApplyPosition => ({
  ...before,
  next: regionalOffset(next),
  leaderEpoch: proof?.leaderEpoch ?? before.leaderEpoch,
  crc: proof?.crc ?? before.crc,
});

/** Attempts until one is in; undefined when the answers of the one that is were lost. */
export async function untilCommitted<T>(
  plan: ApplyPlan,
  context: CommitContext,
  attempt: () => Promise<T>,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<T | undefined> {
  const { deps } = context;
  for (let failures = 0; ; failures++) {
    try {
      if (deps.onStep !== undefined) await deps.onStep('before_begin');
      return await attempt();
    } catch (error) {
      hard.throwIfAborted();
      const known = findFarshoreError(error);
      if (known === undefined || known.action !== 'retry') throw error;
      const delayMs = backOffMs(failures, deps.random);
      context.retried(known, delayMs);
      await deps.clock.sleep(delayMs, stop);
      if (known.facts.outcome === 'not_applied') continue;
      if ((await standingAt(plan, context, stop, hard)) === 'committed') return undefined;
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

const size = (rows: RowSet | undefined): number => rows?.versions.count ?? 0;

interface Tally {
  table: string;
  records: number;
  upserts: number;
  deletes: number;
  folded: number;
  stale: number;
  duplicates: number;
  ties: number;
  notAllowed: Map<string, number>;
}

/** One a table; the first counts the records that left no row at all. */
function tallies(plan: ApplyPlan, tables: readonly string[]): Map<string, Tally> {
  const nothing = { upserts: 0, deletes: 0, folded: 0, stale: 0, duplicates: 0, ties: 0 };
  const found = new Map(tables.map((table): [string, Tally] => [table, { table, records: 0, ...nothing, notAllowed: new Map() }]));
  for (const { table, records, folded, ties, notAllowed } of plan.folds) {
    const tally = found.get(table.name)!;
    tally.records += records;
    tally.folded += folded;
    tally.ties += ties;
    for (const [field, times] of notAllowed) tally.notAllowed.set(field, (tally.notAllowed.get(field) ?? 0) + times);
  }
  const [first] = found.values();
  if (first !== undefined && found.size === 1) first.records = plan.records;
  return found;
}

/** Known to be in, but the answers that tell writes from stale records are lost: what was sent counts as written. */
function uncounted(plan: ApplyPlan, found: Map<string, Tally>, refused: Committed['refusedRows'] = []): void {
  for (const { table, op } of refused) found.get(table)![op]--;
  for (const { table, before, deletes, after } of plan.folds) {
    const tally = found.get(table.name)!;
    tally.upserts += size(before) + size(after);
    tally.deletes += size(deletes);
  }
}

/**
 * Rows given but not written are stale or duplicates. Only when there are any, a second statement asks
 * which ones stand in the table with their own version: those written just now, and the duplicates.
 * When a stop comes before its answer, what was not written counts as stale.
 */
export async function countCommitted(
  plan: ApplyPlan,
  tables: readonly string[],
  { answers, refusedRows }: Committed,
  context: CommitContext,
  stop: AbortSignal,
  hard: AbortSignal,
): Promise<readonly Counts[]> {
  const found = tallies(plan, tables);
  if (answers === undefined) uncounted(plan, found, refusedRows);
  const { results, rounds } = answers ?? { results: [], rounds: [] };
  const written = (at: readonly number[]) => at.reduce((total, index) => total + (results[index]?.rowCount ?? 0), 0);
  for (const [index, round] of rounds.entries()) {
    const fold = plan.folds[index]!;
    const tally = found.get(fold.table.name)!;
    tally.deletes += written(round.deletes);
    tally.upserts += written(round.before) + written(round.after);
    // What the first round wrote is gone again after the second: it cannot be asked, and what it did not write was old.
    tally.stale += size(fold.deletes) - written(round.deletes) + size(fold.before) - written(round.before);
    const skipped = size(fold.after) - written(round.after);
    const same = skipped === 0 ? 0 : await duplicatesOf(fold, written(round.after), skipped, context, stop, hard);
    tally.duplicates += same;
    tally.stale += skipped - same;
  }
  return [...found.values()].filter(({ records }) => records > 0);
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
