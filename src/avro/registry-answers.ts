/** What Confluent's registry API answers, checked by hand: an answer of another shape is no registry's. */
export interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export interface SchemaAnswer {
  /** Present in answers by subject and version. */
  readonly id: number | undefined;
  readonly schema: string;
  readonly type: string;
  readonly references: readonly Reference[];
}

type Fields = { readonly [name: string]: unknown };

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isVersion = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** The body as JSON; undefined when it is none. */
export function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export function schemaAnswer(json: unknown): SchemaAnswer | undefined {
  if (!isFields(json) || typeof json.schema !== 'string') return undefined;
  const { id, schema, schemaType: type = 'AVRO', references: listed = [] } = json;
  if (typeof type !== 'string' || !(id === undefined || isVersion(id)) || !Array.isArray(listed)) return undefined;
  const references: Reference[] = [];
  for (const one of listed) {
    if (!isFields(one) || typeof one.subject !== 'string' || !isVersion(one.version)) return undefined;
    references.push({ name: typeof one.name === 'string' ? one.name : '', subject: one.subject, version: one.version });
  }
  return { id, schema, type, references };
}

export const subjectsAnswer = (json: unknown): readonly string[] | undefined =>
  Array.isArray(json) && json.every((one) => typeof one === 'string') ? json : undefined;

export const versionsAnswer = (json: unknown): readonly number[] | undefined =>
  Array.isArray(json) && json.every(isVersion) ? json : undefined;

export const compatibilityAnswer = (json: unknown): string | undefined =>
  isFields(json) && typeof json.compatibilityLevel === 'string' ? json.compatibilityLevel : undefined;

export const modeAnswer = (json: unknown): string | undefined => (isFields(json) && typeof json.mode === 'string' ? json.mode : undefined);

export const registeredAnswer = (json: unknown): number | undefined => (isFields(json) && isVersion(json.id) ? json.id : undefined);

/** Why a registry refused. */
export const refusalText = (json: unknown): string =>
  isFields(json) && typeof json.message === 'string' ? json.message : 'it does not say why';

/**
 * A registry says itself, by a code 404xx, that it has no such thing. A 404 of a proxy or of another server says nothing, nor does the plain code 404
 * with which a registry answers a path that it does not know: a record would be rejected for a schema that nobody looked for.
 */
export const saysMissing = (json: unknown): boolean =>
  isFields(json) && typeof json.error_code === 'number' && json.error_code > 40_400 && json.error_code < 40_500;
