import { FarshoreError } from '../model/errors.ts';
import type { HttpGet, SchemaRegistry } from './contracts.ts';
import {
  compatibilityAnswer,
  jsonOf,
  type Reference,
  type SchemaAnswer,
  saysMissing,
  schemaAnswer,
  subjectsAnswer,
  versionsAnswer,
} from './registry-answers.ts';
import { schemaText } from './schema-text.ts';

export interface HttpRegistryOptions {
  /** Without credentials: it names the registry in the kept copies and in errors. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: (() => string) | undefined;
  readonly timeoutMs: number;
  readonly get: HttpGet;
}

const MAX_REFERENCES = 100;

/** Confluent's registry API, which Apicurio and Karapace speak too. */
export function httpRegistry(options: HttpRegistryOptions): SchemaRegistry {
  return new HttpRegistry(options);
}

class HttpRegistry implements SchemaRegistry {
  readonly name: string;
  readonly #options: HttpRegistryOptions;
  /** Ids by `subject/version`: a version never changes, so a look at the registry asks for new ones only. */
  readonly #ids = new Map<string, string | undefined>();

  constructor(options: HttpRegistryOptions) {
    this.#options = options;
    this.name = options.url.replace(/\/+$/, '');
  }

  async byRef(ref: string, signal: AbortSignal): Promise<string | 'missing'> {
    const answer = await this.#ask(ref.includes('-') ? `/schemas/guids/${ref}` : `/schemas/ids/${ref}`, schemaAnswer, signal);
    if (answer === 'missing') return 'missing';
    if (answer.type !== 'AVRO')
      throw new FarshoreError('schema_unusable', `Schema ${ref} is ${answer.type}, not Avro`, { place: `schema ${ref}` });
    const texts = new Map<string, string>();
    await this.#collect(answer.references, texts, signal);
    return schemaText(answer.schema, [...texts.values()]);
  }

  async refs(signal: AbortSignal): Promise<readonly string[]> {
    const subjects = await this.#ask('/subjects', subjectsAnswer, signal);
    if (subjects === 'missing') throw unreachable(`registry ${this.name}/subjects`, 'it answered 404', 'Check the url of the registry.');
    const ids = new Set<string>();
    for (const subject of subjects) {
      const versions = await this.#ask(`/subjects/${encodeURIComponent(subject)}/versions`, versionsAnswer, signal);
      // A subject can go between the two questions.
      for (const version of versions === 'missing' ? [] : versions) {
        const id = await this.#idOf(subject, version, signal);
        if (id !== undefined) ids.add(id);
      }
    }
    return [...ids];
  }

  async newest(subject: string, signal: AbortSignal): Promise<string | 'missing'> {
    const answer = await this.#ask(`/subjects/${encodeURIComponent(subject)}/versions/latest`, schemaAnswer, signal);
    if (answer === 'missing' || answer.id === undefined) return 'missing';
    if (answer.type !== 'AVRO')
      throw new FarshoreError('schema_unusable', `The newest schema of ${subject} is ${answer.type}, not Avro`, { place: subject });
    return String(answer.id);
  }

  async compatibility(subject: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`;
    const mode = await this.#ask(path, compatibilityAnswer, signal);
    return mode === 'missing' ? undefined : mode;
  }

  /** Undefined for a schema that is not Avro, or gone. */
  async #idOf(subject: string, version: number, signal: AbortSignal): Promise<string | undefined> {
    const key = `${subject}/${version}`;
    if (this.#ids.has(key)) return this.#ids.get(key);
    const answer = await this.#version({ subject, version }, signal);
    if (answer === 'missing') return undefined;
    const id = answer.id === undefined || answer.type !== 'AVRO' ? undefined : String(answer.id);
    this.#ids.set(key, id);
    return id;
  }

  /** Depth first: what a schema refers to stands before it. */
  async #collect(references: readonly Reference[], texts: Map<string, string>, signal: AbortSignal): Promise<void> {
    for (const reference of references) {
      const key = `${reference.subject}/${reference.version}`;
      if (texts.has(key)) continue;
      if (texts.size >= MAX_REFERENCES)
        throw new FarshoreError('schema_unusable', `A schema refers to more than ${MAX_REFERENCES} others`, { place: key });
      const answer = await this.#version(reference, signal);
      if (answer === 'missing')
        throw new FarshoreError('schema_unusable', `A schema refers to ${key}, which the registry does not have`, { place: key });
      // Its place is taken first, so that schemas which refer to each other end; put again, it stands behind its own.
      texts.set(key, answer.schema);
      await this.#collect(answer.references, texts, signal);
      texts.delete(key);
      texts.set(key, answer.schema);
    }
  }

  #version({ subject, version }: Reference, signal: AbortSignal): Promise<SchemaAnswer | 'missing'> {
    return this.#ask(`/subjects/${encodeURIComponent(subject)}/versions/${version}`, schemaAnswer, signal);
  }

  async #ask<T>(path: string, read: (json: unknown) => T | undefined, signal: AbortSignal): Promise<T | 'missing'> {
    const { get, timeoutMs } = this.#options;
    const place = `registry ${this.name}${path}`;
    let answer: Awaited<ReturnType<HttpGet>>;
    try {
      answer = await get(`${this.name}${path}`, { headers: this.#headers(), timeoutMs, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(place, error instanceof Error ? error.message : String(error), WAITING, error);
    }
    const { status, body } = answer;
    const json = jsonOf(body);
    if (status === 404 && saysMissing(json)) return 'missing';
    if (status === 401 || status === 403) throw unreachable(place, `it answered ${status}`, 'Check username and password of the registry.');
    if (status >= 300 && status < 500 && status !== 429)
      throw unreachable(place, `it answered ${status}`, 'Check the url of the registry.');
    if (status !== 200) throw unreachable(place, `it answered ${status}`, WAITING);
    const value = read(json);
    if (value === undefined) throw unreachable(place, 'its answer is not that of a schema registry', 'Check the url of the registry.');
    return value;
  }

  #headers(): Readonly<Record<string, string>> {
    const { username, password } = this.#options;
    const accept = 'application/vnd.schemaregistry.v1+json, application/json';
    if (username === undefined) return { accept };
    return { accept, authorization: `Basic ${Buffer.from(`${username}:${password?.() ?? ''}`).toString('base64')}` };
  }
}

const WAITING = 'Schemas seen before are kept in the regional database; new ones wait until it answers.';

const unreachable = (place: string, why: string, hint: string, cause?: unknown): FarshoreError =>
  new FarshoreError('registry_unreachable', `The schema registry did not answer as it should: ${why}`, { place, hint, cause });
