import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import type { Answer, AskOutcome, ShadowRequest, ShadowSide } from '../../../src/shadow/contracts.ts';
import { compareLimits } from '../../../src/shadow/difference.ts';
import { Redactor } from '../../../src/shadow/redact.ts';
import { BoundedQueue } from '../../../src/shadow/request-queue.ts';
import { type CompareRule, RuleBook } from '../../../src/shadow/rules.ts';
import { Scoreboard } from '../../../src/shadow/scoreboard.ts';
import { ShadowStage } from '../../../src/shadow/shadow-stage.ts';
import type { KeptStatistics } from '../../../src/shadow/shadow-store.ts';
import { TestClock } from '../lag/test-clock.ts';
import { answer } from './answers.ts';

const request = (id: number, path = `/orders/${id}`): ShadowRequest => ({
  ...{ id: String(id), method: 'GET', path, query: 'token=secret&page=1', headers: new Map(), body: undefined, receivedAtMs: 0 },
  source: 'mirror',
});

/** How far the region is behind. */
const LAG_MS = 300;

interface WorldOptions {
  readonly answers: (side: ShadowSide, request: ShadowRequest, nowMs: number) => AskOutcome | Promise<AskOutcome>;
  readonly passed?: () => 'passed' | 'not_yet' | Promise<never>;
  readonly probe?: boolean;
  readonly rules?: readonly CompareRule[];
  readonly waiting?: number;
  readonly kept?: KeptStatistics;
  readonly save?: (statistics: KeptStatistics) => void;
}

/** A stage over a queue, with time in the test's hands. */
function world({ answers, passed, probe = true, rules = [], waiting = 100, kept, save }: WorldOptions) {
  const clock = new TestClock();
  const events: FarshoreEvent[] = [];
  const saved: KeptStatistics[] = [];
  const observe = (event: FarshoreEvent): void => {
    events.push(event);
  };
  const samples = { keep: true, redact: ['**.email'], hmac: [], maxBytes: 200 };
  const noise = { minSamples: 20, relative: 0.2, absolute: 0.0003 };
  const scores = new Scoreboard(
    { routes: ['GET /orders/{id}'], otherRoutes: 2, noise, windowHours: 24, retentionDays: 14, keepSamples: true },
    new Redactor(samples, randomBytes(32)),
    clock,
    observe,
  );
  const queue = new BoundedQueue({ requests: 10_000, bytes: 1e9 });
  const stage = new ShadowStage(
    {
      headers: ['content-type'],
      limits: compareLimits,
      confirm: { waitsMs: [1_000], longestMs: 5_000, publishAllowanceMs: 100, times: 2, waiting },
      concurrency: 4,
    },
    {
      ...{ queue, clock, observe, scores },
      asking: {
        ask: async (side, asked) => await answers(side, asked, clock.monotonicMs()),
      },
      passing: {
        passed: async (signal) => {
          if (passed !== undefined) return await passed();
          await clock.sleep(LAG_MS, signal);
          return 'passed';
        },
      },
      probe: () => probe,
      rules: new RuleBook(rules),
      lagMs: () => 50,
      store: {
        load: async () => kept ?? { hours: [], fields: [] },
        save: async (statistics) => {
          save?.(statistics);
          saved.push(statistics);
        },
      },
    },
  );
  const stop = new AbortController();
  const running = stage.run(stop.signal);
  return {
    ...{ clock, queue, stage, events, saved },
    counts: () => stage.view().total.counts,
    reasons: () =>
      events.flatMap((event) =>
        event.type === 'shadow_compared' && event.reason !== undefined ? [`${event.result} ${event.reason}`] : [],
      ),
    async end() {
      stop.abort();
      await clock.advance(10_000);
      await running;
    },
  };
}

const told = (body: unknown, changes: Partial<Answer> = {}): AskOutcome => ({
  kind: 'answer',
  answer: answer(JSON.stringify(body), changes),
});

