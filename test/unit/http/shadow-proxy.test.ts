import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ShadowProxyOptions, startShadowProxy } from '../../../src/http/shadow-proxy.ts';
import type { Door } from '../../../src/shadow/door.ts';
import type { RawRequest } from '../../../src/shadow/request-rules.ts';
import { parseSafeRoute } from '../../../src/shadow/safe-routes.ts';
import { afterwards, rawExchange, serve } from './loopback.ts';

async function proxy(primary: RequestListener | string, over: Partial<Door> & { readonly options?: Partial<ShadowProxyOptions> } = {}) {
  const offered: RawRequest[] = [];
  const left: string[] = [];
  const failures: unknown[] = [];
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  const origin = typeof primary === 'string' ? primary : `http://127.0.0.1:${await serve(primary)}`;
  const door: Door = {
    offer: (raw) => {
      offered.push(raw);
      resolve();
      return { kind: 'taken' };
    },
    skip: (_source, reason) => {
      left.push(reason);
      resolve();
    },
    shed: (_source, reason) => {
      left.push(reason);
      resolve();
    },
    ...over,
  };
  const server = await startShadowProxy(door, {
    host: '127.0.0.1',
    port: 0,
    primary: { origin, host: undefined, allowInside: false, ca: undefined },
    maxBodyBytes: 1_000,
    safe: [parseSafeRoute('POST /search')!],
    wallMs: () => 7,
    onShadowFailure: (error) => {
      failures.push(error);
      resolve();
    },
    ...over.options,
  });
  afterwards(() => server.close(0));
  return { server, port: server.port, offered, left, failures, settled };
}

interface Got {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

async function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: Buffer } = {},
): Promise<Got> {
  const sent = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    agent: false,
  });
  sent.end(options.body);
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return { status: message.statusCode ?? 0, message, body: Buffer.concat(chunks) };
}

