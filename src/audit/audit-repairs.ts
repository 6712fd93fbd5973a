import type { FindingFilter } from '../model/audit.ts';
import { FarshoreError } from '../model/errors.ts';
import type { AuditParts } from './audit-parts.ts';
import { type RepairOutcome, type RepairRequest, type RepairSides, repairFindings } from './repair.ts';

/** `limit`: most findings that one request repairs. */
export type RepairsRequest = RepairRequest & { readonly limit: number };

const REPAIRS_AT_ONCE = 500;
/** Who is recorded for repairs that nobody asked for. */
export const POLICY = 'audit.policy';

type Parts = Pick<AuditParts, 'tables' | 'store' | 'repairStore' | 'repairSides' | 'observe'>;

/** Repairs confirmed findings of all tables, one request after the other: two at once would write a row that the other had read. */
export class AuditRepairs {
  readonly #parts: Parts;
  #repairing: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(filter: FindingFilter, request: RepairsRequest, signal: AbortSignal): Promise<readonly RepairOutcome[]> {
    const work = this.#repairing.then(() => this.#repair(filter, request, signal));
    this.#repairing = work.catch(() => undefined);
    return await work;
  }

  async #repair(filter: FindingFilter, request: RepairsRequest, signal: AbortSignal): Promise<readonly RepairOutcome[]> {
    const { store, repairStore, observe } = this.#parts;
    const sides = new Map<string, RepairSides>();
    const sidesOf = async (name: string): Promise<RepairSides> => {
      const known = sides.get(name);
      if (known !== undefined) return known;
      const made = await this.#sides(name, signal);
      sides.set(name, made);
      return made;
    };
    const outcomes: RepairOutcome[] = [];
    for (let after = '0'; outcomes.length < request.limit; ) {
      const limit = Math.min(REPAIRS_AT_ONCE, request.limit - outcomes.length);
      const page = await store.repairable(filter, { after, limit }, signal);
      outcomes.push(...(await repairFindings(page, sidesOf, { store: repairStore, observe }, request, signal)));
      if (page.length < limit) break;
      after = page.at(-1)!.id;
    }
    return outcomes;
  }

  async #sides(name: string, signal: AbortSignal): Promise<RepairSides> {
    const table = this.#parts.tables.find((one) => one.name === name);
    const prepared = await table?.prepare(signal);
    if (prepared?.kind === 'compared') return await this.#parts.repairSides(name, prepared.repaired, signal);
    throw (
      prepared?.reasons[0] ??
      new FarshoreError('request_invalid', `${name} is not audited any more`, { hint: 'Resolve its findings: farshore audit resolve.' })
    );
  }
}
