import { type ShadowDiff, type ShadowLatency, type ShadowScore, type ShadowView, shadowResults } from '../model/shadow-view.ts';
import { printable, textTable } from './output.ts';

const SHOWN_FIELDS = 10;

/** Rounded down: 0.99996 is not 100 %. */
const percent = (ratio: number | null): string => (ratio === null ? '-' : `${(Math.floor(ratio * 10_000) / 100).toFixed(2)} %`);
const latency = (value: ShadowLatency | null): string => (value === null ? '-' : `${value.p50Ms}/${value.p99Ms} ms`);

export function shadowText(view: ShadowView): string {
  if (!view.comparing) return 'this daemon compares nothing: it stands by, or shadow is not configured\n';
  const seconds = view.secondsSinceComparison;
  const last = seconds === null ? 'nothing compared yet' : `last comparison ${seconds.toFixed(1)} s ago`;
  const head = `${last}, ${view.waiting} differences wait to be asked again; the last ${view.windowHours} h:\n`;
  const scored = (name: string, { ratio, lowerBound, samples, counts }: ShadowScore, rest: readonly string[]): readonly string[] => [
    printable(name),
    percent(ratio),
    percent(lowerBound),
    String(samples),
    ...shadowResults.map((result) => String(counts[result])),
    ...rest,
  ];
  const routes = view.routes.map((route) => scored(route.route, route, [latency(route.latency.primary), latency(route.latency.region)]));
  const results = shadowResults.map((result) => result.toUpperCase());
  const table = textTable([
    ['ROUTE', 'RATIO', 'AT LEAST', 'SAMPLES', ...results, 'PRIMARY P50/P99', 'REGION P50/P99'],
    ...routes,
    scored('all', view.total, []),
  ]);
  const ungrouped =
    view.ungrouped === 0
      ? ''
      : `${view.ungrouped} requests found no room for a group of their own: name their routes in shadow.compare.routes\n`;
  return head + table + ungrouped + fieldsText(view);
}

function fieldsText({ routes }: ShadowView): string {
  const rows = routes.flatMap(({ route, fields }) =>
    fields
      .slice(0, SHOWN_FIELDS)
      .map(({ path, kind, result, count, weight, rawRate, noiseRate }) => [
        result,
        printable(route),
        printable(path),
        kind,
        String(count),
        weight.toFixed(1),
        percent(rawRate),
        percent(noiseRate),
      ]),
  );
  if (rows.length === 0) return '';
  const order = ['mismatch', 'unsettled', 'noise'];
  const sorted = rows.toSorted((a, b) => order.indexOf(a[0] ?? '') - order.indexOf(b[0] ?? '') || Number(b[5]) - Number(a[5]));
  return `\n${textTable([['RESULT', 'ROUTE', 'PLACE', 'KIND', 'COUNT', 'WEIGHT', 'DIFFERS', 'NOISE'], ...sorted])}`;
}

/** One difference after the other, both sides below each other. */
export function diffsText(diffs: readonly ShadowDiff[]): string {
  if (diffs.length === 0) return 'no differences\n';
  return diffs.map(diffText).join('\n');
}

function diffText({ route, path, kind, result, count, lastSeen, example }: ShadowDiff): string {
  const head = `${result} (${kind}) ${printable(route)} ${printable(path)}: ${count} times, last ${lastSeen}\n`;
  if (example === null) return `${head}  no example is kept (shadow.compare.samples.keep)\n`;
  const side = (value: string | null): string => (value === null ? '(nothing)' : printable(value));
  return (
    head +
    textTable([
      ['  asked', printable(`${example.method} ${example.target}`)],
      ['  at', printable(example.place)],
      ['  primary', side(example.primary)],
      ['  region', side(example.region)],
    ])
  );
}
