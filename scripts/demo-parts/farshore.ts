import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../test/rig/paths.ts';
import type { Demo } from './main.ts';

const run = promisify(execFile);

/** Runs the command as an operator would, and shows both it and its answer unless `shown` is false. */
export async function farshore({ adminUrl, tokenFile, say }: Demo, args: readonly string[], shown = true): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    [join(repositoryRoot, 'src/main.ts'), ...args, '--url', adminUrl, '--token-file', tokenFile],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  if (shown) say(`$ farshore ${args.join(' ')}\n${stdout}`);
  return stdout;
}
