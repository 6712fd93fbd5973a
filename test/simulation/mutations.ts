/**
 * Shows that each simulation can fail: faults that somebody could make, one at a time, in a copy of the sources, each of which a simulation
 * must catch. `./scripts/node24 test/simulation/mutations.ts [NAME…]`: one line a fault; exits 0 where all were caught.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, stateDirectory } from '../rig/paths.ts';
import { mutations } from './mutation-list.ts';

const chosen = process.argv.slice(2);
const copy = mkdtempSync(join(stateDirectory, 'mutant.'));
let missed = 0;
try {
  for (const part of ['src', 'test', 'package.json']) cpSync(join(repositoryRoot, part), join(copy, part), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(copy, 'node_modules'));
  for (const { by, file, from, to, histories = 5_000 } of mutations) {
    if (chosen.length > 0 && !chosen.includes(by)) continue;
    const path = join(copy, 'src', file);
    const source = readFileSync(path, 'utf8');
    if (!source.includes(from)) throw new Error(`${file} does not hold ${from}: the list is older than the code`);
    writeFileSync(
      path,
      source.replace(from, () => to),
    );
    const { stderr, status } = spawnSync(
      process.execPath,
      [join(copy, 'test/simulation/main.ts'), '--only', by, '--histories', String(histories)],
      {
        encoding: 'utf8',
        timeout: 400_000,
      },
    );
    writeFileSync(path, source);
    // A loop that does not end any more is noticed by whoever waits for it.
    const caught = status === null || (status === 1 && stderr.includes('again: npm run test:simulation'));
    if (!caught) missed++;
    const why = status === null ? 'it does not end' : (stderr.split('\n')[0] ?? '');
    process.stdout.write(
      `${caught ? 'caught' : 'MISSED'}  ${by}  ${file}: ${from.slice(0, 60).replaceAll('\n', ' ')} → ${to.slice(0, 40) || 'nothing'}  (${why.slice(0, 100)})\n`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;
