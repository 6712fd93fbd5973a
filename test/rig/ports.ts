import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

// Below the range the kernel takes the local ports of outgoing connections from (32768 and up on Linux): a port out of that
// range could be lost to a client's connection between a server's stop and its restart on the same port.
const lowestPort = 20_000;
const portAfterHighest = 32_000;

async function tryListen(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}

/**
 * `count` different ports that nothing listens on at 127.0.0.1. All are held open until the last one is found, so one call
 * never gives the same port twice; they are free, not reserved, when it returns.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  try {
    for (let tries = 0; held.size < count; tries++) {
      if (tries > 200 + count) throw new Error(`no ${count} free ports between ${lowestPort} and ${portAfterHighest}`);
      const port = randomInt(lowestPort, portAfterHighest);
      const server = held.has(port) ? undefined : await tryListen(port);
      if (server !== undefined) held.set(port, server);
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((done) => server.close(done))));
  }
}
