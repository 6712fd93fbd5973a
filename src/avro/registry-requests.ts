import { FarshoreError } from '../model/errors.ts';
import type { HttpGet, HttpSend } from './contracts.ts';
import { jsonOf, saysMissing } from './registry-answers.ts';

export interface HttpRegistryOptions {
  /** Without credentials: it names the registry in the kept copies and in errors. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: (() => string) | undefined;
  readonly timeoutMs: number;
  readonly get: HttpGet;
  /** Left out where nothing is changed. */
  readonly send?: HttpSend;
}

/** Requests to one registry, and what its answers mean before anybody reads them. */
export class RegistryRequests {
  readonly name: string;
  readonly #options: HttpRegistryOptions;

  constructor(options: HttpRegistryOptions) {
    this.#options = options;
    this.name = options.url.replace(/\/+$/, '');
  }

  async ask<T>(path: string, read: (json: unknown) => T | undefined, signal: AbortSignal): Promise<T | 'missing'> {
    const answer = await this.askNewer(path, read, signal);
    if (answer !== 'unknown_path') return answer;
    throw unreachable(`registry ${this.name}${path}`, 'it answered 404', 'Check the url of the registry.');
  }

  /** A path that not every registry has: `unknown_path` for a 404 that does not say what is missing, of an older registry or of none at all. */
  async askNewer<T>(path: string, read: (json: unknown) => T | undefined, signal: AbortSignal): Promise<T | 'missing' | 'unknown_path'> {
    const { get, timeoutMs } = this.#options;
    const place = `registry ${this.name}${path}`;
    const { status, json } = await this.#exchange(
      place,
      () => get(`${this.name}${path}`, { headers: this.#headers(), timeoutMs, signal }),
      signal,
    );
    if (status === 404) return saysMissing(json) ? 'missing' : 'unknown_path';
    if (status === 401 || status === 403) throw unreachable(place, `it answered ${status}`, 'Check username and password of the registry.');
    if (status >= 300 && status < 500 && status !== 429)
      throw unreachable(place, `it answered ${status}`, 'Check the url of the registry.');
    if (status !== 200) throw unreachable(place, `it answered ${status}`, WAITING);
    const value = read(json);
    if (value === undefined) throw unreachable(place, 'its answer is not that of a schema registry', 'Check the url of the registry.');
    return value;
  }

  /** Sends a change. What the registry refuses for its content is answered, with its status; rejects with `registry_unreachable` for all else. */
  async send(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    value: unknown,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const { send, timeoutMs } = this.#options;
    const place = `registry ${this.name}${path}`;
    if (send === undefined) throw new FarshoreError('internal', `${place} is only read`);
    const headers = { ...this.#headers(), 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const body = value === undefined ? {} : { body: JSON.stringify(value) };
    const request = { method, headers, ...body, timeoutMs, signal };
    const { status, json } = await this.#exchange(place, () => send(`${this.name}${path}`, request), signal);
    if (method === 'DELETE' && KEEPS.has(status)) return { status, json };
    if (status === 401 || status === 403)
      throw unreachable(place, `it answered ${status}`, 'Check username, password and rights of the registry.');
    if (status === 200 || status === 409 || status === 422) return { status, json };
    throw unreachable(place, `it answered ${status}`, WAITING);
  }

  async #exchange(
    place: string,
    ask: () => ReturnType<HttpGet>,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    try {
      const { status, body } = await ask();
      return { status, json: jsonOf(body) };
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(place, error instanceof Error ? error.message : String(error), WAITING, error);
    }
  }

  #headers(): Readonly<Record<string, string>> {
    const { username, password } = this.#options;
    const accept = 'application/vnd.schemaregistry.v1+json, application/json';
    if (username === undefined) return { accept };
    return { accept, authorization: `Basic ${Buffer.from(`${username}:${password?.() ?? ''}`).toString('base64')}` };
  }
}

/** To a DELETE: not by this user, nothing there, not at all. */
const KEEPS: ReadonlySet<number> = new Set([403, 404, 405]);
const WAITING = 'Schemas seen before are kept in the regional database; new ones wait until it answers.';

export const unreachable = (place: string, why: string, hint: string, cause?: unknown): FarshoreError =>
  new FarshoreError('registry_unreachable', `The schema registry did not answer as it should: ${why}`, { place, hint, cause });