describe('the proxy', () => {
  it('answers what the primary answers, headers in their order, case and number, without those of the connection', async () => {
    const { port } = await proxy((_message, response) => {
      response.sendDate = false;
      const headers = [
        'Content-Type',
        'text/x',
        'Set-Cookie',
        'a=1',
        'X-CaSe',
        'v',
        'Set-Cookie',
        'b=2',
        'X-Hop',
        '1',
        'Connection',
        'X-Hop',
      ];
      response.writeHead(418, 'Short and stout', headers).end('tea');
    });
    const { status, message, body } = await ask(port, '/tea');
    expect([status, message.statusMessage, body.toString()]).toEqual([418, 'Short and stout', 'tea']);
    const end = message.rawHeaders.indexOf('X-CaSe') + 4;
    expect(message.rawHeaders.slice(0, end)).toEqual(['Content-Type', 'text/x', 'Set-Cookie', 'a=1', 'X-CaSe', 'v', 'Set-Cookie', 'b=2']);
    expect(message.rawHeaders).not.toContain('X-Hop');
    expect(message.rawHeaders).not.toContain('Date');
  });

  it('sends the user’s request on with its credentials and host, and says who asked', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    const { port } = await proxy((message, response) => {
      resolve(message.rawHeaders);
      response.end();
    });
    await ask(port, '/a', {
      headers: {
        Host: 'billing.example',
        Cookie: 'a=1',
        Authorization: 'Bearer x',
        'X-Forwarded-For': '10.0.0.9',
        Connection: 'x-hop',
        'X-Hop': '1',
      },
    });
    const raw = await promise;
    const sent = Object.fromEntries(raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]]] : [])));
    expect(sent).toMatchObject({
      Host: 'billing.example',
      Cookie: 'a=1',
      Authorization: 'Bearer x',
      'X-Forwarded-For': '10.0.0.9, 127.0.0.1',
    });
    expect(sent).not.toHaveProperty('X-Hop');
  });

  it.each(['length', 'chunked'])('carries bodies of any size both ways: %s', async (framing) => {
    const body = randomBytes(3_000_000);
    const { port, left, settled } = await proxy((message, response) => message.pipe(response));
    const headers: Record<string, string> =
      framing === 'length' ? { 'content-length': String(body.length) } : { 'transfer-encoding': 'chunked' };
    const got = await ask(port, '/search', { method: 'POST', headers, body });
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(digest(got.body)).toBe(digest(body));
    await settled;
    expect(left).toEqual(['too_large']);
  });

  it('streams: the headers are there before the first event, and that one before the second is sent', async () => {
    const { promise: headed, resolve: readOn } = Promise.withResolvers<void>();
    const { promise: seen, resolve } = Promise.withResolvers<void>();
    const { port } = await proxy(async (_message, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      await headed;
      response.write('data: 1\n\n');
      await seen;
      response.end('data: 2\n\n');
    });
    const sent = httpRequest({ host: '127.0.0.1', port, path: '/events', agent: false });
    sent.end();
    const [message] = (await once(sent, 'response')) as [IncomingMessage];
    readOn();
    const [first] = (await once(message, 'data')) as [Buffer];
    expect(first.toString()).toBe('data: 1\n\n');
    resolve();
    const [second] = (await once(message, 'data')) as [Buffer];
    expect(second.toString()).toBe('data: 2\n\n');
  });

  it('answers HEAD, 204 and 304 without a body', async () => {
    const { port } = await proxy((message, response) => {
      if (message.method === 'HEAD') response.writeHead(200, { 'content-length': '1234' }).end();
      else response.writeHead(message.url === '/204' ? 204 : 304, { etag: '"a"' }).end();
    });
    const head = await ask(port, '/a', { method: 'HEAD' });
    expect([head.status, head.message.headers['content-length'], head.body.length]).toEqual([200, '1234', 0]);
    expect((await ask(port, '/204')).status).toBe(204);
    expect([(await ask(port, '/304')).message.headers.etag]).toEqual(['"a"']);
  });

  it('gives the shadow each request after its answer, with its body where its route may be asked', async () => {
    const { port, offered, left } = await proxy((message, response) => {
      message.resume();
      response.end('ok');
    });
    await ask(port, '/orders?page=1', { headers: { Accept: 'a' } });
    await ask(port, '/search', { method: 'POST', body: Buffer.from('{}') });
    await ask(port, '/orders', { method: 'POST', body: Buffer.from('{}') });
    await expect.poll(() => offered.length + left.length).toBe(3);
    expect(offered.map(({ method, target, body }) => [method, target, body?.toString()])).toEqual([
      ['GET', '/orders?page=1', undefined],
      ['POST', '/search', '{}'],
    ]);
    expect([...offered[0]!.headers]).toContainEqual(['Accept', 'a']);
    expect(left).toEqual(['unsafe_method']);
  });

  it('answers the user when everything of the shadow fails', async () => {
    const broken = (): never => {
      throw new Error('the shadow is broken');
    };
    const { port, failures } = await proxy((_message, response) => response.end('fine'), { offer: broken, skip: broken, shed: broken });
    for (let n = 0; n < 3; n += 1) expect((await ask(port, '/a')).body.toString()).toBe('fine');
    await expect.poll(() => failures.length).toBe(3);
  });

  it('answers 502 when the primary cannot be reached, and breaks off where the primary breaks off', async () => {
    expect((await ask((await proxy('http://127.0.0.1:1')).port, '/a')).status).toBe(502);
    const { port } = await proxy((message, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => message.socket.destroy());
    });
    await expect(ask(port, '/a')).rejects.toThrow();
  });

  it('answers 502 for an answer that cannot be passed on, and goes on with the next', async () => {
    let status = 'HTTP/1.1 099 Odd';
    const { createServer: listen } = await import('node:net');
    const server = listen((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(`${status}\r\ncontent-length: 2\r\n\r\nok`));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterwards(() => server.close());
    const { port } = await proxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect((await ask(port, '/a')).status).toBe(502);
    status = 'HTTP/1.1 200 OK';
    expect((await ask(port, '/a')).status).toBe(200);
  });

  it('ends its question when the user goes', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: begun } = Promise.withResolvers<void>();
    const { port } = await proxy((message) => {
      message.once('close', () => resolve());
      begun();
    });
    const sent = httpRequest({ host: '127.0.0.1', port, path: '/slow', agent: false });
    sent.on('error', () => undefined);
    sent.end();
    await asked;
    sent.destroy();
    await gone;
  });

  it('asks again when the kept connection was closed as it was used', async () => {
    let connections = 0;
    const { port } = await proxy((message, response) => {
      // The first connection is closed when it is used a second time, without a word.
      const { socket } = message;
      const used = Number(Reflect.get(socket, 'used') ?? 0) + 1;
      Reflect.set(socket, 'used', used);
      if (used === 1) connections += 1;
      if (used > 1) socket.destroy();
      else response.end('ok');
    });
    for (let n = 0; n < 3; n += 1) expect((await ask(port, '/a')).status).toBe(200);
    expect(connections).toBeGreaterThan(1);
  });

  it.each([
    ['an absolute URI', 'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\n\r\n'],
    [
      'a length beside chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    ],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ])('refuses %s', async (_what, bytes) => {
    let asked = 0;
    const { port } = await proxy((_message, response) => {
      asked += 1;
      response.end();
    });
    expect(await rawExchange(port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect(asked).toBe(0);
  });

  it('ends within its grace while a WebSocket is open, which it ends too', async () => {
    const server = createServer();
    const { promise: primaryLost, resolve } = Promise.withResolvers<void>();
    server.on('upgrade', (_message, socket) => {
      socket.on('error', () => undefined);
      socket.once('end', () => resolve()).resume();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello');
    });
    const { server: started, port } = await proxy(`http://127.0.0.1:${await serve(() => undefined, server)}`);
    const user = connect(port, '127.0.0.1');
    afterwards(() => user.destroy());
    user.on('error', () => undefined);
    const gone = once(user, 'close');
    user.write('GET /live HTTP/1.1\r\nhost: shop.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    let got = '';
    while (!got.includes('hello')) got += String((await once(user, 'data'))[0]);
    await started.close(50);
    await gone;
    await primaryLost;
  }, 3_000);

  it('passes a WebSocket on, and no other protocol', async () => {
    const server = createServer((message, response) => response.end(`plain ${message.headers.upgrade}`));
    server.on('upgrade', (_message, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello');
      socket.on('data', (chunk: Buffer) => socket.end(`echo ${chunk.toString()}`));
    });
    const { port } = await proxy(`http://127.0.0.1:${await serve(() => undefined, server)}`);
    const head = (protocol: string): string => `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
    const tunnel = await rawExchange(port, `${head('websocket')}ping`);
    expect(tunnel).toContain('101 Switching Protocols');
    expect(tunnel).toContain('hello');
    expect(tunnel).toContain('echo ping');
    expect(await rawExchange(port, head('h2c'), 'plain')).toContain('plain undefined');
  });
});
