import { quoteName, quoteTable } from '../model/sql-name.ts';
import type { Statement } from './contracts.ts';
import { type CopyStatements, copyStatements } from './copy-statements.ts';
import type { RowSet } from './folded.ts';
import { type KeyColumn, type TableKey, type TableMapping, VERSION_COLUMN } from './mapping.ts';
import type { SoftDelete } from './soft-delete.ts';
import { castOf, hexLogOrder, jsonPart, logOrder, nameOf, notDeleted, unnested } from './statement-parts.ts';
import { resetText, unitStatements } from './unit-statements.ts';
import { UNITS_COLUMN } from './units.ts';

/**
 * The SQL of one table. Two orders are at work.
 *
 * The whole version (home epoch, source, generation, offset) orders states of a row: an upsert writes where the
 * row's version is missing (the lowest, C2) or lower.
 *
 * A null-value delete knows no source version; only the log orders it (C4). Its version has the source
 * kind 0x00, and wherever such a delete is compared, only (home epoch, generation, offset) is: the delete beats every state
 * that is earlier in the log, whatever source version that carries, and every later one revives the row,
 * also with a lower source version. Compared as a whole, it would lose to any row with a source version:
 *
 *     o=5 state, source 100 · o=6 delete · o=7 state, source 50      → the row of o=7
 *     and o=5 read again                                             → blocked by the tombstone of o=6
 */
export interface TableStatements {
  /** In order; the rows they wrote together are the rows written. */
  readonly upsert: (<C>(rows: RowSet<C>) => readonly Statement[]) | undefined;
  /** Rows that are probably all new; undefined where every row needs its guard. */
  readonly newRows: CopyStatements | undefined;
  /** In order; none of their answers is counted, the tombstones' are. */
  readonly deleteRows: <C>(rows: RowSet<C>) => readonly Statement[];
  readonly tombstones: <C>(rows: RowSet<C>) => Statement;
  /** How many of `rows` have their own version in the table; rows written a moment ago among them. */
  readonly standing: ((rows: RowSet) => Statement) | undefined;
}

export function tableStatements(table: TableKey, mapping: TableMapping | undefined): TableStatements {
  const values = <C>(rows: Pick<RowSet<C>, 'columns' | 'versions'>) => [...rows.columns, rows.versions];
  const withTable = (text: string) => {
    const name = nameOf(text);
    return <C>(rows: RowSet<C>): Statement => ({ name, text, values: [...values(rows), table.name] });
  };
  const plain = (text: string) => {
    const name = nameOf(text);
    return <C>(rows: Pick<RowSet<C>, 'columns' | 'versions'>): Statement => ({ name, text, values: values(rows) });
  };
  const upsert = mapping === undefined || mapping.units !== undefined ? undefined : withTable(upsertText(mapping));
  const units = mapping?.units === undefined ? undefined : unitStatements(mapping);
  const resets = mapping?.units === undefined || !mapping.hasSource ? undefined : plain(resetText(mapping));
  const deletes = plain(table.softDelete === undefined ? deleteText(table) : softDeleteText(table, table.softDelete));
  return {
    upsert: upsert === undefined ? units : <C>(rows: RowSet<C>) => [upsert(rows)],
    newRows: mapping === undefined ? undefined : copyStatements(mapping),
    deleteRows: ({ moments, ...rows }) => [
      table.softDelete === undefined ? deletes(rows) : { ...deletes(rows), values: [...values(rows), moments] },
      ...(resets === undefined ? [] : [resets(rows)]),
    ],
    tombstones: withTable(tombstoneText(table)),
    standing: mapping === undefined ? undefined : plain(standingText(mapping)),
  };
}

function upsertText(mapping: TableMapping): string {
  const { columns, keyIndexes, table, hasSource } = mapping;
  const version = quoteName(VERSION_COLUMN);
  const given = `decode(i.v, 'hex')`;
  const key = keyIndexes.map((index) => quoteName(columns[index]!.column));
  const set = columns
    .filter((_, index) => !keyIndexes.includes(index))
    .map(({ column }) => `${quoteName(column)} = excluded.${quoteName(column)}`);
  return `insert into ${quoteTable(table)} as t (${[...columns.map(({ column }) => quoteName(column)), version].join(', ')})
select ${[...columns.map(castOf), given].join(', ')}
  from ${unnested(columns)}
 where ${notDeleted(columns, keyIndexes, hasSource)}
 order by ${keyIndexes.map((index) => castOf(columns[index]!, index)).join(', ')}
on conflict (${key.join(', ')}) do update set ${[...set, `${version} = excluded.${version}`].join(', ')}
 where t.${version} is null or t.${version} < excluded.${version}`;
}

