import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A schema registry that knows one schema under every id, and that can go away or answer otherwise. */
export class TrialRegistry implements AsyncDisposable {
  /** What it answers with; only at 200 there is a schema. */
  status = 200;
  readonly #schema: string;
  #server: Server;
  #port = 0;

  private constructor(schema: string) {
    this.#schema = schema;
    this.#server = this.#make();
  }

  static async start(schema: string): Promise<TrialRegistry> {
    const registry = new TrialRegistry(schema);
    await registry.#listen();
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async restart(): Promise<void> {
    this.#server = this.#make();
    await this.#listen();
  }

  #make(): Server {
    return createServer((request, response) => {
      const body = request.url?.startsWith('/schemas/ids/') ? { schema: this.#schema } : [];
      response.writeHead(this.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.status === 200 ? body : { message: 'later' }));
    });
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }
}
