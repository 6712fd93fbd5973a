import { describe, expect, it } from 'vitest';
import type { ActionsRequest, AdminSettings, AdminSource, OffsetsRequest, SchemaRequest } from '../../../src/admin/contracts.ts';
import { createAdmin } from '../../../src/admin/server.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { status, testSettings, testSource, token } from './fixture.ts';

async function setup(changes: { source?: Partial<AdminSource>; settings?: Partial<AdminSettings> } = {}) {
  const { source, paused, resumed } = testSource(changes.source);
  const { settings, failures } = testSettings(changes.settings);
  const app = await createAdmin(source, settings);
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url, headers: { host: 'localhost', ...headers } });
  const post = (url: string, payload: string | object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { host: 'localhost', authorization: `Bearer ${token}`, ...headers } });
  return { app, get, post, paused, resumed, failures };
}

const pause = '/api/partitions/pause';
const resume = '/api/partitions/resume';

describe('probes', () => {
  it('answer one word, and the checks when asked or when they fail', async () => {
    const { get } = await setup();
    const live = await get('/livez');
    expect([live.statusCode, live.body]).toEqual([200, 'ok\n']);
    expect((await get('/readyz?verbose')).body).toBe('[+] database: answers\nok\n');
    const startup = await get('/startupz');
    expect([startup.statusCode, startup.body]).toEqual([503, '[-] migrations: not done\nfailed\n']);
    expect(startup.headers['content-type']).toBe('text/plain; charset=utf-8');
  });
});