const matches = (columns: readonly { readonly column: KeyColumn; readonly index: number }[]): string =>
  columns.map(({ column, index }) => `t.${quoteName(column.column)} = ${castOf(column, index)}`).join(' and ');

/** Whether a delete, given as hex in `i.v`, takes away what has this version: by its own version if it has one, else by the log. */
const takesAway = (version: string, hasSource: boolean): string => {
  const byLog = `${logOrder(version)} < ${hexLogOrder('i.v')}`;
  return hasSource ? `case when substr(i.v, 9, 2) = '00' then ${byLog} else ${version} < decode(i.v, 'hex') end` : byLog;
};

const rowVersion = `t.${quoteName(VERSION_COLUMN)}`;

function deleteText({ table, key, hasSource }: TableKey): string {
  return `delete from ${quoteTable(table)} as t using ${unnested(key)}
 where ${matches(key.map((column, index) => ({ column, index })))}
   and (${rowVersion} is null or ${takesAway(rowVersion, hasSource)})`;
}

// The row takes the version of its delete, as a row that is gone leaves it in its tombstone: a later state restores it.
function softDeleteText({ table, key, hasSource }: TableKey, { column, type, sets, ofParts }: SoftDelete): string {
  const n = key.length;
  const parameters = [...key.map(({ travel }, index) => `$${index + 1}::${travel.array}[]`), `$${n + 1}::text[]`, `$${n + 2}::text[]`];
  const names = [...key.map((_, index) => `c${index}`), 'v', 'at'];
  const moment = type.endsWith('with time zone') ? `i.at::timestamptz` : `(i.at::timestamptz at time zone 'UTC')`;
  return `update ${quoteTable(table)} as t set ${quoteName(column)} = ${sets === 'true' ? 'true' : moment}, ${quoteName(VERSION_COLUMN)} = decode(i.v, 'hex')${ofParts ? `, ${quoteName(UNITS_COLUMN)} = null` : ''}
  from unnest(${parameters.join(', ')}) as i (${names.join(', ')})
 where ${matches(key.map((one, index) => ({ column: one, index })))}
   and (${rowVersion} is null or ${takesAway(rowVersion, hasSource)})`;
}

/**
 * Also for a key that has no row: an earlier state that comes again must not make one. A null value after a delete with a version (as
 * Debezium sends both) keeps the version, and takes the later place in the log.
 */
function tombstoneText({ key, hasSource }: TableKey): string {
  const byLog = `${logOrder('d.version')} < ${logOrder('excluded.version')}`;
  const isPlain = (version: string) => `get_byte(${version}, 4) = 0`;
  const [set, guard] = hasSource
    ? [
        `case when ${isPlain('excluded.version')} and not ${isPlain('d.version')} and substr(d.version, 1, 4) = substr(excluded.version, 1, 4)
        then substr(d.version, 1, octet_length(d.version) - 12) || substr(excluded.version, octet_length(excluded.version) - 11)
        else excluded.version end`,
        `case when ${isPlain('excluded.version')} or ${isPlain('d.version')} then ${byLog} else d.version < excluded.version end`,
      ]
    : ['excluded.version', byLog];
  return `insert into farshore.tombstones as d (table_name, key, version)
select $${key.length + 2}, jsonb_build_array(${key.map(jsonPart).join(', ')}), decode(i.v, 'hex')
  from ${unnested(key)}
 order by 2
on conflict (table_name, key) do update set version = ${set}, deleted_at = clock_timestamp()
 where ${guard}`;
}

function standingText({ columns, keyIndexes, table }: TableMapping): string {
  const key = keyIndexes.map((index) => ({ column: columns[index]!, index }));
  return `select count(*) as standing
  from ${unnested(columns)}
  join ${quoteTable(table)} as t on ${matches(key)} and t.${quoteName(VERSION_COLUMN)} = decode(i.v, 'hex')`;
}
