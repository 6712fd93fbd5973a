import type { InstrumentName } from '../../src/metrics/instruments.ts';

/** Series as promtool reads them (`0+1x10` is 0, 1, … 10), one sample a minute, and the moment that is looked at. */
export interface AlertCase {
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
}

/** One alert with the proof that it fires and that it stays quiet: without both it cannot be added. */
export interface Alert {
  /** Says what is wrong; its severity is a label. */
  readonly name: `Farshore${string}`;
  /** critical: somebody is woken up. warning: looked at within the day. info: shown where it is asked for. */
  readonly severity: 'critical' | 'warning' | 'info';
  readonly expr: string;
  readonly for: string;
  readonly summary: string;
  /** May use `{{ $labels.NAME }}` and one `{{ $value … }}`. */
  readonly description: string;
  /** Page and heading in docs/runbooks. */
  readonly runbook: `${string}.md#${string}`;
  readonly fires: AlertCase & {
    readonly labels: Readonly<Record<string, string>>;
    /** What the template of the value becomes. */
    readonly value?: string;
  };
  /** As near to firing as it gets. */
  readonly quiet: AlertCase;
  /** What looks at the mirror, or at the path through it: what it does while the home is the region and the mirror rests. */
  readonly homeHere?: { readonly quiet: AlertCase; readonly fires?: Alert['fires'] };
}

/** A series of region eu-west, by an instrument that exists. */
export const of = (instrument: InstrumentName, labels: Readonly<Record<string, string>> = {}): string =>
  series(instrument, { region: 'eu-west', ...labels });

/** A series that is not one of Farshore's own: `up`, `process_…`. */
export const series = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(',')}}`;

export const always = (value: number, minutes = 60): string => `${value}+0x${minutes}`;
export const rising = (by: number, minutes = 60): string => `0+${by}x${minutes}`;
/** Stands still, rises once after half an hour, stands still again. */
export const once = (from: number, to: number): string => `${from}+0x29 ${to}+0x30`;

/** The home is the region. */
export const switched = { [of('farshore_cutover_state', { state: 'switched' })]: always(1, 250) } as const;

export const region = { region: 'eu-west' } as const;
