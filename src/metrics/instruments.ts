import { applyInstruments } from './apply-instruments.ts';
import { auditInstruments } from './audit-instruments.ts';
import { backfillInstruments } from './backfill-instruments.ts';
import { cutoverInstruments } from './cutover-instruments.ts';
import { daemonInstruments } from './daemon-instruments.ts';
import type { Instrument } from './instrument.ts';
import { lagInstruments } from './lag-instruments.ts';
import { mirrorInstruments } from './mirror-instruments.ts';
import { outboxInstruments } from './outbox-instruments.ts';
import { rejectedInstruments } from './rejected-instruments.ts';
import { shadowInstruments } from './shadow-instruments.ts';
import { shadowIntakeInstruments } from './shadow-intake-instruments.ts';

/**
 * Every instrument of the daemon, by name. docs/metrics.md is written from this list.
 *
 * Unknown is not zero: a gauge is absent until it was measured. A counter starts at zero where all of its labels
 * are closed sets, so that its first increase is seen.
 */
export const instruments = {
  ...lagInstruments,
  ...mirrorInstruments,
  ...applyInstruments,
  ...rejectedInstruments,
  ...auditInstruments,
  ...outboxInstruments,
  ...backfillInstruments,
  ...shadowIntakeInstruments,
  ...shadowInstruments,
  ...cutoverInstruments,
  ...daemonInstruments,
} as const satisfies Readonly<Record<string, Instrument>>;

type Instruments = typeof instruments;
export type InstrumentName = keyof Instruments;

/** Names of one kind of instrument, so that a counter cannot be set nor a gauge observed. */
export type InstrumentOf<T extends Instrument['type']> = {
  [N in InstrumentName]: Instruments[N]['type'] extends T ? N : never;
}[InstrumentName];

/** Exactly the labels of an instrument, closed ones with their values. */
export type LabelsOf<N extends InstrumentName> = {
  readonly [L in keyof Instruments[N]['labels']]: Instruments[N]['labels'][L] extends readonly (infer V)[] ? V : string | number;
};
