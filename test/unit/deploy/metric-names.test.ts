import { describe, expect, it } from 'vitest';
import { recordingRules } from '../../../scripts/deploy/lag-objective.ts';
import { generatedDeployFiles } from '../../../scripts/generate-deploy.ts';
import { instruments } from '../../../src/metrics/instruments.ts';
import { filesBelow, metricsIn } from './documents.ts';

/** Names that are no metrics: columns of the tables that are applied. */
const columns = ['farshore_version', 'farshore_units'];

/** What the daemon serves: a histogram by three names. */
const served = new Set(
  Object.entries(instruments).flatMap(([name, { type }]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`, name] : [name],
  ),
);
const unknownIn = (text: string) => metricsIn(text).filter((name) => !served.has(name) && !columns.includes(name));

describe('metrics that rules, boards and docs name', () => {
  const files = [...filesBelow('deploy', ['.yml', '.yaml', '.json', '.md']), ...filesBelow('docs', ['.md'])];

  it.each(files.map(({ path, text }) => [path, text] as const))('%s names only what is registered', (_path, text) => {
    expect(unknownIn(text)).toEqual([]);
  });

  it('are found at all, and one that does not exist is told', () => {
    const rules = generatedDeployFiles().get('deploy/prometheus/farshore.rules.yml')!;
    expect(new Set(metricsIn(rules)).size).toBeGreaterThan(20);
    expect(unknownIn('sum(farshore_lag_unheard_of) / farshore_heartbeat_latency_seconds_bucket')).toEqual(['farshore_lag_unheard_of']);
  });

  it('that are recorded are recorded by a rule', () => {
    const recorded = new Set(recordingRules.map(({ record }) => record));
    const named = files.flatMap(({ text }) => [...text.matchAll(/\bfarshore:[a-z0-9_]+:[a-z0-9_]+/g)].map(([name]) => name));
    expect([...new Set(named)].filter((name) => !recorded.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(recorded.size);
  });
});
