import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './ports.ts';
import { type SupervisedServer, supervise, waitUntilReady } from './supervised.ts';
import { toxiproxyProgram } from './toxiproxy-build.ts';

/** `upstream` is what the client says, `downstream` what the server answers. */
export type Direction = 'upstream' | 'downstream';

/** A black hole keeps connections open and passes nothing; its connections are closed when it is removed. */
export type Toxic =
  | { readonly type: 'latency'; readonly attributes: { readonly latency: number; readonly jitter: number } }
  /** In KB/s. */
  | { readonly type: 'bandwidth'; readonly attributes: { readonly rate: number } }
  /** Sizes in bytes, the pause after each slice in µs. */
  | {
      readonly type: 'slicer';
      readonly attributes: { readonly average_size: number; readonly size_variation: number; readonly delay: number };
    }
  | { readonly type: 'timeout'; readonly attributes: { readonly timeout: 0 } }
  /** Connections made while it stands end by a TCP reset at their first byte. */
  | { readonly type: 'reset_peer'; readonly attributes: { readonly timeout: number } };

const answerWithinMs = 20_000;
const readyDeadlineMs = 15_000;

type Ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

/** One proxied address. */
export class ProxiedLink {
  readonly name: string;
  readonly port: number;
  readonly #ask: Ask;
  #toxics: string[] = [];

  constructor(name: string, port: number, ask: Ask) {
    this.name = name;
    this.port = port;
    this.#ask = ask;
  }

  /** Counts for connections that stand, and for new ones. */
  async add(toxic: Toxic, direction: Direction): Promise<void> {
    const name = `${toxic.type}_${direction}`;
    await this.#ask('POST', `/proxies/${this.name}/toxics`, { name, type: toxic.type, stream: direction, attributes: toxic.attributes });
    this.#toxics.push(name);
  }

  async removeToxics(): Promise<void> {
    const toxics = this.#toxics;
    this.#toxics = [];
    for (const name of toxics) await this.#ask('DELETE', `/proxies/${this.name}/toxics/${name}`);
  }

  /** Closes every connection and refuses new ones. */
  async down(): Promise<void> {
    await this.#ask('POST', `/proxies/${this.name}`, { enabled: false });
  }

  async up(): Promise<void> {
    await this.#ask('POST', `/proxies/${this.name}`, { enabled: true });
  }
}

/** A toxiproxy server on loopback; it ends with this process, however this process ends. */
export class Toxiproxy implements AsyncDisposable {
  readonly #server: SupervisedServer;
  readonly #folder: string;
  readonly #url: string;

  private constructor(server: SupervisedServer, folder: string, url: string) {
    this.#server = server;
    this.#folder = folder;
    this.#url = url;
  }

  /** Builds the program when it is not there. Throws ToxiproxyMissing where it cannot be had. */
  static async start(): Promise<Toxiproxy> {
    const command = await toxiproxyProgram();
    const [port = 0] = await freePorts(1);
    const folder = await mkdtemp(join(tmpdir(), 'farshore-toxiproxy-'));
    const logFile = join(folder, 'toxiproxy.log');
    const server = await supervise({
      command,
      args: ['-host', '127.0.0.1', '-port', String(port)],
      cwd: '/',
      env: { LOG_LEVEL: 'warn' },
      logFile,
      orphanSignal: 'SIGKILL',
      orphanGraceMs: 0,
      temporaryDirectory: folder,
    });
    const proxy = new Toxiproxy(server, folder, `http://127.0.0.1:${port}`);
    const isReady = async (): Promise<boolean> => {
      const answer = await fetch(`${proxy.#url}/version`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
      await answer?.arrayBuffer();
      return answer?.ok ?? false;
    };
    try {
      await waitUntilReady({ name: 'toxiproxy', server, isReady, deadlineMs: readyDeadlineMs, logFile });
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
    return proxy;
  }

  /** `port` of this machine leads to its port `upstreamPort`. */
  async proxy(name: string, port: number, upstreamPort: number): Promise<ProxiedLink> {
    await this.#ask('POST', '/proxies', { name, listen: `127.0.0.1:${port}`, upstream: `127.0.0.1:${upstreamPort}`, enabled: true });
    return new ProxiedLink(name, port, this.#ask);
  }

  readonly #ask: Ask = async (method, path, body) => {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      signal: AbortSignal.timeout(answerWithinMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path} was answered with ${answer.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.end('SIGTERM', 2_000);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
