import { describe, expect, it } from 'vitest';
import { createAdmin } from '../../../src/admin/server.ts';
import { noShadowView, type ShadowDiffFilter } from '../../../src/model/shadow-view.ts';
import { testSettings, testSource, token } from './fixture.ts';

async function setup() {
  const asked: ShadowDiffFilter[] = [];
  const { source } = testSource({
    shadowView: () => ({ ...noShadowView, comparing: true }),
    shadowDiffs: async (filter) => {
      asked.push(filter);
      return [];
    },
  });
  const app = await createAdmin(source, testSettings().settings);
  const get = (url: string, given?: string) =>
    app.inject({
      method: 'GET',
      url,
      headers: { host: 'localhost', ...(given === undefined ? {} : { authorization: `Bearer ${given}` }) },
    });
  return { get, asked };
}

describe('the shadow over HTTP', () => {
  it('tells its scores to everyone, and what answers held only to who has the token', async () => {
    const { get, asked } = await setup();
    expect((await get('/api/shadow')).json()).toEqual({ ...noShadowView, comparing: true });
    expect([(await get('/api/shadow/diffs')).statusCode, (await get('/api/shadow/diffs', 'another-token')).statusCode]).toEqual([401, 401]);
    expect(asked).toEqual([]);
    const answer = await get('/api/shadow/diffs?route=GET%20%2Fusers%2F%7Bid%7D&result=mismatch&limit=7', token);
    expect([answer.statusCode, answer.json()]).toEqual([200, { diffs: [] }]);
    await get('/api/shadow/diffs', token);
    expect(asked).toEqual([
      { route: 'GET /users/{id}', result: 'mismatch', limit: 7 },
      { route: undefined, result: undefined, limit: 100 },
    ]);
  });

  it('refuses what is no filter', async () => {
    const { get, asked } = await setup();
    for (const query of ['result=wrong', 'limit=0', 'limit=1000', 'limit=x', 'order=1']) {
      expect([query, (await get(`/api/shadow/diffs?${query}`, token)).statusCode]).toEqual([query, 400]);
    }
    expect(asked).toEqual([]);
  });
});
