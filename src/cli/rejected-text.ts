import type { RejectedDetail, RejectedRecord } from '../model/rejected.ts';
import { printable, textTable } from './output.ts';

const SHOWN_BYTES = 512;

export function rejectedTable(rejected: readonly RejectedRecord[]): string {
  if (rejected.length === 0) return 'no rejected records\n';
  const rows = rejected.map(({ id, table, waitsFor, topic, partition, offset, reason, sqlState, attempts, lastSeen, message }) => [
    id,
    table,
    `${topic}:${partition}@${offset}`,
    sqlState === null ? reason : `${reason} (${sqlState})`,
    String(attempts),
    lastSeen,
    waitsFor === null ? printable(message) : `waits for ${waitsFor}: ${printable(message)}`,
  ]);
  return textTable([['ID', 'TABLE', 'RECORD', 'REASON', 'ATTEMPTS', 'LAST SEEN', 'MESSAGE'], ...rows]);
}

export function detailText(record: RejectedDetail): string {
  const { id, table, topic, partition, offset, reason, sqlState, message, attempts, firstSeen, lastSeen, timestampMs } = record;
  const lines = textTable([
    ['id', id],
    ['table', table],
    ...(record.waitsFor === null ? [] : [['waits for', record.waitsFor]]),
    ['record', `${topic}:${partition}@${offset}`],
    ['timestamp', new Date(timestampMs).toISOString()],
    ['reason', sqlState === null ? reason : `${reason} (${sqlState})`],
    ['message', printable(message)],
    ['attempts', `${attempts}, first ${firstSeen}, last ${lastSeen}`],
    ['version', `home epoch ${record.homeEpoch}, generation ${record.generation}, offset ${offset}`],
  ]);
  return `${lines}key\n${bytesText(record.key)}value\n${bytesText(record.value)}headers, ${record.headerCount} of them\n${bytesText(record.headers)}`;
}

/** Sixteen bytes a line, in hex and as text. */
function bytesText(base64: string | null): string {
  if (base64 === null) return '  none\n';
  const bytes = Buffer.from(base64, 'base64');
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, SHOWN_BYTES); at += 16) {
    const part = bytes.subarray(at, Math.min(at + 16, bytes.length));
    const ascii = part.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    lines.push(`  ${at.toString(16).padStart(6, '0')}  ${part.toString('hex').replaceAll(/../g, '$& ').padEnd(48)} ${ascii}\n`);
  }
  const more = bytes.length > SHOWN_BYTES ? `  … ${bytes.length} bytes in all; -o json has them\n` : '';
  return bytes.length === 0 ? '  empty\n' : lines.join('') + more;
}
