import type { BackfillStatus, BackfillView } from '../model/backfill.ts';
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

/** Of an estimate: never whole before the end. */
const share = ({ state, rowsRead, rowsExpected }: BackfillView): number =>
  state === 'settling' || state === 'done' ? 1 : Math.min(0.99, rowsRead / Math.max(1, rowsExpected, rowsRead));

/** Without statistics of the table, or with a condition, there is nothing to measure by. */
const isKnown = ({ state, rowsExpected, where }: BackfillView): boolean =>
  state === 'settling' || state === 'done' || (rowsExpected > 0 && where === null);

const percent = (one: BackfillView): string => (isKnown(one) ? `${Math.floor(share(one) * 100)} %` : '-');

/** One line of a terminal. */
export function backfillLine(one: BackfillView): string {
  const full = isKnown(one) ? Math.floor(share(one) * WIDTH) : 0;
  return `${one.table} [${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${percent(one)} ${one.rowsRead} rows${one.rowsPerSecond === null ? '' : `, ${one.rowsPerSecond}/s`}`;
}
