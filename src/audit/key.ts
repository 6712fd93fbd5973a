import type { ColumnType, Side, SideColumn } from './contracts.ts';

/**
 * Types that keys are walked by: their order is the same on both sides, and it is the order of an index, so that a range of keys
 * is one piece of it. `numeric` is a numeric on one side at least.
 *
 * Texts are walked in the order of their own collation where both sides have the same one, for that is the order of their index.
 * Should two servers still order some text differently (another release of the C library or of ICU), no row is left out: the ranges
 * cover all texts in any order, such a text lies in different ranges of the two sides, is a suspect, and heals when it is asked by its key.
 * Where collations differ, texts are walked as `bytes`, in the order of COLLATE "C"; see compared-table.ts for what that needs.
 */
export type KeyClass =
  | 'integer'
  | 'numeric'
  | 'text'
  | 'bytes'
  | 'uuid'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'boolean'
  | 'bytea'
  | 'float'
  | 'enum';

const classes: Readonly<Record<string, KeyClass>> = {
  ...{ int2: 'integer', int4: 'integer', int8: 'integer', numeric: 'numeric', float4: 'float', float8: 'float' },
  ...{ text: 'text', varchar: 'text', bpchar: 'text', uuid: 'uuid', timestamptz: 'timestamp', timestamp: 'timestamp' },
  ...{ date: 'date', time: 'time', bool: 'boolean', bytea: 'bytea' },
};

const classOf = (type: ColumnType): KeyClass | undefined => {
  if (type.isArray) return undefined;
  if (type.kind === 'enum') return 'enum';
  return type.builtIn ? classes[type.name] : undefined;
};

type KeyColumn = Pick<SideColumn, 'type' | 'order' | 'looseEquality'>;

/** How a key column is walked, or why it cannot be. */
export function keyClass({ primary, region }: Readonly<Record<Side, KeyColumn>>): KeyClass | { readonly why: string } {
  const left = classOf(primary.type);
  const right = classOf(region.type);
  if (left === undefined) return { why: `${primary.type.sql} at the primary does not order a key` };
  if (right === undefined) return { why: `${region.type.sql} in the region does not order a key` };
  const differ = { why: `${primary.type.sql} at the primary and ${region.type.sql} in the region are not ordered alike` };
  if (left !== right) return isWhole(left) && isWhole(right) ? 'numeric' : differ;
  if (left === 'enum' && primary.type.labels.join('\0') !== region.type.labels.join('\0')) {
    return { why: `enum ${region.type.sql} has not the same labels in the same order on both sides` };
  }
  if (left === 'text') {
    if (primary.type.name !== region.type.name && [primary.type.name, region.type.name].includes('bpchar')) return differ;
    if (primary.looseEquality || region.looseEquality || primary.order !== region.order) return 'bytes';
  }
  return left;
}

const isWhole = (as: KeyClass): boolean => as === 'integer' || as === 'numeric';

/** What the column is ordered and cut by. */
export const keyOrder = (column: string, as: KeyClass): string => (as === 'bytes' ? `${column} collate "C"` : column);

/**
 * SQL text of a key column, the same on both sides. Dates, timestamps and floats are written by the session's settings, which
 * every session of Farshore sets at its login.
 */
export function keyText(column: string, type: ColumnType, as: KeyClass): string {
  if (type.name === 'numeric') return `trim_scale(${column})::text`;
  if (type.name === 'timestamptz') return `(${column} at time zone 'UTC')::text`;
  if (as === 'bytea') return `encode(${column}, 'hex')`;
  if (as === 'float') return `(${column}::float8 + 0)::text`;
  return `${column}::text`;
}

/** SQL value of a key's text beside the column, such that the index is used. */
export function keyValue(text: string, type: ColumnType, as: KeyClass): string {
  if (as === 'numeric' && type.name !== 'numeric') {
    // A key of the other side that is no whole number, or none of this type: the nearest below keeps the order.
    return `floor(greatest(least(${text}::numeric, 9223372036854775807), -9223372036854775808))::bigint`;
  }
  if (as === 'integer') return `${text}::bigint`;
  if (as === 'float') return `${text}::float8`;
  if (type.name === 'timestamptz') return `(${text}::timestamp at time zone 'UTC')`;
  if (as === 'bytea') return `decode(${text}, 'hex')`;
  return `${text}::${type.name === 'varchar' ? 'text' : type.sql}`;
}

/** SQL condition that the row has the key: what keyValue rounds is no key of this side. */
export function keyEquals(column: string, text: string, type: ColumnType, as: KeyClass): string {
  const equals = `${column} = ${keyValue(text, type, as)}`;
  // The collation may take other texts for the same; its index finds them, this tells them apart.
  if (as === 'bytes') return `${equals} and ${keyOrder(column, as)} = ${keyValue(text, type, as)}`;
  return as === 'numeric' && type.name !== 'numeric' ? `${equals} and ${column}::numeric = ${text}::numeric` : equals;
}
