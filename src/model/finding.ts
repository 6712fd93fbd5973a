/** One line of `farshore check`: what was looked at, how it stands and what to do. */
export interface Finding {
  readonly area: 'primary kafka' | 'regional kafka' | 'regional database' | 'primary database' | 'registry' | 'topics' | 'tables';
  readonly level: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** `billing.invoices`, `table public.invoices`, a broker address. */
  readonly place?: string;
  /** The next step, as a sentence or a statement to paste. */
  readonly hint?: string;
}
