import { type AuditStatus, type AuditTableView, unlistedRows } from '../model/audit.ts';
import type { CutoverNow, VerdictReason } from '../model/live.ts';
import type { DaemonStatus } from '../model/status.ts';
import { mirrorRests } from './verdict-copy.ts';
import { counted, reason, reasonOf } from './verdict-words.ts';

const AUDIT_SECONDS = 2 * 86_400;

/** Whether the region's rows are those of the primary, as far as the audit and the ledgers know. */
export function judgeRows(audit: AuditStatus, tables: DaemonStatus['tables'], cutover: CutoverNow | null): readonly VerdictReason[] {
  const audited = audit.enabled && audit.known ? audit.tables : [];
  // The ledger is read for each of the two by itself: what either of them tells is told.
  const unaudited = new Set([...tables, ...audited].flatMap(({ table, needsFullAudit }) => (needsFullAudit === true ? [table] : [])));
  return [
    ...reasonOf(
      'broken',
      [...unaudited],
      (names) => `Deletes may have been missed in ${names}`,
      '#/tables',
      'records-lost.md#a-table-needs-a-full-audit',
    ),
    ...(audit.enabled && !audit.known ? reason('unknown', 'Whether rows differ is not known: the audit cannot be asked', '#/audit') : []),
    ...judgeAudited(audited),
    // A pass waits for the lag of a mirror that rests: nothing can be compared with a primary that is not the home.
    ...(mirrorRests(cutover) ? [] : judgePasses(audited)),
  ];
}

function judgeAudited(tables: readonly AuditTableView[]): readonly VerdictReason[] {
  const rows = tables.reduce((sum, table) => sum + divergent(table), 0);
  const unsettled = tables.reduce((sum, table) => sum + table.unsettled, 0);
  const of = (holds: (table: AuditTableView) => boolean): readonly string[] => tables.filter(holds).map(({ table }) => table);
  return [
    ...reasonOf(
      'broken',
      of((table) => divergent(table) > 0),
      (names) => `${counted(rows, 'row')} differ from the primary: ${names}`,
      '#/audit',
      'divergence.md#rows-diverge',
    ),
    ...reasonOf(
      'attention',
      of((table) => unlistedRows(table) > 0),
      (names) => `More rows may differ than are listed: ${names}`,
      '#/audit',
      'divergence.md#rows-diverge',
    ),
    ...reasonOf(
      'attention',
      of((table) => table.unsettled > 0),
      (names) => `${counted(unsettled, 'row')} differed and could not be settled: ${names}`,
      '#/audit',
      'divergence.md#rows-are-not-settled',
    ),
    ...reasonOf(
      'attention',
      of((table) => table.refused.length > 0),
      (names) => `Not compared: ${names}`,
      '#/audit',
      'divergence.md#the-audit-is-old',
    ),
  ];
}

const judgePasses = (tables: readonly AuditTableView[]): readonly VerdictReason[] =>
  reasonOf(
    'attention',
    tables.flatMap(({ table, passAgeSeconds }) => (passAgeSeconds !== null && passAgeSeconds > AUDIT_SECONDS ? [table] : [])),
    (names) => `Not compared to the end for two days: ${names}`,
    '#/audit',
    'divergence.md#the-audit-is-old',
  );

const divergent = ({ divergent: { missing, extra, changed } }: AuditTableView): number => missing + extra + changed;
