import { describe, expect, it } from 'vitest';
import { replay } from '../../../src/cli/shadow-replay.ts';
import { type RecordedRequest, rawRequest, requestOfRecord } from '../../../src/shadow/recorded-request.ts';
import { readReplayFile } from '../../../src/shadow/replay-file.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a replay file', () => {
  it('is NDJSON with one request a line', () => {
    const lines = [
      '{"path":"/orders?page=2","headers":{"Accept":"a"}}',
      '',
      '{"method":"post","url":"https://billing.example/search?x=1","headers":[["A","1"],["A","2"]],"body":"{}"}',
      '{"method":"GET","path":"/a","query":"b=1","headers":[{"name":"B","value":"2"}],"bodyBase64":"AAE="}\r',
    ];
    expect(readReplayFile(lines.join('\n'), 'requests.ndjson')).toEqual([
      { method: 'GET', target: '/orders?page=2', headers: [['Accept', 'a']], body: null },
      {
        method: 'POST',
        target: '/search?x=1',
        headers: [
          ['A', '1'],
          ['A', '2'],
        ],
        body: base64('{}'),
      },
      { method: 'GET', target: '/a?b=1', headers: [['B', '2']], body: 'AAE=' },
    ]);
  });

  it('is a HAR: of its addresses the path and query are asked, never the host', () => {
    const request = { method: 'GET', url: 'http://169.254.169.254/latest?a=b#c', headers: [{ name: 'Accept', value: '*/*' }] };
    const posted = {
      method: 'POST',
      url: 'https://a.example/search',
      headers: [],
      postData: { mimeType: 'application/json', text: '{"ä":1}' },
    };
    const har = JSON.stringify({ log: { entries: [{ request }, { request: posted }] } });
    expect(readReplayFile(har, 'session.HAR')).toEqual([
      { method: 'GET', target: '/latest?a=b', headers: [['Accept', '*/*']], body: null },
      { method: 'POST', target: '/search', headers: [], body: base64('{"ä":1}') },
    ]);
  });

  it.each([
    ['', 'a.ndjson', 'holds no request'],
    ['{"path":"/a"}\nnot json', 'a.ndjson', 'no JSON'],
    ['{"path":"/a"}\n{"path":"a"}', 'a.ndjson', 'no path'],
    ['{"path":"/a"}\n{"path":"/a","method":"G T"}', 'a.ndjson', 'no HTTP method'],
    ['{"path":"/a"}\n{"path":"/a","headers":{"a":1}}', 'a.ndjson', 'no names with texts'],
    ['{"path":"/a"}\n{"path":"/a","body":"a","bodyBase64":"YQ=="}', 'a.ndjson', 'both given'],
    ['{"path":"/a"}\n{"path":"/a","body":{}}', 'a.ndjson', 'no text'],
    ['{"path":"/a"}\n{"path":"file:///etc/passwd"}', 'a.ndjson', 'no path'],
    ['{}', 'a.har', 'no log.entries'],
    ['{"log":{"entries":[{"request":{"method":"GET","url":"/a"}},{}]}}', 'a.har', 'no HTTP method'],
  ])('that is none says where: %j', (text, file, message) => {
    const place = text === '' || text === '{}' ? file : file.endsWith('har') ? `${file}: entry 2` : `${file}:2`;
    expect(() => readReplayFile(text, file)).toThrow(
      expect.objectContaining({ code: 'request_invalid', place, message: expect.stringContaining(message) }),
    );
  });
});

describe('a recorded request of the topic', () => {
  const record = { id: 'r1', time: 99, method: 'GET', path: '/a', query: 'b=1', headers: [{ name: 'A', value: '1' }], body: null };

  it('is read by the fields of its schema', () => {
    expect(requestOfRecord(record, 7)).toEqual({
      id: 'r1',
      method: 'GET',
      target: '/a?b=1',
      headers: [['A', '1']],
      body: undefined,
      receivedAtMs: 99,
    });
    expect(requestOfRecord({ ...record, query: '', body: Buffer.from('x'), time: 0 }, 7)).toMatchObject({
      target: '/a',
      body: Buffer.from('x'),
      receivedAtMs: 7,
    });
  });

  it.each([
    { id: 1 },
    { method: null },
    { path: undefined },
    { query: 3 },
    { headers: {} },
    { headers: [{ name: 'a' }] },
    { body: 'text' },
  ])('with %j is none', (over) => {
    expect(requestOfRecord({ ...record, ...over }, 7)).toBeUndefined();
  });

  it('of a file has its body decoded', () => {
    expect(rawRequest({ method: 'GET', target: '/', headers: [], body: base64('ab') }, 'x', 1).body).toEqual(Buffer.from('ab'));
  });
});

describe('replaying', () => {
  const request = (n: number): RecordedRequest => ({ method: 'GET', target: `/${n}`, headers: [], body: null });

  function daemon(answer: (target: string, seen: number) => string) {
    const seen = new Map<string, number>();
    const posted: number[] = [];
    let nowMs = 0;
    const tools = {
      post: async (batch: readonly RecordedRequest[]) => {
        posted.push(batch.length);
        return batch.map(({ target }) => {
          seen.set(target, (seen.get(target) ?? 0) + 1);
          return answer(target, seen.get(target)!);
        });
      },
      clock: {
        wallMs: () => 0,
        monotonicMs: () => nowMs,
        sleep: async (ms: number) => {
          nowMs += ms;
        },
      },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
    return { tools, seen, posted, elapsedMs: () => nowMs };
  }

  it('sends what is shed for now again until it is taken, and counts what never is', async () => {
    const { tools, seen } = daemon((target, times) =>
      target === '/1' && times < 3 ? 'shed:rate' : target === '/2' ? 'skipped:unsafe_method' : 'taken',
    );
    expect(await replay([0, 1, 2].map(request), { loop: 1 }, tools)).toEqual({ sent: 3, taken: 2, skipped: { unsafe_method: 1 } });
    expect(seen.get('/1')).toBe(3);
  });

  it('goes through the file as often as asked, at the rate that was asked', async () => {
    const { tools, posted, elapsedMs } = daemon(() => 'taken');
    expect(await replay([0, 1, 2, 3].map(request), { loop: 25, rate: 50 }, tools)).toEqual({ sent: 100, taken: 100, skipped: {} });
    expect(Math.max(...posted)).toBeLessThanOrEqual(10);
    expect(elapsedMs()).toBeGreaterThan(1_700);
    expect(elapsedMs()).toBeLessThan(2_100);
  });

  it('ends at a daemon that compares nothing', async () => {
    const { tools } = daemon(() => 'shed:stopping');
    await expect(replay([request(0)], { loop: 1 }, tools)).rejects.toThrow('compares nothing');
  });
});
