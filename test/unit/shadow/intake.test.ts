import { describe, expect, it } from 'vitest';
import { Intake, type IntakeSettings, noiseProbe } from '../../../src/shadow/intake.ts';
import { BoundedQueue, requestBytes } from '../../../src/shadow/request-queue.ts';
import type { RawRequest } from '../../../src/shadow/request-rules.ts';
import { isSampled } from '../../../src/shadow/sampling.ts';
import { TokenBucket } from '../../../src/shadow/token-bucket.ts';

const raw = (target: string, headers: RawRequest['headers'] = []): RawRequest => ({
  id: target,
  method: 'GET',
  target,
  headers,
  body: undefined,
  receivedAtMs: 0,
});

function door(over: Partial<IntakeSettings> = {}, limits = { requests: 100, bytes: 1_000_000 }) {
  const counted: string[] = [];
  let nowMs = 0;
  let busy = 0;
  const queue = new BoundedQueue(limits);
  const intake = new Intake(
    { sample: 1, sampleBy: undefined, maxPerSecond: 1_000, maxLoad: 1, maxBodyBytes: 100, safe: [], ...over },
    queue,
    {
      taken: (source) => counted.push(`${source} taken`),
      shed: (source, reason) => counted.push(`${source} shed ${reason}`),
      skipped: (source, reason) => counted.push(`${source} skipped ${reason}`),
    },
    { wallMs: () => 0, monotonicMs: () => nowMs, sleep: async () => undefined },
    () => busy,
  );
  intake.open = true;
  return { intake, queue, counted, pass: (ms: number) => (nowMs += ms), load: (part: number) => (busy = part) };
}

describe('the sample', () => {
  const keys = Array.from({ length: 20_000 }, (_, n) => `GET /orders/${n}?`);

  it.each([0.01, 0.1, 0.5])('holds a share of %f of the keys, the same ones each time', (share) => {
    const inside = keys.filter((key) => isSampled(key, share, 0));
    expect(inside.length / keys.length).toBeCloseTo(share, 1);
    expect(Math.abs(inside.length / keys.length - share)).toBeLessThan(0.01);
    expect(keys.filter((key) => isSampled(key, share, 0))).toEqual(inside);
  });

  it('grows with the share without losing a key, and is another for another salt', () => {
    const small = keys.filter((key) => isSampled(key, 0.1, 0));
    expect(small.every((key) => isSampled(key, 0.2, 0))).toBe(true);
    const both = small.filter((key) => isSampled(key, 0.1, 99));
    expect(both.length / small.length).toBeLessThan(0.15);
  });

  it('holds all at 1 and none at 0', () => {
    expect(keys.every((key) => isSampled(key, 1, 0))).toBe(true);
    expect(keys.some((key) => isSampled(key, 0, 0))).toBe(false);
  });

  it('probes a share of the requests for noise', () => {
    const probed = keys.filter((id) =>
      noiseProbe(0.25)({ id, method: 'GET', path: '/', query: '', headers: new Map(), body: undefined, receivedAtMs: 0, source: 'mirror' }),
    );
    expect(probed.length / keys.length).toBeCloseTo(0.25, 1);
  });
});

describe('the bucket', () => {
  it('lets a second’s worth go at once, then as many as time brings', () => {
    const bucket = new TokenBucket(2, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, false]);
    expect([bucket.take(499), bucket.take(500), bucket.take(500)]).toEqual([false, true, false]);
    expect([bucket.take(60_000), bucket.take(60_000), bucket.take(60_000)]).toEqual([true, true, false]);
  });

  it('brings one in a hundred seconds at a hundredth a second, and nothing for a clock that steps back', () => {
    const bucket = new TokenBucket(0.01, 0);
    expect([bucket.take(0), bucket.take(50_000), bucket.take(20_000), bucket.take(99_999), bucket.take(100_001)]).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
  });
});

