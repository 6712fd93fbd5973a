import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exists } from '../rig/java.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { findTool, tools } from '../rig/tools.ts';

const run = promisify(execFile);
const folder = join(repositoryRoot, 'deploy', 'docker');
const dockerfile = join(folder, 'Dockerfile');
const hadolint = await findTool(tools.hadolint);
const promtool = await findTool(tools.promtool);
const docker = await run('docker', ['info'], { timeout: 10_000 }).then(
  () => true,
  () => false,
);

describe('the image', () => {
  it('is built from all that its build reads, and from nothing it does not', async () => {
    const text = await readFile(dockerfile, 'utf8');
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
    const allowed = [...(await readFile(`${dockerfile}.dockerignore`, 'utf8')).matchAll(/^!(.+)$/gm)].map(([, name]) => name);
    expect(new Set(copied)).toEqual(new Set(allowed));
    const context = await mkdtemp(join(tmpdir(), 'farshore-image-'));
    try {
      for (const name of new Set(copied)) {
        await mkdir(dirname(join(context, name)), { recursive: true });
        await cp(join(repositoryRoot, name), join(context, name), { recursive: true });
      }
      await symlink(join(repositoryRoot, 'node_modules'), join(context, 'node_modules'));
      await run(process.execPath, ['scripts/build.ts'], { cwd: context });
      const { stdout } = await run(process.execPath, [join(context, 'dist', 'main.js'), '--help'], { cwd: tmpdir() });
      expect(stdout).toContain('Usage: farshore');
    } finally {
      await rm(context, { recursive: true });
    }
  });

  it('runs as nobody in particular, with a user that Kubernetes can check', async () => {
    expect(await readFile(dockerfile, 'utf8')).toMatch(/^USER 65532:65532$/m);
  });

  it.skipIf(hadolint === undefined)('has nothing hadolint complains about (needs hadolint)', async () => {
    const { stdout } = await run(hadolint!, ['--failure-threshold', 'info', dockerfile]);
    expect(stdout).toBe('');
  });

  it.skipIf(!docker)(
    'is built, and says its help without a writable file system (needs a running Docker daemon)',
    async () => {
      await run('docker', ['build', '--quiet', '--file', dockerfile, '--tag', 'farshore:test', repositoryRoot], { timeout: 600_000 });
      const { stdout } = await run('docker', ['run', '--rm', '--read-only', '--cap-drop', 'ALL', 'farshore:test', '--help']);
      expect(stdout).toContain('Usage: farshore');
    },
    600_000,
  );
});

interface Service {
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly ports?: readonly string[];
}

describe('the compose file', () => {
  it('mounts files that are there, but for those the operator brings, and listens on loopback only', async () => {
    const { services } = parse(await readFile(join(folder, 'compose.yaml'), 'utf8')) as { services: Record<string, Service> };
    expect(Object.keys(services)).toEqual(['farshore', 'prometheus', 'grafana']);
    for (const { volumes, ports } of Object.values(services)) {
      for (const volume of volumes ?? []) {
        const [source = ''] = volume.split(':');
        const brought = ['./farshore.yaml', './secrets'].includes(source);
        expect([volume, brought || (await exists(join(folder, source)))]).toEqual([volume, true]);
      }
      expect((ports ?? []).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    }
    expect(services.farshore?.read_only).toBe(true);
  });

  it.skipIf(promtool === undefined)('gives Prometheus a configuration it takes (needs promtool)', async () => {
    const { stdout } = await run(promtool!, ['check', 'config', '--syntax-only', join(folder, 'prometheus.yml')]);
    expect(stdout).toContain('SUCCESS');
  });
});
