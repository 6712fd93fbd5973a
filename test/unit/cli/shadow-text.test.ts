import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { diffsText, shadowText } from '../../../src/cli/shadow-text.ts';
import { noShadowView, type ShadowCounts, type ShadowDiff, type ShadowView } from '../../../src/model/shadow-view.ts';
import { testIo } from './fixtures.ts';

const counts: ShadowCounts = { match: 9_990, mismatch: 1, noise: 5, lag: 3, unsettled: 1, error: 0, shed: 7, skipped: 0 };
const field = { kind: 'value', count: 3, weight: 1.25, rawRate: 0.0301, noiseRate: 0, lastSeen: '2026-01-01T00:00:00.000Z' };
const view: ShadowView = {
  comparing: true,
  windowHours: 24,
  secondsSinceComparison: 1.24,
  waiting: 2,
  ungrouped: 4,
  total: { counts, samples: 9_999, ratio: 0.99996, lowerBound: 0.99908 },
  routes: [
    {
      route: 'GET /users/{id}\u001b[31m',
      counts,
      samples: 9_999,
      ratio: 0.99996,
      lowerBound: 0.99908,
      noiseSamples: 100,
      latency: { primary: { p50Ms: 5, p99Ms: 20 }, region: null },
      fields: [
        { ...field, path: '$.at', result: 'noise', noiseRate: 0.5 },
        { ...field, path: '$.price', result: 'mismatch' },
      ],
    },
  ],
};

const diff: ShadowDiff = {
  ...{ route: 'GET /users/{id}', path: '$.price', kind: 'value', result: 'mismatch', count: 3, weight: 1 },
  ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-02T00:00:00.000Z' },
  example: { method: 'GET', target: '/users/7?page=…', place: '$.price', primary: '12.50', region: '"\u001b[2J"' },
};

describe('the shadow as text', () => {
  it('shows the routes with ratio, bound and samples, never rounded up, and confirmed places first', () => {
    expect(shadowText(view)).toBe(
      `last comparison 1.2 s ago, 2 differences wait to be asked again; the last 24 h:
ROUTE                 RATIO    AT LEAST  SAMPLES  MATCH  MISMATCH  NOISE  LAG  UNSETTLED  ERROR  SHED  SKIPPED  PRIMARY P50/P99  REGION P50/P99
GET /users/{id}·[31m  99.99 %  99.90 %   9999     9990   1         5      3    1          0      7     0        5/20 ms          -
all                   99.99 %  99.90 %   9999     9990   1         5      3    1          0      7     0
4 requests found no room for a group of their own: name their routes in shadow.compare.routes

RESULT    ROUTE                 PLACE    KIND   COUNT  WEIGHT  DIFFERS  NOISE
mismatch  GET /users/{id}·[31m  $.price  value  3      1.3     3.01 %   0.00 %
noise     GET /users/{id}·[31m  $.at     value  3      1.3     3.01 %   50.00 %
`,
    );
    expect(shadowText(noShadowView)).toBe('this daemon compares nothing: it stands by, or shadow is not configured\n');
  });

  it('shows both sides of a difference, with nothing a terminal would obey', () => {
    expect(diffsText([diff, { ...diff, example: null }])).toBe(
      `mismatch (value) GET /users/{id} $.price: 3 times, last 2026-01-02T00:00:00.000Z
  asked    GET /users/7?page=…
  at       $.price
  primary  12.50
  region   "·[2J"

mismatch (value) GET /users/{id} $.price: 3 times, last 2026-01-02T00:00:00.000Z
  no example is kept (shadow.compare.samples.keep)
`,
    );
    expect(diffsText([])).toBe('no differences\n');
  });

  it('asks the daemon, and passes its value on as JSON', async () => {
    const io = testIo({ answer: { status: 200, body: JSON.stringify({ diffs: [diff] }) } });
    const args = [
      'shadow',
      'diffs',
      '--route',
      'GET /users/{id}',
      '--result',
      'mismatch',
      '--limit',
      '3',
      '--url',
      'http://gate:1',
      '-o',
      'json',
    ];
    expect(await runCli(args, io)).toBe(0);
    expect(io.sent[0]?.url).toBe('http://gate:1/api/shadow/diffs?route=GET+%2Fusers%2F%7Bid%7D&result=mismatch&limit=3');
    expect(JSON.parse(io.out())).toEqual([diff]);
    const status = testIo({ answer: { status: 200, body: JSON.stringify(view) } });
    expect(await runCli(['shadow', 'status', '--url', 'http://gate:1', '-o', 'json'], status)).toBe(0);
    expect([status.sent[0]?.url, JSON.parse(status.out())]).toEqual(['http://gate:1/api/shadow?', view]);
    expect(await runCli(['shadow', 'diffs', '--limit', '0', '--url', 'http://gate:1'], testIo())).toBe(2);
  });
});