describe('the queue', () => {
  const request = (id: string, body?: Buffer) => ({ ...judged, id, body });
  const judged = {
    id: '',
    method: 'GET',
    path: '/',
    query: '',
    headers: new Map<string, string>(),
    body: undefined,
    receivedAtMs: 0,
    source: 'mirror' as const,
  };

  it('sheds above its number and above its bytes, and hands out the oldest first', async () => {
    const { signal } = new AbortController();
    const few = new BoundedQueue({ requests: 2, bytes: 1_000_000 });
    expect(['a', 'b', 'c'].map((id) => few.offer(request(id)))).toEqual(['taken', 'taken', 'shed']);
    expect([(await few.take(signal)).id, (await few.take(signal)).id]).toEqual(['a', 'b']);
    const small = new BoundedQueue({ requests: 100, bytes: 2 * requestBytes(request('a', Buffer.alloc(100))) });
    expect(['a', 'b', 'c'].map((id) => small.offer(request(id, Buffer.alloc(100))))).toEqual(['taken', 'taken', 'shed']);
    await small.take(signal);
    expect(small.offer(request('d', Buffer.alloc(100)))).toBe('taken');
    while (small.length > 0) await small.take(signal);
    expect(small.bytes).toBe(0);
  });

  it('gives a request to who waits, and nothing to who gave up', async () => {
    const queue = new BoundedQueue({ requests: 1, bytes: 10_000 });
    const [gone, waiting] = [new AbortController(), new AbortController()];
    const left = queue.take(gone.signal);
    const taken = queue.take(waiting.signal);
    gone.abort(new Error('gave up'));
    await expect(left).rejects.toThrow('gave up');
    queue.offer(request('a'));
    expect((await taken).id).toBe('a');
    expect(queue.length).toBe(0);
  });
});

describe('the intake', () => {
  it('counts what it takes, sheds and skips, with the reason', () => {
    const { intake, counted, pass } = door({ maxPerSecond: 2 }, { requests: 3, bytes: 1_000_000 });
    intake.offer(raw('/a'), 'mirror');
    intake.offer({ ...raw('/a'), method: 'DELETE' }, 'topic');
    intake.offer(raw('/b'), 'proxy');
    intake.offer(raw('/c'), 'mirror');
    pass(10_000);
    intake.offer(raw('/d'), 'mirror');
    intake.offer(raw('/e'), 'mirror');
    intake.open = false;
    intake.offer(raw('/f'), 'mirror');
    expect(counted).toEqual([
      'mirror taken',
      'topic skipped unsafe_method',
      'proxy taken',
      'mirror shed rate',
      'mirror taken',
      'mirror shed queue_full',
      'mirror shed stopping',
    ]);
  });

  it('takes nothing while the daemon is busy', () => {
    const { intake, counted, load } = door({ maxLoad: 0.8 });
    for (const busy of [0.8, 0.81, 0.5]) {
      load(busy);
      intake.offer(raw('/a'), 'mirror');
    }
    expect(counted).toEqual(['mirror taken', 'mirror shed busy', 'mirror taken']);
  });

  it('samples by the request, or by a header where one is named; a replayed file is not sampled', () => {
    const byUser = door({ sample: 0.5, sampleBy: 'x-user' });
    const outcomes = Array.from({ length: 50 }, (_, n) => byUser.intake.offer(raw(`/orders/${n}`, [['X-User', 'ada']]), 'mirror').kind);
    expect(new Set(outcomes).size).toBe(1);
    const byRequest = door({ sample: 0.5 });
    const kinds = Array.from({ length: 50 }, (_, n) => byRequest.intake.offer(raw(`/orders/${n}`), 'mirror').kind);
    expect(new Set(kinds)).toEqual(new Set(['taken', 'skipped']));
    expect(door({ sample: 0 }).intake.offer(raw('/a'), 'replay')).toEqual({ kind: 'taken' });
    expect(door({ sample: 0 }).intake.offer(raw('/a'), 'mirror')).toEqual({ kind: 'skipped', reason: 'not_sampled' });
  });
});
