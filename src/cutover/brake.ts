import type { Brake, GateMeasurements } from './contracts.ts';
import { refused } from './decision.ts';
import type { Cutover, CutoverEvent, Decision } from './state.ts';

/**
 * What a decision becomes under the operators’ file. The gate `hold` shows that file too, and is not enough: it is as old as the last
 * reading, and is asked neither of a lost primary nor on the way back.
 *
 *     gates read, no file ── file made ── start (15 s of readings behind it say that nobody holds it)
 *
 * Abort, and revert of a move that is under way, lead back to who was open: a file that refused them would leave nobody open.
 */
export function braked(decision: Decision, { move }: Cutover, { type }: CutoverEvent, brake: Brake): Decision {
  const begins = type === 'start' || type === 'complete' || (type === 'revert' && move === null);
  if (decision.kind !== 'moved' || !begins || brake.kind === 'none') return decision;
  return refused('held', brake.kind === 'unknown' ? notLooked(brake.reason) : `${byFile.by} holds it: ${byFile.reason}`);
}

/** A file that cannot be looked for may be there. */
export function holdOf({ hold }: Cutover, brake: Brake, atMs: number): GateMeasurements['hold'] {
  if (hold !== null) return { kind: 'measured', atMs, value: hold };
  if (brake.kind === 'unknown') return { kind: 'missing', reason: notLooked(brake.reason) };
  return { kind: 'measured', atMs, value: brake.kind === 'on' ? byFile : null };
}

const byFile = { by: 'cutover.holdFile', reason: 'the file exists' } as const;
const notLooked = (reason: string): string => `cutover.holdFile cannot be looked for: ${reason}`;
