import type { Instrument } from './instrument.ts';
import { instruments } from './instruments.ts';

/** docs/metrics.md, written from the list of instruments. */
export function metricsDocs(): string {
  const rows = Object.entries(instruments).map(([name, instrument]) => row(name, instrument));
  return [
    '# Metrics',
    '',
    'Written from `src/metrics/instruments.ts` and the lists it joins by `scripts/generate-docs.ts`; edit those lists, not this page.',
    '',
    'Served at `/metrics` in Prometheus’ text format, beside the runtime’s own `process_*` and `nodejs_*`. Every sample carries the label `region`.',
    'A gauge is absent until it was measured: unknown is never 0. A counter whose labels are all closed sets starts at 0. Label values come from',
    'closed sets, shown here, or from the configuration (topics, tables); never from records. Values are 64-bit floats: offsets are exact to 2^53.',
    '',
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function row(name: string, { type, labels, help, buckets }: Instrument): string {
  const shown = Object.entries(labels).map(([label, values]) => `\`${label}\`${describeValues(values)}`);
  const bounds = buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`;
  return `| \`${name}\` | ${type} | ${shown.join('<br>')} | ${help}${bounds} |`;
}

function describeValues(values: Instrument['labels'][string]): string {
  if (typeof values === 'string') return '';
  // The error codes have a page of their own.
  return values.length > 12 ? ': a code of [errors.md](errors.md)' : `: ${values.join(', ')}`;
}
