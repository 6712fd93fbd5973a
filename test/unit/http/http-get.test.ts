import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpFailure } from '../../../src/http/http-failure.ts';
import { type BreakerEvent, HttpClient } from '../../../src/http/http-get.ts';
import { certificate, certificateKey } from './certificate.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(listener: RequestListener, server: Server = createServer(listener)): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function client(over: { readonly ca?: string; readonly breakerResetMs?: number } = {}) {
  const events: BreakerEvent[] = [];
  const http = new HttpClient({
    ca: over.ca,
    maxBodyBytes: 1000,
    breakerResetMs: over.breakerResetMs ?? 60_000,
    observe: (event) => events.push(event),
  });
  closing.push(() => http.close());
  return { http, events };
}

const request = (over: { readonly timeoutMs?: number; readonly signal?: AbortSignal; readonly headers?: Record<string, string> } = {}) => ({
  headers: over.headers ?? {},
  timeoutMs: over.timeoutMs ?? 5_000,
  signal: over.signal ?? new AbortController().signal,
});

const kindOf = async (answer: Promise<unknown>): Promise<unknown> =>
  await answer.then(
    (value) => value,
    (error) => (error instanceof HttpFailure ? error.kind : error),
  );

describe('an outgoing GET', () => {
  it('answers status and body, with the headers it was given', async () => {
    const port = await serve((incoming, response) => response.writeHead(404).end(`${incoming.url} ${incoming.headers.authorization}`));
    const headers = { authorization: 'Basic dTpw' };
    expect(await client().http.get(`http://127.0.0.1:${port}/subjects?x=1`, request({ headers }))).toEqual({
      status: 404,
      body: '/subjects?x=1 Basic dTpw',
    });
  });

  it('gives up a server that does not answer in time, or stops in the middle', async () => {
    const silent = await serve(() => undefined);
    const halfway = await serve((_incoming, response) => void response.write('{'));
    const { http } = client();
    expect(await kindOf(http.get(`http://127.0.0.1:${silent}`, request({ timeoutMs: 50 })))).toBe('timeout');
    expect(await kindOf(http.get(`http://127.0.0.1:${halfway}`, request({ timeoutMs: 50 })))).toBe('timeout');
  });

  it('stops at the size limit', async () => {
    const port = await serve((_incoming, response) => response.end('x'.repeat(1001)));
    expect(await kindOf(client().http.get(`http://127.0.0.1:${port}`, request()))).toBe('too_large');
  });

  it('tells a refused connection, a broken one and a request that was given up apart', async () => {
    const broken = await serve((incoming) => incoming.socket.destroy());
    const silent = await serve(() => stop.abort());
    const stop = new AbortController();
    const { http } = client();
    expect(await kindOf(http.get('http://127.0.0.1:1', request()))).toBe('refused');
    expect(await kindOf(http.get(`http://127.0.0.1:${broken}`, request()))).toBe('refused');
    expect(await kindOf(http.get(`http://127.0.0.1:${silent}`, request({ signal: stop.signal })))).toBe('aborted');
  });

  it('trusts the given authority and no other', async () => {
    const listener: RequestListener = (_incoming, response) => response.end('in private');
    const port = await serve(listener, createTlsServer({ cert: certificate, key: certificateKey }, listener));
    expect(await client({ ca: certificate }).http.get(`https://localhost:${port}`, request())).toEqual({ status: 200, body: 'in private' });
    expect(await kindOf(client().http.get(`https://localhost:${port}`, request()))).toBe('tls');
  });
});

describe('the breaker of a host', () => {
  it('opens after failures, answers at once then, and leaves other hosts alone', async () => {
    let served = 0;
    const port = await serve((_incoming, response) => {
      served++;
      response.writeHead(503).end('later');
    });
    const other = await serve((_incoming, response) => response.end('fine'));
    const { http, events } = client();
    const origin = `http://127.0.0.1:${port}`;
    for (let i = 0; i < 5; i++) expect(await http.get(origin, request())).toEqual({ status: 503, body: 'later' });
    expect(await kindOf(http.get(origin, request()))).toBe('open');
    expect(served).toBe(5);
    expect(events).toEqual([{ origin, state: 'open' }]);
    expect(await http.get(`http://127.0.0.1:${other}`, request())).toEqual({ status: 200, body: 'fine' });
  });

  it('closes again after one request that succeeds', async () => {
    let healthy = false;
    const port = await serve((_incoming, response) => response.writeHead(healthy ? 200 : 500).end());
    const { http, events } = client({ breakerResetMs: 20 });
    const origin = `http://127.0.0.1:${port}`;
    for (let i = 0; i < 5; i++) await http.get(origin, request());
    healthy = true;
    await expect.poll(() => events.map(({ state }) => state)).toContain('half_open');
    expect((await http.get(origin, request())).status).toBe(200);
    expect(events.map(({ state }) => state)).toEqual(['open', 'half_open', 'closed']);
  });

  it('does not count answers below 500, nor requests that were given up', async () => {
    const missing = await serve((_incoming, response) => response.writeHead(404).end());
    const silent = await serve(() => undefined);
    const { http, events } = client();
    for (let i = 0; i < 10; i++) {
      await http.get(`http://127.0.0.1:${missing}`, request());
      expect(await kindOf(http.get(`http://127.0.0.1:${silent}`, request({ signal: AbortSignal.abort() })))).toBe('aborted');
    }
    expect(events).toEqual([]);
  });
});
