import type { VerdictReason } from '../model/live.ts';

/** One reason of the verdict, as a list: what is not so gives none. */
export const reason = (
  state: VerdictReason['state'],
  what: string,
  view: string,
  runbook: VerdictReason['runbook'] = null,
): readonly VerdictReason[] => [{ state, what, view, runbook }];

/** A reason that names those it is about; none where there are none. */
export const reasonOf = (
  state: VerdictReason['state'],
  names: readonly string[],
  what: (names: string) => string,
  view: string,
  runbook: VerdictReason['runbook'],
): readonly VerdictReason[] => (names.length === 0 ? [] : reason(state, what(listed(names)), view, runbook));

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const SHOWN = 3;
export const listed = (names: readonly string[]): string =>
  names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more` : names.join(', ');
