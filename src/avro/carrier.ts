import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { SchemaKeeper, SchemaRegistry } from './contracts.ts';
import { keepSchema } from './decoders.ts';

/**
 * Carries schemas ahead of their records (C22): raw batches hide ids, so the registry's subjects are
 * polled and every new schema is kept in the regional database, where it is found when the primary is gone.
 */
export class SchemaCarrier {
  readonly #registry: SchemaRegistry;
  readonly #keeper: SchemaKeeper;
  readonly #observe: Observe;
  readonly #kept = new Set<string>();

  constructor(options: { readonly registry: SchemaRegistry; readonly keeper: SchemaKeeper; readonly observe: Observe }) {
    this.#registry = options.registry;
    this.#keeper = options.keeper;
    this.#observe = options.observe;
  }

  /** One look at the registry. Rejects with `registry_unreachable` or `schema_conflict`. */
  async poll(signal: AbortSignal): Promise<void> {
    for (const ref of await this.#registry.refs(signal)) {
      if (this.#kept.has(ref)) continue;
      const text = await this.#registry.byRef(ref, signal);
      if (text === 'missing') continue;
      await keepSchema(this.#keeper, this.#registry.name, ref, text, signal);
      this.#kept.add(ref);
      this.#observe({ type: 'schema_fetched', result: 'found' });
    }
  }

  /** Polls each `intervalMs`. A registry that does not answer is asked again; a conflict is told and does not stop the daemon. */
  async run(intervalMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.poll(signal).catch((error: unknown) => {
        if (signal.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined) throw error;
        this.#observe({ type: 'schema_fetched', result: 'failed' });
        this.#observe({ type: 'component', component: 'registry', up: false, reason: known.message });
      });
      await clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }
}
