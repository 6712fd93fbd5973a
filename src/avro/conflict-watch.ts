import type { SchemaRef } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { SchemaKeeper } from './contracts.ts';

export interface ConflictWatchOptions {
  /** Whose ids are looked at. */
  readonly registry: string;
  readonly keeper: Pick<SchemaKeeper, 'conflicts'>;
  readonly refuse: (ref: SchemaRef) => void;
}

/**
 * Drops what is decoded with a schema whose id was found to stand for two texts, whoever found it (C22). Several workers share a region, in one
 * process or in several, and only the leader looks at the registry; what it finds is in the database, where each of them looks.
 *
 *     leader:  polls the registry ── writes the conflict ── drops its own decoder
 *     shard:   has the schema decoded ·········· looks ── drops it ── its next load is refused by the keeper
 */
export class ConflictWatch {
  readonly #options: ConflictWatchOptions;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { registry, keeper, refuse } = this.#options;
    for (const ref of await keeper.conflicts(registry, signal)) refuse(ref);
  }

  /** Looks each `intervalMs` until the signal is aborted. */
  async run(intervalMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A database that is away, or refuses, takes no rows either, and everybody else tells of it.
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
      }
      await clock.sleep(intervalMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }
}
