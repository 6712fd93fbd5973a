import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './alive.ts';

// Below the range the kernel takes the local ports of outgoing connections from (32768 and up on Linux): a port out of that
// range could be lost to a client's connection between a server's stop and its restart on the same port.
const lowestPort = 20_000;
const portAfterHighest = 32_000;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((closed) => server.close(closed));
  return true;
}

/** One file a port, holding the pid of the process that was given it: rigs that start at the same moment must not choose the same one. */
function claimsDirectory(): string {
  return join(tmpdir(), `farshore-ports-${process.getuid?.() ?? 0}`);
}

async function claimHolder(file: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  return Number.isNaN(pid) ? undefined : pid;
}

async function claim(port: number): Promise<boolean> {
  try {
    await writeFile(join(claimsDirectory(), String(port)), String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Gives up the claims of processes that ended. */
async function dropDeadClaims(): Promise<void> {
  for (const name of await readdir(claimsDirectory())) {
    const file = join(claimsDirectory(), name);
    const holder = await claimHolder(file);
    if (holder !== undefined && !isAlive(holder)) await rm(file, { force: true });
  }
}

/**
 * `count` different ports that nothing listens on at 127.0.0.1. They are given to no other caller of this function, in any process of
 * this user, until this process ends.
 */
export async function freePorts(count: number): Promise<number[]> {
  await mkdir(claimsDirectory(), { recursive: true });
  await dropDeadClaims();
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 200 + count) throw new Error(`no ${count} free ports between ${lowestPort} and ${portAfterHighest}`);
    const port = randomInt(lowestPort, portAfterHighest);
    if ((await claim(port)) && (await isFree(port))) ports.push(port);
  }
  return ports;
}
