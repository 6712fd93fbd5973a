import avro from 'avsc';
import type { FieldShape } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';

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
    const registry: Record<string, avro.Type> = {};
    const named = new Map<string, AvroSchema>();
    let root: AvroSchema | undefined;
    for (const one of [...references, text]) {
      const json = JSON.parse(one) as Json;
      // avsc knows the rules of names, defaults and unions; what it takes is a schema.
      avro.Type.forSchema(json as avro.Schema, { registry, wrapUnions: 'always' });
      root = read(json, '', named);
    }
    if (root === undefined) throw new Error('there is no schema');
    return { root, named };
  } catch (error) {
    throw new FarshoreError('schema_unusable', `Not an Avro schema: ${error instanceof Error ? error.message : String(error)}`, {
      place,
      cause: error,
      hint: 'Compare the text in the registry with the Avro specification.',
    });
  }
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
      const schema: AvroSchema = { kind: 'fixed', name, size: Number(object.size), ...logicalOf('fixed', object) };
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

function logicalOf(kind: string, object: JsonObject) {
  const logical = LOGICAL[kind]?.find((name) => name === object.logicalType);
  if (logical !== 'decimal') return { logical };
  const precision = Number(object.precision);
  const scale = Number(object.scale ?? 0);
  // An invalid decimal is bytes: the specification says to ignore a logical type that is not valid.
  if (!Number.isInteger(precision) || precision < 1 || !Number.isInteger(scale) || scale < 0 || scale > precision)
    return { logical: undefined };
  return { logical, precision, scale };
}

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

/** Fields of a record schema as a table sees them; undefined for any other schema. */
export function fieldShapes({ root, named }: ParsedSchema): readonly FieldShape[] | undefined {
  const record = resolved(root, named);
  if (record.kind !== 'record') return undefined;
  return record.fields.map(({ name, schema, doc }) => {
    const branches = schema.kind === 'union' ? schema.branches : [schema];
    const values = branches.filter((branch) => branch.kind !== 'null');
    const nullable = values.length < branches.length;
    const [only] = values;
    if (values.length !== 1 || only === undefined) {
      return { name, avro: 'union', logical: undefined, precision: undefined, scale: undefined, nullable, doc };
    }
    const value = resolved(only, named);
    const { logical, precision, scale } = value as { logical?: string; precision?: number; scale?: number };
    return { name, avro: value.kind, logical, precision, scale, nullable, doc };
  });
}

const resolved = (schema: AvroSchema, named: NamedSchemas): AvroSchema =>
  schema.kind === 'ref' ? (named.get(schema.name) ?? schema) : schema;