describe('reading', () => {
  it('serves status, lag, partitions and metrics without a token', async () => {
    const { get } = await setup({ settings: { token: () => undefined } });
    expect((await get('/api/status')).json()).toEqual(status);
    const [partition] = status.partitions;
    expect((await get('/api/lag')).json()).toEqual({
      region: 'eu-west',
      primary: 'us-east',
      heartbeat: status.heartbeat,
      partitions: [{ topic: 'billing.invoices', partition: 0, lag: partition?.lag }],
    });
    expect((await get('/api/partitions')).json()).toEqual({
      partitions: [{ topic: 'billing.invoices', partition: 0, mirror: partition?.mirror, apply: partition?.apply }],
    });
    const metrics = await get('/metrics');
    expect(metrics.body).toBe('farshore_leader 1\n');
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('tells who paused and resumed what, of a topic or of all', async () => {
    const asked: ActionsRequest[] = [];
    const { get } = await setup({
      source: {
        actions: async (request) => {
          asked.push(request);
          return [];
        },
      },
    });
    for (const query of ['', '?topic=t&limit=5', '?topic=t&partition=3'])
      expect((await get(`/api/partitions/log${query}`)).json(), query).toEqual({ actions: [] });
    expect(asked).toEqual([
      { topic: undefined, partition: undefined, limit: 100 },
      { topic: 't', partition: undefined, limit: 5 },
      { topic: 't', partition: 3, limit: 100 },
    ]);
    for (const query of ['?partition=1', '?limit=0', '?limit=99999', '?who=x'])
      expect((await get(`/api/partitions/log${query}`)).statusCode, query).toBe(400);
  });

  it('tells how topics, schemas and tables meet, of one or of all', async () => {
    const asked: SchemaRequest[] = [];
    const { get } = await setup({
      source: {
        schema: async (request) => {
          asked.push(request);
          return { tables: [] };
        },
      },
    });
    for (const query of ['', '?topic=t', '?topic=t&table=public.t'])
      expect((await get(`/api/schema${query}`)).json(), query).toEqual({ tables: [] });
    expect(asked).toEqual([
      { topic: undefined, table: undefined },
      { topic: 't', table: undefined },
      { topic: 't', table: 'public.t' },
    ]);
    for (const query of ['?topic=', '?x=1', '?topic=t&topic=u']) expect((await get(`/api/schema${query}`)).statusCode, query).toBe(400);
  });

  it('C5: asks for offsets of one log at a time, of one partition', async () => {
    const asked: OffsetsRequest[] = [];
    const { get } = await setup({
      source: {
        offsets: (request) => {
          asked.push(request);
          return { partitions: [], translation: null };
        },
      },
    });
    for (const query of ['', '?topic=t', '?topic=t&partition=3&home=12', '?topic=t&partition=0&regional=9007199254740993'])
      expect((await get(`/api/offsets${query}`)).statusCode, query).toBe(200);
    expect(asked).toEqual([
      { topic: undefined, partition: undefined, asked: undefined },
      { topic: 't', partition: undefined, asked: undefined },
      { topic: 't', partition: 3, asked: { from: 'home', offset: 12n } },
      { topic: 't', partition: 0, asked: { from: 'regional', offset: 9007199254740993n } },
    ]);
    for (const query of [
      '?partition=1',
      '?home=1',
      '?topic=t&home=1',
      '?topic=t&partition=1&home=1&regional=1',
      '?topic=t&partition=1&home=-1',
      '?x=1',
    ])
      expect((await get(`/api/offsets${query}`)).statusCode, query).toBe(400);
    expect(asked).toHaveLength(4);
  });

  it('serves a dashboard of its own files only, under a strict policy', async () => {
    const { get } = await setup();
    const page = await get('/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.body).not.toMatch(/https?:\/\/|\son\w+=|style=|<style|<script>/);
    for (const [, path] of page.body.matchAll(/(?:src|href)="(\/[a-z.]+)"/g)) expect((await get(path!)).statusCode, path).toBe(200);
    const modules = new Set(['/main.js']);
    for (const path of modules) {
      const module = await get(path);
      expect([path, module.headers['content-type']]).toEqual([path, 'text/javascript; charset=utf-8']);
      if (path === '/uplot.js') continue;
      const foreign = module.body.replace('http://www.w3.org/2000/svg', '');
      expect(foreign, path).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?:\/\//);
      for (const [, imported] of module.body.matchAll(/^(?:import|} from) .*'(\.[^']+)';$/gm))
        modules.add(new URL(imported ?? '', `http://localhost${path}`).pathname);
    }
    expect(modules.size).toBeGreaterThan(15);
  });

  it('says in JSON that nothing is at a path, and that the daemon failed without telling how', async () => {
    const { get, failures } = await setup({
      source: {
        status: () => {
          throw new Error('secret detail');
        },
      },
    });
    const missing = await get('/api/nothing?x=1');
    expect([missing.statusCode, missing.json()]).toEqual([
      404,
      { code: 'request_invalid', message: 'Nothing is here: GET /api/nothing', place: null, hint: null },
    ]);
    const failed = await get('/api/status');
    expect([failed.statusCode, failed.json().code]).toEqual([500, 'internal']);
    expect(failed.body).not.toContain('secret');
    expect(failures).toHaveLength(1);
  });

  it('sends no server header, forbids caching and sniffing on every answer', async () => {
    const { get } = await setup();
    for (const url of ['/', '/metrics', '/api/status', '/livez', '/nothing']) {
      const { headers } = await get(url);
      expect(headers.server, url).toBeUndefined();
      expect(headers['x-powered-by'], url).toBeUndefined();
      expect(headers['cache-control'], url).toBe('no-store');
      expect(headers['x-content-type-options'], url).toBe('nosniff');
      expect(headers['x-frame-options'], url).toBe('DENY');
      expect(headers['content-security-policy'], url).toContain("default-src 'none'");
    }
  });
});

describe('changing', () => {
  it('hands a pause and a resume on as asked', async () => {
    const { post, paused, resumed } = await setup();
    const done = await post(pause, { topic: 'billing.invoices', by: 'ann' });
    expect([done.statusCode, done.json()]).toEqual([200, { done: 'pause', topic: 'billing.invoices', partition: null, stage: null }]);
    expect(paused).toEqual([{ topic: 'billing.invoices', partition: undefined, stage: undefined, by: 'ann' }]);
    await post(resume, { topic: 't', partition: 3, stage: 'mirror', from: 'earliest', acceptLoss: true, by: 'ann' });
    await post(resume, { topic: 't', from: '9007199254740993', by: 'ann' });
    expect(resumed).toMatchObject([
      { topic: 't', partition: 3, stage: 'mirror', from: 'earliest', acceptLoss: true, acceptRecreated: false, acceptRewind: false },
      { topic: 't', partition: undefined, stage: undefined, from: 9_007_199_254_740_993n, acceptLoss: false },
    ]);
  });

  it('is refused without a configured token, whatever is sent', async () => {
    for (const configured of [undefined, '']) {
      const { post, paused } = await setup({ settings: { token: () => configured } });
      for (const authorization of [`Bearer ${token}`, 'Bearer ', '', 'Bearer undefined']) {
        const answer = await post(pause, { topic: 't', by: 'ann' }, { authorization });
        expect(answer.statusCode).toBe(403);
        expect(answer.json()).toMatchObject({ code: 'request_invalid', hint: 'Set admin.tokenFile and restart the daemon.' });
      }
      expect(paused).toEqual([]);
    }
  });

  it('is refused with no token or another one, before the body is looked at', async () => {
    const { post, paused } = await setup();
    for (const authorization of [
      '',
      'Basic YTpi',
      token,
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token} x`,
    ]) {
      const answer = await post(pause, 'not json', { authorization, 'content-type': 'application/json' });
      expect(answer.statusCode, authorization).toBe(401);
      expect(answer.headers['www-authenticate'], authorization).toMatch(/^Bearer/);
    }
    expect(paused).toEqual([]);
  });

  it('counts a token that was changed in its file', async () => {
    let current = token;
    const { post } = await setup({ settings: { token: () => current } });
    expect((await post(pause, { topic: 't', by: 'ann' })).statusCode).toBe(200);
    current = 'another';
    expect((await post(pause, { topic: 't', by: 'ann' })).statusCode).toBe(401);
  });

  it.each([
    [{}, 'topic'],
    [{ topic: 't' }, 'by'],
    [{ topic: 't', by: '' }, 'by'],
    [{ topic: 't', by: 'a\nb' }, 'by'],
    [{ topic: 't t', by: 'ann' }, 'topic'],
    [{ topic: 't', by: 'ann', partition: '1' }, 'partition'],
    [{ topic: 't', by: 'ann', partition: -1 }, 'partition'],
    [{ topic: 't', by: 'ann', partition: 1.5 }, 'partition'],
    [{ topic: 't', by: 'ann', stage: 'total' }, 'stage'],
    [{ topic: 't', by: 'ann', from: 5 }, 'from'],
    [{ topic: 't', by: 'ann', from: 'latest' }, 'from'],
    [{ topic: 't', by: 'ann', acceptLoss: 'yes' }, 'acceptLoss'],
    [{ topic: 't', by: 'ann', acceptEverything: true }, 'additional'],
    [[], 'object'],
  ])('refuses the body %j', async (body, named) => {
    const { post, resumed } = await setup();
    const answer = await post(resume, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'request_invalid', message: expect.stringContaining(named) });
    expect(resumed).toEqual([]);
  });

  it('takes JSON only, well formed, up to the limit', async () => {
    const { post, paused } = await setup();
    const body = JSON.stringify({ topic: 't', by: 'ann' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      expect((await post(pause, body, { 'content-type': type })).statusCode, type).toBe(415);
    }
    expect((await post(pause, '{"topic":', { 'content-type': 'application/json' })).statusCode).toBe(400);
    expect((await post(pause, '{"__proto__":{"x":1},"topic":"t","by":"ann"}', { 'content-type': 'application/json' })).statusCode).toBe(
      400,
    );
    const large = await post(pause, { topic: 't', by: 'ann', stage: 'x'.repeat(65_536) });
    expect([large.statusCode, large.json().code]).toEqual([413, 'request_invalid']);
    expect(paused).toEqual([]);
  });

  it('answers what the daemon refused with its place and next step', async () => {
    const refused = new FarshoreError('request_invalid', 't is not mirrored here', { place: 't', hint: 'farshore partition list' });
    const { post, failures } = await setup({ source: { pause: () => Promise.reject(refused) } });
    const answer = await post(pause, { topic: 't', by: 'ann' });
    expect([answer.statusCode, answer.json()]).toEqual([
      409,
      { code: 'request_invalid', message: 't is not mirrored here', place: 't', hint: 'farshore partition list' },
    ]);
    expect(failures).toEqual([]);
  });

  it('answers 503 for what can be tried again, and reports it', async () => {
    const gone = new FarshoreError('database_unreachable', 'no answer');
    const { post, failures } = await setup({ source: { resume: () => Promise.reject(gone) } });
    expect((await post(resume, { topic: 't', by: 'ann' })).statusCode).toBe(503);
    expect(failures).toEqual([gone]);
  });

  it('answers that a change is under way when it takes longer than the limit', async () => {
    const { clock } = testSettings().settings;
    const { post } = await setup({
      source: { pause: () => new Promise(() => undefined) },
      settings: { clock: { ...clock, sleep: async () => undefined } },
    });
    const answer = await post(pause, { topic: 't', by: 'ann' });
    expect([answer.statusCode, answer.json().hint]).toEqual([504, 'GET /api/partitions shows when it is.']);
  });
});

describe('who may ask', () => {
  it('refuses names that are not its own: DNS rebinding', async () => {
    const { get } = await setup({ settings: { allowedHosts: ['Farshore.Internal'] } });
    for (const host of ['localhost', 'localhost:8320', '127.0.0.1:8320', '[::1]:8320', 'LOCALHOST', 'farshore.internal:80']) {
      expect((await get('/api/status', { host })).statusCode, host).toBe(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '10.0.0.1', '[::2]', 'localhost:x', 'a@localhost']) {
      expect((await get('/api/status', { host })).statusCode, host).toBe(403);
      expect((await get('/nothing', { host })).statusCode, host).toBe(403);
    }
  });

  it('refuses pages of other sites', async () => {
    const { get, post, paused } = await setup();
    expect((await get('/api/status', { origin: 'http://localhost' })).statusCode).toBe(200);
    for (const origin of ['http://evil.example', 'null', 'http://localhost:9999', 'http://localhost.evil.example']) {
      expect((await get('/api/status', { origin })).statusCode, origin).toBe(403);
      expect((await post(pause, { topic: 't', by: 'ann' }, { origin })).statusCode, origin).toBe(403);
    }
    for (const site of ['cross-site', 'same-site']) {
      expect((await post(pause, { topic: 't', by: 'ann' }, { 'sec-fetch-site': site })).statusCode, site).toBe(403);
      // A link to the dashboard on another page.
      expect((await get('/', { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' })).statusCode, site).toBe(200);
    }
    expect(paused).toEqual([]);
    expect((await post(pause, { topic: 't', by: 'ann' }, { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' })).statusCode).toBe(
      200,
    );
  });
});
