import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../../rig/paths.ts';

const loaded = (program: string): readonly string[] => {
  const code = `process.once('exit', () => process.stderr.write(JSON.stringify(process.moduleLoadList)));await import(${JSON.stringify(program)})`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return JSON.parse(stderr.slice(stderr.lastIndexOf('["'))) as readonly string[];
};

it('a daemon does not hold 13 MiB of undici, which an import of node:http brings', { timeout: 30_000 }, () => {
  const ours = loaded(join(repositoryRoot, 'src/daemon/run.ts'));
  expect(ours).toContain('NativeModule http');
  expect(ours.filter((name) => name.includes('undici'))).toEqual([]);
  expect(loaded('node:http').filter((name) => name.includes('undici'))).not.toEqual([]);
});
