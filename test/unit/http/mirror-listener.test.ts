import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { plainHost, startMirrorListener } from '../../../src/http/mirror-listener.ts';
import type { ShadowRequest } from '../../../src/shadow/contracts.ts';
import { Intake } from '../../../src/shadow/intake.ts';
import { BoundedQueue } from '../../../src/shadow/request-queue.ts';
import { parseSafeRoute } from '../../../src/shadow/safe-routes.ts';
import { afterwards, rawExchange } from './loopback.ts';

async function listener(over: { readonly originalUri?: boolean; readonly requests?: number; readonly maxHeldBytes?: number } = {}) {
  const counted: string[] = [];
  const queue = new BoundedQueue({ requests: over.requests ?? 100, bytes: 1_000_000 });
  const intake = new Intake(
    { sample: 1, sampleBy: undefined, maxPerSecond: 10_000, maxLoad: 1, maxBodyBytes: 1_000, safe: [parseSafeRoute('POST /search')!] },
    queue,
    {
      taken: () => counted.push('taken'),
      shed: (_source, reason) => counted.push(reason),
      skipped: (_source, reason) => counted.push(reason),
    },
    { wallMs: () => 7, monotonicMs: () => 0, sleep: async () => undefined },
  );
  intake.open = true;
  const server = await startMirrorListener(intake, {
    host: '127.0.0.1',
    port: 0,
    originalUri: over.originalUri ?? false,
    maxBodyBytes: 1_000,
    ...(over.maxHeldBytes === undefined ? {} : { maxHeldBytes: over.maxHeldBytes }),
    wallMs: () => 7,
  });
  afterwards(() => server.close(0));
  const next = (): Promise<ShadowRequest> => queue.take(AbortSignal.timeout(5_000));
  return { port: server.port, counted, queue, next };
}

async function send(port: number, path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = httpRequest(
    { host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false },
    (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    },
  );
  sent.once('error', reject);
  sent.end(options.body);
  return await promise;
}

describe('the mirror listener', () => {
  it('answers 202 and gives the request on as it came', async () => {
    const { port, next } = await listener();
    expect(await send(port, '/orders?page=2', { headers: { Accept: 'a/b', Host: 'billing.example-shadow:80' } })).toBe(202);
    const taken = await next();
    expect(taken).toMatchObject({ method: 'GET', path: '/orders', query: 'page=2', receivedAtMs: 7, source: 'mirror', body: undefined });
    expect([taken.headers.get('accept'), taken.headers.get('host')]).toEqual(['a/b', 'billing.example:80']);
    expect(await send(port, '/search', { method: 'POST', body: '{"q":1}' })).toBe(202);
    expect((await next()).body?.toString()).toBe('{"q":1}');
  });

  it('believes X-Original-URI only where that is configured', async () => {
    const headers = { 'X-Original-URI': '/orders?page=3' };
    const plain = await listener();
    await send(plain.port, '/mirror', { headers });
    expect(await plain.next()).toMatchObject({ path: '/mirror', query: '' });
    const configured = await listener({ originalUri: true });
    await send(configured.port, '/mirror', { headers });
    expect(await configured.next()).toMatchObject({ path: '/orders', query: 'page=3' });
    expect(await send(configured.port, '/mirror', { headers: { 'X-Original-URI': 'http://evil.example/' } })).toBe(400);
  });

  it('answers 202 also for what it does not take: the sender cannot help it', async () => {
    const { port, counted } = await listener({ requests: 1 });
    expect(await send(port, '/a')).toBe(202);
    expect(await send(port, '/b')).toBe(202);
    expect(await send(port, '/c', { method: 'DELETE' })).toBe(202);
    expect(await send(port, '/search', { method: 'POST', body: 'x'.repeat(1_001) })).toBe(202);
    expect(await send(port, '/search', { method: 'POST', body: 'x'.repeat(5_001), headers: { 'transfer-encoding': 'chunked' } })).toBe(202);
    expect(counted).toEqual(['taken', 'queue_full', 'unsafe_method', 'too_large', 'too_large']);
  });

  it.each([
    [
      'a length beside chunks',
      'POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    ],
    ['two lengths', 'POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde'],
    ['chunks spelled oddly', 'POST /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['a header name with a blank', 'GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n'],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n X: b\n\n'],
    ['headers without an end', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'b'.repeat(40_000)}\r\n\r\n`],
    ['an absolute URI', 'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01'],
  ])('refuses %s and takes nothing', async (_what, bytes) => {
    const { port, counted, queue } = await listener();
    expect(await rawExchange(port, bytes)).toMatch(/^HTTP\/1\.1 (400|431) /);
    expect(queue.length).toBe(0);
    expect(new Set(counted)).toEqual(new Set(['malformed']));
  });

  it('sheds what it has no room to read while others send slowly', async () => {
    const { port, counted } = await listener({ maxHeldBytes: 1_500 });
    const slow = connect(port, '127.0.0.1');
    afterwards(() => slow.destroy());
    slow.write(`POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(999)}`);
    const body = { method: 'POST', body: 'y'.repeat(700) };
    await expect.poll(async () => [await send(port, '/search', body), counted.at(-1)]).toEqual([202, 'queue_full']);
    slow.write('x');
    await expect.poll(() => counted.at(-1)).toBe('taken');
    expect(await send(port, '/search', body)).toBe(202);
    expect(counted.at(-1)).toBe('taken');
  });

  it('opens no tunnel', async () => {
    const { port, counted } = await listener();
    expect(await rawExchange(port, 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
    expect(counted).toEqual([]);
  });

  it('takes a request as Envoy mirrors it', async () => {
    const { port, next } = await listener();
    // Recorded from Envoy 1.40 with deploy/envoy/farshore-mirror.yaml and use_remote_address; test/packages/envoy.test.ts asks a running one.
    const mirrored = [
      'GET /v1/invoices?limit=10 HTTP/1.1',
      'host: billing.example-shadow:8080',
      'user-agent: curl/8.5.0',
      'accept: */*',
      'x-forwarded-for: 10.0.0.5,10.0.0.5',
      'x-forwarded-proto: http',
      'x-envoy-external-address: 10.0.0.5',
      'x-request-id: b00f158e-0584-44e8-bebb-d8b3d450729d',
      'x-envoy-expected-rq-timeout-ms: 15000',
      'x-envoy-internal: true',
      '',
      '',
    ].join('\r\n');
    expect(await rawExchange(port, mirrored, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 202 /);
    const taken = await next();
    expect(taken).toMatchObject({ method: 'GET', path: '/v1/invoices', query: 'limit=10' });
    expect(taken.headers.get('host')).toBe('billing.example:8080');
  });

  it.each([
    ['a-shadow', 'a'],
    ['a-shadow:8080', 'a:8080'],
    ['a', 'a'],
    ['a-shadow.example', 'a-shadow.example'],
  ])('reads the host %s as %s', (host, plain) => {
    expect(plainHost(host)).toBe(plain);
  });
});
