import { quoteName, quoteTable, type TableName } from '../model/sql-name.ts';
import { canonicalText } from './canonical.ts';
import type { ComparedColumn, ComparedTable, Key, KeyRange, Side } from './contracts.ts';
import { keyEquals, keyOrder, keyText, keyValue } from './key.ts';
import { valueText } from './value-text.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const columnOf = (column: ComparedColumn, side: Side): string => `t.${quoteName(column[side].name)}`;
const canonical = (column: ComparedColumn, side: Side): string => canonicalText(columnOf(column, side), column[side].type, column.as);

/**
 * Digest of a row: MD5 of all columns as the server writes a row. It quotes what could be taken for something else, so that null and
 * an empty text, and ('ab', 'c') and ('a', 'bc'), stay apart; one call for the whole row takes three quarters of the CPU of a length
 * before each value, and MD5 as much as SHA-256 (docs/decisions/0011). Two MD5s are equal by chance once in 2^128; nobody is kept from making two.
 */
const rowDigest = ({ columns }: ComparedTable, side: Side): string =>
  `md5(row(${columns.map((column) => canonical(column, side)).join(', ')})::text)`;

// A line break, so that a comment at the end of the condition ends.
const condition = (where: string | undefined): string => (where === undefined ? '' : ` and (${where}\n)`);

const keyColumns = ({ key }: ComparedTable, side: Side): readonly string[] => key.map((column) => columnOf(column, side));
const keyOrders = ({ key }: ComparedTable, side: Side): readonly string[] =>
  key.map((column) => keyOrder(columnOf(column, side), column.keyAs));

const keyTexts = ({ key }: ComparedTable, side: Side): string =>
  key.map((column, index) => `${keyText(columnOf(column, side), column[side].type, column.keyAs)} as k${index}`).join(', ');

/** Rows of a range; a comparison of whole keys is one piece of the index. */
function rangeCondition(table: ComparedTable, side: Side, { after, upTo }: KeyRange): Statement {
  const values: string[] = [];
  const compared = (operator: string, key: Key | undefined): string[] => {
    if (key === undefined) return [];
    const ends = table.key.map((column, index) => {
      values.push(key[index]!);
      return keyValue(`$${values.length}`, column[side].type, column.keyAs);
    });
    return [`(${keyOrders(table, side).join(', ')}) ${operator} (${ends.join(', ')})`];
  };
  const parts = [...compared('>', after), ...compared('<=', upTo)];
  return { text: `${parts.length === 0 ? 'true' : parts.join(' and ')}${condition(table[side].where)}`, values };
}

const from = (table: ComparedTable, side: Side): string => `from ${quoteTable(table[side].table)} as t`;

/** `rows`, `digest`: both halves of the rows' digests, each xored, so that their order does not matter. A key is in a range once. */
export function rangeDigestStatement(table: ComparedTable, side: Side, range: KeyRange, rowLimit: number): Statement {
  const { text, values } = rangeCondition(table, side, range);
  const half = (part: string) => `bit_xor(('x' || ${part})::bit(64)::bigint)`;
  return {
    // The limit also keeps the planner from computing the digest twice.
    text: `select count(*) as rows, concat_ws(' ', ${half('left(d, 16)')}, ${half('right(d, 16)')}) as digest
  from (select ${rowDigest(table, side)} as d ${from(table, side)} where ${text} limit ${rowLimit + 1}) as rows`,
    values,
  };
}

/** `k0`, `k1`, …: each `rowsPerRange`-th key. */
export function boundariesStatement(
  table: ComparedTable,
  side: Side,
  range: KeyRange,
  { rowsPerRange, limit }: { readonly rowsPerRange: number; readonly limit: number },
): Statement {
  const { text, values } = rangeCondition(table, side, range);
  const order = keyOrders(table, side).join(', ');
  const columns = keyColumns(table, side).join(', ');
  return {
    text: `select ${keyTexts(table, side)}
  from (select ${columns}, row_number() over (order by ${order}) as farshore_place ${from(table, side)} where ${text}
         order by ${order} limit ${rowsPerRange * limit}) as t
 where farshore_place % ${rowsPerRange} = 0 order by farshore_place`,
    values,
  };
}

