import type { ColumnType, Side } from './contracts.ts';

/**
 * How values are written so that equal ones are the same text on both sides, whatever the settings of server, database and role:
 *
 *     number     integers and numeric without trailing zeros: 1.0 = 1.00 = 1, NaN = NaN
 *     float      the bits of the double; -0 = 0, every NaN is one; a real is the double it stands for
 *     text       as it is, byte by byte; char(n) without the blanks that fill it; enums, xml, uuid beside a text
 *     timestamp  microseconds in UTC; a timestamp without time zone is taken as UTC; infinity and years before Christ too
 *     moment     a date beside a timestamp: its midnight
 *     interval   months, days and microseconds apart: '1 day' is not '24:00:00'
 *     json       as jsonb: order of keys, blanks and repeated keys do not matter, how a number is written does
 *     bytea      hex
 *
 * Arrays element by element, with their dimensions; where an index starts does not matter.
 */
export type ScalarClass =
  | 'number'
  | 'float'
  | 'text'
  | 'boolean'
  | 'uuid'
  | 'timestamp'
  | 'date'
  | 'moment'
  | 'time'
  | 'timetz'
  | 'interval'
  | 'bytea'
  | 'json'
  | 'bits'
  | 'address';

export type CanonicalClass = ScalarClass | `${ScalarClass}[]`;

const classes: Readonly<Record<string, ScalarClass>> = {
  ...{ int2: 'number', int4: 'number', int8: 'number', numeric: 'number', oid: 'number', float4: 'float', float8: 'float' },
  ...{ text: 'text', varchar: 'text', bpchar: 'text', name: 'text', char: 'text', xml: 'text' },
  ...{ bool: 'boolean', uuid: 'uuid', timestamptz: 'timestamp', timestamp: 'timestamp', date: 'date' },
  ...{ time: 'time', timetz: 'timetz', interval: 'interval', bytea: 'bytea', json: 'json', jsonb: 'json' },
  ...{ bit: 'bits', varbit: 'bits', inet: 'address', cidr: 'address', macaddr: 'address', macaddr8: 'address' },
};

const reasons: Readonly<Record<string, string>> = {
  money: 'money is written by the locale of the server',
  tsvector: 'a tsvector is derived from other columns',
  composite: 'composite types are not compared',
  range: 'ranges are not compared',
};

function scalarClass(type: ColumnType): ScalarClass | undefined {
  if (type.kind === 'enum') return 'text';
  if (!type.builtIn) return type.name === 'citext' ? 'text' : undefined;
  return classes[type.name];
}

/** How the column is compared, or why it cannot be. */
export function canonicalClass(types: Readonly<Record<Side, ColumnType>>): CanonicalClass | { readonly why: string } {
  const { primary, region } = types;
  for (const type of [primary, region]) {
    if (scalarClass(type) === undefined) return { why: reasons[type.name] ?? reasons[type.kind] ?? `${type.sql} has no form to compare` };
  }
  const differ = { why: `${primary.sql} at the primary and ${region.sql} in the region` };
  if (primary.isArray !== region.isArray) return differ;
  const common = commonClass(primary, region);
  if (common === undefined) return differ;
  return primary.isArray ? `${common}[]` : common;
}

function commonClass(primary: ColumnType, region: ColumnType): ScalarClass | undefined {
  const left = scalarClass(primary)!;
  const right = scalarClass(region)!;
  if (left === right) return left;
  const pair = new Set([left, right]);
  if (pair.has('text') && pair.has('uuid')) return 'text';
  if (pair.has('date') && pair.has('timestamp')) return 'moment';
  if (pair.has('float') && pair.has('number')) {
    const number = left === 'number' ? primary : region;
    // Whatever a double cannot hold would be equal to its neighbour.
    if (number.name === 'int2' || number.name === 'int4' || (left === 'float' && number.name === 'numeric')) return 'float';
  }
  return undefined;
}

/** SQL text of a value; null of null. `value` is written more than once. */
export function canonicalText(value: string, type: ColumnType, as: CanonicalClass): string {
  if (!as.endsWith('[]')) return scalarText(value, type, as as ScalarClass);
  const element = scalarText('e.value', type, as.slice(0, -2) as ScalarClass);
  const dimensions = [1, 2, 3, 4, 5, 6].map((dimension) => `array_length(${value}, ${dimension})`).join(', ');
  // The server writes arrays of text so that null and 'NULL', commas and quotes stay apart.
  const elements = `array(select ${element} from unnest(${value}) with ordinality as e (value, place) order by e.place)::text`;
  return `case when ${value} is not null then concat_ws('x', ${dimensions}) || ${elements} end`;
}

const hexOf = (sent: string): string => `encode(${sent}, 'hex')`;

function scalarText(value: string, type: ColumnType, as: ScalarClass): string {
  switch (as) {
    case 'number':
      return type.name === 'numeric' ? `trim_scale(${value})::text` : `${value}::text`;
    case 'float':
      // Computed NaNs carry a sign.
      return `case when ${value}::float8 = 'NaN' then 'NaN' else ${hexOf(`float8send(${value}::float8 + 0)`)} end`;
    case 'timestamp':
      return hexOf(`${type.name}_send(${value})`);
    case 'moment':
      // Dates reach further than timestamps, and a cast of those would fail.
      return `trim_scale(extract(epoch from ${value}))::text`;
    case 'date':
    case 'time':
    case 'timetz':
    case 'interval':
      return hexOf(`${type.name}_send(${value})`);
    case 'bytea':
      return hexOf(value);
    case 'json':
      // jsonb refuses the character 0, which json keeps as it is written.
      return type.name === 'jsonb'
        ? `${value}::text`
        : `case when strpos(${value}::text, '\\u0000') > 0 then ${value}::text else ${value}::jsonb::text end`;
    case 'text':
    case 'boolean':
    case 'uuid':
    case 'bits':
    case 'address':
      return `${value}::text`;
  }
}
