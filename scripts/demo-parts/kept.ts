import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Where a kept demo is; `.farshore/demo.json`. */
export interface DemoPlacesFile {
  readonly primaryBrokers: string;
  readonly regionalBrokers: string;
  readonly primaryDatabaseUrl: string;
  readonly regionalDatabaseUrl: string;
  readonly daemonPid: number | undefined;
  readonly adminUrl: string;
  readonly tokenFile: string;
  readonly configFile: string;
  readonly servers: readonly { readonly name: string; readonly pid: number; readonly directory: string | undefined }[];
}

export async function writePlaces(file: string, places: DemoPlacesFile): Promise<void> {
  await writeFile(file, `${JSON.stringify(places, undefined, 2)}\n`, { mode: 0o600 });
}

const GRACE_MS = 15_000;

/** Ends what --keep left: the daemon first, then the servers, then their data. */
export async function endKept(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) {
    process.stderr.write(`demo: nothing was kept: ${file} does not exist\n`);
    return 1;
  }
  const { daemonPid, servers } = JSON.parse(text) as DemoPlacesFile;
  if (daemonPid !== undefined) await endProcess(daemonPid);
  for (const { pid, directory } of servers) {
    await endProcess(pid);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
  await rm(file);
  return 0;
}

async function endProcess(pid: number): Promise<void> {
  const alive = (): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  if (!alive()) return;
  process.kill(pid, 'SIGTERM');
  const sinceMs = performance.now();
  while (alive() && performance.now() - sinceMs < GRACE_MS) await delay(50);
  if (alive()) process.kill(pid, 'SIGKILL');
}
