import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach } from 'vitest';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Done after the test, the last first. */
export const afterwards = (close: () => unknown): void => void closing.push(close);

export async function serve(listener: RequestListener, server: Server = createServer(listener)): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Writes bytes as they are and answers all that comes until the server ends the connection, or until `until` is in it. */
export async function rawExchange(port: number, text: string | Buffer, until?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  afterwards(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(text);
  let got = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
    if (until !== undefined && got.includes(until)) resolve();
  });
  socket.once('close', () => resolve());
  await promise;
  socket.destroy();
  return got;
}
