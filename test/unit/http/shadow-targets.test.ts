import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { guardedLookup } from '../../../src/http/address-guard.ts';
import { type AskSettings, type AskTools, ShadowTargets, type TargetSettings } from '../../../src/http/shadow-targets.ts';
import type { ShadowRequest } from '../../../src/shadow/contracts.ts';
import { certificate, certificateKey } from './certificate.ts';
import { afterwards, serve } from './loopback.ts';

const request = (over: Partial<ShadowRequest> = {}): ShadowRequest => ({
  id: '1',
  method: 'GET',
  path: '/orders',
  query: '',
  headers: new Map(),
  body: undefined,
  receivedAtMs: 0,
  source: 'mirror',
  ...over,
});

interface Asked {
  readonly settings?: Partial<AskSettings>;
  readonly target?: Partial<TargetSettings>;
  readonly tools?: Partial<AskTools>;
}

function targets(origin: string, { settings = {}, target = {}, tools = {} }: Asked = {}) {
  const breaker: string[] = [];
  const one: TargetSettings = {
    origin,
    host: undefined,
    allowInside: false,
    ca: undefined,
    authorization: () => undefined,
    cookie: () => undefined,
    ...target,
  };
  const asking = new ShadowTargets(
    { primary: one, region: one },
    {
      timeoutMs: 5_000,
      concurrency: 4,
      maxAnswerBytes: 1_000,
      breakerResetMs: 60_000,
      headers: { set: new Map(), drop: new Set() },
      ...settings,
    },
    { nowMs: () => performance.now(), onBreaker: (side, state) => breaker.push(`${side} ${state}`), ...tools },
  );
  afterwards(() => asking.close());
  const never = new AbortController().signal;
  return { asking, breaker, ask: (over: Partial<ShadowRequest> = {}, signal = never) => asking.ask('region', request(over), signal) };
}

describe('asking a side', () => {
  it('sends method, path, query, body and the target’s own credentials, and nothing of the user’s', async () => {
    const { promise, resolve } = Promise.withResolvers<{ readonly message: IncomingMessage; readonly body: string }>();
    const port = await serve(async (message, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk as Buffer);
      resolve({ message, body: Buffer.concat(chunks).toString() });
      response.writeHead(201, { 'X-Row': 'a' }).end('ok');
    });
    const { ask } = targets(`http://127.0.0.1:${port}`, { target: { authorization: () => 'Bearer ours', host: 'billing.internal' } });
    const outcome = await ask({
      method: 'POST',
      path: '/search//x',
      query: 'a=%20b&a=2',
      headers: new Map([
        ['host', 'evil'],
        ['authorization', 'Bearer theirs'],
        ['cookie', 'c=1'],
        ['accept', 'x/y'],
      ]),
      body: Buffer.from('{}'),
    });
    const { message, body } = await promise;
    expect([message.method, message.url, body]).toEqual(['POST', '/search//x?a=%20b&a=2', '{}']);
    expect(message.headers).toMatchObject({ host: 'billing.internal', authorization: 'Bearer ours', accept: 'x/y', 'content-length': '2' });
    expect(message.headers).not.toHaveProperty('cookie');
    expect(outcome).toMatchObject({ kind: 'answer', answer: { status: 201, body: Buffer.from('ok'), truncated: false } });
    if (outcome.kind === 'answer') expect(outcome.answer.headers.get('x-row')).toBe('a');
  });

  it('takes a redirect for an answer and follows none', async () => {
    let asked = 0;
    const port = await serve((_message, response) => {
      asked += 1;
      response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
    });
    const { ask } = targets(`http://127.0.0.1:${port}`);
    expect(await ask()).toMatchObject({ kind: 'answer', answer: { status: 302 } });
    expect(asked).toBe(1);
  });

  it('goes to the target whatever the path looks like', async () => {
    const paths: string[] = [];
    const port = await serve((message, response) => {
      paths.push(message.url ?? '');
      response.end();
    });
    const { ask } = targets(`http://127.0.0.1:${port}`);
    const hostile = ['//169.254.169.254/x', '/@evil.example/', '/\\evil.example', '/http://evil.example/', '/..//evil.example'];
    for (const path of hostile) expect(await ask({ path })).toMatchObject({ kind: 'answer' });
    expect(paths).toEqual(hostile);
  });

  it('keeps the start of a long answer, of a compressed one the start of what it holds', async () => {
    const port = await serve((message, response) => {
      if (message.url === '/bomb') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000)));
      else if (message.url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('plain'));
      else if (message.url === '/endless') {
        const timer = setInterval(() => response.write('x'.repeat(400)), 1);
        response.once('close', () => clearInterval(timer));
      } else response.end('x'.repeat(1_000));
    });
    const { ask } = targets(`http://127.0.0.1:${port}`);
    const read = async (path: string) => {
      const outcome = await ask({ path });
      return outcome.kind === 'answer' ? [outcome.answer.body.length, outcome.answer.truncated] : outcome;
    };
    expect(await read('/whole')).toEqual([1_000, false]);
    expect(await read('/endless')).toEqual([1_000, true]);
    expect(await read('/bomb')).toEqual([1_000, true]);
    expect(await read('/gzip')).toEqual([5, false]);
  });

  it('says so of what is no answer: late, broken off, badly compressed, nobody there, a certificate nobody trusts', async () => {
    const port = await serve((message, response) => {
      if (message.url === '/broken') message.socket.destroy();
      else if (message.url === '/half') {
        response.writeHead(200, { 'content-length': '10' }).write('half');
        setImmediate(() => message.socket.destroy());
      } else if (message.url === '/bad') response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip');
    });
    const { ask } = targets(`http://127.0.0.1:${port}`, { settings: { timeoutMs: 150 } });
    expect(await ask({ path: '/hang' })).toEqual({ kind: 'error', side: 'region', reason: 'timeout' });
    expect(await ask({ path: '/broken' })).toEqual({ kind: 'error', side: 'region', reason: 'refused' });
    expect(await ask({ path: '/half' })).toEqual({ kind: 'error', side: 'region', reason: 'broken' });
    expect(await ask({ path: '/bad' })).toEqual({ kind: 'error', side: 'region', reason: 'broken' });
    expect(await targets('http://127.0.0.1:1').ask()).toEqual({ kind: 'error', side: 'region', reason: 'refused' });
    const tls = await serve(() => undefined, createTlsServer({ cert: certificate, key: certificateKey }));
    expect(await targets(`https://127.0.0.1:${tls}`).ask()).toEqual({ kind: 'error', side: 'region', reason: 'tls' });
  });

  it('rejects when the asker gives up, and ends the exchange', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: begun } = Promise.withResolvers<void>();
    const port = await serve((message) => {
      message.once('close', () => resolve());
      begun();
    });
    const stop = new AbortController();
    const asking = targets(`http://127.0.0.1:${port}`).ask({}, stop.signal);
    await asked;
    stop.abort(new Error('stopped'));
    await expect(asking).rejects.toThrow('stopped');
    await closed;
  });

  it('asks a name that leads to a metadata address not at all, also when it did not before', async () => {
    const port = await serve((_message, response) => response.writeHead(200, { connection: 'close' }).end());
    let address = '127.0.0.1';
    const { ask } = targets(`http://billing.svc:${port}`, {
      target: { allowInside: true },
      tools: { lookup: (inside) => guardedLookup(inside, (_name, callback) => callback(null, [{ address, family: 4 }])) },
    });
    expect(await ask()).toMatchObject({ kind: 'answer' });
    address = '169.254.169.254';
    expect(await ask()).toEqual({ kind: 'error', side: 'region', reason: 'address' });
  });

  it('asks a name that leads inside only where that is allowed', async () => {
    const port = await serve((_message, response) => response.end());
    expect(await targets(`http://localhost:${port}`).ask()).toEqual({ kind: 'error', side: 'region', reason: 'address' });
  });
});

