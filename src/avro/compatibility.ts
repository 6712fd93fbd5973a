import type { SchemaRegistry } from './contracts.ts';

/**
 * What a registry's mode lets a writer do to a table that nobody has made ready. Under the other modes readers change
 * before writers do, or neither needs to.
 */
const FORWARD =
  'writers change before their readers: a new field stops the table with table_mismatch until it has a column (apply.schema: evolve adds it), and a field with a default may go: its column then keeps what it holds';
const NONE =
  'a writer may change the type of any field, or take it away: the table then stops with table_mismatch or table_unmappable, a column may keep what it holds without a word, and records without their version field count as older than all others';

const meanings: Readonly<Record<string, string>> = { NONE, FORWARD, FORWARD_TRANSITIVE: FORWARD };

export interface CompatibilityWarning {
  readonly topic: string;
  readonly subject: string;
  readonly mode: string;
  readonly meaning: string;
}

/** Values of a topic, as producers name them by default. */
export const valueSubject = (homeTopic: string): string => `${homeTopic}-value`;

/**
 * A warning for each topic whose subject has such a mode; a subject without a mode of its own has the registry's. Topics are
 * named as in the region, their subjects after the topic at home. Rejects with `registry_unreachable`.
 */
export async function compatibilityWarnings(
  registry: SchemaRegistry,
  topics: readonly { readonly topic: string; readonly home: string }[],
  signal: AbortSignal,
): Promise<readonly CompatibilityWarning[]> {
  let overall: Promise<string | undefined> | undefined;
  const warnings: CompatibilityWarning[] = [];
  for (const { topic, home } of topics) {
    const subject = valueSubject(home);
    let mode = await registry.compatibility(subject, signal);
    if (mode === undefined) {
      overall ??= registry.compatibility(undefined, signal);
      mode = await overall;
    }
    const meaning = mode !== undefined && Object.hasOwn(meanings, mode) ? meanings[mode] : undefined;
    if (mode !== undefined && meaning !== undefined) warnings.push({ topic, subject, mode, meaning });
  }
  return warnings;
}
