import type { FieldShape } from './contracts.ts';

/** What a decoded value is turned into for its array parameter. */
export type ValueForm = 'plain' | 'bytes' | 'json' | 'array';

/**
 * How a column travels: all its values of a batch as one array parameter `$n::array[]`, and what each row
 * casts them to, where the array itself cannot hold the type.
 */
export interface Travel {
  readonly array: string;
  readonly cast: string | undefined;
  readonly form: ValueForm;
}

// Types whose arrays `unnest` hands out as they are. Without length or scale on purpose: an explicit cast to
// varchar(10), or to a domain over it, cuts a longer text silently, while assigning it to the column refuses it.
const typedArrays: ReadonlySet<string> = new Set([
  'bigint',
  'integer',
  'smallint',
  'text',
  'character varying',
  'boolean',
  'numeric',
  'real',
  'double precision',
  'uuid',
  'date',
  'timestamp with time zone',
  'timestamp without time zone',
  'time without time zone',
  'interval',
  'bytea',
]);

// `character` and `bit` alone mean length 1.
const unbounded: Readonly<Record<string, string>> = { character: 'bpchar', bit: 'varbit', 'bit varying': 'varbit' };

/** `numeric(12,2)[]` → `numeric`, `timestamp(3) with time zone` → `timestamp with time zone`. */
export function baseType(type: string): string {
  const bare = type.replace(/\(.*?\)/g, '').replace(/\[\]$/, '');
  return bare.startsWith('interval') ? 'interval' : bare;
}

export const isArrayType = (type: string): boolean => type.endsWith('[]');

const nested: ReadonlySet<string> = new Set(['record', 'array', 'map', 'union']);

/** `type` without domains: a cast to a domain would be one to its length. */
export function travelOf(type: string, field: Pick<FieldShape, 'avro' | 'logical'>): Travel {
  const base = baseType(type);
  // `unnest` flattens arrays of arrays, so they travel as text and become arrays row by row (C17).
  if (isArrayType(type)) return { array: 'text', cast: `${unbounded[base] ?? base}[]`, form: 'array' };
  const form: ValueForm = nested.has(field.avro) ? 'json' : isBytes(field) ? 'bytes' : 'plain';
  if (typedArrays.has(base)) return { array: base, cast: undefined, form };
  // A text field in a jsonb column is taken for a JSON document: what is none, the server refuses.
  return { array: 'text', cast: unbounded[base] ?? base, form };
}

const isBytes = ({ avro, logical }: Pick<FieldShape, 'avro' | 'logical'>): boolean =>
  (avro === 'bytes' || avro === 'fixed') && logical === undefined;

const logicalTypes: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  date: 'date',
  'time-millis': 'time without time zone',
  'time-micros': 'time without time zone',
  'timestamp-millis': 'timestamp with time zone',
  'timestamp-micros': 'timestamp with time zone',
  // PostgreSQL keeps microseconds: a column of its own type would round without a word.
  'timestamp-nanos': 'text',
  'local-timestamp-millis': 'timestamp without time zone',
  'local-timestamp-micros': 'timestamp without time zone',
  'local-timestamp-nanos': 'text',
  duration: 'interval',
};

const primitiveTypes: Readonly<Record<string, string>> = {
  long: 'bigint',
  int: 'integer',
  string: 'text',
  boolean: 'boolean',
  float: 'real',
  double: 'double precision',
  bytes: 'bytea',
  fixed: 'bytea',
  enum: 'text',
  null: 'text',
};

/** The column type a created table gets for a field. */
export function columnTypeOf(field: FieldShape): string {
  if (field.logical === 'decimal') return field.precision === undefined ? 'numeric' : `numeric(${field.precision},${field.scale ?? 0})`;
  return (field.logical === undefined ? undefined : logicalTypes[field.logical]) ?? primitiveTypes[field.avro] ?? 'jsonb';
}

const texts = ['text', 'character varying'];
const wholeNumbers = ['smallint', 'integer', 'bigint', 'numeric', ...texts];

