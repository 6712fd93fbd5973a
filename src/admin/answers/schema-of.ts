/** JSON Schema of a value of type T. The mark is the compiler's alone: a schema of another type, a narrower or a wider one, does not compile. */
export type SchemaOf<T> = JsonSchema & { readonly [of]?: (value: T) => T };

export type JsonSchema = Readonly<Record<string, unknown>>;

declare const of: unique symbol;
declare const left: unique symbol;

/** Of a field that may be left out. */
type Optional<T> = SchemaOf<T> & { readonly [left]: true };

type Fields<T> = {
  readonly [K in keyof T]-?: unknown extends T[K]
    ? SchemaOf<T[K]>
    : undefined extends T[K]
      ? Optional<Exclude<T[K], undefined>>
      : SchemaOf<T[K]>;
};

const optionals = new WeakSet<JsonSchema>();

export const text: SchemaOf<string> = { type: 'string' };
export const flag: SchemaOf<boolean> = { type: 'boolean' };
export const number: SchemaOf<number> = { type: 'number' };
export const whole: SchemaOf<number> = { type: 'integer' };
/** 64 bits and more: as text, because JSON's readers keep 53. */
export const wholeText: SchemaOf<string> = { type: 'string', pattern: '^-?\\d+$' };
/** ISO 8601 in UTC. */
export const time: SchemaOf<string> = { type: 'string', format: 'date-time' };
/** Of no fixed form. */
export const anything: SchemaOf<unknown> = {};

export const oneOf = <const T extends string>(values: readonly T[]): SchemaOf<T> => ({ type: 'string', enum: values });
export const only = <const T extends string | boolean>(value: T): SchemaOf<T> => ({ const: value });
export const listOf = <T>(items: SchemaOf<T>): SchemaOf<readonly T[]> => ({ type: 'array', items });
export const tableOf = <T>(values: SchemaOf<T>): SchemaOf<Readonly<Record<string, T>>> => ({
  type: 'object',
  additionalProperties: values,
});
export const orNull = <T>(schema: SchemaOf<T>): SchemaOf<T | null> => ({ anyOf: [schema, { type: 'null' }] });
export const either = <A, B>(one: SchemaOf<A>, other: SchemaOf<B>): SchemaOf<A | B> => ({ anyOf: [one, other] });

export function optional<T>(schema: SchemaOf<T>): Optional<T> {
  const copy = { ...schema } as Optional<T>;
  optionals.add(copy);
  return copy;
}

/** Of an object with these fields and no others: the compiler refuses a field that T lacks, and one of T that is not named here. */
export function shape<T extends object>(fields: Fields<T>): SchemaOf<T> {
  const entries = Object.entries(fields) as [string, JsonSchema][];
  return {
    type: 'object',
    additionalProperties: false,
    required: entries.filter(([, schema]) => !optionals.has(schema)).map(([name]) => name),
    properties: Object.fromEntries(entries),
  };
}

/** A shape that the document keeps under its name, once. */
export const named = <T extends object>(title: string, fields: Fields<T>): SchemaOf<T> => ({ title, ...shape<T>(fields) });
