import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { boundedOutput, type HookFacts, type NumberedHook } from '../../../src/cutover/hooks.ts';
import { hookRunner } from '../../../src/daemon/hook-runner.ts';
import { HttpPoster } from '../../../src/http/http-post.ts';
import { isAlive } from '../../rig/alive.ts';

const never = new AbortController().signal;
const facts: HookFacts = {
  region: 'eu-west',
  primary: 'us-east',
  revision: '7',
  from: 'shadowing',
  to: 'ready',
  epoch: '1',
  open: 'primary',
  by: 'farshore',
  reason: 'it held; $(touch /tmp/never)',
  at: '2026-03-01T10:00:00.000Z',
};

const runner = () => {
  const poster = new HttpPoster();
  onTestFinished(() => poster.close());
  return hookRunner(poster);
};
const first = { on: 'ready', text: 'as it is shown', nth: 1 } as const;
const command = (...words: string[]): NumberedHook => ({ ...first, kind: 'command', command: words, timeoutMs: 20_000 });
const node = (script: string): NumberedHook => command(process.execPath, '-e', script);

async function server(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const listening = createServer(answer);
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

describe('a command', () => {
  it('is run without a shell, with what happened and none of the daemon’s secrets in its environment', async () => {
    process.env.CANARY_SECRET = 'sesame';
    onTestFinished(() => {
      delete process.env.CANARY_SECRET;
    });
    const said = node(
      'console.log([process.argv[1], process.env.FARSHORE_TO, process.env.FARSHORE_REASON, process.env.CANARY_SECRET].join("|"))',
    );
    const hook = said.kind === 'command' ? { ...said, command: [...said.command, '$HOME;ls'] } : said;
    expect(await runner().run(hook, facts, never)).toEqual({
      result: 'done',
      detail: 'exit code 0: $HOME;ls|ready|it held; $(touch /tmp/never)|',
    });
  });

  it('fails by its exit code, and when there is no such program', async () => {
    expect(await runner().run(node('console.error("no DNS"); process.exit(3)'), facts, never)).toEqual({
      result: 'failed',
      detail: 'exit code 3: no DNS',
    });
    expect(await runner().run(command('/no/such/program'), facts, never)).toEqual({
      result: 'failed',
      detail: 'it could not be started: ENOENT',
    });
  });

  it.each([
    ['ENOTDIR', command('/etc/passwd/x')],
    ['E2BIG', command(process.execPath, 'x'.repeat(200_000))],
  ])('fails, and does not end the daemon, where Node throws instead of telling: %s', async (code, hook) => {
    expect(await runner().run(hook, facts, never)).toEqual({ result: 'failed', detail: `it could not be started: ${code}` });
  });

  it('is ended at its limit, with what it started', async () => {
    const idle = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`;
    const parent = `console.log(require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(idle)}], { stdio: 'inherit' }).pid); setInterval(() => {}, 1000)`;
    const { result, detail } = await runner().run({ ...node(parent), timeoutMs: 1_000 }, facts, never);
    const pid = Number(/^ended after 1 s: (\d+)$/.exec(detail)?.[1]);
    expect([result, pid > 0]).toEqual(['failed', true]);
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // As it should be.
      }
    });
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5_000);
  });

  it('is ended with the daemon, and has no result then', async () => {
    const stop = new AbortController();
    const running = runner().run(node('setInterval(() => {}, 1000)'), facts, stop.signal);
    stop.abort(new Error('stopping'));
    await expect(running).rejects.toThrow('stopping');
  });

  it('keeps the end of what it said', async () => {
    const { detail } = await runner().run(node('console.log("x".repeat(1_000_000) + " the end")'), facts, never);
    expect(detail.length).toBeLessThan(2_050);
    expect(detail).toMatch(/^exit code 0: … x+ the end$/);
    expect(boundedOutput(' a ')).toBe('a');
  });
});

describe('a post', () => {
  it('carries what happened, and fails by its status', async () => {
    const seen: unknown[] = [];
    const url = await server(async (request, response) => {
      seen.push([request.method, request.url, request.headers['idempotency-key'], JSON.parse(await text(request))]);
      response.writeHead(request.url === '/bad' ? 500 : 204).end(request.url === '/bad' ? 'no room' : undefined);
    });
    const post = (path: string): NumberedHook => ({ ...first, kind: 'http', url: `${url}${path}`, timeoutMs: 5_000 });
    expect(await runner().run(post('/good?key=secret'), facts, never)).toEqual({ result: 'done', detail: 'status 204' });
    expect(await runner().run(post('/bad'), facts, never)).toEqual({ result: 'failed', detail: 'status 500: no room' });
    expect(seen[0]).toEqual(['POST', '/good?key=secret', 'eu-west-7', facts]);
    expect(await runner().run({ ...post('/good?key=other'), nth: 2 }, facts, never)).toMatchObject({ result: 'done' });
    expect(seen[2]).toEqual(['POST', '/good?key=other', 'eu-west-7-2', facts]);
  });

  it('fails when nobody answers in time, and is not sent at all for a while after several times', async () => {
    let asked = 0;
    const url = await server(() => {
      asked++;
    });
    const hooks = runner();
    const hook: NumberedHook = { ...first, kind: 'http', url, timeoutMs: 100 };
    for (let time = 0; time < 3; time++) {
      expect(await hooks.run(hook, facts, never)).toEqual({ result: 'failed', detail: `${url} did not answer within 100 ms` });
    }
    expect(await hooks.run(hook, facts, never)).toMatchObject({ result: 'failed', detail: expect.stringMatching(/failed several times/) });
    expect(asked).toBe(3);
  });
});
