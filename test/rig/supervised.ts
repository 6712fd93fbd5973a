import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { SupervisorOrder } from './supervisor.ts';

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server process that cannot outlive this one, unless it is released. */
export interface SupervisedServer {
  readonly pid: number;
  readonly exit: Promise<ServerExit>;
  readonly running: boolean;
  /** Sends a signal; does nothing when the process has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Sends `signal`, then SIGKILL after `graceMs`; resolves when the process has ended. */
  end(signal: NodeJS.Signals, graceMs: number): Promise<void>;
  /** Lets the server outlive this process. */
  release(): Promise<void>;
}

type SupervisorLine = { pid: number } | { error: string } | ServerExit;

/** Starts `order.command` under a supervisor. Rejects when the command cannot be started at all. */
export async function supervise(order: SupervisorOrder): Promise<SupervisedServer> {
  const supervisor = spawn(process.execPath, [join(import.meta.dirname, 'supervisor.ts'), JSON.stringify(order)], {
    // A session of its own: Ctrl-C in the terminal must reach the parent only, which then stops servers in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // The supervisor may be gone when the last word is said to it.
  supervisor.stdin.on('error', () => undefined);
  const supervisorEnd = once(supervisor, 'close');
  const lines = createInterface({ input: supervisor.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<SupervisorLine | undefined> => {
    const { value, done } = await lines.next();
    return done === true ? undefined : (JSON.parse(value) as SupervisorLine);
  };

  const first = await next();
  if (first === undefined || !('pid' in first)) {
    throw new Error(
      `${order.command} could not be started: ${first !== undefined && 'error' in first ? first.error : 'the supervisor ended'}`,
    );
  }
  const { pid } = first;
  let running = true;
  const exit = next().then((line): ServerExit => {
    running = false;
    return line !== undefined && 'code' in line ? line : { code: null, signal: null };
  });

  const signal = (name: NodeJS.Signals): void => {
    if (!running) return;
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  return {
    pid,
    exit,
    get running() {
      return running;
    },
    signal,
    async end(name, graceMs) {
      signal(name);
      // A stopped (SIGSTOP) process takes other signals only after it goes on.
      signal('SIGCONT');
      const grace = new AbortController();
      const killed = delay(graceMs, undefined, { signal: grace.signal }).then(
        () => signal('SIGKILL'),
        () => undefined,
      );
      await exit;
      grace.abort();
      await killed;
      await supervisorEnd;
    },
    async release() {
      supervisor.stdin.write('release\n');
      await supervisorEnd;
    },
  };
}

/** The end of a server's log, for the message of a failed start. */
export async function tailOfLog(logFile: string, lines = 15): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * Asks `isReady` until it says yes. Rejects, with the end of the log, when the server ends first, the deadline passes or `signal` aborts.
 */
export async function waitUntilReady(options: {
  readonly name: string;
  readonly server: SupervisedServer;
  readonly isReady: () => Promise<boolean>;
  readonly deadlineMs: number;
  readonly logFile: string;
  readonly signal?: AbortSignal;
}): Promise<void> {
  const { name, server, isReady, deadlineMs, logFile, signal } = options;
  const startedMs = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    if (await isReady()) return;
    const late = performance.now() - startedMs > deadlineMs;
    if (late || !server.running) {
      const what = late ? `was not ready after ${deadlineMs} ms` : 'ended while it was starting';
      throw new Error(`${name} ${what}; the end of its log (${logFile}):\n${await tailOfLog(logFile)}`);
    }
    await delay(25);
  }
}
