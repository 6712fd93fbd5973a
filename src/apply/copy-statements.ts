import { quoteName, quoteTable } from '../model/sql-name.ts';
import type { Statement } from './contracts.ts';
import type { RowSet } from './folded.ts';
import { type TableMapping, VERSION_COLUMN } from './mapping.ts';
import { nameOf } from './statement-parts.ts';

/** Writes rows by COPY, or fails as a whole where the guarded statement must decide. */
export interface CopyStatements {
  /** Divides by zero where COPY would pass over what the guarded statement looks at; runs first. */
  readonly permitted: Statement;
  readonly copy: (rows: RowSet) => Statement;
}

/**
 * Rows that are new need no guard: COPY writes them for less than half of what `insert … on conflict` costs the server, and refuses the
 * first one that is not new (23505), before anything of the transaction is in. See docs/decisions/0015-copy-for-new-rows.md.
 *
 * Undefined where a row's state is not all in its own columns and version.
 */
export function copyStatements(mapping: TableMapping): CopyStatements | undefined {
  if (mapping.units !== undefined || mapping.softDelete !== undefined) return undefined;
  const { table, name, columns } = mapping;
  const list = [...columns.map(({ column }) => quoteName(column)), quoteName(VERSION_COLUMN)].join(', ');
  const text = `copy ${quoteTable(table)} (${list}) from stdin`;
  const textName = nameOf(text);
  return {
    permitted: { name: nameOf(permittedText), text: permittedText, values: [name, quoteTable(table)] },
    copy: ({ columns: values, versions }) => ({ name: textName, text, values: [], copy: { columns: values, hex: versions } }),
  };
}

// A delete is remembered by its key alone, and COPY cannot look keys up; and it does not know the rules of a table, for which
// the guarded statement is refused. Asked after the table's lock was taken: a tombstone that another transaction was writing is seen.
const permittedText = `select 1 / (case
  when exists (select 1 from farshore.tombstones where table_name = $1) then 0
  when (select c.relhasrules from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($2)) then 0
  else 1 end) as permitted`;
