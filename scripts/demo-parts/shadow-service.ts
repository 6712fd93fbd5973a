import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';

/** Where and what the region's service answers wrong; the primary's does not. */
export const INJECTED_PATH = 'GET /invoices/{id}#$.total';

/** What differs between any two answers of one side, by design of the service. */
export const NOISE = {
  ids: 'requestId',
  times: 'servedAt',
  order: 'items',
} as const;

export interface ServiceOptions {
  readonly databaseUrl: string;
  /** Rounds totals in yen down to hundreds: somebody's rule of another country. */
  readonly bug: boolean;
}

/** A small billing service: every answer has an id and a time of its own, lists come in no order. */
export class BillingService implements AsyncDisposable {
  readonly #pool: pg.Pool;
  readonly #server;
  readonly #bug: boolean;
  /** Requests by method, as they came in. */
  readonly asked = new Map<string, number>();

  private constructor(options: ServiceOptions) {
    this.#bug = options.bug;
    this.#pool = new pg.Pool({ connectionString: options.databaseUrl, max: 4 });
    this.#pool.on('error', () => undefined);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.writeHead(500).end());
    });
  }

  static async start(options: ServiceOptions): Promise<BillingService> {
    const service = new BillingService(options);
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#pool.end();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.asked.set(method, (this.asked.get(method) ?? 0) + 1);
    request.resume();
    const [, resource, id = '', part] = url.split('?', 1)[0]!.split('/');
    if (method === 'POST') return send(response, 202, { accepted: true });
    if (resource === 'invoices' && part === undefined) return send(response, ...(await this.#invoice(id)));
    if (resource === 'accounts' && part === 'invoices') return send(response, 200, { items: shuffled(await this.#invoicesOf(id)) });
    if (resource === 'accounts' && part === undefined) return send(response, ...found(await this.#row('accounts', id)));
    send(response, 404, { message: 'nothing is here' });
  }

  async #invoice(id: string): Promise<Answer> {
    const row = await this.#row('invoices', id);
    if (this.#bug && row?.currency === 'JPY') return [200, { ...row, total: Math.floor(Number(row.total) / 100) * 100 }];
    return found(row);
  }

  async #row(table: 'accounts' | 'invoices', id: string): Promise<Row | undefined> {
    const { rows } = await this.#pool.query<{ row: Row }>(
      `select to_jsonb(t) - 'farshore_version' as row from ${table} t where id::text = $1`,
      [id],
    );
    return rows[0]?.row;
  }

  async #invoicesOf(account: string): Promise<readonly Row[]> {
    const { rows } = await this.#pool.query<{ row: Row }>(
      `select to_jsonb(t) - 'farshore_version' - 'lines' as row from invoices t where account_id::text = $1`,
      [account],
    );
    return rows.map(({ row }) => row);
  }
}

type Row = Readonly<Record<string, unknown>>;
type Answer = readonly [status: number, body: Row];

const found = (row: Row | undefined): Answer => (row === undefined ? [404, { message: 'no such row' }] : [200, row]);

function send(response: ServerResponse, status: number, body: Row): void {
  const text = JSON.stringify({ [NOISE.ids]: randomUUID(), [NOISE.times]: new Date().toISOString(), ...body });
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!];
  }
  return mixed;
}
