import type { SchemaRef } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import type { SchemaKeeper } from './contracts.ts';

/** Keeps a text. Throws `schema_conflict` when the id stands for another text: whoever needs it stops (C22). */
export async function keepSchema(keeper: SchemaKeeper, registry: string, ref: SchemaRef, text: string, signal: AbortSignal): Promise<void> {
  if ((await keeper.put(registry, ref, text, signal)) !== 'conflict') return;
  throw new FarshoreError('schema_conflict', `Schema ${ref} of ${registry} has another text than the one kept in the region`, {
    place: `schema ${ref}`,
    hint: 'Find out which registry issued the id twice; the kept text is in farshore.schemas.',
  });
}
