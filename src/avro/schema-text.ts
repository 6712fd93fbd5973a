/**
 * How a schema is kept: its own text as the registry has it, or, when it refers to others, a JSON object
 * with the texts it refers to in front, in the order they must be read. Self-contained, so that a kept
 * copy needs no registry.
 */
export interface SchemaText {
  readonly references: readonly string[];
  readonly schema: string;
}

const OPENING = '{"references":';

export const schemaText = (schema: string, references: readonly string[]): string =>
  references.length === 0 ? schema : JSON.stringify({ references, schema } satisfies SchemaText);

export function readSchemaText(text: string): SchemaText {
  if (!text.startsWith(OPENING)) return { references: [], schema: text };
  const read = JSON.parse(text) as Partial<SchemaText>;
  // An Avro schema may carry an attribute of that name; `schema` as a text is ours.
  if (typeof read.schema !== 'string' || !Array.isArray(read.references)) return { references: [], schema: text };
  return { references: read.references, schema: read.schema };
}
