import type { Command } from 'commander';
import { withoutFinalLineBreak } from '../config/interpolate.ts';
import { parseListen } from '../config/listen.ts';
import { loadAdmin } from '../config/load.ts';
import { Secret } from '../config/secret.ts';
import type { DaemonStatus, OffsetsView, RecordedAction } from '../model/status.ts';
import { CliError, type CliIo, UsageError } from './io.ts';

export interface DaemonOptions {
  readonly config?: string;
  readonly url?: string;
  readonly tokenFile?: string;
}

export const withDaemon = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration of the daemon; tells its address and token')
    .option('--url <url>', 'address of the daemon, such as http://127.0.0.1:8320')
    .option('--token-file <file>', 'file with the token that changes need');

const READ_TIMEOUT_MS = 10_000;
/** The daemon itself answers within 30 s that a change is taken but not done yet. */
const CHANGE_TIMEOUT_MS = 40_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** The HTTP API of one daemon. Errors the daemon answers with keep their code, place and hint. */
export class DaemonClient {
  readonly #io: CliIo;
  readonly #url: string;
  readonly #token: Secret | undefined;

  constructor(io: CliIo, url: string, token: Secret | undefined) {
    this.#io = io;
    this.#url = url;
    this.#token = token;
  }

  async status(): Promise<DaemonStatus> {
    return (await this.#exchange('GET', '/api/status')) as DaemonStatus;
  }

  async actions(query: Readonly<Record<string, string>>): Promise<{ readonly actions: readonly RecordedAction[] }> {
    return (await this.#exchange('GET', `/api/partitions/log?${new URLSearchParams(query)}`)) as {
      readonly actions: readonly RecordedAction[];
    };
  }

  async get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return await this.#exchange('GET', `${path}?${new URLSearchParams(query)}`);
  }

  async offsets(query: Readonly<Record<string, string>>): Promise<OffsetsView> {
    return (await this.#exchange('GET', `/api/offsets?${new URLSearchParams(query)}`)) as OffsetsView;
  }

  async post(path: string, body: unknown): Promise<unknown> {
    if (this.#token === undefined) {
      throw new UsageError('changes need the token of the daemon: give --token-file, or --config of a daemon with admin.tokenFile');
    }
    return await this.#exchange('POST', path, JSON.stringify(body));
  }

  async #exchange(method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> {
    const answer = await this.#io.send(`${this.#url}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token.reveal()}` }),
      },
      ...(body === undefined ? {} : { body }),
      timeoutMs: method === 'GET' ? READ_TIMEOUT_MS : CHANGE_TIMEOUT_MS,
      maxBodyBytes: MAX_ANSWER_BYTES,
      signal: this.#io.signal,
    });
    const value = parseJson(answer.body);
    if (answer.status >= 200 && answer.status < 300 && value !== undefined) return value;
    throw answeredError(answer.status, value, this.#url);
  }
}

/** Finds the daemon by --url, else by the configuration. Throws UsageError, ConfigProblems. */
export function daemonClient(io: CliIo, options: DaemonOptions): DaemonClient {
  if (options.url === undefined && options.config === undefined) throw new UsageError('name the daemon with --url URL or --config FILE');
  const admin = options.config === undefined ? undefined : loadAdmin(options.config, io);
  const url = options.url === undefined ? listenUrl(admin?.listen ?? '') : cleanUrl(options.url);
  const token = options.tokenFile === undefined ? admin?.token : tokenOf(io, options.tokenFile);
  return new DaemonClient(io, url, token);
}

/** The address to reach a listening one at: an address that stands for all of them is asked by loopback. */
function listenUrl(listen: string): string {
  const { host, port } = parseListen(listen)!;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function cleanUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new UsageError('--url is no http:// or https:// address');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function tokenOf(io: CliIo, file: string): Secret {
  let text: string;
  try {
    text = withoutFinalLineBreak(io.readFile(file));
  } catch {
    throw new UsageError(`the token file ${file} cannot be read`);
  }
  if (text.trim() === '') throw new UsageError(`the token file ${file} is empty`);
  return new Secret(text, file);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function answeredError(status: number, value: unknown, url: string): CliError {
  const field = (name: string): string | undefined => {
    const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    return typeof found === 'string' ? found : undefined;
  };
  const message = field('message');
  if (message === undefined) {
    return new CliError('answer_unexpected', `the answer, status ${status}, is not one of a Farshore daemon`, {
      place: url,
      hint: 'Is this the address under admin.listen?',
    });
  }
  return new CliError(field('code') ?? `status_${status}`, message, { place: field('place') ?? url, hint: field('hint') });
}
