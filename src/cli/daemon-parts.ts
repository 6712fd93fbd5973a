import type { FarshoreConfig } from '../config/config.ts';
import type { Finding } from '../model/finding.ts';
import type { Survey } from '../model/survey.ts';
import type { TextSink } from './io.ts';

interface RunOptions {
  readonly configPath: string;
  /** Aborted when the daemon should stop. */
  readonly signal: AbortSignal;
  readonly stdout: TextSink;
}

/** What verbs need of the daemon. */
export interface DaemonParts {
  /** Runs until the signal is aborted or the daemon must halt; answers the exit code. */
  runDaemon(config: FarshoreConfig, options: RunOptions): Promise<number>;
  /** Looks at everything the configuration names and changes nothing. */
  checkAll(config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]>;
  /** Asks what the configuration has addresses of, for one to be written; changes nothing. Rejects with what did not answer. */
  survey(config: FarshoreConfig, asks: { readonly database: boolean }, signal: AbortSignal): Promise<Survey>;
  /** Answers the names of the migrations that were applied now. */
  applyMigrations(config: FarshoreConfig, signal: AbortSignal): Promise<readonly string[]>;
  /** Every migration as one script. */
  printMigrations(): Promise<string>;
}

/** Loaded when a verb needs them, so that the others start without the client libraries. */
export const daemonParts: DaemonParts = {
  runDaemon: async (config, options) => await (await import('../daemon/run.ts')).runDaemon(config, options),
  checkAll: async (config, signal) => await (await import('../daemon/check.ts')).checkAll(config, signal),
  survey: async (config, asks, signal) => await (await import('../daemon/survey.ts')).survey(config, asks, signal),
  applyMigrations: async (config, signal) => await (await import('../daemon/migrate.ts')).applyMigrations(config, signal),
  printMigrations: async () => await (await import('../daemon/migrate.ts')).printMigrations(),
};
