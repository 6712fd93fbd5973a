import { FarshoreError } from '../model/errors.ts';
import type { SchemaRegistry } from './contracts.ts';
import {
  compatibilityAnswer,
  type Reference,
  type SchemaAnswer,
  schemaAnswer,
  subjectsAnswer,
  versionsAnswer,
} from './registry-answers.ts';
import { type HttpRegistryOptions, RegistryRequests, unreachable } from './registry-requests.ts';
import { schemaText } from './schema-text.ts';

const MAX_REFERENCES = 100;
/** Softly deleted ones too: records that name them are still in the logs, and a region needs them once this registry is gone. */
const DELETED = '?deleted=true';

/** Confluent's registry API, which Apicurio and Karapace speak too. */
export function httpRegistry(options: HttpRegistryOptions): SchemaRegistry {
  return new HttpRegistry(options);
}

/** References that were looked at: names, and `subject/version`. */
interface Visited {
  readonly names: Set<string>;
  readonly versions: Set<string>;
}

class HttpRegistry implements SchemaRegistry {
  readonly name: string;
  readonly #requests: RegistryRequests;
  /** Ids by `subject/version`: a version never changes, so a look at the registry asks for new ones only. */
  readonly #ids = new Map<string, string | undefined>();

  constructor(options: HttpRegistryOptions) {
    this.#requests = new RegistryRequests(options);
    this.name = this.#requests.name;
  }

  async byRef(ref: string, signal: AbortSignal): Promise<string | 'missing'> {
    const answer = ref.includes('-')
      ? await this.#byGuid(ref, signal)
      : await this.#requests.ask(`/schemas/ids/${ref}`, schemaAnswer, signal);
    if (answer === 'missing') return 'missing';
    if (answer.type !== 'AVRO')
      throw new FarshoreError('schema_unusable', `Schema ${ref} is ${answer.type}, not Avro`, { place: `schema ${ref}` });
    const texts: string[] = [];
    await this.#collect(answer.references, { names: new Set(), versions: new Set() }, texts, signal);
    return schemaText(answer.schema, texts);
  }

  async refs(signal: AbortSignal): Promise<readonly string[]> {
    const subjects = await this.#subjects(DELETED, signal);
    const ids = new Set<string>();
    for (const subject of subjects) {
      const versions = await this.#requests.ask(`/subjects/${encodeURIComponent(subject)}/versions${DELETED}`, versionsAnswer, signal);
      // A subject can go between the two questions.
      for (const version of versions === 'missing' ? [] : versions) {
        const id = await this.#idOf(subject, version, signal);
        if (id !== undefined) ids.add(id);
      }
    }
    return [...ids];
  }

  async newest(subject: string, signal: AbortSignal): Promise<string | 'missing'> {
    const answer = await this.#requests.ask(`/subjects/${encodeURIComponent(subject)}/versions/latest`, schemaAnswer, signal);
    if (answer === 'missing' || answer.id === undefined) return 'missing';
    if (answer.type !== 'AVRO')
      throw new FarshoreError('schema_unusable', `The newest schema of ${subject} is ${answer.type}, not Avro`, { place: subject });
    return String(answer.id);
  }

  async compatibility(subject: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`;
    const mode = await this.#requests.ask(path, compatibilityAnswer, signal);
    return mode === 'missing' ? undefined : mode;
  }

  /** A registry older than GUIDs has none, and 16 bytes of a record that is no Avro are taken for one: waiting for it would not end. */
  async #byGuid(guid: string, signal: AbortSignal): Promise<SchemaAnswer | 'missing'> {
    const answer = await this.#requests.askNewer(`/schemas/guids/${guid}`, schemaAnswer, signal);
    if (answer !== 'unknown_path') return answer;
    // What answers like a registry here is one. Rejects where it is not: a proxy says nothing of schemas.
    await this.#subjects('?limit=1', signal);
    return 'missing';
  }

  async #subjects(query: string, signal: AbortSignal): Promise<readonly string[]> {
    const subjects = await this.#requests.ask(`/subjects${query}`, subjectsAnswer, signal);
    if (subjects === 'missing') throw unreachable(`registry ${this.name}/subjects`, 'it answered 404', 'Check the url of the registry.');
    return subjects;
  }

  /** Undefined for a schema that is not Avro, or gone. */
  async #idOf(subject: string, version: number, signal: AbortSignal): Promise<string | undefined> {
    const key = `${subject}/${version}`;
    if (this.#ids.has(key)) return this.#ids.get(key);
    const answer = await this.#version({ name: '', subject, version }, signal);
    if (answer === 'missing') return undefined;
    const id = answer.id === undefined || answer.type !== 'AVRO' ? undefined : String(answer.id);
    this.#ids.set(key, id);
    return id;
  }

  /**
   * Depth first: what a schema refers to stands before it. Of a name that is reached in several versions the first one stands, as Confluent's own
   * clients have it: both texts would define the name twice.
   */
  async #collect(references: readonly Reference[], visited: Visited, texts: string[], signal: AbortSignal): Promise<void> {
    const { names, versions } = visited;
    for (const reference of references) {
      const key = `${reference.subject}/${reference.version}`;
      if (versions.has(key) || names.has(reference.name)) continue;
      if (versions.size >= MAX_REFERENCES)
        throw new FarshoreError('schema_unusable', `A schema refers to more than ${MAX_REFERENCES} others`, { place: key });
      // Before its own are looked at, so that schemas which refer to each other end.
      versions.add(key);
      if (reference.name !== '') names.add(reference.name);
      const answer = await this.#version(reference, signal);
      if (answer === 'missing')
        throw new FarshoreError('schema_unusable', `A schema refers to ${key}, which the registry does not have`, { place: key });
      await this.#collect(answer.references, visited, texts, signal);
      texts.push(answer.schema);
    }
  }

  #version({ subject, version }: Reference, signal: AbortSignal): Promise<SchemaAnswer | 'missing'> {
    return this.#requests.ask(`/subjects/${encodeURIComponent(subject)}/versions/${version}${DELETED}`, schemaAnswer, signal);
  }
}
