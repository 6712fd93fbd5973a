import type { Statement } from '../apply/contracts.ts';
import { quoteTable, type TableName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import { json, type TextRow, text, truth } from './result-values.ts';

export interface ColumnDescription {
  readonly name: string;
  /** As format_type writes it: `bigint`, `numeric(12,2)`, `timestamp with time zone`, `text[]`. */
  readonly type: string;
  /** Of a domain: the type that it stands for, with the length or the precision that the domain gives it. */
  readonly base?: string | undefined;
  /** Of an array whose items are of a domain: the array of what that stands for. */
  readonly itemBase?: string | undefined;
  readonly nullable: boolean;
  /** A value of its own when none is given: a default, an identity or a generated column. */
  readonly hasDefault: boolean;
  /** `always` columns cannot be written. */
  readonly generated: 'no' | 'stored' | 'virtual';
  readonly identity: 'no' | 'always' | 'by default';
}

export interface UniqueIndex {
  readonly name: string;
  /** In index order; empty when an element is an expression. */
  readonly columns: readonly string[];
  readonly primary: boolean;
  /** Partial, deferrable or invalid indexes and expressions cannot be the target of `on conflict`. */
  readonly usableAsKey: boolean;
}

export type TableRight = 'select' | 'insert' | 'update' | 'delete';

export interface TableDescription extends TableName {
  readonly kind: 'table' | 'partitioned' | 'view' | 'foreign' | 'other';
  readonly columns: readonly ColumnDescription[];
  /** In index order; empty without a primary key. */
  readonly primaryKey: readonly string[];
  readonly uniqueIndexes: readonly UniqueIndex[];
  /** Row-level security applies to this role: rows may be hidden from the guards. */
  readonly rowSecurity: boolean;
  readonly rights: readonly TableRight[];
}

const tableRights: readonly TableRight[] = ['select', 'insert', 'update', 'delete'];

/**
 * What a type stands for, however many domains it goes through, and through the items of an array: `{"type", "depth", "ofItems"}` a step, the last
 * one last. A length stands at the innermost domain only.
 */
const standsFor = (type: string, length: string): string => `(with recursive step (oid, length, in_array, depth) as (
                   select ${type}, ${length}, false, 0
                   union all
                   select case when y.typtype = 'd' then y.typbasetype else y.typelem end, case when y.typtype = 'd' then y.typtypmod else s.length end,
                          s.in_array or y.typtype <> 'd', s.depth + 1
                     from step s join pg_type y on y.oid = s.oid
                    where y.typtype = 'd' or (not s.in_array and exists (select from pg_type e where e.oid = y.typelem and e.typarray = y.oid)))
                 select json_agg(json_build_object('type', format_type(s.oid, s.length), 'ofItems', s.in_array) order by s.depth) from step s)`;

// attgenerated 'v' exists from PostgreSQL 18 on. A column of a domain shows the domain's name.
const describeStatement = (tables: readonly TableName[]): Statement => ({
  text: `select n.nspname as schema, c.relname as table, c.relkind as kind,
       coalesce((select json_agg(json_build_object(
                   'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                   'standsFor', ${standsFor('a.atttypid', 'a.atttypmod')}, 'nullable', not a.attnotnull,
                   'hasDefault', a.atthasdef or a.attidentity <> '',
                   'default', (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum),
                   'generated', a.attgenerated, 'identity', a.attidentity)
                   order by a.attnum)
                   from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
       coalesce((select json_agg(json_build_object(
                   'name', x.relname, 'primary', i.indisprimary,
                   'usableAsKey', i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null,
                   'columns', case when i.indexprs is not null then '[]'::json else
                     (select json_agg(a.attname order by k.place)
                        from unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
                        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
                       where k.place <= i.indnkeyatts) end)
                   order by i.indisprimary desc, x.relname)
                   from pg_index i join pg_class x on x.oid = i.indexrelid
                  where i.indrelid = c.oid and i.indisunique), '[]') as indexes,
       row_security_active(c.oid) as row_security,
       (select coalesce(json_agg(r.name), '[]') from unnest($3::text[]) as r (name) where has_table_privilege(c.oid, r.name)) as rights
  from unnest($1::text[], $2::text[]) as wanted (schema, name)
  join pg_namespace n on n.nspname = wanted.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name and c.relkind in ('r', 'p', 'v', 'm', 'f')
 order by 1, 2`,
  values: [tables.map(({ schema }) => schema), tables.map(({ table }) => table), tableRights],
});

const kinds: Readonly<Record<string, TableDescription['kind']>> = { r: 'table', p: 'partitioned', v: 'view', f: 'foreign' };
const generatedKinds: Readonly<Record<string, ColumnDescription['generated']>> = { s: 'stored', v: 'virtual' };
const identityKinds: Readonly<Record<string, ColumnDescription['identity']>> = { a: 'always', d: 'by default' };

interface RawColumn {
  readonly name: string;
  readonly type: string;
  readonly standsFor: readonly { readonly type: string; readonly ofItems: boolean }[];
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  readonly generated: string;
  readonly identity: string;
}

function described({ standsFor: steps, ...column }: RawColumn): ColumnDescription {
  const base = steps.findLast(({ ofItems }) => !ofItems)!.type;
  const item = steps.at(-1)!;
  // A domain over an array as the item of another: no array of arrays of the server is that.
  const itemBase = item.ofItems && !item.type.endsWith('[]') ? `${item.type}[]` : base;
  return {
    ...column,
    ...(base === column.type ? {} : { base }),
    ...(itemBase === base ? {} : { itemBase }),
    generated: generatedKinds[column.generated] ?? 'no',
    identity: identityKinds[column.identity] ?? 'no',
  };
}

function description(row: TextRow): TableDescription {
  const uniqueIndexes = json(row, 'indexes') as readonly UniqueIndex[];
  return {
    schema: text(row, 'schema'),
    table: text(row, 'table'),
    kind: kinds[text(row, 'kind')] ?? 'other',
    columns: (json(row, 'columns') as readonly RawColumn[]).map(described),
    primaryKey: uniqueIndexes.find(({ primary }) => primary)?.columns ?? [],
    uniqueIndexes,
    rowSecurity: truth(row, 'row_security'),
    rights: json(row, 'rights') as readonly TableRight[],
  };
}

/** Tables as they are now, by exact name (no folding to lower case); a table that does not exist is left out. */
export async function describeTables(
  database: Database,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly TableDescription[]> {
  const { rows } = await database.query(describeStatement(tables), signal);
  return rows.map(description);
}

/** Every table of the database that could be applied to: not of the system or of Farshore, no partition of another. */
export async function listTables(database: Database, signal: AbortSignal): Promise<readonly TableName[]> {
  const statement = `select n.nspname as schema, c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'farshore')
 order by 1, 2`;
  const { rows } = await database.query({ text: statement, values: [] }, signal);
  return rows.map((row) => ({ schema: text(row, 'schema'), table: text(row, 'table') }));
}

/**
 * Runs the statements that make a table, in one transaction, unless there is one of that name. Partitions of a topic meet its first records at
 * the same time, and `create table if not exists` alone is no guard: the second one waits in an index of the catalog, and is refused by it
 * (23505, as if a row were bad). So they take turns, and look again when it is theirs.
 */
export async function createTable(database: Database, table: TableName, statements: readonly string[], signal: AbortSignal): Promise<void> {
  const name = quoteTable(table);
  const turn: Statement = { text: `select pg_advisory_xact_lock(hashtextextended('farshore create ' || $1::text, 0))`, values: [name] };
  const look: Statement = { text: 'select to_regclass($1) is not null as there', values: [name] };
  await database.conversation(
    [() => [turn, look], (answers) => (answers.at(-1)?.rows[0]?.there === 't' ? [] : statements.map((text) => ({ text, values: [] })))],
    signal,
  );
}

/** Runs DDL in one transaction, all or nothing. Rejects with `database_denied` when the role may not. */
export async function executeDdl(database: Database, statements: readonly string[], signal: AbortSignal): Promise<void> {
  await database.transaction(
    statements.map((statement) => ({ text: statement, values: [] })),
    signal,
  );
}
