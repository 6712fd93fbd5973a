import { quoteName, quoteTable, tableText } from '../model/sql-name.ts';
import { versionHex } from '../model/version.ts';
import type { ComparedTable, Key } from './contracts.ts';
import { keyEquals, keyValue } from './key.ts';
import { valueText } from './value-text.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A table of the region as a repair writes it. */
export interface RepairedTable {
  readonly compared: ComparedTable;
  /** The key's columns as apply orders them, which is how farshore.tombstones has them; a comparison follows an index. */
  readonly tombstoneKey: readonly string[];
  /** Column that a delete sets instead of taking the row away, and its type. */
  readonly softDelete?: { readonly column: string; readonly type: string } | undefined;
  /** Columns that the stream fills and no column of the primary does: constants, documents, parts of documents. */
  readonly streamOnly: readonly string[];
}

/** What was looked at before the primary was: the write finds it unchanged or does nothing. */
export interface SeenVersions {
  readonly row: string | undefined;
  readonly tombstone: string | undefined;
}

/** Values as text, in PostgreSQL's ISO forms, by column; null is NULL. */
export type RowTexts = ReadonlyMap<string, string | null>;

const VERSION = quoteName('farshore_version');

/** Below every version that apply ever writes: the next record of the stream wins. */
export const LOWEST_VERSION = versionHex(0, null, 0, 0n);

/** Collects parameters as they are used. */
class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }

  /** A value that travels as text: the server's own reading of it is the one that wrote it. */
  text(value: string | null, type: string): string {
    return `${this.add(value, 'text')}::${type}`;
  }
}

function keyMatch({ compared }: RepairedTable, key: Key, parameters: Parameters): string {
  const equal = compared.key.map(({ region, keyAs }, index) =>
    keyEquals(`t.${quoteName(region.name)}`, parameters.add(key[index] ?? null, 'text'), region.type, keyAs),
  );
  return equal.join(' and ');
}

/** The key as farshore.tombstones holds it: a moment in JSON would be written in the session's time zone. */
function tombstoneKey({ compared, tombstoneKey: order }: RepairedTable, key: Key, parameters: Parameters): string {
  const parts = order.map((name) => {
    const index = compared.key.findIndex(({ region }) => region.name === name);
    const { region, keyAs } = compared.key[index]!;
    const value = keyValue(parameters.add(key[index] ?? null, 'text'), region.type, keyAs);
    return region.type.name === 'timestamptz' ? `(${value} at time zone 'UTC')` : value;
  });
  return `jsonb_build_array(${parts.join(', ')})`;
}

/** What is written besides the key. */
const others = ({ compared }: RepairedTable) => {
  const isKey = new Set(compared.key.map(({ region }) => region.name));
  return compared.columns.filter(({ region }) => !isKey.has(region.name));
};

/** The row's values as text, `v0`, `v1`, … in the order of the columns, from the primary; none where it has no such row. */
export function textsStatement({ compared }: RepairedTable, key: Key): Statement {
  const parameters = new Parameters();
  const { table, where } = compared.primary;
  const texts = compared.columns.map((column, index) => `${valueText(`t.${quoteName(column.primary.name)}`, column)} as v${index}`);
  const equal = compared.key.map(({ primary, keyAs }, index) =>
    keyEquals(`t.${quoteName(primary.name)}`, parameters.add(key[index] ?? null, 'text'), primary.type, keyAs),
  );
  // A line break, so that a comment at the end of the condition ends.
  const text = `select ${texts.join(', ')}\n  from ${quoteTable(table)} as t where ${equal.join(' and ')}${where === undefined ? '' : ` and (${where}\n)`}`;
  return { text, values: parameters.values };
}

const seenVersion = (version: string | undefined, parameters: Parameters): string =>
  `decode(${parameters.add(version ?? null, 'text')}, 'hex')`;

/** Versions of the row and of its tombstone, as hex; the first look. */
export function seenStatement(table: RepairedTable, key: Key): Statement {
  const parameters = new Parameters();
  const text = `select (select encode(t.${VERSION}, 'hex') from ${quoteTable(table.compared.region.table)} as t where ${keyMatch(table, key, parameters)}) as row_version,
       (select encode(d.version, 'hex') from farshore.tombstones d
         where d.table_name = ${parameters.add(tableText(table.compared.region.table), 'text')} and d.key = ${tombstoneKey(table, key, parameters)}) as tombstone`;
  return { text, values: parameters.values };
}

/**
 * The lock that apply's transactions on the table take: a tombstone that is not committed yet cannot be seen, only waited for. Deletes take it alone.
 */
