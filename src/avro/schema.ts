import avro from 'avsc';
import type { FieldShape } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { decodeLimits } from './limits.ts';

/** A schema as a closed union, names in full, logical types that Farshore knows beside their base type. */
export type AvroSchema =
  | { readonly kind: 'null' | 'boolean' | 'float' | 'double' }
  | { readonly kind: 'int' | 'long' | 'string'; readonly logical: string | undefined }
  | {
      readonly kind: 'bytes';
      readonly logical: string | undefined;
      readonly precision?: number | undefined;
      readonly scale?: number | undefined;
    }
  | {
      readonly kind: 'fixed';
      readonly name: string;
      readonly size: number;
      readonly logical: string | undefined;
      readonly precision?: number | undefined;
      readonly scale?: number | undefined;
    }
  | { readonly kind: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroSchema }
  | { readonly kind: 'map'; readonly values: AvroSchema }
  | { readonly kind: 'union'; readonly branches: readonly AvroSchema[] }
  | { readonly kind: 'record'; readonly name: string; readonly fields: readonly AvroField[] }
  | { readonly kind: 'ref'; readonly name: string };

export interface AvroField {
  readonly name: string;
  readonly schema: AvroSchema;
  readonly doc: string | undefined;
}

export type NamedSchemas = ReadonlyMap<string, AvroSchema>;

export interface ParsedSchema {
  readonly root: AvroSchema;
  readonly named: NamedSchemas;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
const isPrimitive = (name: string): name is (typeof PRIMITIVES)[number] => (PRIMITIVES as readonly string[]).includes(name);

/** Logical types by base type; any other is read as its base type, as the specification says. */
const LOGICAL: Readonly<Record<string, readonly string[]>> = {
  int: ['date', 'time-millis'],
  long: [
    'time-micros',
    'timestamp-millis',
    'timestamp-micros',
    'timestamp-nanos',
    'local-timestamp-millis',
    'local-timestamp-micros',
    'local-timestamp-nanos',
  ],
  bytes: ['decimal'],
  string: ['uuid'],
  fixed: ['decimal', 'uuid', 'duration'],
};

/** Reads a schema text, with its references in front of it when there are any. Throws `schema_unusable`. */
export function parseSchema(text: string, references: readonly string[], place: string): ParsedSchema {
  try {
    withinLength(text, references);
    let fields = 0;
    const registry: Record<string, avro.Type> = {};
    const named = new Map<string, AvroSchema>();
    let root: AvroSchema | undefined;
    for (const one of [...references, text]) {
      const json = withoutDefaults(JSON.parse(one) as Json, 0);
      fields += fieldsIn(json);
      if (fields > maxSchemaFields) throw new Error(`it has more than ${maxSchemaFields} fields`);
      // avsc knows the rules of names and unions; what it takes is a schema.
      avro.Type.forSchema(json as avro.Schema, { registry, wrapUnions: 'always' });
      root = read(json, '', named);
    }
    if (root === undefined) throw new Error('there is no schema');
    return { root, named };
  } catch (error) {
    throw unusableSchema(error, place);
  }
}

const { maxSchemaLength, maxSchemaFields, maxSchemaDepth, maxScale } = decodeLimits;

function withinLength(text: string, references: readonly string[]): void {
  const length = references.reduce((sum, one) => sum + one.length, text.length);
  if (length > maxSchemaLength) throw new Error(`it has ${length} characters, more than ${maxSchemaLength}`);
}

/** Of all records in it. Its depth was looked at before. */
function fieldsIn(json: Json): number {
  if (typeof json !== 'object' || json === null) return 0;
  if (Array.isArray(json)) return json.reduce((sum: number, one) => sum + fieldsIn(one as Json), 0);
  const { type = null, fields = null, items = null, values = null } = json as JsonObject;
  return (Array.isArray(fields) ? fields.length : 0) + fieldsIn(type) + fieldsIn(fields) + fieldsIn(items) + fieldsIn(values);
}

export const unusableSchema = (error: unknown, place: string): FarshoreError =>
  new FarshoreError('schema_unusable', `Not an Avro schema: ${error instanceof Error ? error.message : String(error)}`, {
    place,
    cause: error,
    hint: 'Compare the text in the registry with the Avro specification.',
  });

/**
 * Defaults serve readers with another schema; here only writers' schemas read. Registries hold old schemas
 * with defaults that are not valid (`"null"` for null), and JSON's numbers lose those of wide longs: neither is a
 * reason to stop.
 */
function withoutDefaults(json: Json, depth: number): Json {
  // A type inside another is at most three deeper: `fields`, the field, its `type`.
  if (depth > 3 * maxSchemaDepth) throw new Error(`its types are nested deeper than ${maxSchemaDepth}`);
  if (Array.isArray(json)) return json.map((item) => withoutDefaults(item as Json, depth + 1));
  if (typeof json !== 'object' || json === null) return json;
  const { default: _default, ...rest } = json as JsonObject;
  return Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key,
      ['type', 'fields', 'items', 'values'].includes(key) ? withoutDefaults(value, depth + 1) : value,
    ]),
  );
}

