import { type BackfillStatus, type BackfillView, backfillShare } from '../model/backfill.ts';
import { printable, textTable } from './output.ts';

const WIDTH = 24;

export function backfillText({ enabled, backfills }: BackfillStatus): string {
  if (!enabled) return 'nothing can be backfilled: no table is applied\n';
  if (backfills.length === 0) return 'no backfills\n';
  const rows = backfills.map((one) => [
    one.table,
    one.state,
    one.file === null ? one.from : printable(one.file),
    percent(one),
    String(one.rowsRead),
    String(one.rowsWritten),
    String(one.rowsExpected),
    one.rowsPerSecond === null ? '-' : String(one.rowsPerSecond),
    standing(one),
  ]);
  return textTable([['TABLE', 'STATE', 'FROM', 'DONE', 'READ', 'WRITTEN', 'ESTIMATE', 'ROWS/S', 'STANDING'], ...rows]);
}

function standing({ error, waits, where }: BackfillView): string {
  const told = error === null ? waits : `${error.message}${error.hint === null ? '' : ` · ${error.hint}`}`;
  return [...(told === null ? [] : [printable(told)]), ...(where === null ? [] : [`where ${printable(where)}`])].join('; ');
}

const percent = (one: BackfillView): string => {
  const share = backfillShare(one);
  return share === undefined ? '-' : `${Math.floor(share * 100)} %`;
};

/** One line of a terminal. */
export function backfillLine(one: BackfillView): string {
  const full = Math.floor((backfillShare(one) ?? 0) * WIDTH);
  return `${one.table} [${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${percent(one)} ${one.rowsRead} rows${one.rowsPerSecond === null ? '' : `, ${one.rowsPerSecond}/s`}`;
}
