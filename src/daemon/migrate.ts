import type { FarshoreConfig } from '../config/config.ts';
import { systemClock } from '../model/clock.ts';
import { printMigrations as print } from '../postgres/migration-plan.ts';
import { loadMigrations, migrate } from '../postgres/migrations.ts';
import { regionalDatabase } from './database.ts';

/** Applies what is missing in schema farshore; answers the names of what was applied now. */
export async function applyMigrations(config: FarshoreConfig, signal: AbortSignal): Promise<readonly string[]> {
  const database = regionalDatabase(() => config.regional.database, 1, systemClock);
  try {
    await database.checkServer(signal);
    return await migrate(database, await loadMigrations(), signal);
  } finally {
    await database.close();
  }
}

/** Every migration as one script, for a DBA to run. */
export async function printMigrations(): Promise<string> {
  return print(await loadMigrations());
}
