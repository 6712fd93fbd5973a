import { FarshoreError } from '../model/errors.ts';
import type { ImportingRegistry, SubjectVersion } from './contracts.ts';
import { modeAnswer, refusalText, registeredAnswer, schemaAnswer, subjectsAnswer, versionsAnswer } from './registry-answers.ts';
import { type HttpRegistryOptions, RegistryRequests, unreachable } from './registry-requests.ts';

const DELETED = '?deleted=true';
/** What a registry without modes does, and one that was never told otherwise. */
const UNTOLD = 'READWRITE';

/** The subjects of a registry with Confluent's API, and how it takes those of another. */
export function subjectVersions(options: HttpRegistryOptions): ImportingRegistry {
  return new HttpSubjects(options);
}

class HttpSubjects implements ImportingRegistry {
  readonly name: string;
  readonly #requests: RegistryRequests;
  /** A version never changes. */
  readonly #ids = new Map<string, number>();

  constructor(options: HttpRegistryOptions) {
    this.#requests = new RegistryRequests(options);
    this.name = this.#requests.name;
  }

  async list(signal: AbortSignal): Promise<readonly { readonly subject: string; readonly version: number }[]> {
    const subjects = await this.#requests.ask(`/subjects${DELETED}`, subjectsAnswer, signal);
    if (subjects === 'missing') throw unreachable(`registry ${this.name}/subjects`, 'it answered 404', 'Check the url of the registry.');
    const all: { readonly subject: string; readonly version: number }[] = [];
    for (const subject of subjects) {
      const versions = await this.#requests.ask(`/subjects/${encodeURIComponent(subject)}/versions${DELETED}`, versionsAnswer, signal);
      // A subject can go between the two questions.
      for (const version of versions === 'missing' ? [] : versions) all.push({ subject, version });
    }
    return all;
  }

  /** Asked twice for a deleted one: an answer does not say of itself whether its version is deleted. */
  async read(subject: string, version: number, signal: AbortSignal): Promise<SubjectVersion | 'missing'> {
    const live = await this.#read(subject, version, '', signal);
    return live === 'missing' ? await this.#read(subject, version, DELETED, signal) : live;
  }

  async highestId(signal: AbortSignal): Promise<number> {
    let highest = 0;
    for (const { subject, version } of await this.list(signal)) {
      const key = `${subject}/${version}`;
      let id = this.#ids.get(key);
      if (id === undefined) {
        const read = await this.#read(subject, version, DELETED, signal);
        if (read === 'missing') continue;
        ({ id } = read);
        this.#ids.set(key, id);
      }
      highest = Math.max(highest, id);
    }
    return highest;
  }

  async mode(subject: string, signal: AbortSignal): Promise<string> {
    const own = await this.#requests.ask(`/mode/${encodeURIComponent(subject)}`, modeAnswer, signal);
    if (own !== 'missing') return own;
    const overall = await this.#requests.ask('/mode', modeAnswer, signal);
    return overall === 'missing' ? UNTOLD : overall;
  }

  async setMode(subject: string, mode: 'IMPORT' | 'READWRITE', signal: AbortSignal): Promise<void> {
    // Forced: without it a subject that holds versions, as after a revert, is not put into IMPORT.
    const { status, json } = await this.#requests.send('PUT', `/mode/${encodeURIComponent(subject)}?force=true`, { mode }, signal);
    if (status === 200) return;
    throw unreachable(
      `registry ${this.name}, mode of ${subject}`,
      refusalText(json),
      'The registry must let modes change: mode.mutability=true.',
    );
  }

  async register({ subject, version, id, schema, type, references }: SubjectVersion, signal: AbortSignal): Promise<void> {
    const body = { schema, schemaType: type, references, id, version };
    const { status, json } = await this.#requests.send('POST', `/subjects/${encodeURIComponent(subject)}/versions`, body, signal);
    const given = registeredAnswer(json);
    if (status === 200 && given === id) return;
    const why = status === 200 ? `it gave the id ${given ?? 'nothing'}` : refusalText(json);
    throw new FarshoreError('schema_conflict', `${this.name} does not take ${subject}/${version} with the id ${id}: ${why}`, {
      place: `schema ${id}`,
      hint: 'Find out which registry issued the id twice: records that name it mean one of the two.',
    });
  }

  async remove(subject: string, version: number, signal: AbortSignal): Promise<void> {
    // Refused while a live version refers to it, or to this user: then it stays live, which no record minds.
    await this.#requests.send('DELETE', `/subjects/${encodeURIComponent(subject)}/versions/${version}`, undefined, signal);
  }

  async #read(subject: string, version: number, deleted: '' | typeof DELETED, signal: AbortSignal): Promise<SubjectVersion | 'missing'> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
    const answer = await this.#requests.ask(`${path}${deleted}`, schemaAnswer, signal);
    if (answer === 'missing') return 'missing';
    if (answer.id === undefined)
      throw unreachable(`registry ${this.name}${path}`, 'its answer has no id', 'Check the url of the registry.');
    const { id, schema, type, references } = answer;
    return { subject, version, id, schema, type, references, deleted: deleted === DELETED };
  }
}
