import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { shadowText } from '../../../src/cli/shadow-text.ts';
import type { ShadowRequest } from '../../../src/shadow/contracts.ts';
import type { Difference } from '../../../src/shadow/difference.ts';
import { Redactor } from '../../../src/shadow/redact.ts';
import { Scoreboard } from '../../../src/shadow/scoreboard.ts';
import type { Verdict } from '../../../src/shadow/verdict.ts';
import { TestClock } from '../lag/test-clock.ts';

const routes = ['GET /unasked', 'GET /right', 'GET /few', 'GET /unsettled', 'GET /wrong', 'GET /worse'];
const at = (path: string): Difference => ({ path, place: path, kind: 'value', primary: undefined, region: undefined });

function board() {
  const scores = new Scoreboard(
    {
      ...{ routes, otherRoutes: 2, windowHours: 24, retentionDays: 14, keepSamples: false },
      noise: { minSamples: 20, relative: 0.2, absolute: 0.0003 },
    },
    new Redactor({ keep: false, redact: [], hmac: [], maxBytes: 200 }, randomBytes(32)),
    new TestClock(),
    () => undefined,
  );
  const settle = (path: string, verdict: Verdict, times = 1): void => {
    const request: ShadowRequest = {
      ...{ id: path, method: 'GET', path, query: '', headers: new Map(), body: undefined, receivedAtMs: 0, source: 'mirror' },
    };
    for (let time = 0; time < times; time += 1)
      scores.settle(scores.route(request), request, verdict, { primaryMs: undefined, regionMs: undefined });
  };
  return { scores, settle };
}

describe('the scoreboard', () => {
  it('shows the worst routes first, to the API and on the command line', () => {
    const { scores, settle } = board();
    for (const path of ['/right', '/unsettled', '/wrong', '/worse']) settle(path, { result: 'match' }, 1_000);
    settle('/few', { result: 'match' }, 3);
    settle('/unsettled', { result: 'unsettled', reason: 'primary_changes', differences: [] }, 10);
    settle('/wrong', { result: 'mismatch', differences: [at('$.price')] });
    settle('/worse', { result: 'mismatch', differences: [at('$.price')] }, 2);
    const view = scores.view(0);
    const worstFirst = ['GET /worse', 'GET /wrong', 'GET /few', 'GET /unsettled', 'GET /right', 'GET /unasked'];
    expect(view.routes.map(({ route }) => route)).toEqual(worstFirst);
    const [table = ''] = shadowText(view).split('\n\n');
    expect(table.match(/^GET \S+/gm)).toEqual(worstFirst);
  });

  it('names as noise what remained of a difference that was else lag', () => {
    const { scores, settle } = board();
    settle('/right', { result: 'lag', differences: [at('$.mark')] });
    const view = scores.view(0);
    expect(view.total.counts).toMatchObject({ lag: 1, noise: 0 });
    expect(view.routes[0]?.fields).toMatchObject([{ path: '$.mark', result: 'noise', rawRate: 1 }]);
  });
});
