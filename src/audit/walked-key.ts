import { quoteName, quoteTable } from '../model/sql-name.ts';
import type { ComparedKeyColumn, Side, SideTable } from './contracts.ts';

/**
 * Without an index in the order of bytes every range reads the whole table. Up to this size that is still done: sixteen ranges of
 * 10,000 rows of 1 kB are sixteen scans; beyond it an index is asked for.
 */
export const UNORDERED_MOST_BYTES = 256 * 1024 * 1024;

type Tables = Readonly<Record<Side, SideTable>>;

interface NotWalked {
  readonly message: string;
  readonly hint: string;
}

const where: Readonly<Record<Side, string>> = { primary: 'at the primary', region: 'in the region' };
const sides = ['primary', 'region'] as const;

/** The key in an order that an index of each side has, so that a range of keys is one piece of both; or why there is none. */
export function walkedKey(tables: Tables, key: readonly ComparedKeyColumn[]): { readonly key: readonly ComparedKeyColumn[] } | NotWalked {
  const names = (side: Side) => key.map((column) => column[side].name);
  const nameOf = ({ schema, table }: SideTable) => `${schema}.${table}`;
  for (const side of sides) {
    const table = tables[side];
    const unique = [...table.uniqueKeys, ...table.byteKeys];
    if (indexOrders(table, unique, names(side)).length > 0) continue;
    return {
      message: `${names(side).join(', ')} of ${nameOf(table)} ${where[side]} is no primary key, and no unique index without nulls`,
      hint: `alter table ${quoteTable(table)} add primary key (${names(side).map(quoteName).join(', ')});`,
    };
  }
  const byBytes = key.some(({ keyAs }) => keyAs === 'bytes');
  // One column in the order of bytes, and all texts are: an index has one of the two for all, or is a rarity.
  const columns = byBytes ? key.map((column) => (column.keyAs === 'text' ? { ...column, keyAs: 'bytes' as const } : column)) : key;
  const usable = (side: Side) => indexOrders(tables[side], byBytes ? tables[side].byteKeys : tables[side].uniqueKeys, names(side));
  const order = commonOrder({ primary: usable('primary'), region: usable('region') }, key);
  if (order !== undefined) {
    return { key: columns.toSorted((left, right) => order.indexOf(left.name) - order.indexOf(right.name)) };
  }
  const lacking = sides.find((side) => usable(side).length === 0) ?? 'primary';
  if (Math.max(tables.primary.bytes, tables.region.bytes) <= UNORDERED_MOST_BYTES) return { key: columns };
  const other = lacking === 'primary' ? 'region' : 'primary';
  const [first] = usable(other);
  const placeOf = (column: ComparedKeyColumn) => first?.indexOf(column[other].name) ?? 0;
  const written = columns
    .toSorted((left, right) => placeOf(left) - placeOf(right))
    .map((column) => `${quoteName(column[lacking].name)}${column.keyAs === 'bytes' ? ' collate "C"' : ''}`);
  const why = byBytes ? 'their collations order texts differently' : 'their indexes have the columns in different orders';
  const index = `create unique index concurrently on ${quoteTable(tables[lacking])} (${written.join(', ')});`;
  return {
    message: `No index of both sides has the key of ${nameOf(tables.region)} in one order: ${why}`,
    hint: `Without one each range would read the whole table; ${where[lacking]}: ${index}`,
  };
}

/** The key's columns as unique indexes have them; without nulls, of which an index may hold many. */
function indexOrders(
  { columns }: SideTable,
  unique: readonly (readonly string[])[],
  key: readonly string[],
): readonly (readonly string[])[] {
  const nullable = new Set(columns.filter((column) => column.nullable).map(({ name }) => name));
  if (key.some((name) => nullable.has(name))) return [];
  return unique.filter((index) => index.length === key.length && index.every((name) => key.includes(name)));
}

/** Regional names. */
function commonOrder(
  orders: Readonly<Record<Side, readonly (readonly string[])[]>>,
  key: readonly ComparedKeyColumn[],
): readonly string[] | undefined {
  const regional = (side: Side) => orders[side].map((names) => names.map((name) => key.find((column) => column[side].name === name)!.name));
  const atPrimary = new Set(regional('primary').map((names) => JSON.stringify(names)));
  return regional('region').find((names) => atPrimary.has(JSON.stringify(names)));
}
