import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { freePorts } from './ports.ts';

interface Version {
  readonly id: number;
  readonly schema: string;
  readonly schemaType: string;
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[];
  readonly isDeleted: boolean;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * A schema registry over real HTTP that answers and refuses as Confluent's does: ids are global and count on from the highest, a schema of the
 * same text keeps its id, IMPORT takes an id and nothing else, READWRITE gives one and takes none, and a subject that holds versions is put into
 * IMPORT by force only.
 */
export class ConfluentRegistry implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #subjects = new Map<string, Map<number, Version>>();
  readonly #modes = new Map<string, string>();
  /** Every change that was asked for, with what came of it. */
  readonly changes: string[] = [];
  /** While true every change is answered with 500. */
  failing = false;
  /** While true nobody may delete a version. */
  keeping = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<ConfluentRegistry> {
    const [port] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new ConfluentRegistry(server, port!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** As an application registers: answers the id it got. Throws as a client would. */
  register(subject: string, schema: object | string, references: Version['references'] = []): number {
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
    return this.#register(subject, { schema: text, references }).id;
  }

  /** As a version came to be there by another hand, whatever a client may do. */
  put(subject: string, version: number, held: { id: number; schema: object | string; references?: Version['references'] }): void {
    const { id, schema, references = [] } = held;
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
    const versions = this.#subjects.get(subject) ?? new Map<number, Version>();
    versions.set(version, { id, schema: text, schemaType: 'AVRO', references, isDeleted: false });
    this.#subjects.set(subject, versions);
  }

  /** Softly, as a DELETE without `permanent` does. */
  delete(subject: string, version: number): void {
    const versions = this.#subjects.get(subject)!;
    versions.set(version, { ...versions.get(version)!, isDeleted: true });
  }

  mode(subject: string): string {
    return this.#modes.get(subject) ?? 'READWRITE';
  }

  /** `subject/version` and id, and whether it is softly deleted. */
  get held(): readonly string[] {
    return [...this.#subjects]
      .flatMap(([subject, versions]) =>
        [...versions].map(([version, { id, isDeleted }]) => `${subject}/${version} ${id}${isDeleted ? ' deleted' : ''}`),
      )
      .toSorted();
  }

  #register(
    subject: string,
    body: { schema: string; id?: number; version?: number; schemaType?: string; references?: Version['references'] },
  ): { readonly id: number } {
    const { schema, id, schemaType = 'AVRO', references = [] } = body;
    const mode = this.mode(subject);
    if (id !== undefined && mode !== 'IMPORT') throw new Refusal(422, 42205, `Subject ${subject} is not in import mode`);
    if (id === undefined && mode !== 'READWRITE') throw new Refusal(422, 42205, `Subject ${subject} is not in read-write mode`);
    const all = [...this.#subjects.values()].flatMap((of) => [...of.values()]);
    const versions = this.#subjects.get(subject) ?? new Map<number, Version>();
    for (const one of references) {
      if (this.#subjects.get(one.subject)?.has(one.version) !== true)
        throw new Refusal(422, 42201, `No schema reference found for ${one.subject}`);
    }
    const same = [...versions.values()].find((one) => one.schema === schema && !one.isDeleted && (id === undefined || one.id === id));
    if (same !== undefined) return { id: same.id };
    if (id !== undefined && all.some((one) => one.id === id && one.schema !== schema))
      throw new Refusal(422, 42205, `Overwrite new schema with id ${id} is not permitted.`);
    const given = id ?? all.find((one) => one.schema === schema)?.id ?? Math.max(0, ...all.map((one) => one.id)) + 1;
    const version = body.version ?? Math.max(0, ...versions.keys()) + 1;
    versions.set(version, { id: given, schema, schemaType, references, isDeleted: false });
    this.#subjects.set(subject, versions);
    return { id: given };
  }

  #softDelete(subject: string, version: number): void {
    const versions = this.#subjects.get(subject);
    if (versions?.get(version)?.isDeleted !== false) throw new Refusal(404, 40402, `Version ${version} not found.`);
    const isReferred = [...this.#subjects.values()]
      .flatMap((of) => [...of.values()])
      .some(({ references, isDeleted }) => !isDeleted && references.some((one) => one.subject === subject && one.version === version));
    if (isReferred) throw new Refusal(422, 42206, `One or more references exist to the schema`);
    this.delete(subject, version);
    // With its last live version a subject loses its mode.
    if ([...versions.values()].every(({ isDeleted }) => isDeleted)) this.#modes.delete(subject);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', this.url);
    const change = `${request.method} ${url.pathname}${url.search}`;
    let [status, value]: [number, unknown] = [200, undefined];
    try {
      if (request.method !== 'GET' && this.failing) throw new Refusal(500, 50001, 'Error in the backend data store');
      const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>);
      value = this.#answer(request.method ?? 'GET', url, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      [status, value] = [error.status, { error_code: error.code, message: error.message }];
    }
    if (request.method !== 'GET') this.changes.push(`${change} ${status}`);
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(value));
  }

  #answer(method: string, { pathname, searchParams }: URL, body: Record<string, unknown>): unknown {
    const [room, name, what, number] = pathname.slice(1).split('/').map(decodeURIComponent);
    const isShown = ({ isDeleted }: Version): boolean => !isDeleted || searchParams.get('deleted') === 'true';
    const versionsOf = (subject: string) => [...(this.#subjects.get(subject) ?? [])].filter(([, version]) => isShown(version));
    if (method === 'PUT' && room === 'mode' && name !== undefined) {
      if (body.mode === 'IMPORT' && versionsOf(name).length > 0 && searchParams.get('force') !== 'true')
        throw new Refusal(422, 42205, `Cannot import since found existing subjects`);
      this.#modes.set(name, String(body.mode));
      return { mode: body.mode };
    }
    if (method === 'POST' && room === 'subjects' && name !== undefined && what === 'versions') {
      return this.#register(name, body as { schema: string });
    }
    if (method === 'DELETE' && room === 'subjects' && name !== undefined && what === 'versions') {
      if (this.keeping) throw new Refusal(403, 40301, 'User is denied operation Delete');
      this.#softDelete(name, Number(number));
      return Number(number);
    }
    if (method !== 'GET') throw new Refusal(405, 405, 'HTTP 405 Method Not Allowed');
    if (room === 'mode') {
      if (name === undefined) return { mode: 'READWRITE' };
      const mode = this.#modes.get(name);
      if (mode === undefined) throw new Refusal(404, 40409, `Subject '${name}' does not have subject-level mode configured`);
      return { mode };
    }
    if (room === 'config') {
      if (name === undefined) return { compatibilityLevel: 'BACKWARD' };
      throw new Refusal(404, 40408, `Subject '${name}' does not have subject-level compatibility configured`);
    }
    if (room === 'schemas' && name === 'ids') {
      const found = [...this.#subjects.values()].flatMap((of) => [...of.values()]).find(({ id }) => id === Number(what));
      if (found === undefined) throw new Refusal(404, 40403, `Schema ${what} not found`);
      return { schema: found.schema, references: found.references };
    }
    if (room !== 'subjects') throw new Refusal(404, 404, 'HTTP 404 Not Found');
    if (name === undefined) return [...this.#subjects.keys()].filter((subject) => versionsOf(subject).length > 0);
    const versions = versionsOf(name);
    if (versions.length === 0) throw new Refusal(404, 40401, `Subject '${name}' not found.`);
    if (number === undefined) return versions.map(([version]) => version);
    const found = number === 'latest' ? versions.at(-1) : versions.find(([version]) => version === Number(number));
    if (found === undefined) throw new Refusal(404, 40402, `Version ${number} not found.`);
    const [version, { id, schema, schemaType, references }] = found;
    return { subject: name, version, id, schema, ...(schemaType === 'AVRO' ? {} : { schemaType }), references };
  }
}
