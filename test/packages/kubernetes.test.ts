import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { chart, exampleValues, plainManifests, render, renderPlain } from '../../scripts/render-kubernetes.ts';
import { loadConfig } from '../../src/config/load.ts';
import { STOP_LIMIT_MS } from '../../src/daemon/supervisor.ts';
import { repositoryRoot, stateDirectory } from '../rig/paths.ts';
import { findTool, tools } from '../rig/tools.ts';

const run = promisify(execFile);
const helm = await findTool(tools.helm);
const validator = await findTool(tools.kubernetesValidate);

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: Kubernetes' own schemas check the shape.
  readonly [key: string]: any;
}
const documentsOf = (text: string): readonly Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest);
/** Kinds of the Prometheus operator have no schema among those of Kubernetes. */
const isOperators = ({ apiVersion }: Manifest): boolean => apiVersion.startsWith('monitoring.coreos.com/');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-manifests-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function validate(manifests: readonly object[]): Promise<string> {
  const file = join(folder, 'manifests.yaml');
  await writeFile(file, manifests.map((manifest) => stringify(manifest)).join('---\n'));
  const { stdout, stderr } = await run('python3', [validator!, '--strict', '-k', '1.34', file], {
    env: { ...process.env, PYTHONPATH: join(stateDirectory, tools.kubernetesValidate.folder) },
  });
  return stdout + stderr;
}

async function valuesFile(name: string, values: object): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, stringify(values));
  return file;
}

describe('the plain manifests', () => {
  const manifest = async (kind: string): Promise<Manifest> =>
    documentsOf(await readFile(plainManifests, 'utf8')).find((one) => one.kind === kind)!;

  it('are all that a region needs', async () => {
    expect(documentsOf(await readFile(plainManifests, 'utf8')).map(({ kind }) => kind)).toEqual([
      'NetworkPolicy',
      'PodDisruptionBudget',
      'ServiceAccount',
      'ConfigMap',
      'Service',
      'StatefulSet',
      'PrometheusRule',
      'ServiceMonitor',
    ]);
  });

  it('run as nobody, write nothing, and ask the probes for what each is', async () => {
    const { spec } = (await manifest('StatefulSet')).spec.template;
    const [container] = spec.containers;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    // Never /readyz for liveness: an outage of a dependency must not restart every region.
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(2 * STOP_LIMIT_MS);
  });

  it('hold a configuration that the daemon takes', async () => {
    const text = (await manifest('ConfigMap')).data['farshore.yaml'] as string;
    const given = (path: string): string => (path === 'farshore.yaml' ? text : 'postgres://farshore@10.1.0.9/app');
    const config = loadConfig('farshore.yaml', { env: {}, readFile: given });
    expect([config.region, config.admin.listen]).toEqual(['eu-west', '0.0.0.0:8320']);
  });

  it('have the rules of deploy/prometheus, leading to the runbooks that were named', async () => {
    const rules = await readFile(join(repositoryRoot, 'deploy', 'prometheus', 'farshore.rules.yml'), 'utf8');
    const named = rules.replaceAll('https://runbooks.example/farshore', 'https://wiki.company/farshore/docs/runbooks');
    expect((await manifest('PrometheusRule')).spec).toEqual(parse(named));
    expect((await manifest('ServiceMonitor')).spec).toMatchObject({
      jobLabel: 'app.kubernetes.io/name',
      selector: { matchLabels: (await manifest('Service')).spec.selector },
      endpoints: [{ port: 'http', path: '/metrics', honorLabels: true }],
    });
  });

  it.skipIf(validator === undefined)('fit the schemas of Kubernetes 1.34, strictly (needs kubernetes-validate)', async () => {
    const own = documentsOf(await readFile(plainManifests, 'utf8')).filter((one) => !isOperators(one));
    expect(await validate(own)).not.toContain('ERROR');
    const [first, ...others] = own;
    await expect(validate([{ ...first!, spec: { ...first!.spec, podSelectors: {} } }, ...others])).rejects.toThrow();
  });
});

describe.skipIf(helm === undefined)('the Helm chart (needs helm, which scripts/setup-packages.ts brings)', () => {
  const example = async (): Promise<{ config: object }> => parse(await readFile(exampleValues, 'utf8')) as { config: object };

  it('has nothing lint complains about', async () => {
    const { stdout } = await run(helm!, ['lint', '--strict', chart, '--values', exampleValues]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  it('is what the plain manifests were rendered from', async () => {
    expect(await readFile(plainManifests, 'utf8')).toBe(renderPlain(helm!));
  });

  it('renders with nothing switched on but the configuration', async () => {
    const { config } = await example();
    const manifests = documentsOf(render(helm!, [await valuesFile('least.yaml', { config, podDisruptionBudget: { enabled: false } })]));
    expect(manifests.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'ConfigMap', 'Service', 'StatefulSet']);
    if (validator !== undefined) expect(await validate(manifests)).not.toContain('ERROR');
  });

  it.each([
    ['a key the daemon does not know', { config: { retention: 7 } }, /additional properties 'retention'/],
    ['no region', { config: { region: null } }, /region/],
    ['rules that lead nowhere', { prometheusRule: { enabled: true, runbooksUrl: '' } }, /say where docs\/runbooks is kept/],
    ['a misspelt value', { replica: 2 }, /additional properties 'replica'/],
  ])('refuses %s', async (_what, more, complaint) => {
    const file = await valuesFile('refused.yaml', more);
    expect(() => render(helm!, [exampleValues, file])).toThrow(complaint);
  });
});
