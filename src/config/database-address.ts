import { findFarshoreError } from '../model/errors.ts';
import { parseDatabaseUrl } from '../postgres/options.ts';
import { Written } from './checks.ts';
import type { Problem } from './problems.ts';
import type { SecretFiles } from './secret-files.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** Where the address of a database is written. */
const places: readonly Path[] = [
  ['primary', 'database'],
  ['regional', 'database'],
  ['cutover', 'primaryDatabase'],
];

/**
 * Addresses by the reading that connects with them, whether they are written inline or in a file: one that only a daemon that becomes the active
 * one would refuse leaves the region without any. What is said never holds the address, which may carry a password.
 */
export function addressProblems(source: YamlSource, files: SecretFiles): readonly Problem[] {
  const written = new Written(source);
  return places.flatMap((place) => {
    const inline = written.text([...place, 'url']);
    const address = inline ?? files.get([...place, 'urlFile'])?.reveal();
    if (address === undefined || address.trim() === '') return [];
    const problem = addressProblem(address, source.has([...place, 'tls']));
    return problem === undefined ? [] : [{ ...source.positionOf([...place, inline === undefined ? 'urlFile' : 'url']), ...problem }];
  });
}

function addressProblem(address: string, hasTls: boolean): Pick<Problem, 'message' | 'suggestion'> | undefined {
  try {
    const { tls } = parseDatabaseUrl(address);
    if (tls !== 'disable' || !hasTls) return undefined;
    return { message: 'the database address says sslmode=disable, and tls is set', suggestion: 'remove one of the two' };
  } catch (error) {
    const known = findFarshoreError(error);
    if (known === undefined) throw error;
    return { message: inside(known.message), ...(known.hint === undefined ? {} : { suggestion: inside(known.hint) }) };
  }
}

/** A sentence as part of a line. */
const inside = (sentence: string): string => `${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1).replace(/\.$/, '')}`;
