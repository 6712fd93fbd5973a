import {
  type ActiveView,
  type CutoverHold,
  type CutoverLogEntry,
  type CutoverPlan,
  type CutoverVerb,
  cutoverStates,
  cutoverSteps,
  cutoverVerbs,
  type Facts,
  type GateReading,
  type GateView,
  gateNames,
  homes,
  type UnmirroredRange,
} from '../../model/cutover.ts';
import {
  anything,
  either,
  flag,
  listOf,
  named,
  number,
  oneOf,
  orNull,
  type SchemaOf,
  shape,
  tableOf,
  text,
  time,
  whole,
  wholeText,
} from './schema-of.ts';

const state = oneOf(cutoverStates);
const step = oneOf(cutoverSteps);
const home = oneOf(homes);
const open = oneOf([...homes, 'nobody']);
const facts: SchemaOf<Facts> = tableOf(orNull(either(either(text, number), flag)));
const reading = { gate: oneOf(gateNames), open: flag, reason: orNull(text), facts } as const;

type Measured = NonNullable<CutoverPlan['measured']>;
const measured = shape<Measured>({
  at: time,
  gates: listOf(named<GateView>('Gate', { ...reading, since: orNull(time) })),
  window: shape<Measured['window']>({ seconds: number, heldSeconds: number, readings: whole, broken: orNull(text) }),
});

export const planAnswer = named<CutoverPlan>('Cutover', {
  region: text,
  primary: text,
  state,
  since: time,
  reason: text,
  epoch: wholeText,
  home,
  open,
  hold: orNull(shape<CutoverHold>({ by: text, reason: text, at: time })),
  measured: orNull(measured),
  steps: listOf(shape<CutoverPlan['steps'][number]>({ step, what: text, state: oneOf(['to_do', 'started', 'done']) })),
  verbs: listOf(shape<CutoverPlan['verbs'][number]>({ verb: oneOf(cutoverVerbs), refused: orNull(text) })),
  hooks: listOf(shape<CutoverPlan['hooks'][number]>({ on: state, what: text })),
});

export const cutoverLogAnswer = shape<{ readonly log: readonly CutoverLogEntry[] }>({
  log: listOf(
    named<CutoverLogEntry>('CutoverLogEntry', {
      revision: wholeText,
      at: time,
      by: text,
      event: text,
      from: state,
      to: state,
      epoch: wholeText,
      open,
      step: orNull(step),
      reason: text,
      gates: orNull(listOf(named<GateReading>('GateReading', reading))),
      // Of the step: each has its own.
      facts: anything,
      hooks: listOf(
        shape<CutoverLogEntry['hooks'][number]>({ hook: text, result: orNull(oneOf(['done', 'failed'])), detail: orNull(text) }),
      ),
    }),
  ),
});

export const cutoverTailAnswer = shape<{ readonly tail: readonly UnmirroredRange[] }>({
  tail: listOf(
    named<UnmirroredRange>('UnmirroredRange', {
      topic: text,
      primaryTopic: text,
      partition: whole,
      from: wholeText,
      to: wholeText,
      foundAt: time,
      exportCommand: text,
    }),
  ),
});

export const activeAnswer = named<ActiveView>('Active', {
  active: flag,
  region: text,
  state: orNull(state),
  writerEpoch: orNull(wholeText),
  ageSeconds: orNull(number),
  reason: text,
});

export const cutoverChanged = shape<{ readonly done: CutoverVerb; readonly cutover: CutoverPlan }>({
  done: oneOf(cutoverVerbs),
  cutover: planAnswer,
});
