import { quoteName, quoteTable } from '../model/sql-name.ts';
import type { Statement } from './contracts.ts';
import type { RowSet } from './folded.ts';
import { type TableMapping, VERSION_COLUMN } from './mapping.ts';
import { castOf, hexLogOrder, jsonPart, logOrder, nameOf, notDeleted, unnested } from './statement-parts.ts';
import { UNITS_COLUMN } from './units.ts';

/**
 * The SQL of rows that are set in part: each unit moves where its given version is higher than the one it has.
 *
 * Beside the row's version, the highest of its columns', `farshore_units` keeps what differs: `{"email": "<hex>", "": "<hex>"}` means that
 * email was last set by that version, and every column that is not named by the one under "". Null: all by the row's version. Groups stand
 * under `@name` and are compared with themselves only. A record that sets groups alone raises the row's version too: it says that the row is
 * there, as late deletes must know, and it is itself below a delete, or not, by that version.
 *
 * INSERT of what is missing first, then the guarded UPDATE of all (C17: one INSERT … ON CONFLICT would fail on a NOT NULL column that the
 * record does not set, before it finds the row). In this order, since two partitions may bring the same new key:
 *
 *     one: update (no row) · ............................ insert → waits · conflict, nothing done: its columns would be lost
 *     two:         update (no row) · insert · commit
 *
 *     one: insert → waits · conflict, nothing done · update finds the row of two
 *     two: insert · update · commit
 */
export function unitStatements(mapping: TableMapping): <C>(rows: RowSet<C>) => readonly Statement[] {
  const texts = [insertText(mapping), ...(mapping.units?.unknownRow === 'insert' ? [] : [unknownText(mapping)]), updateText(mapping)];
  const named = texts.map((text) => ({ name: nameOf(text), text }));
  const whole = wholeText(mapping);
  const wholeName = nameOf(whole);
  return (rows) => {
    // Nothing but whole rows, as in a backlog of new ones: one statement, at the rate of full records.
    if (rows.units === undefined) return [{ name: wholeName, text: whole, values: [...rows.columns, rows.versions, mapping.name] }];
    const values = [...rows.columns, rows.versions, rows.units.lowest, rows.units.given, mapping.name];
    return named.map(({ name, text }) => ({ name, text, values }));
  };
}

const version = quoteName(VERSION_COLUMN);
const units = quoteName(UNITS_COLUMN);

/**
 * `i (c0, …, hex, v, lo, g, gone)`: versions as bytea, units as jsonb, and the version of the row's delete, computed once a row. A table that
 * never lost a row is not asked for each.
 */
function given(mapping: TableMapping): string {
  const { columns, keyIndexes } = mapping;
  const n = columns.length;
  const parameters = columns.map(({ travel }, index) => `$${index + 1}::${travel.array}[]`);
  const names = columns.map((_, index) => `c${index}`).join(', ');
  const cast = columns.map((column, index) => `${castOf(column, index)} as c${index}`).join(', ');
  const key = keyIndexes
    .map((index) => jsonPart({ ...columns[index]!, travel: { ...columns[index]!.travel, cast: undefined } }, index))
    .join(', ');
  const rows = `(select i.*, case when exists (select 1 from farshore.tombstones where table_name = $${n + 4})
                       then (select d.version from farshore.tombstones d where d.table_name = $${n + 4} and d.key = jsonb_build_array(${key})) end as gone
          from (select ${cast}, i.v as hex, decode(i.v, 'hex') as v, decode(i.lo, 'hex') as lo, i.g::jsonb as g
                  from unnest(${parameters.join(', ')}, $${n + 1}::text[], $${n + 2}::text[], $${n + 3}::text[]) as i (${names}, v, lo, g)) as i
        offset 0) as i`;
  const left = leftGroups(mapping);
  if (left === undefined) return rows;
  const others = [...columns.map((_, index) => `i.c${index}`), 'i.hex', 'i.v', 'i.lo', 'i.gone'];
  return `(select ${others.join(', ')}, ${left} as g from ${rows} offset 0) as i`;
}

