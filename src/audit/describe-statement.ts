import type { TableName } from '../model/sql-name.ts';
import type { Statement } from './statements.ts';

/** What a domain stands for, however many domains it goes through. */
const resolved = (type: string): string => `(with recursive up (oid, base, depth) as (
                   select y.oid, y.typbasetype, 0 from pg_type y where y.oid = ${type}
                   union all select y.oid, y.typbasetype, depth + 1 from up join pg_type y on y.oid = up.base)
                 select oid from up order by depth desc limit 1)`;

// Names of the columns that hold a locale changed with PostgreSQL 15 and 17; 0 as a base of a type is none.
const locale = (row: string, names: readonly string[]): string =>
  `coalesce(${names.map((name) => `to_jsonb(${row}) ->> '${name}'`).join(', ')})`;

/** `provider` and `locale` of a collation `co`, where the database's own stands for itself. */
const collation = `'provider', case when co.collprovider = 'd' then coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') else co.collprovider::text end,
                   'locale', case when co.collprovider = 'd' then
                       case when coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' then d.datcollate
                            else ${locale('d', ['datlocale', 'daticulocale'])} end
                     else ${locale('co', ['colllocale', 'colliculocale', 'collcollate'])} end`;

/** One row, or none: `kind`, `encoding`, `row_security`, `bytes`, `columns`, `keys`. The table by its exact name. */
export const describeStatement = ({ schema, table }: TableName): Statement => ({
  text: `select c.relkind as kind, getdatabaseencoding() as encoding, row_security_active(c.oid) as row_security,
       case when c.relkind in ('r', 'p', 'm') then (select coalesce(sum(pg_table_size(relid)), 0) from pg_partition_tree(c.oid)) else 0 end as bytes,
       coalesce((select json_agg(json_build_object(
                   'name', a.attname, 'nullable', not a.attnotnull,
                   'readable', has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select'),
                   'isArray', whole.typcategory = 'A', 'sql', format_type(item.oid, -1), 'type', item.typname,
                   'builtIn', item.typnamespace = 'pg_catalog'::regnamespace, 'typtype', item.typtype,
                   'isNested', whole.typcategory = 'A' and item.typcategory = 'A',
                   'labels', (select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = item.oid),
                   ${collation},
                   'deterministic', coalesce(co.collisdeterministic, true))
                   order by a.attnum)
                   from pg_attribute a
                   join pg_type whole on whole.oid = ${resolved('a.atttypid')}
                   join pg_type item on item.oid = case when whole.typcategory = 'A' then ${resolved('whole.typelem')} else whole.oid end
                   left join pg_collation co on co.oid = a.attcollation
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
       coalesce((select json_agg(json_build_object('primary', i.indisprimary, 'columns',
                     (select json_agg(json_build_object('name', a.attname, 'native', co.oid is null or co.oid = a.attcollation, ${collation})
                                      order by k.place)
                        from unnest(i.indkey::int2[], i.indcollation::oid[]) with ordinality as k (attnum, ordered, place)
                        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
                        left join pg_collation co on co.oid = k.ordered
                       where k.place <= i.indnkeyatts)) order by i.indisprimary desc, i.indexrelid)
                   from pg_index i
                  where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null), '[]') as keys
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_database d on d.datname = current_database()
 where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
  values: [schema, table],
});
