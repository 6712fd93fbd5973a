import { describe, expect, it } from 'vitest';
import { runNext } from '../../../src/cutover/hook-loop.ts';
import { shownText } from '../../../src/cutover/hook-text.ts';
import { type DueHooks, type Hook, type HookFacts, type NumberedHook, nextHook, numbered } from '../../../src/cutover/hooks.ts';

const never = new AbortController().signal;
const facts: HookFacts = {
  region: 'eu-west',
  primary: 'us-east',
  revision: '7',
  from: 'draining',
  to: 'switched',
  epoch: '2',
  open: 'region',
  by: 'ada',
  reason: 'it was started',
  at: '2026-03-01T10:00:00.000Z',
};
const post = (url: string): Hook => ({ on: 'switched', kind: 'http', url, timeoutMs: 1_000 });
const command = (...words: string[]): Hook => ({ on: 'switched', kind: 'command', command: words, timeoutMs: 1_000 });

/** All that is run of one change of state, by what is stored of each. */
async function allOf(hooks: readonly Hook[]) {
  const ended: string[] = [];
  const ran: NumberedHook[] = [];
  const parts = {
    hooks,
    store: {
      newest: async (): Promise<DueHooks> => ({ facts, ended }),
      started: async () => undefined,
      ended: async (_revision: string, text: string) => {
        ended.push(text);
      },
    },
    runner: {
      run: async (hook: NumberedHook) => {
        ran.push(hook);
        return { result: 'done', detail: 'status 204' } as const;
      },
    },
    observe: () => undefined,
    clock: { monotonicMs: () => 0, wallMs: () => 0, sleep: async () => undefined },
  };
  while (await runNext(parts, never));
  return ran;
}

describe('hooks of one state', () => {
  it('are each run, also where they differ only in what is not shown', async () => {
    const hooks = [post('https://page.example/notify?to=ops'), post('https://page.example/notify?to=billing')];
    const ran = await allOf(hooks);
    expect(ran).toMatchObject(hooks);
    expect(ran.map(({ text, nth }) => [text, nth])).toEqual([
      ['POST https://page.example', 1],
      ['POST https://page.example (2)', 2],
    ]);
  });

  it('are told apart by their words', async () => {
    const hooks = [command('tell', 'them all'), command('tell', 'them', 'all')];
    expect(await allOf(hooks)).toMatchObject(hooks);
    const taken = [command('tell'), command('tell'), command('tell', '(2)')];
    expect((await allOf(taken)).length).toBe(3);
  });

  it('are numbered within their state only', () => {
    const [first, other] = numbered([post('https://page.example/a?b'), { ...post('https://page.example/a?c'), on: 'ready' }]);
    expect([first?.text, other?.text]).toEqual(['POST https://page.example', 'POST https://page.example']);
  });

  it('are shown without what may be a secret in them, also as an older version recorded them', () => {
    const hooks = [
      post('https://hooks.example/services/PATHSECRET?token=QUERYSECRET'),
      command('/usr/bin/curl', '-H', 'Authorization: Bearer WORDSECRET', 'https://x.example'),
    ];
    expect(numbered(hooks).map(({ text }) => text)).toEqual(['POST https://hooks.example', 'curl']);
    expect(
      [
        'POST https://user:secret@hooks.example/services/PATHSECRET (2)',
        '/usr/bin/curl -H Authorization: Bearer WORDSECRET https://x.example',
        'curl (2)',
        'POST https://hooks.example (3)',
      ].map(shownText),
    ).toEqual(['POST https://hooks.example (2)', 'curl', 'curl (2)', 'POST https://hooks.example (3)']);
  });

  it('that ended before an upgrade are not run again by it', () => {
    const hooks = [command('tell', 'them'), command('tell', 'all'), command('tell')];
    const next = (...ended: readonly string[]) => nextHook(hooks, { facts, ended });
    expect(next('tell them')).toMatchObject({ command: ['tell', 'all'] });
    expect(next('tell them', 'tell all')).toMatchObject({ command: ['tell'] });
    // As it is recorded now, this is the first one.
    expect(next('tell')).toMatchObject({ command: ['tell', 'all'] });
  });
});