function read(json: Json, namespace: string, named: Map<string, AvroSchema>): AvroSchema {
  if (typeof json === 'string') {
    if (isPrimitive(json)) return primitive(json, {});
    return { kind: 'ref', name: fullName(json, undefined, namespace, named) };
  }
  if (Array.isArray(json)) return { kind: 'union', branches: json.map((branch) => read(branch as Json, namespace, named)) };
  const object = json as JsonObject;
  const { type } = object;
  if (typeof type !== 'string') return read(type ?? null, namespace, named);
  switch (type) {
    case 'array':
      return { kind: 'array', items: read(object.items ?? null, namespace, named) };
    case 'map':
      return { kind: 'map', values: read(object.values ?? null, namespace, named) };
    case 'record':
    case 'error':
      return readRecord(object, namespace, named);
    case 'enum': {
      const name = nameOf(object, namespace);
      const schema: AvroSchema = { kind: 'enum', name, symbols: object.symbols as readonly string[] };
      named.set(name, schema);
      return schema;
    }
    case 'fixed': {
      const name = nameOf(object, namespace);
      const size = Number(object.size);
      const schema: AvroSchema = { kind: 'fixed', name, size, ...logicalOf('fixed', object, size) };
      named.set(name, schema);
      return schema;
    }
    default:
      return isPrimitive(type) ? primitive(type, object) : { kind: 'ref', name: fullName(type, undefined, namespace, named) };
  }
}

function primitive(kind: (typeof PRIMITIVES)[number], object: JsonObject): AvroSchema {
  switch (kind) {
    case 'null':
    case 'boolean':
    case 'float':
    case 'double':
      return { kind };
    case 'int':
    case 'long':
    case 'string':
      return { kind, logical: logicalOf(kind, object).logical };
    case 'bytes':
      return { kind, ...logicalOf(kind, object) };
  }
}

/** The specification says to ignore a logical type that is not valid, and to read its base type. */
function logicalOf(kind: string, object: JsonObject, size = Number.POSITIVE_INFINITY) {
  const logical = LOGICAL[kind]?.find((name) => name === object.logicalType);
  if (kind === 'fixed' && logical !== undefined && logical !== 'decimal' && size !== FIXED_SIZES[logical]) return { logical: undefined };
  if (logical !== 'decimal') return { logical };
  const { precision, scale = 0 } = object;
  const valid = isCount(precision) && precision > 0 && isCount(scale) && scale <= precision && precision <= digitsOf(size);
  // The specification allows any scale; to read the bytes as a type of their own instead would be a guess.
  if (valid && scale > maxScale) throw new Error(`a decimal has a scale of ${scale}, more than ${maxScale}`);
  return valid ? { logical, precision, scale } : { logical: undefined };
}

const FIXED_SIZES: Readonly<Record<string, number>> = { uuid: 16, duration: 12 };
const isCount = (value: Json | undefined): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0;
/** Decimal digits that always fit in a signed number of `size` bytes. */
const digitsOf = (size: number): number => Math.floor(Math.log10(2) * (8 * size - 1));

function readRecord(object: JsonObject, namespace: string, named: Map<string, AvroSchema>): AvroSchema {
  const name = nameOf(object, namespace);
  const inner = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : '';
  const fields: AvroField[] = [];
  const schema: AvroSchema = { kind: 'record', name, fields };
  // Before its fields: a record may name itself.
  named.set(name, schema);
  for (const field of object.fields as readonly JsonObject[]) {
    const doc = typeof field.doc === 'string' ? field.doc : undefined;
    // `{"name": "at", "type": "long", "logicalType": …}` puts the logical type on the field; only the type carries it.
    fields.push({ name: String(field.name), schema: read(field.type ?? null, inner, named), doc });
  }
  return schema;
}

