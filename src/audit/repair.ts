import type { RepairOutcomeView } from '../model/audit-repair.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { HomeState } from '../model/home-state.ts';
import { tableText } from '../model/sql-name.ts';
import type { Key } from './contracts.ts';
import { type ConfirmedFinding, decideRepair, type RepairWrite, type RowNow } from './repair-decision.ts';
import {
  deleteStatement,
  insertStatement,
  LOWEST_VERSION,
  type RepairedTable,
  type RowTexts,
  repairLock,
  type SeenVersions,
  type Statement,
  updateStatement,
} from './repair-statements.ts';

/** A confirmed finding as its store has it. */
export interface RepairableFinding extends ConfirmedFinding {
  readonly id: string;
  readonly table: string;
  readonly key: Key;
  readonly columns: readonly string[];
}

export type RepairOutcome = RepairOutcomeView;
export type RepairResult = RepairOutcomeView['result'];

/** Both sides of a table, as a repair asks them. */
export interface RepairSides {
  readonly table: RepairedTable;
  /** Of the table's topics, looked up before anything was read at the primary. */
  readonly states: readonly HomeState[];
  /** The versions are read first, then the row. */
  region(key: Key, signal: AbortSignal): Promise<{ readonly seen: SeenVersions; readonly row: RowNow }>;
  /** The row, and its values as text by regional column, of one moment. */
  primary(key: Key, signal: AbortSignal): Promise<{ readonly row: RowNow; readonly texts: RowTexts | undefined }>;
}

/** What was done to the row of a finding, and who asked. */
export interface RepairTrailEntry {
  readonly finding: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly kind: ConfirmedFinding['kind'];
  readonly columns: readonly string[];
  readonly write: RepairWrite;
  readonly by: string;
  readonly before: string | undefined;
  readonly intended: string | undefined;
}

export interface RepairStore {
  /**
   * One transaction behind the lease's fence, and only while the region is not the home and was not since `states` (`request_invalid`): the
   * statements, and the entry of the trail. Answers the trail's id and what the last statement wrote.
   */
  write(
    work: { readonly statements: readonly Statement[]; readonly states: readonly HomeState[] },
    trail: RepairTrailEntry,
    signal: AbortSignal,
  ): Promise<{ readonly trail: string; readonly written: number }>;
  /** What the row was found to be afterwards. */
  finish(trail: string, result: RepairResult, after: string | undefined, signal: AbortSignal): Promise<void>;
  /** The finding's next state: repaired and healed ones are over, changed ones are suspects again. */
  settle(finding: string, result: RepairResult, signal: AbortSignal): Promise<void>;
}

export interface RepairRequest {
  readonly by: string;
  readonly dryRun: boolean;
}

/**
 * Repairs findings one by one, each in a transaction of its own: one that is refused holds no other back. What is no refusal of a row, an
 * unreachable side say, ends the repair; those before it are done and recorded.
 */
export async function repairFindings(
  findings: AsyncIterable<RepairableFinding> | Iterable<RepairableFinding>,
  sidesOf: (table: string, signal: AbortSignal) => Promise<RepairSides>,
  { store, observe }: { readonly store: RepairStore; readonly observe: Observe },
  request: RepairRequest,
  signal: AbortSignal,
): Promise<readonly RepairOutcome[]> {
  const outcomes: RepairOutcome[] = [];
  for await (const finding of findings) {
    signal.throwIfAborted();
    const outcome = await repairOne(finding, await sidesOf(finding.table, signal), store, request, signal);
    const { result } = outcome;
    if (result !== 'would_repair' && !request.dryRun) {
      await store.settle(finding.id, result, signal);
      observe({
        type: 'audit_repair',
        table: finding.table,
        kind: finding.kind,
        key: finding.key.join(','),
        result,
        by: request.by,
      });
    }
    outcomes.push(outcome);
  }
  return outcomes;
}

async function repairOne(
  finding: RepairableFinding,
  sides: RepairSides,
  store: RepairStore,
  { by, dryRun }: RepairRequest,
  signal: AbortSignal,
): Promise<RepairOutcome> {
  const { id, table, key, kind, columns } = finding;
  const ended = (result: RepairResult, write: RepairWrite | null = null, reason: string | null = null): RepairOutcome => ({
    finding: id,
    table,
    key,
    kind,
    columns,
    result,
    write,
    reason,
  });
  // The order is the rule: see repair-decision.ts.
  const region = await sides.region(key, signal);
  const primary = await sides.primary(key, signal);
  const decision = decideRepair(finding, region.row, primary.row);
  if (decision.do === 'leave') return ended(decision.why);
  const { streamOnly } = sides.table;
  if (decision.write === 'insert' && streamOnly.length > 0) {
    return ended('refused', decision.write, `only the stream fills ${streamOnly.join(', ')}: apply the topic again from before the row`);
  }
  if (dryRun) return ended('would_repair', decision.write);
  const statement = writeOf(decision.write, sides.table, key, primary.texts ?? new Map(), region.seen);
  const trail: RepairTrailEntry = {
    finding: id,
    table: tableText(sides.table.compared.region.table),
    key,
    kind,
    columns,
    write: decision.write,
    by,
    before: region.row.digest,
    intended: primary.row.digest,
  };
  try {
    const statements = [repairLock(sides.table, decision.write === 'delete'), statement];
    const done = await store.write({ statements, states: sides.states }, trail, signal);
    if (done.written === 0) {
      await store.finish(done.trail, 'lost', undefined, signal);
      return ended('lost', decision.write);
    }
    const after = await sides.region(key, signal);
    const taken = after.row.present === primary.row.present && after.row.digest === primary.row.digest;
    // A record of the stream may have followed at once: then the version tells that the row is its.
    const moved = after.row.version !== versionAfter(decision.write, region.seen);
    const result = taken || moved ? 'repaired' : 'not_taken';
    await store.finish(done.trail, result, after.row.digest, signal);
    return ended(result, decision.write);
  } catch (error) {
    const known = findFarshoreError(error);
    // The home has moved meanwhile: that is nothing of this row, and ends the repair.
    if (known === undefined || known.action === 'halt' || known.action === 'retry' || known.code === 'request_invalid') throw error;
    return ended('refused', decision.write, `${known.code}: ${known.message}`);
  }
}

/** What the row has for a version when only the repair has written it. */
const versionAfter = (write: RepairWrite, seen: SeenVersions): string | undefined =>
  write === 'insert' ? (seen.row ?? seen.tombstone ?? LOWEST_VERSION) : seen.row;

function writeOf(write: RepairWrite, table: RepairedTable, key: Key, texts: RowTexts, seen: SeenVersions): Statement {
  switch (write) {
    case 'insert':
      return insertStatement(table, key, texts, seen);
    case 'update':
      return updateStatement(table, key, texts, seen);
    case 'delete':
      return deleteStatement(table, key, seen);
  }
}
