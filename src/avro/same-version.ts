import { isDeepStrictEqual } from 'node:util';
import type { SubjectVersion } from './contracts.ts';
import { jsonOf } from './registry-answers.ts';

type Fields = { readonly [name: string]: unknown };
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const PRIMITIVES: ReadonlySet<string> = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);
const NAMED: ReadonlySet<unknown> = new Set(['record', 'error', 'enum', 'fixed']);

/** What two registries hold differently under one subject and version; undefined: nothing that means anything. */
export function difference(one: SubjectVersion, other: SubjectVersion): 'id' | 'type' | 'schema' | 'references' | undefined {
  if (one.id !== other.id) return 'id';
  if (one.type !== other.type) return 'type';
  if (!isSameSchema(one, other)) return 'schema';
  return isDeepStrictEqual(byName(one), byName(other)) ? undefined : 'references';
}

const byName = ({ references }: SubjectVersion) => references.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

function isSameSchema({ type, schema }: SubjectVersion, { schema: other }: SubjectVersion): boolean {
  if (schema === other) return true;
  const [one, two] = [jsonOf(schema), jsonOf(other)];
  // Protobuf is no JSON: its text is all there is.
  if (one === undefined || two === undefined || !isDeepStrictEqual(longNumbers(schema), longNumbers(other))) return false;
  return type === 'AVRO' ? isDeepStrictEqual(spelled(one, ''), spelled(two, '')) : isDeepStrictEqual(one, two);
}

/** Numbers that JSON.parse rounds: two defaults of a long must not become one. */
const longNumbers = (text: string): readonly string[] => (text.match(/\d{16,}/g) ?? []).toSorted();

/**
 * An Avro schema with every name in full and nothing that says no more than its absence: registries write a schema again in their own way
 * (`{"type": "string"}` becomes `"string"`, `x.A` becomes `A` in the namespace `x`), and a folder has it as somebody typed it. All else counts,
 * docs and defaults too.
 */
function spelled(json: unknown, space: string): unknown {
  if (typeof json === 'string') return PRIMITIVES.has(json) ? json : inFull(json, space);
  if (Array.isArray(json)) return json.map((branch) => spelled(branch, space));
  if (!isFields(json)) return json;
  const { type } = json;
  if (NAMED.has(type) && typeof json.name === 'string') return named(json, json.name, space);
  if (type === 'array') return { ...json, items: spelled(json.items, space) };
  if (type === 'map') return { ...json, values: spelled(json.values, space) };
  return Object.keys(json).length === 1 ? spelled(type, space) : { ...json, type: spelled(type, space) };
}

function named({ namespace, ...json }: Fields, name: string, around: string): unknown {
  const full = inFull(name, typeof namespace === 'string' ? namespace : around);
  const space = full.slice(0, Math.max(0, full.lastIndexOf('.')));
  const aliases = Array.isArray(json.aliases) ? { aliases: json.aliases.map((alias) => inFull(String(alias), space)) } : {};
  const fields = Array.isArray(json.fields) ? { fields: json.fields.map((field) => spelledField(field, space)) } : {};
  return { ...json, name: full, ...aliases, ...fields };
}

function spelledField(field: unknown, space: string): unknown {
  if (!isFields(field)) return field;
  const { order, ...rest } = field;
  return { ...rest, type: spelled(field.type, space), ...(order === undefined || order === 'ascending' ? {} : { order }) };
}

const inFull = (name: string, space: string): string => (name.includes('.') || space === '' ? name : `${space}.${name}`);
