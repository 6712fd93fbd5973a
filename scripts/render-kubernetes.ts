/** Writes deploy/kubernetes/farshore.yaml, the chart as plain manifests for whoever uses no Helm; a test holds it to the chart. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../test/rig/paths.ts';
import { findTool, tools } from '../test/rig/tools.ts';

export const chart = join(repositoryRoot, 'deploy', 'kubernetes', 'farshore');
export const exampleValues = join(chart, 'ci', 'example-values.yaml');
export const plainManifests = join(repositoryRoot, 'deploy', 'kubernetes', 'farshore.yaml');
/** Helm renders for the Kubernetes it was made for, unless it is told another. */
export const kubernetesVersion = '1.34.0';

const head = `# The Helm chart beside this file, rendered by scripts/render-kubernetes.ts with its ci/example-values.yaml: an example whose addresses,
# names and runbooks are to be replaced. ServiceMonitor and PrometheusRule need the Prometheus operator.
`;

export const render = (helm: string, values: readonly string[]): string =>
  execFileSync(
    helm,
    [
      'template',
      'eu-west',
      chart,
      '--namespace',
      'farshore',
      '--kube-version',
      kubernetesVersion,
      ...values.flatMap((file) => ['--values', file]),
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );

export const renderPlain = (helm: string): string => head + render(helm, [exampleValues]);

if (import.meta.main) {
  const helm = await findTool(tools.helm);
  if (helm === undefined) throw new Error('helm is absent: scripts/setup-packages.ts brings it');
  writeFileSync(plainManifests, renderPlain(helm));
}
