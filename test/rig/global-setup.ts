import type { TestProject } from 'vitest/node';
import { startRig } from './rig.ts';

/** Addresses of the servers that all integration files share. */
export interface SharedRig {
  /** Bootstrap address of the primary Kafka. */
  readonly primary: string;
  /** Bootstrap address of the regional Kafka. */
  readonly regional: string;
  /** URL of the PostgreSQL server's maintenance database, as its superuser. */
  readonly database: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly rig: SharedRig;
  }
}

/** One rig for all integration files: servers cost seconds, topics and databases cost nothing. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const rig = await startRig();
  project.provide('rig', { primary: rig.primary.bootstrap, regional: rig.regional.bootstrap, database: rig.database.url });
  return async () => {
    await rig[Symbol.asyncDispose]();
  };
}