export function repairLock(table: RepairedTable, exclusive: boolean): Statement {
  return {
    text: `select pg_advisory_xact_lock${exclusive ? '' : '_shared'}(hashtextextended('farshore apply ' || $1::text, 0))`,
    values: [tableText(table.compared.region.table)],
  };
}

/**
 * Answers `written`, 0 or 1. The version of the new row is that of its tombstone: what the delete blocked stays blocked. A row that a column
 * marks as deleted is there already, and comes back.
 */
export function insertStatement(table: RepairedTable, key: Key, row: RowTexts, seen: SeenVersions): Statement {
  const parameters = new Parameters();
  const { columns } = table.compared;
  const names = columns.map(({ region }) => quoteName(region.name));
  const given = columns.map(({ region }) => parameters.text(row.get(region.name) ?? null, region.type.sql));
  const conflict = table.compared.key.map(({ region }) => quoteName(region.name));
  const text = `with stands as materialized (
  select d.version from farshore.tombstones d
   where d.table_name = ${parameters.add(tableText(table.compared.region.table), 'text')} and d.key = ${tombstoneKey(table, key, parameters)}),
made as (
  insert into ${quoteTable(table.compared.region.table)} as t (${[...names, VERSION].join(', ')})
  select ${given.join(', ')}, coalesce((select version from stands), decode('${LOWEST_VERSION}', 'hex'))
   where (select version from stands) is not distinct from ${seenVersion(seen.tombstone, parameters)}
  on conflict (${conflict.join(', ')}) do ${restore(table, seen, parameters)}
  returning 1)
select count(*) as written from made`;
  return { text, values: parameters.values };
}

function restore(table: RepairedTable, seen: SeenVersions, parameters: Parameters): string {
  const { softDelete } = table;
  if (softDelete === undefined) return 'nothing';
  const flag = quoteName(softDelete.column);
  const names = others(table).map(({ region }) => quoteName(region.name));
  const [live, deleted] = softDelete.type === 'boolean' ? ['false', `t.${flag}`] : ['null', `t.${flag} is not null`];
  return `update set ${[...names.map((name) => `${name} = excluded.${name}`), `${flag} = ${live}`].join(', ')}
   where ${deleted} and t.${VERSION} is not distinct from ${seenVersion(seen.row, parameters)}`;
}

/** Answers `written`. The version stays: the row is what the stream's last record said it is. */
export function updateStatement(table: RepairedTable, key: Key, row: RowTexts, seen: SeenVersions): Statement {
  const parameters = new Parameters();
  const set = others(table).map(
    ({ region }) => `${quoteName(region.name)} = ${parameters.text(row.get(region.name) ?? null, region.type.sql)}`,
  );
  const text = `with made as (
  update ${quoteTable(table.compared.region.table)} as t set ${set.join(', ')}
   where ${keyMatch(table, key, parameters)} and t.${VERSION} is not distinct from ${seenVersion(seen.row, parameters)}
  returning 1)
select count(*) as written from made`;
  return { text, values: parameters.values };
}

/**
 * Answers `written`. The tombstone orders by the log alone (C4): the state that is taken away, and every one before it, stays away when it comes
 * again; whatever the log says later revives the row, also with a lower source version.
 */
export function deleteStatement(table: RepairedTable, key: Key, seen: SeenVersions): Statement {
  const parameters = new Parameters();
  const where = `${keyMatch(table, key, parameters)} and t.${VERSION} is not distinct from ${seenVersion(seen.row, parameters)}`;
  const lowest = `decode('${LOWEST_VERSION}', 'hex')`;
  const gone =
    table.softDelete === undefined
      ? `delete from ${quoteTable(table.compared.region.table)} as t where ${where} returning coalesce(t.${VERSION}, ${lowest}) as version`
      : `update ${quoteTable(table.compared.region.table)} as t set ${quoteName(table.softDelete.column)} = ${moment(table.softDelete.type)} where ${where} returning coalesce(t.${VERSION}, ${lowest}) as version`;
  const order = (version: string): string => `substr(${version}, 1, 4) || substr(${version}, octet_length(${version}) - 11)`;
  const text = `with gone as (
  ${gone}),
kept as (
  insert into farshore.tombstones as d (table_name, key, version)
  select ${parameters.add(tableText(table.compared.region.table), 'text')}, ${tombstoneKey(table, key, parameters)},
         substr(version, 1, 4) || '\\x00'::bytea || substr(version, octet_length(version) - 11) from gone
  on conflict (table_name, key) do update set version = excluded.version, deleted_at = clock_timestamp()
   where ${order('d.version')} < ${order('excluded.version')}
  returning 1)
select count(*) as written from gone`;
  return { text, values: parameters.values };
}

const moment = (type: string): string =>
  type === 'boolean' ? 'true' : type.endsWith('with time zone') ? 'now()' : `(now() at time zone 'UTC')`;
