import type { RecordDecoder, RecordDecoders, SchemaRef } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { SchemaKeeper, SchemaRegistry } from './contracts.ts';
import { recordDecoder } from './record-decoder.ts';
import { schemaRefReader } from './wire.ts';

export interface DecodersOptions {
  readonly registry: SchemaRegistry;
  readonly keeper: SchemaKeeper;
  readonly observe: Observe;
  readonly clock: Clock;
  /** How long a missing id is not asked for again: a producer may register it a moment later. */
  readonly missingRetryMs: number;
}

interface Loading {
  readonly done: Promise<RecordDecoder>;
  /** Of whoever began it: when that one gives up, others begin again. */
  readonly signal: AbortSignal;
}

/** More schemas than one batch can name; the one loaded first goes first, and is loaded again when it is needed. */
const MAX_DECODERS = 4_096;
const MAX_MISSING = 4_096;

/** Decoders by schema reference: memory, then the kept copies, then the registry. One load at a time a reference. */
export class AvroDecoders implements RecordDecoders {
  readonly readRef: RecordDecoders['readRef'] = schemaRefReader();
  readonly #options: DecodersOptions;
  readonly #ready = new Map<SchemaRef, RecordDecoder>();
  readonly #loading = new Map<SchemaRef, Loading>();
  readonly #missingUntilMs = new Map<SchemaRef, number>();
  /** Refused while they were loaded. */
  readonly #outdated = new Set<SchemaRef>();

  constructor(options: DecodersOptions) {
    this.#options = options;
  }

  get(ref: SchemaRef): RecordDecoder | undefined {
    return this.#ready.get(ref);
  }

  /**
   * Throws `schema_unknown`, `registry_unreachable`, `schema_conflict`, `schema_unusable`, or what the keeper threw.
   * Rejects with the signal's reason when it is aborted first.
   */
  async load(ref: SchemaRef, signal: AbortSignal): Promise<RecordDecoder> {
    for (;;) {
      signal.throwIfAborted();
      const ready = this.#ready.get(ref);
      if (ready !== undefined) return ready;
      const loading = this.#loading.get(ref) ?? this.#begin(ref, signal);
      try {
        return await orAborted(loading.done, signal);
      } catch (error) {
        // A load that ended because another caller gave up says nothing about the schema.
        if (loading.signal === signal || !loading.signal.aborted) throw error;
      }
    }
  }

  /** Drops what is decoded with this schema: its id stands for two texts (C22). The keeper has that in writing, and refuses each later load. */
  readonly refuse = (ref: SchemaRef): void => {
    this.#ready.delete(ref);
    if (this.#loading.has(ref)) this.#outdated.add(ref);
  };

  #begin(ref: SchemaRef, signal: AbortSignal): Loading {
    const done = this.#load(ref, signal).finally(() => this.#loading.delete(ref));
    const loading = { done, signal };
    this.#loading.set(ref, loading);
    return loading;
  }

  async #load(ref: SchemaRef, signal: AbortSignal): Promise<RecordDecoder> {
    let text: string;
    do {
      // The keeper may have been asked before the conflict was written: then it is asked again.
      this.#outdated.delete(ref);
      text = await this.#text(ref, signal);
    } while (this.#outdated.has(ref));
    const decoder = recordDecoder(text, `schema ${ref} of ${this.#options.registry.name}`, ref);
    dropOldest(this.#ready, MAX_DECODERS);
    this.#ready.set(ref, decoder);
    return decoder;
  }

  async #text(ref: SchemaRef, signal: AbortSignal): Promise<string> {
    const { registry, keeper, observe, clock, missingRetryMs } = this.#options;
    const kept = await keeper.get(registry.name, ref, signal);
    if (kept !== undefined) {
      observe({ type: 'schema_fetched', result: 'kept' });
      return kept;
    }
    if (clock.monotonicMs() < (this.#missingUntilMs.get(ref) ?? Number.NEGATIVE_INFINITY)) throw this.#unknown(ref);
    const found = await registry.byRef(ref, signal).catch((error: unknown) => {
      if (!signal.aborted) observe({ type: 'schema_fetched', result: 'failed' });
      throw error;
    });
    if (found === 'missing') {
      observe({ type: 'schema_fetched', result: 'missing' });
      dropOldest(this.#missingUntilMs, MAX_MISSING);
      this.#missingUntilMs.set(ref, clock.monotonicMs() + missingRetryMs);
      throw this.#unknown(ref);
    }
    this.#missingUntilMs.delete(ref);
    observe({ type: 'schema_fetched', result: 'found' });
    await keeper.put(registry.name, ref, found, signal);
    return found;
  }

  #unknown(ref: SchemaRef): FarshoreError {
    return new FarshoreError('schema_unknown', `${this.#options.registry.name} does not know schema ${ref}`, {
      place: `schema ${ref}`,
      hint: 'Register the schema under this id, then retry its records: farshore rejected retry --reason schema_unknown',
    });
  }
}

function dropOldest(entries: Map<SchemaRef, unknown>, limit: number): void {
  if (entries.size < limit) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}

/** Waits no longer than the caller wants to; the work itself goes on for others. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  work.then(resolve, reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
