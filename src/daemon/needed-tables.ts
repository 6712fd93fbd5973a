import type { NeededAudit } from '../lag/lost-deletes-loop.ts';

/** The tables of needed audits, each by itself: one of a topic with several tables names them all, `public.a, public.b`, as the ledger keeps it. */
export const neededTables = (audits: readonly Pick<NeededAudit, 'table'>[]): ReadonlySet<string> =>
  new Set(audits.flatMap(({ table }) => table?.split(', ') ?? []));
