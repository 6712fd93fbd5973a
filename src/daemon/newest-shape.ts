import type { SchemaShape } from '../apply/entry-view.ts';
import { valueSubject } from '../avro/compatibility.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import { recordDecoder } from '../avro/record-decoder.ts';
import { findFarshoreError } from '../model/errors.ts';

export type Shape = SchemaShape | { readonly why: string };

/** The newest schema of a topic's values, or why there is none. Rejects when the registry does not answer. */
export async function newestShape(registry: SchemaRegistry, topic: string, signal: AbortSignal): Promise<Shape> {
  const subject = valueSubject(topic);
  try {
    const ref = await registry.newest(subject, signal);
    const text = ref === 'missing' ? 'missing' : await registry.byRef(ref, signal);
    return text === 'missing' ? { why: `the registry has no subject ${subject}` } : recordDecoder(text, `subject ${subject}`, ref);
  } catch (error) {
    const known = findFarshoreError(error);
    if (known === undefined || known.code === 'registry_unreachable') throw error;
    return { why: known.message };
  }
}
