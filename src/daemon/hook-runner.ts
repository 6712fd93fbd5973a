import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import {
  boundedOutput,
  type Hook,
  type HookFacts,
  type HookRun,
  type HookRunner,
  hookEnvironment,
  type NumberedHook,
} from '../cutover/hooks.ts';
import { HttpFailure } from '../http/http-failure.ts';
import type { HttpPoster } from '../http/http-post.ts';

/** Passed on from the daemon's own environment, which also holds secrets. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;
const KILL_AFTER_MS = 2_000;
const OUTPUT_GRACE_MS = 1_000;
/** More of a chatty program is not held while it runs. */
const HELD_CHARACTERS = 16_384;

export const hookRunner = (poster: Pick<HttpPoster, 'post'>): HookRunner => ({
  run: (hook, facts, signal) =>
    hook.kind === 'command' ? runCommand(hook.command, hook, facts, signal) : runPost(poster, hook.url, hook, facts, signal),
});

/** Where the process has no file descriptors left Node gives a child without its streams, whatever its types say. */
type Child = Pick<ChildProcess, 'once' | 'pid'> & { readonly stdout: Readable | undefined; readonly stderr: Readable | undefined };

const notStarted = ({ code, message }: NodeJS.ErrnoException): string => `it could not be started: ${code ?? message}`;

/** Without a shell, in a group of its own, so that what it started ends with it. */
async function runCommand(command: readonly string[], { timeoutMs }: Hook, facts: HookFacts, signal: AbortSignal): Promise<HookRun> {
  signal.throwIfAborted();
  const [program = '', ...args] = command;
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  let child: Child;
  try {
    child = spawn(program, args, {
      shell: false,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...hookEnvironment(facts) },
    });
  } catch (error) {
    // Node tells some errors by an event and throws others, as ENOTDIR and E2BIG.
    return { result: 'failed', detail: notStarted(error as NodeJS.ErrnoException) };
  }
  const { promise: ended, resolve } = Promise.withResolvers<string | number>();
  child.once('error', (error) => resolve(notStarted(error)));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-HELD_CHARACTERS);
    });
  }
  child.once('close', (code, by) => resolve(code ?? by ?? 'ended'));
  // What it left behind in another group may keep its output open for ever.
  child.once('exit', (code, by) => setTimeout(() => resolve(code ?? by ?? 'ended'), OUTPUT_GRACE_MS).unref());
  const end = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended already.
    }
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let killer: NodeJS.Timeout | undefined;
  const onLimit = (): void => {
    end('SIGTERM');
    killer = setTimeout(() => end('SIGKILL'), KILL_AFTER_MS);
  };
  limit.addEventListener('abort', onLimit, { once: true });
  try {
    const how = await ended;
    signal.throwIfAborted();
    const said = boundedOutput(output);
    const outcome = limit.aborted ? `ended after ${timeoutMs / 1_000} s` : typeof how === 'number' ? `exit code ${how}` : how;
    return { result: how === 0 && !limit.aborted ? 'done' : 'failed', detail: said === '' ? outcome : `${outcome}: ${said}` };
  } finally {
    limit.removeEventListener('abort', onLimit);
    clearTimeout(killer);
    // Whatever of its group outlived the polite signal.
    if (limit.aborted) end('SIGKILL');
  }
}

async function runPost(
  poster: Pick<HttpPoster, 'post'>,
  url: string,
  { timeoutMs, nth }: NumberedHook,
  facts: HookFacts,
  signal: AbortSignal,
): Promise<HookRun> {
  try {
    // One place may be told twice of one change: a key that both had would let it drop the second.
    const key = `${facts.region}-${facts.revision}${nth === 1 ? '' : `-${nth}`}`;
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const { status, body } = await poster.post(url, { headers, body: JSON.stringify(facts), timeoutMs, signal });
    const said = boundedOutput(body);
    return {
      result: status >= 200 && status < 300 ? 'done' : 'failed',
      detail: said === '' ? `status ${status}` : `status ${status}: ${said}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HttpFailure) return { result: 'failed', detail: error.message };
    throw error;
  }
}
