import type { CutoverEvent } from '../model/cutover-events.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';

type Stands = Extract<CutoverEvent, { readonly type: 'cutover_stands' }>;

/** What the steps or the hooks of a cutover stand at: no repetition mends a right that is missing, and nobody else tells of it. */
export class Standing {
  readonly #what: Stands['what'];
  readonly #observe: (event: Stands) => void;
  #told: string | undefined;

  constructor(what: Stands['what'], observe: (event: Stands) => void) {
    this.#what = what;
    this.#observe = observe;
  }

  over(): void {
    this.#told = undefined;
  }

  /** Told once for each reason. Rejects again for what halts the daemon. */
  at(error: unknown, signal: AbortSignal): void {
    const known: FarshoreError | undefined = findFarshoreError(error);
    if (signal.aborted || known === undefined || known.action === 'halt') throw error;
    const { code, message, hint } = known;
    if (this.#told === message) return;
    this.#told = message;
    this.#observe({ type: 'cutover_stands', what: this.#what, code, message, hint });
  }
}
