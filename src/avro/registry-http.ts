import { FarshoreError } from '../model/errors.ts';
import type { HttpGet, SchemaRegistry } from './contracts.ts';
import { schemaText } from './schema-text.ts';

export interface HttpRegistryOptions {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: (() => string) | undefined;
  readonly timeoutMs: number;
  readonly get: HttpGet;
}

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

interface SchemaAnswer {
  readonly id?: number;
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly Reference[];
}

const MAX_REFERENCES = 100;

/** Confluent's registry API, which Apicurio and Karapace speak too. */
export function httpRegistry(options: HttpRegistryOptions): SchemaRegistry {
  const base = options.url.replace(/\/+$/, '');

  const ask = async <T>(path: string, signal: AbortSignal): Promise<T | 'missing'> => {
    const place = `registry ${base}${path}`;
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' };
    if (options.username !== undefined) {
      headers.authorization = `Basic ${Buffer.from(`${options.username}:${options.password?.() ?? ''}`).toString('base64')}`;
    }
    let answer: { readonly status: number; readonly body: string };
    try {
      answer = await options.get(`${base}${path}`, { headers, timeoutMs: options.timeoutMs, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(place, error instanceof Error ? error.message : String(error), error);
    }
    if (answer.status === 404) return 'missing';
    if (answer.status !== 200) throw unreachable(place, `it answered ${answer.status}`, undefined);
    try {
      return JSON.parse(answer.body) as T;
    } catch (error) {
      throw unreachable(place, 'its answer is no JSON', error);
    }
  };

  const resolve = async (answer: SchemaAnswer, ref: string, signal: AbortSignal): Promise<string> => {
    if (answer.schemaType !== undefined && answer.schemaType !== 'AVRO') {
      throw new FarshoreError('schema_unusable', `Schema ${ref} is ${answer.schemaType}, not Avro`, { place: `schema ${ref}` });
    }
    const texts = new Map<string, string>();
    await collect(answer.references ?? [], texts, signal);
    return schemaText(answer.schema, [...texts.values()]);
  };

  /** Depth first: what a schema refers to stands before it. */
  const collect = async (references: readonly Reference[], texts: Map<string, string>, signal: AbortSignal): Promise<void> => {
    for (const { subject, version } of references) {
      const key = `${subject}/${version}`;
      if (texts.has(key)) continue;
      if (texts.size >= MAX_REFERENCES)
        throw new FarshoreError('schema_unusable', `A schema refers to more than ${MAX_REFERENCES} others`, { place: key });
      const answer = await ask<SchemaAnswer>(`/subjects/${encodeURIComponent(subject)}/versions/${version}`, signal);
      if (answer === 'missing')
        throw new FarshoreError('schema_unusable', `A schema refers to ${key}, which the registry does not have`, { place: key });
      await collect(answer.references ?? [], texts, signal);
      texts.set(key, answer.schema);
    }
  };

  return {
    name: base,
    async byRef(ref, signal) {
      const answer = await ask<SchemaAnswer>(ref.includes('-') ? `/schemas/guids/${ref}` : `/schemas/ids/${ref}`, signal);
      return answer === 'missing' ? 'missing' : await resolve(answer, ref, signal);
    },
    async refs(signal) {
      const subjects = await ask<readonly string[]>('/subjects', signal);
      const ids = new Set<string>();
      for (const subject of subjects === 'missing' ? [] : subjects) {
        const path = `/subjects/${encodeURIComponent(subject)}/versions`;
        const versions = await ask<readonly number[]>(path, signal);
        for (const version of versions === 'missing' ? [] : versions) {
          const answer = await ask<SchemaAnswer>(`${path}/${version}`, signal);
          if (answer !== 'missing' && answer.id !== undefined && (answer.schemaType ?? 'AVRO') === 'AVRO') ids.add(String(answer.id));
        }
      }
      return [...ids];
    },
  };
}

const unreachable = (place: string, why: string, cause: unknown): FarshoreError =>
  new FarshoreError('registry_unreachable', `The schema registry did not answer: ${why}`, {
    place,
    cause,
    hint: 'Schemas seen before are kept in the regional database; new ones wait until it answers.',
  });
