/** What the choice of servers depends on. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Docker's daemon answers, and it holds every image that the rig needs. */
  readonly containersUsable: boolean;
}

export type RigWay =
  | { readonly kind: 'given'; readonly primary: string; readonly regional: string; readonly database: string }
  | { readonly kind: 'containers' }
  | { readonly kind: 'local' };

const names = {
  primary: 'FARSHORE_TEST_PRIMARY_KAFKA',
  regional: 'FARSHORE_TEST_REGIONAL_KAFKA',
  database: 'FARSHORE_TEST_DATABASE',
} as const;

/**
 * Which servers tests, demo and benches run on: those given by address, else containers, else processes of this machine. Some
 * addresses without the others is an error: half a given rig would run against servers nobody chose.
 */
export function chooseRig({ env, containersUsable }: Surroundings): RigWay {
  const { [names.primary]: primary, [names.regional]: regional, [names.database]: database } = env;
  if (primary && regional && database) return { kind: 'given', primary, regional, database };
  if (primary || regional || database) {
    const missing = Object.values(names).filter((name) => !env[name]);
    throw new Error(`set all of ${Object.values(names).join(', ')} or none; missing: ${missing.join(', ')}`);
  }
  return { kind: containersUsable ? 'containers' : 'local' };
}
