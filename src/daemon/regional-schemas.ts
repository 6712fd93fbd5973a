import type { ImportingRegistry, SubjectVersions } from '../avro/contracts.ts';
import { type RegistriesView, type RegistryRole, SchemaRegistrar } from '../avro/registrar.ts';
import { directorySubjects } from '../avro/registry-directory.ts';
import { subjectVersions } from '../avro/registry-versions.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Measurement } from '../cutover/contracts.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import type { Home } from '../model/cutover.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { ActiveParts } from './active-parts.ts';
import { registryOptions } from './schemas.ts';

/** A move of the home opens and shuts subjects within this. */
const ROLE_EVERY_MS = 2_000;
const SHOWN = 3;

export interface RegionalSchemas {
  /** How the two registries stand to each other. */
  measured(): Measurement<RegistriesView>;
  /** Everything that the home's registry holds now is in the own one when this resolves. */
  carry(signal: AbortSignal): Promise<void>;
  /** What stands in the way of going back: schemas that were registered here and are not at the primary. */
  notBack(signal: AbortSignal): Promise<readonly string[]>;
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined where no registry of the region's own is configured, or the primary has none. */
export function buildRegionalSchemas(
  { current, observer, clock }: Pick<ActiveParts, 'current' | 'observer' | 'clock'>,
  role: (signal: AbortSignal) => Promise<RegistryRole>,
): RegionalSchemas | undefined {
  const registries = registriesOf(current, observer.observe);
  if (registries === undefined) return undefined;
  const refreshMs = current().mirror.refreshSeconds * 1_000;
  const registrar = new SchemaRegistrar(registries.from, registries.into);
  let state: Measurement<RegistriesView> = missing('the registries were not looked at yet');
  let isUp: boolean | undefined;
  const tell = (up: boolean, reason: string | undefined): void => {
    if (isUp !== up) observer.observe({ type: 'component', component: 'regional_registry', up, reason });
    isUp = up;
  };
  return {
    measured: () => state,
    carry: (signal) => registrar.carry(signal),
    async notBack(signal) {
      let notThere: RegistriesView['notThere'];
      try {
        ({ notThere } = await registrar.look('write', signal));
      } catch (error) {
        // Somebody has to decide between two schemas: the move waits for that, as it does for one that is missing.
        const known = findFarshoreError(error);
        if (known?.code !== 'schema_conflict') throw error;
        return [known.message];
      }
      if (notThere.length === 0) return [];
      const shown = `${notThere.slice(0, SHOWN).join(', ')}${notThere.length > SHOWN ? ' and more' : ''}`;
      return [`${notThere.length} schemas of the region are not in the registry of the primary (${shown}): the daemon there carries them`];
    },
    async run(signal) {
      let last: RegistryRole | undefined;
      let lookedMs = Number.NEGATIVE_INFINITY;
      while (!signal.aborted) {
        try {
          const now = await role(signal);
          if (now !== last || clock.monotonicMs() - lookedMs >= refreshMs) {
            const value = await registrar.look(now, signal);
            lookedMs = clock.monotonicMs();
            state = { kind: 'measured', atMs: lookedMs, value };
            last = now;
            tell(true, undefined);
          }
        } catch (error) {
          const known = findFarshoreError(error);
          if (signal.aborted || known === undefined || known.action === 'halt') throw error;
          state = missing(known.message);
          tell(false, known.message);
        }
        await clock.sleep(Math.min(ROLE_EVERY_MS, refreshMs), signal);
      }
    },
  };
}

/** In a region: its own stored cutover says who is home. */
export const roleOfRegion = (home: Home | undefined): RegistryRole =>
  home === undefined ? 'rest' : home === 'primary' ? 'import' : 'write';

/** Beside a former primary: what a cutover has moved is told by the homes that the other side publishes; before the first move nothing is touched. */
export async function roleBesidePrimary({ primary }: FarshoreConfig, cluster: KafkaCluster, signal: AbortSignal): Promise<RegistryRole> {
  const moved = [...(await publishedHomes(cluster).read(signal)).values()].filter(({ epoch }) => epoch > 1);
  if (moved.length === 0) return 'rest';
  return moved.some(({ home }) => home === primary.name) ? 'import' : 'write';
}

function registriesOf(
  current: ActiveParts['current'],
  observe: ActiveParts['observer']['observe'],
): { readonly from: SubjectVersions; readonly into: ImportingRegistry } | undefined {
  const { primary, regional } = current();
  if (primary.registry === undefined || regional.registry?.kind !== 'http') return undefined;
  const { registry } = primary;
  const from =
    registry.kind === 'directory'
      ? directorySubjects(registry.directory)
      : subjectVersions(registryOptions(registry, () => current().primary.registry, 'registry', observe));
  const into = subjectVersions(registryOptions(regional.registry, () => current().regional.registry, 'regional_registry', observe));
  return { from, into };
}

const missing = (reason: string) => ({ kind: 'missing', reason }) as const;