const nameOf = (object: JsonObject, namespace: string): string =>
  fullName(String(object.name), typeof object.namespace === 'string' ? object.namespace : undefined, namespace, undefined);

function fullName(name: string, own: string | undefined, enclosing: string, named: NamedSchemas | undefined): string {
  if (name.includes('.')) return name;
  const space = own ?? enclosing;
  const full = space === '' ? name : `${space}.${name}`;
  return named !== undefined && !named.has(full) && named.has(name) ? name : full;
}

export const isRecordSchema = ({ root, named }: ParsedSchema): boolean => resolved(root, named).kind === 'record';

/** Full name of a record schema, undefined for any other. */
export function recordName({ root, named }: ParsedSchema): string | undefined {
  const schema = resolved(root, named);
  return schema.kind === 'record' ? schema.name : undefined;
}

/** The branch that says a field is not in this record: an empty record of that name. */
export const isAbsentBranch = (schema: AvroSchema): boolean =>
  schema.kind === 'record' && schema.fields.length === 0 && /(^|\.)Absent$/.test(schema.name);

/** Fields of a record schema as a table sees them; any other schema is one field without a name. */
export function fieldShapes({ root, named }: ParsedSchema): readonly FieldShape[] {
  const record = resolved(root, named);
  const fields = record.kind === 'record' ? record.fields : [{ name: '', schema: record, doc: undefined }];
  return shapesOf(fields, named, record.kind === 'record' ? [record.name] : []);
}

/** `inside` names the records around: one that holds itself is described once. */
function shapesOf(fields: readonly AvroField[], named: NamedSchemas, inside: readonly string[]): readonly FieldShape[] {
  return fields.map(({ name, schema, doc }) => {
    const branches = (schema.kind === 'union' ? schema.branches : [schema]).map((branch) => resolved(branch, named));
    const isUnion = schema.kind === 'union';
    const values = branches.filter((branch) => branch.kind !== 'null' && !(isUnion && isAbsentBranch(branch)));
    const nullable = branches.some(({ kind }) => kind === 'null');
    const mayBeAbsent = isUnion && branches.some(isAbsentBranch);
    const [only, ...others] = values;
    const shape = {
      name,
      logical: undefined,
      precision: undefined,
      scale: undefined,
      nullable,
      doc,
      ...(mayBeAbsent ? { mayBeAbsent } : {}),
    };
    if (only === undefined) return { ...shape, avro: 'null' };
    if (others.length > 0) return { ...shape, avro: 'union' };
    const { logical, precision, scale } = only as { logical?: string; precision?: number; scale?: number };
    const items = only.kind === 'array' ? shapesOf([{ name: '', schema: only.items, doc: undefined }], named, inside)[0] : undefined;
    const found: FieldShape = { ...shape, avro: only.kind, logical, precision, scale, ...(items === undefined ? {} : { items }) };
    const inner = only.kind === 'array' ? recordIn(only.items, named) : only;
    if (inner?.kind !== 'record' || inside.includes(inner.name)) return found;
    return withFields(found, () => shapesOf(inner.fields, named, [...inside, inner.name]));
  });
}

/** Looked at only when it is asked for: records that name each other could be written out without end. */
function withFields(shape: FieldShape, fields: () => readonly FieldShape[]): FieldShape {
  let known: readonly FieldShape[] | undefined;
  const get = (): readonly FieldShape[] => {
    known ??= fields();
    return known;
  };
  return Object.defineProperty(shape, 'fields', { get, enumerable: true });
}

/** The record that an item is, also as the only branch beside null. */
function recordIn(items: AvroSchema, named: NamedSchemas): AvroSchema | undefined {
  const branches = items.kind === 'union' ? items.branches.filter(({ kind }) => kind !== 'null') : [items];
  return branches.length === 1 ? resolved(branches[0]!, named) : undefined;
}

const resolved = (schema: AvroSchema, named: NamedSchemas): AvroSchema =>
  schema.kind === 'ref' ? (named.get(schema.name) ?? schema) : schema;
