import { findFarshoreError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';

/** What went wrong as a finding; anything that is no FarshoreError is a defect and is thrown. */
export function problemFinding(area: Finding['area'], error: unknown): Finding {
  const known = findFarshoreError(error);
  if (known === undefined) throw error;
  return {
    area,
    level: 'problem',
    what: known.message,
    ...(known.place === undefined ? {} : { place: known.place }),
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  };
}
