/**
 * Which configs of a topic at home hold for its mirror (CORRECTNESS C14).
 */

/** Always set in the region, whatever home says: else the broker overwrites timestamps, refuses old records or recompresses batches. */
const FORCED: ReadonlyMap<string, string> = new Map([
  ['message.timestamp.type', 'CreateTime'],
  ['message.timestamp.before.max.ms', '9223372036854775807'],
  ['message.timestamp.after.max.ms', '9223372036854775807'],
  ['compression.type', 'producer'],
]);

/** Choices of each cluster's own operators. */
const NEVER_SYNCED: readonly RegExp[] = [
  /^(leader|follower)\.replication\.throttled\.replicas$/,
  /^min\.insync\.replicas$/,
  /^unclean\.leader\.election\.enable$/,
  /^(remote\.|local\.retention)/,
  /^message\.(timestamp|format)\./,
  /^message\.downconversion\.enable$/,
  /^compression\./,
  /^confluent\./,
];

export const isForced = (name: string): boolean => FORCED.has(name);

/** Whether a regional topic lacks one of those, by the configs of its own. */
export const lacksForced = (regional: ReadonlyMap<string, string>): boolean =>
  [...FORCED].some(([name, value]) => regional.get(name) !== value);

const isSynced = (name: string, excluded: ReadonlySet<string>): boolean =>
  !excluded.has(name) && !FORCED.has(name) && !NEVER_SYNCED.some((pattern) => pattern.test(name));

/** Configs for creating the mirror of a topic. */
export function mirroredConfigs(home: ReadonlyMap<string, string>, exclude: readonly string[]): ReadonlyMap<string, string> {
  const excluded = new Set(exclude);
  const configs = new Map<string, string>();
  for (const [name, value] of home) if (isSynced(name, excluded)) configs.set(name, value);
  for (const [name, value] of FORCED) configs.set(name, value);
  return configs;
}

/** How long the region keeps at least what apply reads (C7), beside what its brokers do by themselves. */
export interface RetentionFloor {
  readonly leastMs: number;
  /** Configs in force for the regional topic, defaults included; undefined before it exists. */
  readonly inForce: ReadonlyMap<string, string> | undefined;
}

const FOREVER = '-1';

/** Raises how long records and tombstones stay to the floor; a choice of home above it stays. */
export function withRetentionFloor(
  wanted: ReadonlyMap<string, string>,
  regional: ReadonlyMap<string, string>,
  { leastMs, inForce }: RetentionFloor,
  exclude: readonly string[],
): ReadonlyMap<string, string> {
  const policies = (wanted.get('cleanup.policy') ?? inForce?.get('cleanup.policy') ?? 'delete').split(',').map((policy) => policy.trim());
  const least = String(leastMs);
  const raised = new Map(wanted);
  for (const [policy, name] of [
    ['delete', 'retention.ms'],
    ['compact', 'delete.retention.ms'],
  ] as const) {
    if (!policies.includes(policy) || exclude.includes(name)) continue;
    const chosen = wanted.get(name);
    // What the topic has of its own is either the floor, set before, or goes back to the default first.
    const inPlace = chosen ?? regional.get(name) ?? inForce?.get(name);
    if (inPlace === undefined) continue;
    const isShort = inPlace !== FOREVER && BigInt(inPlace) < BigInt(leastMs);
    if (isShort || (chosen === undefined && regional.get(name) === least)) raised.set(name, least);
  }
  return raised;
}

/** What to alter so that the mirror has what `mirroredConfigs` says; local choices that are never synced stay. */
export function configChanges(
  home: ReadonlyMap<string, string>,
  regional: ReadonlyMap<string, string>,
  exclude: readonly string[],
  floor?: RetentionFloor,
): { readonly set: ReadonlyMap<string, string>; readonly remove: readonly string[] } {
  const synced = mirroredConfigs(home, exclude);
  const wanted = floor === undefined ? synced : withRetentionFloor(synced, regional, floor, exclude);
  const excluded = new Set(exclude);
  const set = new Map<string, string>();
  for (const [name, value] of wanted) if (regional.get(name) !== value) set.set(name, value);
  const remove = [...regional.keys()].filter((name) => !wanted.has(name) && isSynced(name, excluded));
  return { set, remove };
}

const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** The largest batch the mirror takes; a broker with a lower default says so by refusing, see batch-limit in mirror-loop. */
export const maxBatchBytes = (regional: ReadonlyMap<string, string>): number =>
  Number(regional.get('max.message.bytes') ?? DEFAULT_MAX_MESSAGE_BYTES);

export const isCompacted = (configs: ReadonlyMap<string, string>): boolean =>
  (configs.get('cleanup.policy') ?? 'delete').split(',').some((policy) => policy.trim() === 'compact');
