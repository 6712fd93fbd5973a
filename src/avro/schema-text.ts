/**
 * How a schema is kept: its own text as the registry has it, or, when it refers to others, a JSON object
 * with the texts it refers to in front, in the order they must be read. Self-contained, so that a kept
 * copy needs no registry.
 */
interface WithReferences {
  readonly references: readonly string[];
  readonly schema: string;
}

export const schemaText = (schema: string, references: readonly string[]): string =>
  references.length === 0 ? schema : JSON.stringify({ references, schema } satisfies WithReferences);

export function readSchemaText(text: string): WithReferences {
  if (text.startsWith('{"references":')) return JSON.parse(text) as WithReferences;
  return { references: [], schema: text };
}
