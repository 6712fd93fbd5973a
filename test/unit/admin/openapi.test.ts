import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { AdminSource } from '../../../src/admin/contracts.ts';
import { describeApi } from '../../../src/admin/describe-api.ts';
import type { OpenApi, Operation } from '../../../src/admin/openapi.ts';
import { createAdmin } from '../../../src/admin/server.ts';
import { testSettings, testSource, token } from './fixture.ts';
import { fullAnswers } from './full-answers.ts';

const by = 'ann';
const region = 'eu-west';
/** One request that is taken, for each that may be sent with a body. */
const bodies: Readonly<Record<string, object>> = {
  '/api/partitions/pause': { topic: 't', by },
  '/api/partitions/resume': { topic: 't', partition: 1, stage: 'apply', by },
  '/api/rejected/retry': { all: true, by },
  '/api/rejected/discard': { ids: ['1'], by },
  '/api/shadow/requests': { requests: [{ method: 'GET', target: '/', headers: [['a', 'b']], body: null }] },
  '/api/audit/run': { by },
  '/api/audit/ignore': { all: true, by },
  '/api/audit/resolve': { all: true, by },
  '/api/audit/repair': { all: true, dryRun: true, by },
  '/api/backfill/start': { table: 'public.t', by },
  '/api/backfill/pause': { table: 'public.t', by },
  '/api/backfill/resume': { table: 'public.t', by },
  '/api/backfill/stop': { table: 'public.t', by },
  '/api/outbox/retry': { all: true, by },
  '/api/outbox/discard': { ids: ['1'], by },
  '/api/cutover/start': { region, by },
  '/api/cutover/abort': { region, by },
  '/api/cutover/revert': { region, by },
  '/api/cutover/complete': { region, by },
  '/api/cutover/hold': { region, by, reason: 'r' },
  '/api/cutover/release': { region, by },
};

const declared: OpenApi = describeApi();
const operations = Object.entries(declared.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method.toUpperCase(), path, operation]),
);

const streams = new Set(
  operations.flatMap(([, path, { responses }]) => ('text/event-stream' in (responses['200']?.content ?? {}) ? [path] : [])),
);

async function server(changes: Partial<AdminSource> = {}) {
  const app = await createAdmin(testSource({ ...fullAnswers, ...changes }).source, testSettings().settings);
  const ask = (method: string, path: string, authorization?: string) => {
    const payload = method === 'POST' ? { payload: bodies[path] ?? {} } : {};
    const headers = { host: 'localhost', ...(authorization === undefined ? {} : { authorization }) };
    // A stream of events has no end to wait for.
    const payloadAsStream = streams.has(path);
    return app.inject({ method: method as 'GET' | 'POST', url: path.replace('{id}', '1'), headers, payloadAsStream, ...payload });
  };
  return { app, ask };
}

/** Strict in formats' place: times are held against a pattern. */
const ajv = new Ajv2020({ strict: false, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ } }).addSchema(
  declared,
  'api',
);
const answerSchema = (method: string, path: string, status: number): string =>
  `api#/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/${method.toLowerCase()}/responses/${status}/content/application~1json/schema`;

/** `GET /path` of each line of the router's own tree, where a path goes on from the one it stands under. */
function listed(tree: string): readonly string[] {
  const above: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const { indent = '', part, methods } = /^(?<indent>[│ ]*)[├└]── (?<part>\S+)(?: \((?<methods>[A-Z, ]+)\))?$/.exec(line)?.groups ?? {};
    if (part === undefined) return [];
    above.splice(indent.length / 4, above.length, part);
    const path = above.join('').replaceAll(/:(?<name>\w+)/g, '{$<name>}');
    return (methods ?? '').split(', ').flatMap((method) => (method === '' || method === 'HEAD' ? [] : [`${method} ${path}`]));
  });
}

describe('the document of the API', () => {
  it('is served as it is written', async () => {
    const { ask } = await server();
    expect((await ask('GET', '/api/openapi.json')).json()).toEqual(declared);
  });

  it('has every route of the server but the pages for people, and no other', async () => {
    const { app } = await server();
    await app.ready();
    const registered = listed(app.printRoutes({ commonPrefix: false }));
    const documented = operations.map(([method, path]) => `${method} ${path}`);
    expect(documented.filter((one) => !registered.includes(one))).toEqual([]);
    expect(registered.filter((one) => !documented.includes(one))).toEqual(['GET *']);
    expect(documented).toHaveLength(new Set(documented).size);
    expect(new Set(operations.map(([, , { operationId }]) => operationId)).size).toBe(operations.length);
  });

  it('says which routes need the token, and those do', async () => {
    const { ask } = await server();
    for (const [method, path, { security }] of operations) {
      const answer = await ask(method, path);
      if (streams.has(path)) answer.stream().destroy();
      const { statusCode } = answer;
      expect([method, path, statusCode === 401], `${method} ${path}`).toEqual([method, path, security !== undefined]);
    }
    expect(operations.filter(([method, , { security }]) => method !== 'GET' && security === undefined)).toEqual([]);
  });

  it.each(operations.filter(([, , { responses }]) => 'application/json' in (responses['200']?.content ?? {})))(
    '%s %s answers as declared',
    async (method, path) => {
      const { ask } = await server();
      const answer = await ask(method, path, `Bearer ${token}`);
      expect([200, 503], answer.body).toContain(answer.statusCode);
      const isValid = ajv.getSchema(answerSchema(method, path, answer.statusCode))!;
      isValid(answer.json());
      expect(isValid.errors ?? []).toEqual([]);
    },
  );

  it('declares closed objects: an answer with a field that is not declared is told by these tests', async () => {
    const { ask } = await server({ audit: () => ({ ...fullAnswers.audit!(), more: 1 }) as never });
    const answer = (await ask('GET', '/api/audit')).json();
    // Nothing is dropped on the way out, and so the schema sees it.
    expect(answer.more).toBe(1);
    expect(ajv.getSchema(answerSchema('GET', '/api/audit', 200))!(answer)).toBe(false);
  });

  it('leaves nothing out: answers are what the daemon said', async () => {
    const { ask } = await server();
    expect((await ask('GET', '/api/status')).json()).toEqual(fullAnswers.status!());
    expect((await ask('GET', '/api/cutover')).json()).toEqual(await fullAnswers.cutover!.plan(AbortSignal.abort()));
    expect((await ask('GET', '/api/schema')).json()).toEqual(await fullAnswers.schema!({} as never, AbortSignal.abort()));
  });

  it('refuses and fails in the form of every error', async () => {
    const { ask } = await server({
      audit: () => {
        throw new Error('x');
      },
    });
    const isValid = ajv.getSchema(answerSchema('GET', '/api/audit', 'default' as never))!;
    for (const answer of [await ask('GET', '/api/audit'), await ask('POST', '/api/audit/run'), await ask('GET', '/api/nothing')]) {
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      isValid(answer.json());
      expect(isValid.errors ?? []).toEqual([]);
    }
  });
});