describe('limits of a side', () => {
  it('sheds above its concurrency, and takes again when one is answered', async () => {
    const answers: (() => void)[] = [];
    const { promise: four, resolve } = Promise.withResolvers<void>();
    const port = await serve((_message, response) => {
      answers.push(() => response.end());
      if (answers.length === 4) resolve();
    });
    const { ask } = targets(`http://127.0.0.1:${port}`);
    const asked = Array.from({ length: 6 }, () => ask());
    expect(await Promise.all(asked.slice(4))).toEqual([1, 2].map(() => ({ kind: 'shed', reason: 'concurrency' })));
    await four;
    for (const answer of answers) answer();
    expect((await Promise.all(asked.slice(0, 4))).map(({ kind }) => kind)).toEqual(['answer', 'answer', 'answer', 'answer']);
    const again = ask();
    while (answers.length < 5) await new Promise(setImmediate);
    answers[4]!();
    expect(await again).toMatchObject({ kind: 'answer' });
  });

  it('sends nothing to a side that failed several times, and lets the other side be', async () => {
    let asked = 0;
    const port = await serve((_message, response) => {
      asked += 1;
      response.writeHead(503).end();
    });
    const { ask, asking, breaker } = targets(`http://127.0.0.1:${port}`);
    const outcomes = [];
    for (let n = 0; n < 20; n += 1) outcomes.push(await ask());
    expect(asked).toBeLessThan(15);
    expect(outcomes[0]).toMatchObject({ kind: 'answer', answer: { status: 503 } });
    expect(outcomes.at(-1)).toEqual({ kind: 'shed', reason: 'breaker_open' });
    expect(breaker).toEqual(['region open']);
    expect(await asking.ask('primary', request(), new AbortController().signal)).toMatchObject({ kind: 'answer' });
  });

  it('goes on asking a side that answers 500: that may be the difference to find', async () => {
    const port = await serve((_message, response) => response.writeHead(500).end());
    const { ask, breaker } = targets(`http://127.0.0.1:${port}`);
    for (let n = 0; n < 20; n += 1) expect(await ask()).toMatchObject({ kind: 'answer', answer: { status: 500 } });
    expect(breaker).toEqual([]);
  });
});
