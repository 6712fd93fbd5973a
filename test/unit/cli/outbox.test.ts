import { describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { testIo } from './fixtures.ts';

const files = { '/etc/token': 'sesame\n' };
const daemon = ['--url', 'http://h:1', '--token-file', '/etc/token'];
const at = '2026-01-01T00:00:00.000Z';

async function ask(args: readonly string[], answer: unknown) {
  const io = testIo({ files, answer: { status: 200, body: JSON.stringify(answer) } });
  const code = await runCli(['outbox', ...args, ...daemon], io);
  return { code, out: io.out(), err: io.err(), sent: io.sent[0] };
}

describe('farshore outbox', () => {
  it('says what is not published, and why', async () => {
    const topics = [{ topic: 'orders', home: null, unpublished: 3, refused: 1, oldestSeconds: 4.25 }];
    const status = { relaying: true, listening: false, unpublished: 3, held: 3, refused: 1, oldestSeconds: 4.25, topics };
    const { out, sent } = await ask(['status'], status);
    expect(sent?.url).toBe('http://h:1/api/outbox?');
    expect(out).toBe(
      [
        'relay        publishes, by its timer only',
        'unpublished  3: 3 held, 1 refused',
        'oldest       4.3 s',
        '',
        'TOPIC   HOME     UNPUBLISHED  REFUSED  OLDEST',
        'orders  unknown  3            1        4.3 s',
        '',
      ].join('\n'),
    );
    const nothing = { ...status, relaying: false, unpublished: 0, held: 0, refused: 0, oldestSeconds: null, topics: [] };
    expect((await ask(['status'], nothing)).out).toContain('not by this daemon (outbox.enabled)');
  });

  it('lists rows, page by page, and lets no control character of a topic through', async () => {
    const row = {
      id: '7',
      topic: 'a\u001b',
      partition: 2,
      state: 'refused',
      attempts: 3,
      nextAttemptAt: at,
      error: 'batch_refused: x',
      createdAt: at,
      bytes: 9,
    };
    const { out, sent } = await ask(['list', '--topic', 'a', '--state', 'refused', '--after', '5', '--limit', '10'], { rows: [row] });
    expect(sent?.url).toBe('http://h:1/api/outbox/rows?topic=a&state=refused&after=5&limit=10');
    expect(out.split('\n')[1]?.split(/ {2,}/)).toEqual(['7', 'a·:2', 'refused', at, '9', '3', at, 'batch_refused: x']);
    expect((await ask(['list'], { rows: [] })).out).toBe('no unpublished rows\n');
    expect((await ask(['list', '--state', 'other'], { rows: [] })).code).toBe(2);
  });

  it.each([
    [['retry', '--all'], '/api/outbox/retry', { all: true, by: 'ada@gate' }, '2 are sent again\n'],
    [['retry', '--topic', 't', '--by', 'ann'], '/api/outbox/retry', { topic: 't', by: 'ann' }, '2 are sent again\n'],
    [['discard', '4', '09'], '/api/outbox/discard', { ids: ['4', '9'], by: 'ada@gate' }, '2 discarded\n'],
  ])('%j', async (args, path, body, told) => {
    const { out, sent } = await ask(args, { rows: 2 });
    expect([sent?.url, JSON.parse(sent?.body ?? '')]).toEqual([`http://h:1${path}`, body]);
    expect(out).toBe(told);
  });

  it('changes nothing without saying which rows are meant', async () => {
    for (const verb of ['retry', 'discard']) {
      const { code, err, sent } = await ask([verb], { rows: 0 });
      expect([code, sent]).toEqual([2, undefined]);
      expect(err).toContain('say which rows are meant');
    }
  });
});
