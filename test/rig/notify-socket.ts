import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** systemd's side of sd_notify: a real unix datagram socket, which Node cannot open, held by a small Perl program. */
export class NotifySocket implements AsyncDisposable {
  readonly path: string;
  /** Every message so far, as its assignments. */
  readonly messages: string[][] = [];
  readonly #folder: string;
  readonly #receiver: ReturnType<typeof spawn>;

  private constructor(folder: string, path: string, receiver: ReturnType<typeof spawn>) {
    this.#folder = folder;
    this.path = path;
    this.#receiver = receiver;
  }

  static async open(): Promise<NotifySocket> {
    const folder = await mkdtemp(join(tmpdir(), 'farshore-notify-'));
    const path = join(folder, 'socket');
    const receiver = spawn('perl', [join(import.meta.dirname, 'programs', 'notify-receiver.pl'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const socket = new NotifySocket(folder, path, receiver);
    const lines = createInterface({ input: receiver.stdout });
    const [first] = (await once(lines, 'line')) as [string];
    if (first !== 'bound') throw new Error(`the receiver said ${first}`);
    // BARRIER is what systemd-notify waits by; it says nothing of the service.
    lines.on('line', (line) => line === 'BARRIER=1' || socket.messages.push(line.split('\t')));
    return socket;
  }

  /** How many messages hold the assignment so far. */
  count(assignment: string): number {
    return this.messages.filter((message) => message.some((line) => line.startsWith(assignment))).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#receiver, 'close');
    this.#receiver.kill('SIGKILL');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
