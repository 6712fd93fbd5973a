import { backSteps, type CutoverPlan, type CutoverStep, type CutoverVerb, cutoverVerbs, forwardSteps } from '../model/cutover.ts';
import { type Cutover, type CutoverEvent, decide } from './state.ts';
import type { Readiness } from './window.ts';

/** Verbs whose steps this version can act on. The others are decided and refused: nothing pretends to freeze a primary. */
export const builtVerbs: ReadonlySet<CutoverVerb> = new Set(['hold', 'release']);

export const notBuilt = (verb: CutoverVerb): string => `this version of Farshore cannot ${verb} a cutover yet`;

const steps: Readonly<Record<CutoverStep, string>> = {
  freeze: 'take the writers’ rights at the old home and end their sessions',
  prove_freeze: 'no session and no prepared transaction is left, and a probe write is refused',
  drain_first_hop: 'everything committed before the freeze was published to Kafka',
  drain_last_stable: 'the last stable offset of every partition is its high watermark',
  drain_passed: 'every partition has passed the end that was read after the freeze',
  drain_nothing_waiting: 'no record is parked and no partition is paused or stopped',
  fence_mirror: 'the transactional id of the forward mirror is fenced',
  from_offsets: 'the new home’s end offset of every partition is recorded',
  raise_epoch: 'the home moves and its epoch is raised, in the regional database',
  last_digest: 'the recently changed keys are equal on both sides',
  publish_home: 'the new home is published, the old home first',
  open: 'writers with the new epoch are let in, and the hooks run',
  raise_epoch_back: 'the home goes back, with a higher epoch',
  publish_home_back: 'that is published, the old home first',
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

const unmeasured: Readiness = {
  allHeld: false,
  copyOpen: false,
  copyHeld: false,
  held: 'nothing is measured',
  missing: 'the gates are not measured by this daemon now',
  gates: [],
};

/** What each verb would be refused with now, by the decision itself. */
export function verbsNow(cutover: Cutover, readiness: Readiness | undefined): CutoverPlan['verbs'] {
  return cutoverVerbs.map((verb) => {
    const decision = decide(cutover, asked(verb, cutover.region, readiness ?? unmeasured), cutover.since);
    const refused = decision.kind === 'refused' ? decision.reason : null;
    if (builtVerbs.has(verb)) return { verb, refused };
    return { verb, refused: refused === null ? notBuilt(verb) : `${refused}; and ${notBuilt(verb)}` };
  });
}

/** The steps of `start`, or of the move that is under way. */
export function stepsNow({ move, home, open }: Cutover): CutoverPlan['steps'] {
  const all: readonly CutoverStep[] =
    move?.direction === 'back'
      ? move.step === 'reopen' && move.results.raise_epoch_back === undefined
        ? ['reopen']
        : backSteps
      : forwardSteps;
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

export function cutoverPlan(cutover: Cutover, measured: Measured | undefined, hooks: CutoverPlan['hooks']): CutoverPlan {
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
    verbs: verbsNow(cutover, measured?.readiness),
    hooks,
  };
}