describe('the shadow stage', () => {
  it('C20: a region that is behind, noisy answers and writes give no mismatch; a wrong field is confirmed, with its place', async () => {
    let marks = 0;
    const shadow = world({
      answers: (side, { id }, nowMs) => {
        marks += 1;
        // Rows of even ids are written all the time and come to the region late; every fifth is wrong there for good.
        const version = Number(id) % 2 === 0 ? Math.floor((side === 'primary' ? nowMs : nowMs - LAG_MS) / 1_700) : 1;
        const price = side === 'region' && Number(id) % 5 === 0 ? 2 : 1;
        return told({ id: Number(id), version, mark: marks, items: [{ price }] });
      },
    });
    for (let id = 1; id <= 200; id += 1) {
      shadow.queue.offer(request(id));
      await shadow.clock.advance(97);
    }
    await shadow.clock.advance(20_000);
    const places = shadow.stage
      .view()
      .routes.flatMap(({ route, fields }) => fields.map(({ path, result }) => `${route} ${result} ${path}`));
    expect(places).toContain('GET /orders/{id} mismatch $.items[].price');
    expect(places).toContain('GET /orders/{id} noise $.mark');
    expect(places).not.toContain('GET /orders/{id} mismatch $.mark');
    expect(places).not.toContain('GET /orders/{id} mismatch $.version');
    const { mismatch, match, noise, lag, unsettled } = shadow.counts();
    expect(match + mismatch + noise + lag + unsettled).toBe(200);
    // The mark is not known as noise before the primary was asked twenty times twice: until then differences stay unsettled.
    expect(mismatch).toBeGreaterThan(20);
    expect(mismatch).toBeLessThanOrEqual(40);
    expect(unsettled).toBeLessThan(60);
    await shadow.end();
  });

  it('counts against the ratio what it could not settle, and what the region did not answer', async () => {
    const shadow = world({
      passed: () => 'not_yet',
      answers: (side, { path }) => {
        if (path === '/orders/2' && side === 'region') return { kind: 'error', side, reason: 'timeout' };
        if (path === '/orders/3' && side === 'primary') return { kind: 'error', side, reason: 'refused' };
        if (path === '/orders/4') return { kind: 'shed', reason: 'breaker_open' };
        if (path === '/orders/5') return told({}, { truncated: true });
        return told({ wrong: path === '/orders/1' ? side : 0 });
      },
    });
    for (const id of [1, 2, 3, 4, 5, 6]) shadow.queue.offer(request(id));
    await shadow.clock.advance(60_000);
    expect(shadow.counts()).toEqual({ match: 1, mismatch: 0, noise: 0, lag: 0, unsettled: 1, error: 2, shed: 1, skipped: 1 });
    expect(shadow.reasons().toSorted()).toEqual([
      'error refused',
      'error timeout',
      'shed breaker_open',
      'skipped truncated',
      'unsettled not_passed',
    ]);
    expect(shadow.stage.view().total).toMatchObject({ samples: 1, ratio: 1 / 3 });
    await shadow.end();
  });

  it.each([401, 403, 407, 429, 500, 503])('counts no equal answers of status %i as a match: nothing was compared', async (status) => {
    const shadow = world({ answers: () => told({ error: 'no' }, { status }) });
    for (const id of [1, 2, 3]) shadow.queue.offer(request(id));
    await shadow.clock.advance(60_000);
    expect(shadow.counts()).toMatchObject({ match: 0, error: 3 });
    expect(shadow.reasons()).toEqual(['error status', 'error status', 'error status']);
    expect(shadow.stage.view().total).toMatchObject({ samples: 0, ratio: null, lowerBound: null });
    await shadow.end();
  });

  it('still confirms a region that refuses what the primary answers, and compares a 404', async () => {
    const shadow = world({
      answers: (side, { path }) => {
        if (path === '/orders/1') return told({}, { status: 404 });
        return told({}, { status: side === 'region' ? 401 : 200 });
      },
    });
    for (const id of [1, 2]) shadow.queue.offer(request(id));
    await shadow.clock.advance(60_000);
    expect(shadow.counts()).toMatchObject({ match: 1, mismatch: 1, error: 0 });
    await shadow.end();
  });

  it('lets differences that find no room to wait go as unsettled, and bounds what waits', async () => {
    const shadow = world({ waiting: 3, answers: (side) => told({ side }) });
    for (let id = 0; id < 50; id += 1) shadow.queue.offer(request(id));
    await shadow.clock.advance(0);
    expect(shadow.stage.view().waiting).toBe(3);
    await shadow.clock.advance(60_000);
    expect(shadow.counts()).toMatchObject({ mismatch: 3, unsettled: 47 });
    expect(new Set(shadow.reasons())).toEqual(new Set(['unsettled too_many_waiting']));
    await shadow.end();
  });

  it('asks no more at the same time than it may, whatever waits to be asked again', async () => {
    let asking = 0;
    let most = 0;
    const shadow = world({
      answers: async (side) => {
        asking += 1;
        most = Math.max(most, asking);
        await shadow.clock.sleep(10, new AbortController().signal);
        asking -= 1;
        return told({ side });
      },
    });
    for (let id = 0; id < 40; id += 1) shadow.queue.offer(request(id));
    await shadow.clock.advance(120_000);
    expect([most, shadow.counts().mismatch]).toEqual([4, 40]);
    await shadow.end();
  });

  it('keeps both sides of an example, redacted, without the values of the query', async () => {
    const shadow = world({
      answers: (side) => told({ user: { email: `${side}@example.org`, name: side }, list: side === 'primary' ? [{ email: 'x' }] : [] }),
    });
    shadow.queue.offer(request(7));
    await shadow.clock.advance(60_000);
    const examples = new Map(shadow.saved.flatMap(({ fields }) => fields.map(({ path, example }) => [path, example])));
    const shown = { method: 'GET', target: '/orders/7?token=…&page=…' };
    expect(examples).toEqual(
      new Map([
        ['$.user.email', { ...shown, place: '$.user.email', primary: '[redacted]', region: '[redacted]' }],
        ['$.user.name', { ...shown, place: '$.user.name', primary: '"primary"', region: '"region"' }],
        ['$.list[]', { ...shown, place: '$.list[0]', primary: '{"email":"[redacted]"}', region: null }],
      ]),
    );
    await shadow.end();
  });

  it('goes on after a restart with the counts of before, and writes again what could not be written', async () => {
    let refusals = 2;
    const answers = (): AskOutcome => told({});
    const first = world({
      answers,
      save: () => {
        refusals -= 1;
        if (refusals >= 0) throw new Error('the database is away');
      },
    });
    for (let id = 0; id < 5; id += 1) first.queue.offer(request(id));
    await first.clock.advance(20_000);
    expect(first.events.filter(({ type }) => type === 'shadow_store_failed')).toHaveLength(2);
    await first.end();
    const second = world({ answers, kept: first.saved.find(({ hours }) => hours.length > 0)! });
    second.queue.offer(request(9));
    await second.clock.advance(1_000);
    expect(second.stage.view().routes).toMatchObject([{ route: 'GET /orders/{id}', counts: { match: 6 }, samples: 6 }]);
    await second.end();
  });

  it('groups what no route fits, as many groups as are allowed', async () => {
    const shadow = world({ answers: () => told({}) });
    for (const [id, path] of ['/a/1', '/a/2', '/b/550e8400-e29b-41d4-a716-446655440000', '/c', '/d', '/orders/me/x'].entries())
      shadow.queue.offer(request(id, path));
    await shadow.clock.advance(1_000);
    const view = shadow.stage.view();
    expect(view.routes.map(({ route, samples }) => [route, samples])).toEqual([
      ['GET /b/{id}', 1],
      ['GET /a/{id}', 2],
      ['other', 3],
      ['GET /orders/{id}', 0],
    ]);
    expect(view.ungrouped).toBe(3);
    await shadow.end();
  });

  it('goes on when one comparison fails, and when the clusters do not say whether the region has passed', async () => {
    const shadow = world({
      passed: () => Promise.reject(new Error('a bug')),
      answers: (side, { path }) => {
        if (path === '/orders/1') throw new Error('a bug');
        return told(path === '/orders/2' ? { side } : {});
      },
    });
    for (const id of [1, 2, 3]) shadow.queue.offer(request(id));
    await shadow.clock.advance(60_000);
    expect(shadow.counts()).toMatchObject({ skipped: 1, unsettled: 1, match: 1 });
    expect(shadow.events.filter(({ type }) => type === 'shadow_comparison_failed')).toHaveLength(2);
    await shadow.end();
  });

  it('starves visibly', async () => {
    const shadow = world({ answers: () => told({}) });
    await shadow.clock.advance(1_000);
    expect(shadow.stage.view().secondsSinceComparison).toBeNull();
    shadow.queue.offer(request(1));
    await shadow.clock.advance(30_000);
    expect(shadow.stage.view().secondsSinceComparison).toBe(30);
    await shadow.end();
  });

  it('never tells a value by what is stored of an answer that a rule hides whole', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 3 }),
        fc.constantFrom('$', '$.secret', '$.secret.in[]', 'body', 'header.set-cookie'),
        (secret, path) => {
          const redactor = new Redactor({ keep: true, redact: ['secret'], hmac: [], maxBytes: 1_000 }, randomBytes(32));
          const value = path === '$' ? new Map([['secret', secret]]) : secret;
          const shown = redactor.shown({ path, place: path, kind: 'value', primary: value, region: undefined }, value);
          expect(shown).toMatch(/^(?:\[redacted\](?: \d+ characters)?|\{"secret":"\[redacted\]"\})$/);
        },
      ),
    );
  });
});
