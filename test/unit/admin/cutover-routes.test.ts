import { describe, expect, it } from 'vitest';
import type { CutoverChange, CutoverSource } from '../../../src/admin/cutover-contracts.ts';
import { createAdmin } from '../../../src/admin/server.ts';
import type { ActiveView, CutoverLogEntry, UnmirroredRange } from '../../../src/model/cutover.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { testSettings, testSource, token } from './fixture.ts';

const answer: ActiveView = { active: true, region: 'eu-west', state: 'switched', writerEpoch: '2', ageSeconds: 0, reason: 'open' };

const range: UnmirroredRange = {
  ...{ topic: 'e.t', primaryTopic: 't', partition: 0, from: '1', to: '5', foundAt: '2026-03-01T10:00:00.000Z' },
  exportCommand: 'kafka-console-consumer.sh --offset 1',
};

async function setup(changes: Partial<CutoverSource> = {}) {
  const changed: CutoverChange[] = [];
  const limits: number[] = [];
  const { source } = testSource();
  const cutover: CutoverSource = {
    active: async () => answer,
    plan: async () => ({ state: 'ready' }) as Awaited<ReturnType<CutoverSource['plan']>>,
    log: async (limit) => {
      limits.push(limit);
      return [];
    },
    tail: async () => [range],
    change: async (change) => {
      changed.push(change);
      return { state: 'ready' } as Awaited<ReturnType<CutoverSource['plan']>>;
    },
    ...changes,
  };
  const app = await createAdmin({ ...source, cutover }, testSettings().settings);
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url, headers: { host: 'localhost', ...headers } });
  const post = (url: string, payload: object, headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
    app.inject({ method: 'POST', url, payload, headers: { host: 'localhost', ...headers } });
  return { get, post, changed, limits };
}

describe('the cutover over HTTP', () => {
  it('C24: answers load balancers by the status, without a token', async () => {
    const open = await (await setup()).get('/cutover/active');
    expect([open.statusCode, open.json()]).toEqual([200, answer]);
    const shut = await (await setup({ active: async () => ({ ...answer, active: false }) })).get('/cutover/active');
    expect([shut.statusCode, shut.json().active]).toEqual([503, false]);
  });

  it('shows plan and log', async () => {
    const { get, limits } = await setup();
    expect((await get('/api/cutover')).json()).toEqual({ state: 'ready' });
    expect((await get('/api/cutover/log')).json()).toEqual({ log: [] });
    expect((await get('/api/cutover/log?limit=7')).statusCode).toBe(200);
    expect((await get('/api/cutover/log?limit=0')).statusCode).toBe(400);
    expect(limits).toEqual([100, 7]);
    expect((await get('/api/cutover/tail')).json()).toEqual({ tail: [range] });
  });

  it('shows what hooks said only with the token', async () => {
    const detail = (text: string | null) => ({ hook: 'curl', result: 'failed', detail: text }) as const;
    const entry = (text: string | null) => ({ revision: '1', hooks: [detail(text)] }) as unknown as CutoverLogEntry;
    const said = [
      'exit code 3: OUTPUTSECRET',
      'ended after 30 s: OUTPUTSECRET',
      'status 500: OUTPUTSECRET',
      'SIGKILL',
      'OUTPUTSECRET',
      null,
    ];
    const { get } = await setup({ log: async () => said.map(entry) });
    const told = async (headers = {}) =>
      (await get('/api/cutover/log', headers)).json().log.map(({ hooks }: CutoverLogEntry) => hooks[0]?.detail);
    const shown = ['exit code 3', 'ended after 30 s', 'status 500', 'SIGKILL', null, null];
    expect(await told()).toEqual(shown);
    expect(await told({ authorization: 'Bearer wrong' })).toEqual(shown);
    expect(await told({ authorization: `Bearer ${token}` })).toEqual(said);
  });

  it('takes a change with its region and who asks, behind the token', async () => {
    const { post, changed } = await setup();
    const body = { region: 'eu-west', by: 'ada' };
    for (const verb of ['start', 'abort', 'revert', 'complete', 'release']) {
      expect((await post(`/api/cutover/${verb}`, body)).json()).toEqual({ done: verb, cutover: { state: 'ready' } });
      expect((await post(`/api/cutover/${verb}`, body, {})).statusCode).toBe(401);
    }
    expect((await post('/api/cutover/hold', { ...body, reason: 'billing run' })).statusCode).toBe(200);
    expect(changed.at(-1)).toEqual({ verb: 'hold', reason: 'billing run', primaryLost: false, acceptLoss: false, ...body });
    expect(changed).toHaveLength(6);
    for (const bad of [{ by: 'ada' }, { region: 'eu-west' }, { ...body, reason: 'x' }, { ...body, by: 'a\nb' }]) {
      expect([bad, (await post('/api/cutover/start', bad)).statusCode]).toEqual([bad, 400]);
    }
    expect((await post('/api/cutover/hold', body)).statusCode).toBe(400);
    expect((await post('/api/cutover/move', body)).statusCode).toBe(404);
    expect(changed).toHaveLength(6);
  });

  it('answers a refusal with its reason', async () => {
    const refused = new FarshoreError('request_invalid', 'start is refused: lag: unknown', { hint: 'farshore cutover plan' });
    const { post } = await setup({ change: async () => Promise.reject(refused) });
    const response = await post('/api/cutover/start', { region: 'eu-west', by: 'ada' });
    expect([response.statusCode, response.json()]).toEqual([
      409,
      { code: 'request_invalid', message: 'start is refused: lag: unknown', place: null, hint: 'farshore cutover plan' },
    ]);
  });
});
