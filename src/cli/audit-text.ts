import { type AuditFinding, type AuditPassView, type AuditStatus, type AuditTableView, unlistedRows } from '../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../model/audit-repair.ts';
import { printable, textTable } from './output.ts';

const ago = (seconds: number | null): string => {
  if (seconds === null) return 'never';
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3_600)} h ago`;
};

export function auditText({ enabled, known, activity, tables }: AuditStatus): string {
  if (!enabled) return 'nothing is compared: set primary.database, and leave audit.enabled on\n';
  if (!known) return `the figures are not known now: the regional database could not be asked\n${activity}\n`;
  const rows = tables.map((table) => {
    const { missing, extra, changed } = table.divergent;
    return [
      table.table,
      ago(table.passAgeSeconds),
      `${Math.floor(table.coverage * 1_000) / 10} %`,
      String(missing),
      String(extra),
      String(changed),
      String(table.suspects),
      String(table.unsettled),
      String(table.parked),
      String(unlistedRows(table)),
      standing(table),
    ];
  });
  const head = ['TABLE', 'LAST PASS', 'COVERED', 'MISSING', 'EXTRA', 'CHANGED', 'SUSPECT', 'UNSETTLED', 'PARKED', 'UNLISTED', 'STANDING'];
  return `${textTable([head, ...rows])}${activity}\n`;
}

function standing({ refused, openPass, needsFullAudit }: AuditTableView): string {
  if (refused.length > 0) return `not compared: ${refused.map(({ message }) => printable(message)).join('; ')}`;
  return [...(needsFullAudit ? ['needs a full audit'] : []), ...(openPass === null ? [] : [passText(openPass)])].join(', ');
}

const passText = ({ rowsCompared, stopped }: AuditPassView): string =>
  `${stopped === null ? 'compares' : `stands (${stopped})`} at ${rowsCompared} rows`;

export function findingsText(findings: readonly AuditFinding[]): string {
  if (findings.length === 0) return 'no findings\n';
  const rows = findings.map(({ id, table, key, kind, columns, state, triage, cause, why, lastSeen }) => [
    id,
    table,
    printable(key.join(', ')),
    kind,
    columns.join(', ') || '-',
    triage === 'new' ? state : `${state}, ${triage}`,
    lastSeen,
    cause?.replace('_', ' ') ?? why ?? '',
  ]);
  return textTable([['ID', 'TABLE', 'KEY', 'KIND', 'COLUMNS', 'STATE', 'LAST SEEN', 'CAUSE'], ...rows]);
}

export function repairText({ dryRun, repairs }: { readonly dryRun: boolean; readonly repairs: readonly RepairOutcomeView[] }): string {
  if (repairs.length === 0) return 'nothing to repair: no confirmed finding is meant\n';
  const rows = repairs.map(({ finding, table, key, kind, columns, result, write, reason }) => [
    finding,
    table,
    printable(key.join(', ')),
    kind,
    columns.join(', ') || '-',
    write ?? '-',
    result,
    reason === null ? '' : printable(reason),
  ]);
  const text = textTable([['FINDING', 'TABLE', 'KEY', 'KIND', 'COLUMNS', 'WRITE', 'RESULT', 'REASON'], ...rows]);
  return dryRun ? `${text}nothing was written: add --apply to repair\n` : text;
}

export function trailText(repairs: readonly RepairTrailView[]): string {
  if (repairs.length === 0) return 'no repairs\n';
  const short = (digest: string | null) => digest?.slice(0, 8) ?? 'none';
  const rows = repairs.map(({ at, by, table, key, write, columns, before, after, result }) => [
    at,
    printable(by),
    table,
    printable(key.join(', ')),
    write,
    columns.join(', ') || '-',
    `${short(before)} → ${short(after)}`,
    result ?? 'not looked at again',
  ]);
  return textTable([['AT', 'BY', 'TABLE', 'KEY', 'WRITE', 'COLUMNS', 'DIGEST', 'RESULT'], ...rows]);
}
