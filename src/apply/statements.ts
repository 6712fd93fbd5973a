import { createHash } from 'node:crypto';
import { FarshoreError } from '../model/errors.ts';
import type { Statement } from './contracts.ts';
import type { ArrayLiteral } from './dependencies.ts';
import type { Folded, RowSet } from './fold.ts';
import { type KeyColumn, type TableKey, type TableMapping, VERSION_COLUMN } from './mapping.ts';
import { quoteName, quoteTable } from './table-entry.ts';

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
  readonly upsert: ((rows: RowSet) => Statement) | undefined;
  readonly deleteRows: (rows: RowSet) => Statement;
  readonly tombstones: (rows: RowSet) => Statement;
  /** How many of `rows` have their own version in the table; rows written a moment ago among them. */
  readonly standing: ((rows: RowSet) => Statement) | undefined;
}

const logOrder = (version: string): string => `substr(${version}, 1, 4) || substr(${version}, octet_length(${version}) - 11)`;
const hexLogOrder = (hex: string): string => `decode(left(${hex}, 8) || right(${hex}, 24), 'hex')`;

// Prepared once a connection; the name follows from the text, so that two texts never meet under one name.
const named = (text: string, values: readonly unknown[]): Statement => ({ name: nameOf(text), text, values });
const nameOf = (text: string): string => `farshore_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;

const castOf = (column: KeyColumn, index: number): string =>
  column.travel.cast === undefined ? `i.c${index}` : `i.c${index}::${column.travel.cast}`;

// A moment in JSON would be written in the session's time zone.
const jsonPart = (column: KeyColumn, index: number): string =>
  column.type.endsWith('with time zone') ? `(i.c${index} at time zone 'UTC')` : castOf(column, index);

/** `unnest($1::bigint[], …, $n::text[]) as i (c0, …, v)` */
function unnested(columns: readonly KeyColumn[]): string {
  const parameters = columns.map(({ travel }, index) => `$${index + 1}::${travel.array}[]`);
  const names = columns.map((_, index) => `c${index}`);
  return `unnest(${[...parameters, `$${columns.length + 1}::text[]`].join(', ')}) as i (${[...names, 'v'].join(', ')})`;
}

export function tableStatements(table: TableKey, mapping: TableMapping | undefined, arrayLiteral: ArrayLiteral): TableStatements {
  const values = (rows: RowSet) => [...rows.columns.map((column) => arrayLiteral(column)), arrayLiteral(rows.versions)];
  const withTable = (text: string) => {
    const name = nameOf(text);
    return (rows: RowSet): Statement => ({ name, text, values: [...values(rows), table.name] });
  };
  const plain = (text: string) => {
    const name = nameOf(text);
    return (rows: RowSet): Statement => ({ name, text, values: values(rows) });
  };
  return {
    upsert: mapping === undefined ? undefined : withTable(upsertText(mapping)),
    deleteRows: plain(deleteText(table)),
    tombstones: withTable(tombstoneText(table)),
    standing: mapping === undefined ? undefined : plain(standingText(mapping)),
  };
}

function upsertText(mapping: TableMapping): string {
  const { columns, keyIndexes, table, hasSource } = mapping;
  const version = quoteName(VERSION_COLUMN);
  const given = `decode(i.v, 'hex')`;
  const blocks = hasSource
    ? `case when get_byte(d.version, 4) = 0 then ${logOrder('d.version')} >= ${hexLogOrder('i.v')} else d.version >= ${given} end`
    : `d.version >= ${given}`;
  const key = keyIndexes.map((index) => quoteName(columns[index]!.column));
  const set = columns
    .filter((_, index) => !keyIndexes.includes(index))
    .map(({ column }) => `${quoteName(column)} = excluded.${quoteName(column)}`);
  return `insert into ${quoteTable(table)} as t (${[...columns.map(({ column }) => quoteName(column)), version].join(', ')})
select ${[...columns.map(castOf), given].join(', ')}
  from ${unnested(columns)}
 where not exists (select 1 from farshore.tombstones d
                    where d.table_name = $${columns.length + 2} and d.key = jsonb_build_array(${keyIndexes.map((index) => jsonPart(columns[index]!, index)).join(', ')})
                      and ${blocks})
 order by ${keyIndexes.map((index) => castOf(columns[index]!, index)).join(', ')}
on conflict (${key.join(', ')}) do update set ${[...set, `${version} = excluded.${version}`].join(', ')}
 where t.${version} is null or t.${version} < excluded.${version}`;
}

const matches = (columns: readonly { readonly column: KeyColumn; readonly index: number }[]): string =>
  columns.map(({ column, index }) => `t.${quoteName(column.column)} = ${castOf(column, index)}`).join(' and ');

function deleteText({ table, key }: TableKey): string {
  const version = `t.${quoteName(VERSION_COLUMN)}`;
  return `delete from ${quoteTable(table)} as t using ${unnested(key)}
 where ${matches(key.map((column, index) => ({ column, index })))}
   and (${version} is null or ${logOrder(version)} < ${hexLogOrder('i.v')})`;
}

// Also for a key that has no row: an earlier state that comes again must not make one.
function tombstoneText({ key }: TableKey): string {
  return `insert into farshore.tombstones as d (table_name, key, version)
