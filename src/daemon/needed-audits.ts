import type { NeededAudit } from '../lag/lost-deletes-loop.ts';
import type { Clock } from '../model/clock.ts';

/** Tables that may have missed deletes (C7), as the ledger holds them. */
export class NeededAudits {
  readonly #clock: Clock;
  #audits: readonly NeededAudit[] = [];
  #readAtMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(audits: readonly NeededAudit[]): void {
    this.#audits = audits;
    this.#readAtMs = this.#clock.monotonicMs();
  }

  /** None before the ledger was read. */
  get current(): readonly NeededAudit[] {
    return this.#audits;
  }

  /** Undefined before the ledger was read. */
  measured(): { readonly atMs: number; readonly audits: readonly NeededAudit[] } | undefined {
    return this.#readAtMs === undefined ? undefined : { atMs: this.#readAtMs, audits: this.#audits };
  }
}
