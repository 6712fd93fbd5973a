import { type CompatibilityWarning, compatibilityWarnings } from '../avro/compatibility.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';

/** The applied topics, and their names at home. */
export function appliedTopics({ apply, mirror }: FarshoreConfig): readonly { readonly topic: string; readonly home: string }[] {
  const { prefix } = mirror;
  const topics = new Set(apply.tables.map(({ topic }) => topic));
  return [...topics].map((topic) => ({ topic, home: topic.startsWith(prefix) ? topic.slice(prefix.length) : topic }));
}

export const warningsOf = (
  registry: SchemaRegistry,
  config: FarshoreConfig,
  signal: AbortSignal,
): Promise<readonly CompatibilityWarning[]> => compatibilityWarnings(registry, appliedTopics(config), signal);

/** Once, at start. A registry that cannot be asked, or does not tell, is no reason to hold anything up. */
export async function tellCompatibility(
  registry: SchemaRegistry | undefined,
  config: FarshoreConfig,
  observe: Observe,
  signal: AbortSignal,
): Promise<void> {
  if (registry === undefined) return;
  try {
    for (const warning of await warningsOf(registry, config, signal)) observe({ type: 'registry_compatibility', ...warning });
  } catch (error) {
    if (!signal.aborted && findFarshoreError(error) === undefined) throw error;
  }
}
