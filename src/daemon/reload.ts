import type { FarshoreConfig } from '../config/config.ts';
import { ConfigProblems } from '../config/problems.ts';
import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Logger } from './log.ts';
import { partToTake, planReload, type ReloadPlan } from './reload-plan.ts';
import { checkCertificates, type ReadText, rereadSecrets, secretFilesOf, watchFiles } from './secret-watch.ts';

const WATCH_MS = 1_000;

export interface ReloadOptions {
  readonly config: FarshoreConfig;
  /** Reads the configuration file and the files it names. Throws ConfigProblems. */
  readonly load: () => FarshoreConfig;
  readonly readText: ReadText;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told of a SIGHUP: reads the configuration again by calling what it is given. */
  readonly around: (reload: () => void) => void;
  /** Told after `current` answers the new configuration. */
  readonly onReload: (plan: ReloadPlan) => void;
}

/**
 * The configuration of the running daemon. SIGHUP reads the file again, all or nothing: when one key that needs a restart
 * changed, everything stays. A changed secret file reads only the secrets again, so that a rotation does not wait for an
 * edited file that nobody has loaded yet, and not for a restart that another secret needs.
 */
export class Reload {
  readonly #options: ReloadOptions;
  #current: FarshoreConfig;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#current = options.config;
  }

  readonly current = (): FarshoreConfig => this.#current;

  /** Follows SIGHUP and the secret files until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const onHangUp = (): void => this.#options.around(() => this.reloadAll());
    process.on('SIGHUP', onHangUp);
    try {
      await watchFiles(
        () => secretFilesOf(this.#current),
        () => this.reloadSecrets(),
        WATCH_MS,
        this.#options.clock,
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      process.off('SIGHUP', onHangUp);
    }
  }

  reloadAll(): void {
    this.#take(() => this.#options.load());
  }

  reloadSecrets(): void {
    this.#take(() => rereadSecrets(this.#current, this.#options.readText));
  }

  #take(read: () => FarshoreConfig): void {
    const { logger, onReload } = this.#options;
    try {
      const next = read();
      checkCertificates(next);
      const plan = planReload(this.#current, next);
      const keys = plan.restart.join(', ');
      const taken = partToTake(this.#current, next);
      if (taken === undefined) {
        logger.error(
          { event: 'reload_refused', restart: plan.restart, waiting: plan.changed },
          `the configuration was not reloaded: ${keys} can only change with a restart; everything stays as it was`,
        );
        return;
      }
      if (plan.restart.length > 0) {
        // At each look, not only at the first: what the running daemon goes on with runs out some day.
        logger.error(
          { event: 'restart_needed', restart: plan.restart },
          `${keys} changed, which needs a restart; until then what was read before holds`,
        );
        if (plan.changed.length === 0) return;
      }
      if (plan.changed.length === 0) {
        logger.info({ event: 'reloaded', changed: [] }, 'the configuration was read again: nothing changed');
        return;
      }
      this.#current = taken;
      onReload(plan);
      logger.info({ event: 'reloaded', changed: plan.changed }, `reloaded ${plan.changed.join(', ')}`);
    } catch (error) {
      const known = error instanceof ConfigProblems || findFarshoreError(error) !== undefined;
      if (!known) throw error;
      const message = error instanceof Error ? error.message : String(error);
      logger.error({ event: 'reload_refused', error }, `the configuration was not reloaded, everything stays as it was: ${message}`);
    }
  }
}
