/** Builds `dist/`: src compiled to JavaScript, with what stands beside the code (SQL, the dashboard's files) copied to the same places. */
import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repositoryRoot, stateDirectory } from '../test/rig/paths.ts';

const sources = join(repositoryRoot, 'src');
const output = join(repositoryRoot, 'dist');
const project = join(stateDirectory, 'tsconfig.build.json');

await rm(output, { recursive: true, force: true });
await mkdir(stateDirectory, { recursive: true });
await writeFile(
  project,
  JSON.stringify({
    extends: '../tsconfig.json',
    compilerOptions: { noEmit: false, rewriteRelativeImportExtensions: true, rootDir: '../src', outDir: '../dist' },
    include: ['../src'],
  }),
);
const compiler = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
// The compiler has said what is wrong, file by file.
if (status !== 0) process.exit(1);

for (const entry of await readdir(sources, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.ts')) continue;
  const from = join(entry.parentPath, entry.name);
  const to = join(output, from.slice(sources.length));
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
for (const program of ['farshore', 'main.js']) await chmod(join(output, program), 0o755);
