import { cutoverStates, cutoverSteps, gateNames } from '../model/cutover.ts';
import { configured, type Instrument } from './instrument.ts';

/** Gates, states and steps of the cutover. Spread into instruments.ts. */
export const cutoverInstruments = {
  farshore_gate_open: {
    type: 'gauge',
    help: '1 while a gate of the cutover is open, 0 while it is shut; absent on a daemon that stands by, and while the gates are not read.',
    labels: { gate: gateNames },
  },
  farshore_cutover_state: {
    type: 'gauge',
    help: '1 for the state the cutover is in, 0 for the others; absent once it was not read for three readings of the gates.',
    labels: { state: cutoverStates },
  },
  farshore_cutover_transitions_total: {
    type: 'counter',
    help: 'Changes of state, by the state that was entered.',
    labels: { state: cutoverStates },
  },
  farshore_cutover_steps_total: {
    type: 'counter',
    help: 'Steps of a cutover that ended, by what they came to. One that failed has the cutover go back, or is tried again.',
    labels: { step: cutoverSteps, result: ['done', 'failed'] },
  },
  farshore_unmirrored_tail_records_total: {
    type: 'counter',
    help: 'Upper bound, in offsets, of records that a primary that was given up has in its log and the region never had.',
    labels: { topic: configured },
  },
  farshore_unmirrored_tail_kept_records: {
    type: 'gauge',
    help: 'Upper bound, in offsets, of the records that farshore cutover tail lists, of a primary that was given up; until the cutover is completed.',
    labels: { topic: configured },
  },
  farshore_cutover_hooks_total: { type: 'counter', help: 'Hooks of the cutover that were run.', labels: { result: ['done', 'failed'] } },
} as const satisfies Readonly<Record<string, Instrument>>;
