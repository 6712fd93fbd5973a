import { describe, expect, it } from 'vitest';
import { runNext } from '../../../src/cutover/hook-loop.ts';
import { type DueHooks, type Hook, type HookFacts, type NumberedHook, numbered } from '../../../src/cutover/hooks.ts';

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
      ['POST https://page.example/notify', 1],
      ['POST https://page.example/notify (2)', 2],
    ]);
  });

  it('are told apart by their words', async () => {
    const hooks = [command('tell', 'them all'), command('tell', 'them', 'all')];
    expect(await allOf(hooks)).toMatchObject(hooks);
    const taken = [command('tell'), command('tell'), command('tell', '(2)')];
    expect((await allOf(taken)).length).toBe(3);
  });

  it('keep the text that was stored before, and are numbered within their state only', () => {
    const [first, other] = numbered([post('https://page.example/a?b'), { ...post('https://page.example/a?c'), on: 'ready' }]);
    expect([first?.text, other?.text]).toEqual(['POST https://page.example/a', 'POST https://page.example/a']);
  });
});
