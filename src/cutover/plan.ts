import { type CutoverPlan, type CutoverStep, type CutoverVerb, cutoverVerbs, forwardSteps } from '../model/cutover.ts';
import { braked } from './brake.ts';
import type { Brake } from './contracts.ts';
import { type Cutover, type CutoverEvent, decide } from './state.ts';
import { stepsOf } from './stepping.ts';
import type { Readiness } from './window.ts';

const steps: Readonly<Record<CutoverStep, string>> = {
  read_rights: 'the rights that are taken are recorded, so that they can be given back as they were',
  freeze: 'take the writers’ rights at the old home and end their sessions',
  prove_freeze: 'no session and no prepared transaction is left, and a probe write is refused',
  drain_first_hop: 'everything committed before the freeze was published to Kafka',
  drain_last_stable: 'the last stable offset of every partition is its high watermark',
  drain_passed: 'every partition has passed the end that was read after the freeze',
  drain_nothing_waiting: 'no record is parked and no partition is paused or stopped',
  fence_mirror: 'the transactional id of the forward mirror is fenced',
  from_offsets: 'the new home’s end offset of every partition is recorded',
  drain_region: 'apply has passed those offsets, so that no older record comes once the region is open; what is parked is tried once more',
  raise_epoch: 'the home moves and its epoch is raised, in the regional database',
  last_digest: 'the recently changed keys are equal on both sides',
  publish_home: 'the new home is published, the old home first',
  open: 'writers with the new epoch are let in, and the hooks run',
  raise_epoch_back: 'the home goes back, with a higher epoch',
  publish_home_back: 'that is published; where the region is home again, the primary is told after it was opened',
  reopen: 'the writers of the old home are let in again',
};

const asked = (verb: CutoverVerb, region: string, readiness: Readiness): CutoverEvent => {
  const command = { by: 'plan', region };
  switch (verb) {
    case 'start':
      return { type: 'start', readiness, ...command };
    case 'hold':
      return { type: 'hold', reason: 'plan', ...command };
    default:
      return { type: verb, ...command };
  }
};

export const unmeasured: Readiness = {
  allHeld: false,
  copyOpen: false,
  copyHeld: false,
  held: 'nothing is measured',
  missing: 'the gates are not measured by this daemon now',
  gates: [],
};

/** Why a verb cannot be acted on as the daemon is configured; null: it can. */
export type Impossible = (verb: CutoverVerb) => string | null;

/** What each verb would be refused with now, by the decision itself and by what is configured. */
export function verbsNow(cutover: Cutover, readiness: Readiness | undefined, brake: Brake, impossible: Impossible): CutoverPlan['verbs'] {
  return cutoverVerbs.map((verb) => {
    const event = asked(verb, cutover.region, readiness ?? unmeasured);
    const decision = braked(decide(cutover, event, cutover.since), cutover, event, brake);
    const reasons = [decision.kind === 'refused' ? decision.reason : null, impossible(verb)].filter((reason) => reason !== null);
    return { verb, refused: reasons.length === 0 ? null : reasons.join('; and ') };
  });
}

/** The steps of `start`, or of the move that is under way. */
export function stepsNow({ move, home, open }: Cutover): CutoverPlan['steps'] {
  const all: readonly CutoverStep[] = move === null ? forwardSteps : stepsOf(move);
  // Of a region that is home there is nothing left to do but to go back.
  if (move === null && home === 'region' && open === 'region') return all.map((step) => ({ step, what: steps[step], state: 'done' }));
  const at = move === null ? 0 : all.indexOf(move.step);
  return all.map((step, index) => ({
    step,
    what: steps[step],
    state: move === null || index > at ? 'to_do' : index < at ? 'done' : move.started ? 'started' : 'to_do',
  }));
}

export interface Measured {
  readonly readiness: Readiness;
  readonly view: NonNullable<CutoverPlan['measured']>;
}

export function cutoverPlan(
  cutover: Cutover,
  measured: Measured | undefined,
  brake: Brake,
  hooks: CutoverPlan['hooks'],
  impossible: Impossible,
): CutoverPlan {
  const { region, primary, state, since, reason, epoch, home, open, hold } = cutover;
  return {
    region,
    primary,
    state,
    since,
    reason,
    epoch: String(epoch),
    home,
    open,
    hold,
    measured: measured?.view ?? null,
    steps: stepsNow(cutover),
    verbs: verbsNow(cutover, measured?.readiness, brake, impossible),
    hooks,
  };
}
