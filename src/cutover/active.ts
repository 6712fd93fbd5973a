import type { ActiveView } from '../model/cutover.ts';
import type { Cutover } from './state.ts';

export interface LastRead {
  /** Undefined: nothing is stored yet. */
  readonly cutover: Cutover | undefined;
  /** Monotonic time before it was asked for. */
  readonly atMs: number;
}

/** Whether load balancers may send to this region. While the database cannot be read the last answer holds for the grace, then nobody is sent. */
export function activeView(region: string, last: LastRead | undefined, nowMs: number, graceMs: number): ActiveView {
  const no = (reason: string, known: Partial<ActiveView> = {}): ActiveView => ({
    active: false,
    region,
    state: null,
    writerEpoch: null,
    ageSeconds: null,
    reason,
    ...known,
  });
  if (last === undefined) return no('the stored state was not read yet');
  const ageSeconds = Math.round((nowMs - last.atMs) / 100) / 10;
  const { cutover } = last;
  const known = { state: cutover?.state ?? null, ageSeconds };
  if (!(nowMs - last.atMs <= graceMs)) return no(`the stored state could not be read for ${ageSeconds} s`, known);
  if (cutover === undefined) return no('no cutover is recorded', known);
  if (cutover.region !== region) return no(`the database is the one of region ${cutover.region}`, known);
  if (cutover.open !== 'region') return no(cutover.open === 'nobody' ? 'nobody is open' : 'the primary is open', known);
  return { active: true, region, state: cutover.state, writerEpoch: String(cutover.epoch), ageSeconds, reason: 'this region is open' };
}
