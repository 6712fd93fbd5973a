import { sourceOfEntries } from '../apply/source-of-entries.ts';
import type { ResolvedSource } from '../apply/source-table.ts';
import type { TableEntry } from '../apply/table-entry.ts';
import { FarshoreError } from '../model/errors.ts';

export type TableSource =
  | { readonly kind: 'resolved'; readonly resolved: ResolvedSource }
  | { readonly kind: 'refused'; readonly reason: FarshoreError };

type Region = Parameters<typeof sourceOfEntries>[1];

/** What audit and repair, or a backfill, read at the primary for a table; or why they do not. */
export function tableSource(
  name: string,
  entries: readonly TableEntry[],
  region: Region,
  code: 'table_incomparable' | 'backfill_refused',
): TableSource {
  const found = sourceOfEntries(entries, region);
  if (found.kind === 'one') return { kind: 'resolved', resolved: found.resolved };
  const topics = found.topics.map((alike) => alike.join(', ')).join(' / ');
  const message = `The topics of the table have different sources at the primary (${found.parts.join(', ')}): ${topics}`;
  const same = 'Give the entries of these topics the same `source` and `key`, with a condition that all their rows meet.';
  const hint = code === 'backfill_refused' ? `${same} Or backfill it with \`--from topic\`.` : same;
  return { kind: 'refused', reason: new FarshoreError(code, message, { place: `table ${name}`, hint }) };
}
