import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../rig/paths.ts';

const run = promisify(execFile);
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** What `scripts/package.ts` makes, installed as an operator would, in folders that know nothing of the repository. */
describe('the npm package', () => {
  let file: string;
  let clean: string;

  beforeAll(async () => {
    clean = await mkdtemp(join(tmpdir(), 'farshore-package-'));
    const { stdout } = await run(process.execPath, [join(repositoryRoot, 'scripts', 'package.ts'), clean], { cwd: repositoryRoot });
    file = stdout.trim().split('\n').at(-1) ?? '';
  });

  afterAll(async () => {
    await rm(clean, { recursive: true, force: true });
  });

  it('installs by npm install, and says its help', async () => {
    const folder = join(clean, 'installed');
    await mkdir(folder);
    await run('npm', ['install', '--prefer-offline', ...quiet, '--prefix', folder, file], { cwd: folder });
    const { stdout } = await run(join(folder, 'node_modules', '.bin', 'farshore'), ['--help'], { cwd: folder });
    expect(stdout).toContain('Usage: farshore');
    expect(stdout).toContain('rejected');
    const { stdout: sql } = await run(join(folder, 'node_modules', '.bin', 'farshore'), ['migrate', '--print'], { cwd: folder });
    expect(sql).toContain('create table farshore.lease');
  });

  it('unpacked, installs exactly what the tests ran with, and runs by a link', async () => {
    const folder = join(clean, 'unpacked');
    await mkdir(folder);
    await run('tar', ['xzf', file, '--strip-components=1', '-C', folder]);
    await run('npm', ['ci', '--prefer-offline', '--omit=dev', ...quiet], { cwd: folder });
    await symlink(join(folder, 'dist', 'farshore'), join(clean, 'farshore'));
    const { stdout } = await run(join(clean, 'farshore'), ['--version'], { cwd: clean });
    const own = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      version: string;
      packages: Record<string, { dev?: boolean; devDependencies?: object }>;
    };
    expect(stdout.trim()).toBe(own.version);
    const installed = await readdir(join(folder, 'node_modules'));
    // What the tests use and what runs depends on as well stays.
    const onlyTests = Object.keys(own.packages['']!.devDependencies!).filter(
      (name) => !name.startsWith('@') && own.packages[`node_modules/${name}`]!.dev === true,
    );
    expect(onlyTests).toContain('vitest');
    for (const name of onlyTests) expect(installed).not.toContain(name);
  });

  it('serves the dashboard with its chart library and the runbooks from where it was installed', async () => {
    const files = pathToFileURL(join(clean, 'unpacked', 'dist', 'admin', 'dashboard-files.js')).href;
    const script = `import { addDashboard } from ${JSON.stringify(files)};
      const reply = { header: () => reply, type: () => reply, send: (content) => content.length, callNotFound: () => 0 };
      await addDashboard({ get: (_path, _options, serve) => console.log(JSON.stringify(['/', '/main.js', '/uplot.js', '/uplot.css', '/runbooks/lag-grows.md', '/none'].map((url) => serve({ url }, reply) > 0))) });`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: clean });
    expect(JSON.parse(stdout)).toEqual([true, true, true, true, true, false]);
  });

  it('holds what is run and read, and no tests', async () => {
    const { stdout } = await run('tar', ['tzf', file]);
    const names = stdout.split('\n');
    for (const name of [
      'dist/farshore',
      'dist/main.js',
      'docs/runbooks/lag-grows.md',
      'deploy/systemd/farshore@.service',
      'npm-shrinkwrap.json',
    ])
      expect(names).toContain(`package/${name}`);
    expect(names.filter((name) => /^package\/(test|src|scripts|node_modules|\.farshore)\//.test(name))).toEqual([]);
  });
});
