import { type GateName, type GateReading, gateNames } from '../model/cutover.ts';

/** Gates that say that a copy is there at all: what a comparison of answers needs. */
const copyGates: ReadonlySet<GateName> = new Set(['partitions_running', 'lag', 'full_audit', 'backfill', 'schema']);

export interface WindowSettings {
  readonly windowMs: number;
  /** Two readings further apart leave a time in which nobody looked. */
  readonly maxGapMs: number;
}

interface HeldSince {
  readonly sinceMs: number;
  readonly readings: number;
}

/** What is remembered from reading to reading, by the monotonic clock; in memory, so that a restart begins anew. */
export interface Window {
  readonly lastMs: number;
  readonly gates: ReadonlyMap<GateName, { readonly open: boolean; readonly sinceMs: number }>;
  /** Undefined while one is shut. */
  readonly all: HeldSince | undefined;
  readonly copy: HeldSince | undefined;
  /** Why the window began anew, last. */
  readonly broken: string | undefined;
}

/** What a reading means for the state. */
export interface Readiness {
  /** All gates held for the whole window. */
  readonly allHeld: boolean;
  /** The gates of the copy are open now. */
  readonly copyOpen: boolean;
  /** They held for the whole window, or for a minute where that is shorter. */
  readonly copyHeld: boolean;
  /** What holds, as a sentence. */
  readonly held: string;
  /** What keeps it from being ready: the gates that are shut, each with its reason, or how much of the window is missing. */
  readonly missing: string;
  readonly gates: readonly GateReading[];
}

const COPY_MS = 60_000;

/** Takes one reading of all gates. */
export function advance(before: Window | undefined, gates: readonly GateReading[], nowMs: number, settings: WindowSettings): Window {
  const gap = before === undefined ? undefined : nowMs - before.lastMs;
  const torn = gap !== undefined && !(gap >= 0 && gap <= settings.maxGapMs);
  const kept = torn ? undefined : before;
  const shut = gates.filter(({ open }) => !open);
  const whole = gateNames.every((name) => gates.some(({ gate }) => gate === name));
  const held = (holds: boolean, since: HeldSince | undefined): HeldSince | undefined =>
    holds ? { sinceMs: since?.sinceMs ?? nowMs, readings: (since?.readings ?? 0) + 1 } : undefined;
  const all = held(whole && shut.length === 0, kept?.all);
  const broken = torn
    ? `the gates were not read for ${Math.round(Math.abs(gap) / 1_000)} s`
    : before?.all !== undefined && all === undefined
      ? shutText(shut)
      : before?.broken;
  return {
    lastMs: nowMs,
    gates: new Map(
      gates.map(({ gate, open }) => {
        const known = kept?.gates.get(gate);
        return [gate, { open, sinceMs: known !== undefined && known.open === open ? known.sinceMs : nowMs }];
      }),
    ),
    all,
    copy: held(whole && !shut.some(({ gate }) => copyGates.has(gate)), kept?.copy),
    broken,
  };
}

export function readiness({ all, copy, lastMs, broken }: Window, gates: readonly GateReading[], { windowMs }: WindowSettings): Readiness {
  const heldMs = (since: HeldSince | undefined): number => (since === undefined ? -1 : lastMs - since.sinceMs);
  const shut = gates.filter(({ open }) => !open);
  const window = `all gates have held for ${seconds(Math.max(0, heldMs(all)))} s in ${all?.readings ?? 0} readings`;
  const anew = broken === undefined ? 'measuring began anew' : `it began anew: ${broken}`;
  return {
    allHeld: heldMs(all) >= windowMs,
    copyOpen: copy !== undefined,
    copyHeld: heldMs(copy) >= Math.min(windowMs, COPY_MS),
    held: all === undefined ? `the copy has held for ${seconds(Math.max(0, heldMs(copy)))} s` : window,
    missing: shut.length === 0 ? `${window}; ${seconds(windowMs)} s are needed; ${anew}` : shutText(shut),
    gates,
  };
}

const shutText = (shut: readonly GateReading[]): string => shut.map(({ gate, reason }) => `${gate}: ${reason ?? 'shut'}`).join('; ');
const seconds = (ms: number): number => Math.round(ms / 1_000);
