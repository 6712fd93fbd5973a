/**
 * A small process between a parent and one server it started. It holds the read end of a pipe whose only writer is the parent:
 * when the parent ends, however it ends (SIGKILL and a crash included), the kernel closes the pipe and the server is stopped and
 * its temporary directory removed. It runs in a session of its own, so Ctrl-C in the parent's terminal reaches the parent only.
 *
 * argv[2]: SupervisorOrder as JSON. stdin: closed = stop, the line `release` = leave the server running.
 * stdout: one JSON line {"pid"} or {"error"}, then, when the server has ended, {"code","signal"}.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface SupervisorOrder {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  /** What the server gets when the parent is gone; SIGKILL follows after `orphanGraceMs`. */
  readonly orphanSignal: NodeJS.Signals;
  readonly orphanGraceMs: number;
  /** Removed after the server of a dead parent has ended. */
  readonly temporaryDirectory?: string;
}

function run(order: SupervisorOrder): void {
  const log = openSync(order.logFile, 'a');
  const server = spawn(order.command, order.args, {
    cwd: order.cwd,
    env: { ...process.env, ...order.env },
    ...(order.uid === undefined ? {} : { uid: order.uid }),
    ...(order.gid === undefined ? {} : { gid: order.gid }),
    detached: true,
    stdio: ['ignore', log, log],
  });
  let ended = false;
  let released = false;
  let orphaned = false;

  const say = (line: object): void => {
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  // Nobody reads any more once the parent is gone.
  process.stdout.on('error', () => undefined);

  const signalGroup = (signal: NodeJS.Signals): void => {
    if (ended || server.pid === undefined) return;
    try {
      process.kill(-server.pid, signal);
    } catch (error) {
      // ESRCH: it ended and its exit event is still on its way.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };

  const stopOrphan = async (): Promise<void> => {
    if (ended || released || orphaned) return;
    orphaned = true;
    // A stopped (SIGSTOP) server takes a signal only after it goes on.
    signalGroup(order.orphanSignal);
    signalGroup('SIGCONT');
    await delay(order.orphanGraceMs, undefined, { ref: false });
    signalGroup('SIGKILL');
  };

  server.on('error', (error) => {
    say({ error: error.message });
    process.exitCode = 1;
    process.stdin.destroy();
  });
  server.on('spawn', () => say({ pid: server.pid }));
  server.on('exit', async (code, signal) => {
    ended = true;
    say({ code, signal });
    if (orphaned && order.temporaryDirectory !== undefined) {
      // A database's own children may still be writing for a moment.
      await rm(order.temporaryDirectory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
    process.stdin.destroy();
  });

  let heard = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    heard += text;
    if (!heard.includes('release\n')) return;
    released = true;
    server.unref();
    process.stdin.destroy();
  });
  process.stdin.on('end', stopOrphan);
  process.stdin.on('error', stopOrphan);
  process.on('SIGTERM', stopOrphan);
}

const [, , orderText] = process.argv;
if (orderText === undefined) throw new Error('the supervisor wants its order as its argument');
run(JSON.parse(orderText) as SupervisorOrder);
