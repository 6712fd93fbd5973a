import { join } from 'node:path';
import { type SupervisedServer, supervise } from '../../test/rig/supervised.ts';

const root = join(import.meta.dirname, '../..');
/** The daemon promises to end within 10 s of SIGTERM. */
const STOP_GRACE_MS = 15_000;

/**
 * The daemon as an operator would run it: its own process, from a configuration file. When it dies it is
 * started again, as systemd or Kubernetes would; it cannot outlive the demo unless it is released.
 */
export class DaemonProcess {
  readonly #configFile: string;
  readonly #logFile: string;
  #server: SupervisedServer | undefined;
  #wanted = true;
  #restarts = 0;
  #failure: unknown;

  constructor(options: { readonly configFile: string; readonly logFile: string }) {
    this.#configFile = options.configFile;
    this.#logFile = options.logFile;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** Why it could not be started again, if so. */
  get failure(): unknown {
    return this.#failure;
  }

  async start(): Promise<void> {
    const server = await supervise({
      command: process.execPath,
      args: [join(root, 'src/main.ts'), 'run', '--config', this.#configFile],
      cwd: root,
      env: {},
      logFile: this.#logFile,
      orphanSignal: 'SIGTERM',
      orphanGraceMs: STOP_GRACE_MS,
    });
    this.#server = server;
    void this.#restartAfter(server);
  }

  async #restartAfter(server: SupervisedServer): Promise<void> {
    const { code } = await server.exit;
    if (!this.#wanted || this.#server !== server) return;
    // EX_CONFIG: the same configuration will not be better the next time.
    if (code === 78) {
      this.#failure = new Error(`the daemon refused its configuration; see ${this.#logFile}`);
      return;
    }
    this.#restarts++;
    await this.start().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** SIGKILL; resolves when the process is gone. Its successor is started at once. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) throw new Error('the daemon is not running');
    server.signal('SIGKILL');
    await server.exit;
  }

  /** SIGTERM; answers the exit code. */
  async stop(): Promise<number | null> {
    this.#wanted = false;
    const server = this.#server;
    if (server === undefined) return null;
    await server.end('SIGTERM', STOP_GRACE_MS);
    return (await server.exit).code;
  }

  /** Leaves it running when the demo ends. */
  async release(): Promise<void> {
    this.#wanted = false;
    await this.#server?.release();
  }
}
