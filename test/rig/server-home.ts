import { access, chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isAlive } from './alive.ts';

const prefix = 'farshore-rig-';
const releasedMark = 'released';

/** Where one server keeps its data and, beside it, its log and configuration. */
export interface ServerHome {
  readonly dataDir: string;
  readonly logFile: string;
  readonly configFile: string;
  /** Made here, and removed with the server. */
  readonly temporaryDirectory: string | undefined;
}

function homeAround(dataDir: string, temporaryDirectory: string | undefined): ServerHome {
  return { dataDir, logFile: `${dataDir}.log`, configFile: `${dataDir}.properties`, temporaryDirectory };
}

/** With `dataDir`: that directory, which is kept. Without: `data` in a new temporary directory named after its owner's pid. */
export async function makeServerHome(name: string, dataDir: string | undefined): Promise<ServerHome> {
  if (dataDir !== undefined) {
    await mkdir(dirname(dataDir), { recursive: true });
    return homeAround(dataDir, undefined);
  }
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-${name}-`));
  // A database that runs as another user must be able to pass through.
  await chmod(directory, 0o711);
  return homeAround(join(directory, 'data'), directory);
}

export async function removeServerHome(home: ServerHome): Promise<void> {
  if (home.temporaryDirectory !== undefined)
    await rm(home.temporaryDirectory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** The server outlives its owner, and so does its directory. */
export async function markReleased(home: ServerHome): Promise<void> {
  if (home.temporaryDirectory !== undefined) await writeFile(join(home.temporaryDirectory, releasedMark), '');
}

/** Removes temporary directories whose owner is gone: those of servers that were stopped but never disposed of. */
export async function sweepAbandonedHomes(): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    const owner = entry.startsWith(prefix) ? Number.parseInt(entry.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(owner) || isAlive(owner)) continue;
    const directory = join(tmpdir(), entry);
    const released = await access(join(directory, releasedMark)).then(
      () => true,
      () => false,
    );
    // Another user's directory is not ours to remove.
    if (!released) await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}
