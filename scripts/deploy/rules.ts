import { stringify } from 'yaml';
import type { Alert } from './alert.ts';
import { alertGroups } from './alerts.ts';
import { budget, recordingRules } from './lag-objective.ts';

/** Of a name that never exists: to be replaced by where the runbooks are kept, see deploy/prometheus/README.md. */
export const RUNBOOKS = 'https://runbooks.example/farshore';

const head = '# Made by scripts/generate-deploy.ts from scripts/deploy/alerts.ts; edit that list, not this file.\n';
const text = (value: string): string => value.replaceAll('{{budget}}', `${budget * 100} %`);

export const ruleGroups = (): readonly { readonly name: string; readonly rules: readonly object[] }[] => [
  { name: 'farshore-objective', rules: recordingRules },
  ...Object.entries(alertGroups).map(([name, alerts]) => ({ name, rules: alerts.map(alertRule) })),
];

const alertRule = (alert: Alert): object => ({
  alert: alert.name,
  expr: alert.expr,
  for: alert.for,
  labels: { severity: alert.severity },
  annotations: { summary: alert.summary, description: text(alert.description), runbook_url: `${RUNBOOKS}/${alert.runbook}` },
});

/** deploy/prometheus/farshore.rules.yml. */
export const rulesFile = (): string => head + stringify({ groups: ruleGroups() }, { lineWidth: 0 });

/** deploy/prometheus/farshore.test.yml, for `promtool test rules`: each alert firing, and not firing. */
export const ruleTestsFile = (): string =>
  head +
  stringify(
    {
      rule_files: ['farshore.rules.yml'],
      evaluation_interval: '1m',
      // Groups are evaluated in no order otherwise, and alerts would see what was recorded now or a minute ago.
      group_eval_order: ruleGroups().map(({ name }) => name),
      tests: Object.values(alertGroups)
        .flat()
        .flatMap((alert) => [...ruleTests(alert, alert.name), ...ruleTestsHomeHere(alert)]),
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );

const ruleTests = (alert: Alert, name: string): readonly object[] => [
  ruleTest(alert, `${name} fires`, alert.fires, [expected(alert)]),
  ruleTest(alert, `${name} stays quiet`, alert.quiet, []),
];

/** One that stays quiet for good while the home is here has nothing that fires. */
function ruleTestsHomeHere({ homeHere, ...alert }: Alert): readonly object[] {
  if (homeHere === undefined) return [];
  const name = `${alert.name}, once the home is here,`;
  const { quiet, fires } = homeHere;
  return fires === undefined ? [ruleTest(alert, `${name} stays quiet`, quiet, [])] : ruleTests({ ...alert, quiet, fires }, name);
}

const ruleTest = (alert: Alert, name: string, { series, at }: Alert['quiet'], alerts: readonly object[]): object => ({
  name,
  interval: '1m',
  input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
  alert_rule_test: [{ eval_time: at, alertname: alert.name, ...(alerts.length > 0 ? { exp_alerts: alerts } : {}) }],
});

function expected({ severity, summary, description, runbook, fires }: Alert): object {
  const filled = text(description)
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => fires.labels[label] ?? '')
    .replaceAll(/\{\{ \$value.*?\}\}/g, fires.value ?? '');
  return {
    exp_labels: { ...fires.labels, severity },
    exp_annotations: { summary, description: filled, runbook_url: `${RUNBOOKS}/${runbook}` },
  };
}
