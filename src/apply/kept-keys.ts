import type { Statement } from './contracts.ts';
import type { Folded, RowSet } from './folded.ts';
import type { KeyColumn } from './mapping.ts';
import { castOf, unnested } from './statement-parts.ts';

/** Keys of the rows that a run of records would write or delete, each column as the database prints it. `k0`, `k1`, … in key order. */
export function keptKeysStatements(folds: readonly Folded[], table: string): readonly Statement[] {
  return folds
    .filter((folded) => folded.table.name === table)
    .flatMap(({ table: { key }, mapping, before, deletes, after }) => [
      ...(mapping === undefined ? [] : [before, after].flatMap((rows) => keysOf(rows, key, mapping.keyIndexes))),
      ...keysOf(deletes, key, undefined),
    ]);
}

function keysOf(rows: RowSet | undefined, key: readonly KeyColumn[], indexes: readonly number[] | undefined): readonly Statement[] {
  if (rows === undefined) return [];
  const columns = indexes === undefined ? rows.columns : indexes.map((index) => rows.columns[index]!);
  const texts = key.map((column, index) => `(${castOf(column, index)})::${column.type}::text as k${index}`);
  return [{ text: `select ${texts.join(', ')} from ${unnested(key)}`, values: [...columns, rows.versions] }];
}
