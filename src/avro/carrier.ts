import type { SchemaRef } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { SchemaKeeper, SchemaRegistry } from './contracts.ts';

export interface CarrierOptions {
  readonly registry: SchemaRegistry;
  readonly keeper: SchemaKeeper;
  readonly observe: Observe;
  /** Told when an id stands for two texts, so that nothing is decoded with it any more. */
  readonly refuse?: ((ref: SchemaRef) => void) | undefined;
}

/**
 * Carries schemas ahead of their records (C22): raw batches hide ids, so the registry's subjects are
 * polled and every new schema is kept in the regional database, where it is found when the primary is gone.
 */
export class SchemaCarrier {
  readonly #options: CarrierOptions;
  /** Compared with the kept copies, the one compared longest ago first. */
  readonly #compared = new Set<SchemaRef>();
  #registryDown = false;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /**
   * One look at the registry: keeps every new schema and compares one known schema again, for a
   * registry that was emptied issues its ids anew. A schema with a problem does not hold up the
   * others: the first problem is thrown in the end. Rejects with `registry_unreachable` at once.
   */
  async poll(signal: AbortSignal): Promise<void> {
    const refs = await this.#options.registry.refs(signal);
    const [oldest] = this.#compared;
    if (oldest !== undefined) this.#compared.delete(oldest);
    let problem: FarshoreError | undefined;
    for (const ref of refs) {
      if (this.#compared.has(ref)) continue;
      try {
        await this.#carry(ref, ref !== oldest, signal);
      } catch (error) {
        const known = findFarshoreError(error);
        if (known === undefined || !isOfOneSchema(known)) throw error;
        if (known.code === 'schema_conflict') this.#options.refuse?.(ref);
        problem ??= known;
      }
    }
    if (problem !== undefined) throw problem;
  }

  /** Polls each `intervalMs` until the signal is aborted. A failed poll is reported, and polled again. */
  async run(intervalMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.poll(signal);
        this.#tellUp();
      } catch (error) {
        if (signal.aborted) return;
        this.#tellFailure(error);
      }
      await clock.sleep(intervalMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #carry(ref: SchemaRef, isNew: boolean, signal: AbortSignal): Promise<void> {
    const { registry, keeper, observe } = this.#options;
    const text = await registry.byRef(ref, signal);
    if (text === 'missing') return;
    await keeper.put(registry.name, ref, text, signal);
    this.#compared.add(ref);
    if (isNew) observe({ type: 'schema_fetched', result: 'found' });
  }

  #tellUp(): void {
    if (!this.#registryDown) return;
    this.#registryDown = false;
    this.#options.observe({ type: 'component', component: 'registry', up: true, reason: undefined });
  }

  #tellFailure(error: unknown): void {
    const known = findFarshoreError(error);
    if (known === undefined) throw error;
    const { observe } = this.#options;
    observe({ type: 'schema_fetched', result: 'failed' });
    // A schema that cannot be read and a database that is away say nothing of the registry.
    if (known.code !== 'registry_unreachable' && known.code !== 'schema_conflict') return;
    this.#registryDown = true;
    observe({ type: 'component', component: 'registry', up: false, reason: known.message });
  }
}

const isOfOneSchema = ({ code }: FarshoreError): boolean => code === 'schema_conflict' || code === 'schema_unusable';