/** Built-in types that hold every value of the field unchanged, or refuse it; undefined where any type may be tried. */
function fittingTypes({ avro, logical }: FieldShape): readonly string[] | undefined {
  if (logical === 'decimal') return ['numeric', ...texts];
  if (logical === 'uuid') return ['uuid', ...texts];
  if (logical === 'date') return ['date', 'timestamp without time zone', ...texts];
  if (logical?.startsWith('time-')) return ['time without time zone', ...texts];
  if (logical?.endsWith('timestamp-nanos')) return texts;
  if (logical?.startsWith('timestamp-')) return ['timestamp with time zone', 'timestamp without time zone', ...texts];
  // A local timestamp in a timestamptz column would be read in the session's time zone.
  if (logical?.startsWith('local-timestamp-')) return ['timestamp without time zone', ...texts];
  if (logical === 'duration') return ['interval', ...texts];
  // A long above 2^53 and a double would be rounded by a narrower floating-point column, not refused.
  if (avro === 'long') return wholeNumbers;
  if (avro === 'int') return ['double precision', ...wholeNumbers];
  if (avro === 'float') return ['real', 'double precision', 'numeric', ...texts];
  if (avro === 'double') return ['double precision', 'numeric', ...texts];
  if (avro === 'boolean') return ['boolean', ...texts];
  if (avro === 'bytes' || avro === 'fixed') return ['bytea'];
  if (nested.has(avro)) return ['jsonb', 'json', ...texts];
  return undefined;
}

const knownTypes: ReadonlySet<string> = new Set([
  ...typedArrays,
  'jsonb',
  'json',
  'character',
  'bit',
  'bit varying',
  'money',
  'inet',
  'xml',
]);

// Also what is assigned to them is cut silently: to 63 bytes, and to the first one.
const cutting: ReadonlySet<string> = new Set(['name', '"char"']);

/** Why the column cannot hold the field, or undefined. `type` without domains. Types of the user's own are tried: the server refuses what does not fit. */
export function misfit(type: string, field: FieldShape): string | undefined {
  const base = baseType(type);
  if (cutting.has(base)) return `${type} cuts longer texts`;
  if (isArrayType(type)) {
    if (field.avro !== 'array') return field.avro === 'string' ? undefined : `${type} holds arrays, the field is ${named(field)}`;
    const item = innermostItem(field);
    // A union's items go as they are, each as its branch has it.
    return item === undefined || item.avro === 'union' ? undefined : misfit(type.replace(/(\[\])+$/, ''), item);
  }
  const fitting = fittingTypes(field);
  if (fitting !== undefined && knownTypes.has(base) && !fitting.includes(base)) return `${type} does not hold ${named(field)}`;
  // The server rounds to the column's scale without a word.
  const scale = /^numeric\(\d+,(-?\d+)\)$/.exec(type)?.[1];
  if (scale !== undefined && field.logical === 'decimal' && (field.scale ?? 0) > Number(scale)) {
    return `${type} rounds decimals of scale ${field.scale}`;
  }
  const digits = /^(?:timestamp|time|interval(?: [a-z ]+)?)\((\d)\)/.exec(type)?.[1];
  const needed = digitsOf(field.logical);
  if (digits !== undefined && needed !== undefined && Number(digits) < needed) return `${type} rounds ${field.logical}`;
  // Units below the last one of `interval day to hour` are left out; those above the first one stay.
  if (field.logical === 'duration' && /^interval [a-z ]*(?:year|month|day|hour|minute)$/.test(type)) return `${type} cuts durations`;
  return undefined;
}

/** A PostgreSQL array has no type for the arrays in it. */
const innermostItem = ({ items }: FieldShape): FieldShape | undefined => (items?.avro === 'array' ? innermostItem(items) : items);

/** Digits of a second that a field of the type may have; undefined where it has no seconds. */
function digitsOf(logical: string | undefined): number | undefined {
  if (logical === 'duration' || logical?.endsWith('-millis')) return 3;
  return logical?.endsWith('-micros') ? 6 : undefined;
}

const named = ({ avro, logical }: FieldShape): string => (logical === undefined ? avro : `${avro} (${logical})`);
