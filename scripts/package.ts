/**
 * Packs what is installed: `farshore-VERSION.tgz`, in the folder given or `.farshore/package`, with dist built anew. Its npm-shrinkwrap.json pins every dependency to what the tests
 * ran with: `npm ci` in the unpacked folder installs the same program today and next year. Prints the file's path.
 */
import { spawnSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot, stateDirectory } from '../test/rig/paths.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devDependencies?: unknown }>>;
}

/** The lock without what only development needs. */
function shrinkwrap(lock: Lock): object {
  const kept = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  return { ...lock, packages: Object.fromEntries(kept.map(([path, entry]) => [path, { ...entry, devDependencies: undefined }])) };
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, error } = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (error !== undefined) throw error;
  // What failed has said why.
  if (status !== 0) process.exit(1);
  return stdout;
}

run(process.execPath, [join(repositoryRoot, 'scripts', 'build.ts')], repositoryRoot);
await mkdir(stateDirectory, { recursive: true });
const staging = await mkdtemp(join(stateDirectory, 'package-'));
try {
  const manifest = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { readonly files: readonly string[] };
  const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as Lock;
  for (const name of [...manifest.files, 'README.md', 'CHANGELOG.md']) {
    await cp(join(repositoryRoot, name), join(staging, name), { recursive: true });
  }
  const files = [...manifest.files, 'CHANGELOG.md', 'npm-shrinkwrap.json'];
  const shipped = { ...manifest, files, devDependencies: undefined, scripts: undefined };
  await writeFile(join(staging, 'package.json'), JSON.stringify(shipped, null, 2));
  await writeFile(join(staging, 'npm-shrinkwrap.json'), JSON.stringify(shrinkwrap(lock), null, 2));
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error'], staging)) as [
    { filename: string },
  ];
  const folder = process.argv[2] ?? join(stateDirectory, 'package');
  await mkdir(folder, { recursive: true });
  await copyFile(join(staging, filename), join(folder, filename));
  process.stdout.write(`${join(folder, filename)}\n`);
} finally {
  await rm(staging, { recursive: true, force: true });
}
