import type { PlanResult } from './apply-plan.ts';
import type { ApplyDependencies } from './dependencies.ts';
import type { TableCatalog } from './table-catalog.ts';

/** Loads what a plan asked for. */
export async function loadMissing(
  missing: Exclude<PlanResult, { kind: 'plan' | 'refused' }>,
  topic: string,
  { deps, catalog }: { readonly deps: Pick<ApplyDependencies, 'decoders'>; readonly catalog: TableCatalog },
  signal: AbortSignal,
): Promise<void> {
  if (missing.kind === 'schema') await deps.decoders.load(missing.ref, signal);
  else if (missing.kind === 'mapping') await catalog.loadMapping(topic, missing.route, missing.decoder, signal);
  else await catalog.loadKey(topic, missing.route, signal);
}
