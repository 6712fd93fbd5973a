import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exists } from './java.ts';
import { stateDirectory } from './paths.ts';

const run = promisify(execFile);
export const toxiproxyVersion = '2.12.0';
const goModule = `github.com/Shopify/toxiproxy/v2/cmd/server@v${toxiproxyVersion}`;
const buildDeadlineMs = 600_000;

/** Go, or its module, cannot be had here. */
export class ToxiproxyMissing extends Error {
  override readonly name = 'ToxiproxyMissing';
}

/** The line of Go's output that says what went wrong, without the progress before it. */
export function goComplaint(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('go: downloading '));
  return (lines.at(-1) ?? 'no message').trim();
}

/**
 * The server's program, built once from its Go module. Everything Go writes for it is in the state directory and, but for the program, removed
 * again. Throws ToxiproxyMissing where that cannot be done.
 */
export async function toxiproxyProgram(): Promise<string> {
  const folder = join(stateDirectory, `toxiproxy-${toxiproxyVersion}`);
  const program = join(folder, 'server');
  if (await exists(program)) return program;
  await run('go', ['version']).catch(() => {
    throw new ToxiproxyMissing('needs Go: `go version` does not run');
  });
  await mkdir(stateDirectory, { recursive: true });
  const build = await mkdtemp(join(stateDirectory, 'toxiproxy-build-'));
  try {
    const fresh = join(build, 'bin');
    const env = { GOPATH: join(build, 'path'), GOCACHE: join(build, 'cache'), GOMODCACHE: '', GOBIN: fresh, CGO_ENABLED: '0' };
    await run('go', ['install', goModule], {
      cwd: build,
      // A module cache is written read-only otherwise, and could not be removed.
      env: { ...process.env, ...env, GOFLAGS: '-mod=mod -modcacherw' },
      timeout: buildDeadlineMs,
    }).catch((error: Error & { readonly stderr?: string }) => {
      throw new ToxiproxyMissing(
        `needs toxiproxy ${toxiproxyVersion}, which Go did not build: ${goComplaint(error.stderr ?? error.message)}`,
      );
    });
    // Renamed when whole; another run may have been faster, with the same program.
    await rename(fresh, folder).catch(async (error: unknown) => {
      if (!(await exists(program))) throw error;
    });
    return program;
  } finally {
    await rm(build, { recursive: true, force: true });
  }
}
