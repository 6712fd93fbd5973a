import { type FarshoreError, findFarshoreError } from './errors.ts';

type Told = Pick<FarshoreError, 'code' | 'message' | 'hint'>;

/** What a loop stands at that goes on trying: no repetition mends a right that is missing, and nobody else tells of it. */
export class Standing {
  readonly #tell: (told: Told) => void;
  #told: string | undefined;

  constructor(tell: (told: Told) => void) {
    this.#tell = tell;
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
    this.#tell({ code, message, hint });
  }
}
