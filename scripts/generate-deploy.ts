/** Writes the files below deploy/ that are made from lists in the code; a test holds them to it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../test/rig/paths.ts';
import { valuesSchemaFile } from './deploy/chart-values.ts';
import { dashboardFile } from './deploy/dashboard.ts';
import { rulesFile, ruleTestsFile } from './deploy/rules.ts';

export const generatedDeployFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ['deploy/prometheus/farshore.rules.yml', rulesFile()],
    ['deploy/prometheus/farshore.test.yml', ruleTestsFile()],
    ['deploy/grafana/farshore.json', dashboardFile()],
    ['deploy/kubernetes/farshore/values.schema.json', valuesSchemaFile()],
    // Helm reads files of the chart only.
    ['deploy/kubernetes/farshore/files/farshore.rules.yml', rulesFile()],
  ]);

if (import.meta.main) {
  for (const [path, text] of generatedDeployFiles()) {
    const file = join(repositoryRoot, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