/** The units without the groups that a record below the row's delete set: merged with one that is above it, they came this far. */
function leftGroups({ units: own, hasSource }: TableMapping): string | undefined {
  const groups = (own?.list ?? []).filter(({ version: group }) => group !== undefined).map(({ name }) => text(name));
  if (groups.length === 0 || !hasSource) return undefined;
  const below = (name: string) => `case when ${ordered(`i.g->'!'->>${name}`)} <= encode(i.gone, 'hex') then ${name} else '!' end`;
  return `case when i.g ? '!' and get_byte(i.gone, 4) <> 0 then ${['i.g', ...groups.map(below)].join(' - ')} else i.g end`;
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** Whether the record sets the unit at all. */
const isGiven = (name: string, group: boolean): string => (group ? `i.g ? ${text(name)}` : `(i.g is null or i.g ? ${text(name)})`);

// Version texts are lower-case hex: they sort like their bytes only byte by byte.
const ordered = (expression: string): string => `(${expression}) collate "C"`;

/** The first part decides nearly always: no unit of the row is as new as the oldest that was given. */
const isHigher = (name: string, group: boolean): string =>
  group
    ? `${ordered(`i.g->>${text(name)}`)} > coalesce(t.${units}->>${text(name)}, '')`
    : `(${isFast} or ${ordered(`coalesce(i.g->>${text(name)}, i.hex)`)} > coalesce(t.${units}->>${text(name)}, t.${units}->>'', encode(t.${version}, 'hex'), ''))`;

const isFast = `coalesce(t.${version} < i.lo, t.${version} is null and i.lo is not null)`;

const isLater = `(t.${version} is null or t.${version} < i.v)`;

const wins = (name: string, group: boolean): string => `(${isGiven(name, group)} and ${isHigher(name, group)})`;

const keyMatch = ({ columns, keyIndexes }: TableMapping, row = 't'): string =>
  keyIndexes.map((index) => `${row}.${quoteName(columns[index]!.column)} = i.c${index}`).join(' and ');

/** As for whole rows. */
function unblocked({ hasSource }: TableMapping): string {
  const byLog = `${logOrder('i.gone')} >= ${hexLogOrder('i.hex')}`;
  const blocks = hasSource ? `case when get_byte(i.gone, 4) = 0 then ${byLog} else i.gone >= i.v end` : byLog;
  return `(i.gone is null or not (${blocks}))`;
}

function insertText(mapping: TableMapping): string {
  const above = (name: string) =>
    mapping.hasSource
      ? ` and (i.gone is null or i.g is null or get_byte(i.gone, 4) = 0 or ${ordered(`i.g->>${text(name)}`)} > encode(i.gone, 'hex'))`
      : '';
  const { columns, keyIndexes, table } = mapping;
  const unitOf = new Map(
    mapping.units!.list.flatMap(({ name, version: own, columns: indexes }) =>
      indexes.map((c) => [c, { name, group: own !== undefined }] as const),
    ),
  );
  const values = columns.map(({ column, default: initial }, c) => {
    const unit = unitOf.get(c);
    if (keyIndexes.includes(c)) return `i.c${c}`;
    // Of a group whose version the schema does not have: it does not move.
    if (unit === undefined) return initial ?? 'null';
    const isSet = unit.group
      ? `${isGiven(unit.name, true)} and not i.g ? ${text(`!${column}`)}`
      : `${isGiven(unit.name, false)}${above(unit.name)}`;
    return `case when ${isSet} then i.c${c} else ${initial ?? 'null'} end`;
  });
  // What was deleted by a version is not set again by a part that is older, though others of the same row are newer.
  const had = mapping.hasSource ? `case when get_byte(i.gone, 4) <> 0 then i.gone end` : 'null';
  const partly = mapping.units!.unknownRow === 'insert' ? '' : `\n   and (i.g is null or ${isWhole(mapping)})`;
  return `insert into ${quoteTable(table)} as t (${columns.map(({ column }) => quoteName(column)).join(', ')}, ${version}, ${units})
select ${values.join(', ')}, i.v, farshore.merge_units(null, ${had}, i.g, i.v)
  from ${given(mapping)}
 where not exists (select 1 from ${quoteTable(table)} as t where ${keyMatch(mapping)})
   and ${unblocked(mapping)}${partly}
 order by ${keyIndexes.map((index) => `i.c${index}`).join(', ')}
on conflict do nothing`;
}

/** All units that are no groups are set. */
function isWhole({ units: own }: TableMapping): string {
  const names = own!.list.filter(({ version: group }) => group === undefined).map(({ name }) => text(name));
  return names.length === 0 ? 'true' : `i.g ?& array[${names.join(', ')}]`;
}

/** Raises for the rows that a part came for and that do not exist: the others of the batch go on without it (C16). */
function unknownText(mapping: TableMapping): string {
  return `select farshore.refuse_unknown_row($${mapping.columns.length + 4})
  from ${given(mapping)}
 where not exists (select 1 from ${quoteTable(mapping.table)} as t where ${keyMatch(mapping)})
   and ${unblocked(mapping)}
 limit 1`;
}

function updateText(mapping: TableMapping): string {
  const { columns, table } = mapping;
  const list = mapping.units!.list;
  const set = list.flatMap(({ name, columns: indexes, version: own }) =>
    indexes.map((c) => {
      const column = quoteName(columns[c]!.column);
      const kept = own === undefined ? '' : ` and not i.g ? ${text(`!${columns[c]!.column}`)}`;
      return `${column} = case when ${wins(name, own !== undefined)}${kept} then i.c${c} else t.${column} end`;
    }),
  );
  const grouped = list.some(({ version: own }) => own !== undefined);
  const merged = `farshore.merge_units(t.${units}, t.${version}, i.g, i.v)`;
  // The usual case without a call: nothing the row has is newer, so what is given stands over what was.
  const quick = `case when i.g is null and ${isFast} then null
                      when i.g is not null and ${isFast} then coalesce(t.${units}, jsonb_build_object('', coalesce(encode(t.${version}, 'hex'), ''))) || i.g
                      else ${merged} end`;
  return `update ${quoteTable(table)} as t
   set ${[...set, `${units} = ${grouped ? merged : quick}`, `${version} = greatest(t.${version}, i.v)`].join(',\n       ')}
  from ${given(mapping)}
 where ${keyMatch(mapping)}
   and (${[isLater, ...list.map(({ name, version: own }) => wins(name, own !== undefined))].join('\n        or ')})
   and ${unblocked(mapping)}`;
}

/** Columns that were set before a delete that comes late lose what they hold; those that were set after it keep it. */
export function resetText({ table, key, columns, units: own, softDelete }: TableMapping): string {
  const n = key.length;
  const parameters = [...key.map(({ travel }, index) => `$${index + 1}::${travel.array}[]`), `$${n + 1}::text[]`];
  const set = own!.list.flatMap(({ name, columns: indexes, version: group }) =>
    group !== undefined || name === softDelete?.column
      ? []
      : indexes.map((c) => {
          const { column, default: initial } = columns[c]!;
          return `${quoteName(column)} = case when ${versionOf(name)} < i.v then ${initial ?? 'null'} else t.${quoteName(column)} end`;
        }),
  );
  return `update ${quoteTable(table)} as t
   set ${[...set, `${units} = farshore.merge_units(t.${units}, t.${version}, jsonb_build_object('', i.v), null)`].join(',\n       ')}
  from unnest(${parameters.join(', ')}) as i (${[...key.map((_, index) => `c${index}`), 'v'].join(', ')})
 where ${key.map((column, index) => `t.${quoteName(column.column)} = ${castOf(column, index)}`).join(' and ')}
   and substr(i.v, 9, 2) <> '00' and t.${version} >= decode(i.v, 'hex')
   and t.${units} is not null and coalesce(t.${units}->>'', '') < i.v collate "C"`;
}

const versionOf = (name: string): string => ordered(`coalesce(t.${units}->>${text(name)}, t.${units}->>'', encode(t.${version}, 'hex'))`);

/** Rows that are set whole, each under one version: no column is missing, so the row is found or made by one statement. */
function wholeText(mapping: TableMapping): string {
  const { columns, keyIndexes, table, hasSource } = mapping;
  const key = keyIndexes.map((index) => quoteName(columns[index]!.column));
  const isNewer = `coalesce(t.${version} < excluded.${version}, t.${version} is null)`;
  const wins = (name: string) => `(${isNewer} or encode(excluded.${version}, 'hex') collate "C" > ${versionOf(name)})`;
  const list = mapping.units!.list;
  const set = list.flatMap(({ name, columns: indexes }) =>
    indexes.map((c) => {
      const column = quoteName(columns[c]!.column);
      return `${column} = case when ${wins(name)} then excluded.${column} else t.${column} end`;
    }),
  );
  const changes = [
    ...set,
    `${units} = case when ${isNewer} then null else farshore.merge_units(t.${units}, t.${version}, null, excluded.${version}) end`,
    `${version} = greatest(t.${version}, excluded.${version})`,
  ];
  return `insert into ${quoteTable(table)} as t (${[...columns.map(({ column }) => quoteName(column)), version].join(', ')})
select ${[...columns.map(castOf), `decode(i.v, 'hex')`].join(', ')}
  from ${unnested(columns)}
 where ${notDeleted(columns, keyIndexes, hasSource)}
 order by ${keyIndexes.map((index) => castOf(columns[index]!, index)).join(', ')}
on conflict (${key.join(', ')}) do update set ${changes.join(',\n       ')}
 where ${[isNewer, ...list.map(({ name }) => wins(name))].join('\n    or ')}`;
}
