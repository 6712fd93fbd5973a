import type { RowLook } from '../audit/contracts.ts';
import type { RepairSides } from '../audit/repair.ts';
import type { RowNow } from '../audit/repair-decision.ts';
import { type RepairedTable, type RowTexts, seenStatement, textsStatement } from '../audit/repair-statements.ts';
import { lookStatement } from '../audit/statements.ts';
import type { HomeState } from '../model/home-state.ts';
import { rowLook } from './audit-side.ts';
import type { Database } from './database.ts';
import { optionalText } from './result-values.ts';

const rowNow = ({ present, digest, xmin, version }: RowLook): RowNow => ({ present, digest, xmin, version });

/** Both databases as a repair asks them. */
export const repairSides = (
  { primary, region }: { readonly primary: Database; readonly region: Database },
  table: RepairedTable,
  states: readonly HomeState[],
): RepairSides => ({
  table,
  states,
  async region(key, signal) {
    // In this order: what comes between the two is seen as a version that moved, not as one that was there.
    const seen = await region.query(seenStatement(table, key), signal);
    const found = await region.query(lookStatement(table.compared, 'region', [key]), signal);
    const row = seen.rows[0]!;
    return {
      seen: { row: optionalText(row, 'row_version'), tombstone: optionalText(row, 'tombstone') },
      row: rowNow(rowLook(table.compared, found.rows[0]!)),
    };
  },
  async primary(key, signal) {
    // One snapshot: reading sessions of the primary are repeatable read.
    const statements = [lookStatement(table.compared, 'primary', [key]), textsStatement(table, key)];
    const [found, texts] = await primary.transaction(statements, signal);
    const row = texts!.rows[0];
    return { row: rowNow(rowLook(table.compared, found!.rows[0]!)), texts: row === undefined ? undefined : rowTexts(table, row) };
  },
});

const rowTexts = ({ compared }: RepairedTable, row: Readonly<Record<string, string | null>>): RowTexts =>
  new Map(compared.columns.map(({ region }, index) => [region.name, row[`v${index}`] ?? null]));