/**
 * `k0`, …: the rows that were written last, by the age of the transactions that wrote them. A frozen row keeps the id it was written with: past
 * 2^31 transactions its age is negative, and first in that order it would leave no place for the new rows. One statement, one transaction:
 * PostgreSQL counts ages from where a transaction first asked for one, and what was written after that would be negative too.
 */
export function newestKeysStatement(table: ComparedTable, side: Side, limit: number): Statement {
  return {
    text: `select ${keyTexts(table, side)} ${from(table, side)} where true${condition(table[side].where)} order by age(t.xmin) < 0, age(t.xmin) limit ${limit}`,
    values: [],
  };
}

/** `k0`, …, `digest`. */
export function rowDigestsStatement(table: ComparedTable, side: Side, range: KeyRange, limit: number): Statement {
  const { text, values } = rangeCondition(table, side, range);
  return {
    text: `select ${keyTexts(table, side)}, ${rowDigest(table, side)} as digest
  ${from(table, side)} where ${text} order by ${keyOrders(table, side).join(', ')} limit ${limit}`,
    values,
  };
}

/** `k0`, …, `v0`, …, `s0`, …: rows of the primary in key order, values and `more` as text. */
export function rowTextsStatement(table: ComparedTable, range: KeyRange, limit: number, more: readonly string[]): Statement {
  const { text, values } = rangeCondition(table, 'primary', range);
  const texts = table.columns.map((column, index) => `${valueText(columnOf(column, 'primary'), column)} as v${index}`);
  const others = more.map((expression, index) => `${expression} as s${index}`);
  return {
    text: `select ${[keyTexts(table, 'primary'), ...texts, ...others].join(', ')}
  ${from(table, 'primary')} where ${text} order by ${keyOrders(table, 'primary').join(', ')} limit ${limit}`,
    values,
  };
}

/** `present`, `digest`, `xmin`, `version`, `c0`, `c1`, …: a row of each key, in the order of the keys. */
export function lookStatement(table: ComparedTable, side: Side, keys: readonly Key[]): Statement {
  const names = table.key.map((_column, index) => `farshore_k${index}`);
  const equal = table.key.map((column, index) => keyEquals(columnOf(column, side), `k.${names[index]}`, column[side].type, column.keyAs));
  const columns = table.columns.map((column, index) => `coalesce(md5(${canonical(column, side)}), 'null') as c${index}`);
  const version = side === 'region' && table.versioned ? `encode(t.farshore_version, 'hex')` : 'null';
  return {
    text: `select t.tableoid is not null as present, ${rowDigest(table, side)} as digest, t.xmin::text as xmin, ${version} as version,
       ${columns.join(', ')}
  from unnest(${names.map((_name, index) => `$${index + 1}::text[]`).join(', ')}) with ordinality as k (${names.join(', ')}, farshore_place)
  left join ${quoteTable(table[side].table)} as t on ${equal.join(' and ')}${condition(table[side].where)}
 order by farshore_place`,
    values: table.key.map((_column, index) => keys.map((key) => key[index]!)),
  };
}

/**
 * Fail where the condition cannot be run; they read no row. Between brackets of two kinds no text is whole that ends the one it stands in,
 * such as `a = 1) or (true`, which would be true of every row of any range.
 */
export const conditionStatements = (table: TableName, where: string): readonly Statement[] =>
  [`(${where}\n)`, `(array[${where}\n])[1]`].map((text) => ({
    text: `select from ${quoteTable(table)} as t where ${text} limit 0`,
    values: [],
  }));

export const positionStatement: Statement = {
  text: `select pg_is_in_recovery() as standby,
       (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text as lsn,
       floor(extract(epoch from clock_timestamp()) * 1000) as now_ms,
       (select json_build_object('lsn', r.latest_end_lsn::text, 'atMs', floor(extract(epoch from r.last_msg_receipt_time) * 1000))
          from pg_stat_wal_receiver r where r.status = 'streaming' and r.latest_end_lsn is not null) as told`,
  values: [],
};
