import type { Cutover, Decision, LogEntry, RefusalCode } from './state.ts';

/** In whose name the daemon itself acts. */
export const daemon = 'farshore';

export const refused = (code: RefusalCode, reason: string): Decision => ({ kind: 'refused', code, reason });

/** Raises the revision, and `since` where the state changes. */
export function moved(
  before: Cutover,
  next: Cutover,
  at: string,
  entry: Partial<LogEntry> & Pick<LogEntry, 'by' | 'event' | 'reason'>,
): Decision {
  return {
    kind: 'moved',
    next: { ...next, revision: before.revision + 1n, since: next.state === before.state ? before.since : at },
    entry: { step: null, gates: null, facts: null, ...entry },
  };
}