select $${key.length + 2}, jsonb_build_array(${key.map(jsonPart).join(', ')}), decode(i.v, 'hex')
  from ${unnested(key)}
 order by 2
on conflict (table_name, key) do update set version = excluded.version, deleted_at = clock_timestamp()
 where ${logOrder('d.version')} < ${logOrder('excluded.version')}`;
}

function standingText({ columns, keyIndexes, table }: TableMapping): string {
  const key = keyIndexes.map((index) => ({ column: columns[index]!, index }));
  return `select count(*) as standing
  from ${unnested(columns)}
  join ${quoteTable(table)} as t on ${matches(key)} and t.${quoteName(VERSION_COLUMN)} = decode(i.v, 'hex')`;
}

/** What one transaction of a partition does, besides its rows. */
export interface Transition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly from: bigint;
  readonly next: bigint;
  /** Of the last batch before `next`; undefined when only a gap was passed. */
  readonly proof: { readonly leaderEpoch: number; readonly crc: number } | undefined;
  readonly records: number;
  readonly epoch: bigint;
}

// A plan made anew for each batch costs as much as a third of its work (the planner looks into every array), and
// expects to hash all tombstones; the one plan made without them looks rows up by key, which suits any batch.
const genericPlans = "set_config('plan_cache_mode', 'force_generic_plan', true)";

/**
 * First statement: the fence, and one lock a table. READ COMMITTED does not see a tombstone that is not
 * committed yet, and the key of a row that is being deleted may come through another partition (a grown topic,
 * several topics on one table):
 *
 *     partition 1: delete row k · tombstone k (o=9) ..................... commit
 *     partition 2:               state of k (older) sees neither · inserts k ...... commit → k is back
 *
 * So transactions with deletes take the lock alone, those with upserts only share it; the loser waits here, before
 * it holds any row, and its later statements see what the winner committed.
 */
export function fenceStatement(
  transition: Transition,
  tables: readonly { readonly name: string; readonly exclusive: boolean }[],
): Statement {
  const { topic, partition, topicId, from, epoch } = transition;
  const locks = tables.map(
    ({ exclusive }, index) =>
      `pg_advisory_xact_lock${exclusive ? '' : '_shared'}(hashtextextended('farshore apply ' || $${index + 6}::text, 0))`,
  );
  return named(`select ${['farshore.check_fence($1, $2, $3, $4, $5)', ...locks, genericPlans].join(', ')}`, [
    topic,
    partition,
    topicId,
    from,
    epoch,
    ...tables.map(({ name }) => name),
  ]);
}

/** Deferred constraints speak up here, not at COMMIT, and so before the position moves (C16). */
const setConstraints: Statement = named('set constraints all immediate', []);

function moveStatement({ topic, partition, from, next, proof, records, epoch }: Transition): Statement {
  return named('select farshore.move_position($1, $2, $3, $4, $5, $6, $7, $8)', [
    topic,
    partition,
    from,
    next,
    proof?.leaderEpoch ?? null,
    proof?.crc ?? null,
    records,
    epoch,
  ]);
}

export interface FoldedStatements {
  readonly folded: Folded;
  readonly statements: TableStatements;
}

/** Index of a statement's answer in the transaction; -1 when the round was empty. */
export interface Rounds {
  readonly before: number;
  readonly deletes: number;
  readonly after: number;
}

/** The statements of one transaction in order: fence, each fold's rounds in log order, constraints, position. */
export function transactionStatements(
  transition: Transition,
  folds: readonly FoldedStatements[],
): { readonly statements: readonly Statement[]; readonly rounds: readonly Rounds[] } {
  const names = new Set(folds.map(({ folded }) => folded.table.name));
  const locks = [...names].sort().map((name) => ({
    name,
    exclusive: folds.some(({ folded }) => folded.table.name === name && folded.deletes !== undefined),
  }));
  const list: Statement[] = [fenceStatement(transition, locks)];
  const add = (statement: Statement): number => list.push(statement) - 1;
  const rounds = folds.map(({ folded, statements }): Rounds => {
    const upsert = (rows: RowSet): number => {
      // States without a statement would be left out while the position moves over them.
      if (statements.upsert === undefined)
        throw new FarshoreError('internal', `States of ${folded.table.name} have no statement that writes them`);
      return add(statements.upsert(rows));
    };
    const before = folded.before === undefined ? -1 : upsert(folded.before);
    if (folded.deletes !== undefined) add(statements.deleteRows(folded.deletes));
    const deletes = folded.deletes === undefined ? -1 : add(statements.tombstones(folded.deletes));
    const after = folded.after === undefined ? -1 : upsert(folded.after);
    return { before, deletes, after };
  });
  if (folds.length > 0) list.push(setConstraints);
  list.push(moveStatement(transition));
  return { statements: list, rounds };
}
