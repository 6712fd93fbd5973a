import type { Clock } from '../model/clock.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { SchemaRef } from './contracts.ts';

/** A producer may register the schema a moment later: the registry is asked again soon. */
const FOR_MS = 10_000;
const MOST = 4_096;

/** Schemas that the registry said it does not have, so that their records are kept without asking for each. */
export class UnknownSchemas {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #known = new Map<SchemaRef, { readonly error: FarshoreError; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  note(ref: SchemaRef, error: FarshoreError): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MOST && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(ref, { error, untilMs: this.#clock.monotonicMs() + FOR_MS });
  }

  get(ref: SchemaRef): FarshoreError | undefined {
    const known = this.#known.get(ref);
    if (known === undefined || known.untilMs > this.#clock.monotonicMs()) return known?.error;
    this.#known.delete(ref);
    return undefined;
  }
}
