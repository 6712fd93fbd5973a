import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { AdminSettings, AdminSource } from '../../src/admin/contracts.ts';
import { adminLimits } from '../../src/admin/contracts.ts';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { testSettings, testSource, token } from '../unit/admin/fixture.ts';

const servers: AdminServer[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.close();
});

async function start(settings: Partial<AdminSettings> = {}, source: Partial<AdminSource> = {}): Promise<AdminServer> {
  const server = await startAdmin(testSource(source).source, testSettings(settings).settings);
  servers.push(server);
  return server;
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  // What the server resets is what is tested; an answer before it has been read by then.
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** Sends bytes as they are and answers everything that came back until the server ended the connection. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = open(port);
  const closed = Promise.withResolvers<string>();
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString();
  });
  socket.on('close', () => closed.resolve(answer));
  socket.write(request);
  return await closed.promise;
}

const body = JSON.stringify({ topic: 't', by: 'ann' });

const post = (headers: readonly string[], content: string): string =>
  ['POST /api/partitions/pause HTTP/1.1', 'connection: close', 'content-type: application/json', ...headers, '', content].join('\r\n');

describe('the admin server on a socket', () => {
  it('answers those who name it, and nobody else', async () => {
    const { port } = await start();
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    expect((await fetch(`http://localhost:${port}/api/status`)).status).toBe(200);
    const get = (host: string) => exchange(port, `GET /api/status HTTP/1.1\r\n${host}connection: close\r\n\r\n`);
    expect(await get('host: evil.example\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await get('host:\r\n')).toMatch(/^HTTP\/1\.1 4/);
    expect(await get('')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await get('host: evil.example\r\nhost: localhost\r\n')).toMatch(/^HTTP\/1\.1 4/);
    expect(await exchange(port, 'GET http://evil.example/api/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 403 /,
    );
  });

  it('refuses a request with two Host headers: what stands in front may have judged the other one', async () => {
    const { port } = await start();
    const two = 'GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: attacker.example\r\nconnection: close\r\n\r\n';
    expect(await exchange(port, two)).toContain('HTTP/1.1 400');
    expect(await exchange(port, two.replace('host: attacker.example\r\n', ''))).toContain('HTTP/1.1 200');
  });

  it('refuses a change that a page of another site sends, with the right token too', async () => {
    const { port } = await start();
    const url = `http://127.0.0.1:${port}/api/partitions/pause`;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'POST', body, headers: { ...headers, origin: 'http://evil.example' } })).status).toBe(403);
    expect((await fetch(url, { method: 'POST', body, headers })).status).toBe(200);
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(403);
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('refuses a body above the limit, told or in chunks, without taking it in', async () => {
    const { port } = await start();
    const authorization = `authorization: Bearer ${token}`;
    const told = await exchange(port, post([authorization, 'host: localhost', 'content-length: 99999999'], '{'));
    expect(told).toMatch(/^HTTP\/1\.1 413 /);
    expect(told).toContain('"code":"request_invalid"');
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    expect(await exchange(port, post([authorization, 'host: localhost', 'transfer-encoding: chunked'], chunk + chunk))).toMatch(
      /^HTTP\/1\.1 413 /,
    );
  });

  it('ends a client that sends its head or its body too slowly, and goes on serving others', async () => {
    const { port } = await start({ limits: { ...adminLimits, headersMs: 300, requestMs: 600 } });
    const slowHead = exchange(port, 'GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
    const slowBody = exchange(
      port,
      post([`authorization: Bearer ${token}`, 'host: localhost', `content-length: ${body.length}`], '{"topic"'),
    );
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    expect(await slowHead).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_invalid"/);
    expect(await slowBody).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('answers what is no HTTP in the form of every error', async () => {
    const { port } = await start();
    expect(await exchange(port, 'HELO mail.example\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"request_invalid"/);
    const long = await exchange(port, `GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${'x'.repeat(70_000)}\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    expect(await exchange(port, 'GET /%ZZ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*"code":"request_invalid"/,
    );
  });

  it('names no software and no version', async () => {
    const { port } = await start();
    const answer = await exchange(port, 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    expect(answer).not.toMatch(/^(server|x-powered-by):/im);
  });

  it('closes at once while a client keeps its connection and another waits for an answer', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const server = await start(
      {},
      {
        pause: (_request, signal) => {
          asked.resolve(signal);
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
        },
      },
    );
    const idle = open(server.port);
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    const waiting = exchange(
      server.port,
      post([`authorization: Bearer ${token}`, 'host: localhost', `content-length: ${body.length}`], body),
    );
    const signal = await asked.promise;
    await server.close();
    expect(signal.aborted).toBe(true);
    await Promise.all([idleClosed, waiting]);
    await expect(fetch(`http://127.0.0.1:${server.port}/livez`)).rejects.toThrow();
  });

  it('says which address it could not have', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ code: 'config_invalid', place: 'admin.listen' });
  });

  it('streams what is true now to so many pages, and ends every stream when the daemon stops', async () => {
    const server = await start();
    const url = `http://127.0.0.1:${server.port}/api/live`;
    const streams = await Promise.all(Array.from({ length: 32 }, () => fetch(url)));
    expect(
      new Set(streams.map(({ status, headers }) => `${status} ${headers.get('content-type')} ${headers.get('x-frame-options')}`)),
    ).toEqual(new Set(['200 text/event-stream; charset=utf-8 DENY']));
    const refused = await fetch(url);
    expect([refused.status, await refused.json()]).toMatchObject([503, { message: '32 pages look at this daemon already' }]);
    // One that leaves makes room for another.
    await streams[0]?.body?.cancel();
    const [, second] = streams;
    const heard = second!.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let text = '';
    while (!/event: status\ndata: \{.*"verdict"/.test(text)) text += (await heard.next()).value ?? '';
    expect(text).toMatch(/^retry: 2000\n\nevent: history\ndata: \{/);
    expect(await ask(url)).toBe(200);
    await server.close();
    while (!(await heard.next()).done);
  });
});

/** The status of an answer whose body is not waited for. */
async function ask(url: string): Promise<number> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url);
    await answer.body?.cancel();
    // The server hears of a page that left a moment after it did.
    if (answer.status === 200 || tries === 100) return answer.status;
  }
}
