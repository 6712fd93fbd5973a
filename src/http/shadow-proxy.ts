import { randomUUID } from 'node:crypto';
import type { ClientRequest, Agent as HttpAgent, IncomingMessage, ServerResponse } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Door } from '../shadow/door.ts';
import { isAsked, type SafeRoute } from '../shadow/safe-routes.ts';
import { guardedLookup } from './address-guard.ts';
import { HeldBytes, headerPairs } from './held-bytes.ts';
import { type ListeningServer, listening } from './listening.ts';
import { http, https } from './node-http.ts';
import { forwardedRequest, forwardedResponse } from './proxy-headers.ts';

export interface ShadowProxyOptions {
  readonly host: string;
  readonly port: number;
  readonly primary: {
    readonly origin: string;
    /** Undefined: the user's own Host header goes on. */
    readonly host: string | undefined;
    readonly allowInside: boolean;
    readonly ca: string | undefined;
  };
  readonly maxBodyBytes: number;
  readonly safe: readonly SafeRoute[];
  readonly wallMs: () => number;
  /** What failed in the shadow while a user was answered; the answer is not touched by it. */
  readonly onShadowFailure: (error: unknown) => void;
}

const MAX_HELD_BYTES = 32 * 1024 * 1024;

/**
 * Answers users from the primary, byte by byte as it comes, and gives each request to the shadow after its answer. Users wait
 * for the primary only: whatever happens in the shadow, full, slow or broken, changes nothing of their answer.
 */
export async function startShadowProxy(door: Door, options: ShadowProxyOptions): Promise<ListeningServer> {
  const proxy = new ShadowProxy(door, options);
  // Uploads take as long as they take.
  const server = http.createServer(
    // Other protocols than WebSocket are asked for by clients that go on without: h2c through a proxy would hide requests from it.
    { requestTimeout: 0, keepAliveTimeout: 75_000, shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket' },
    proxy.answer,
  );
  server.on('upgrade', proxy.tunnel);
  const started = await listening(server, options, 'shadow.proxyListen');
  return {
    port: started.port,
    close: async (graceMs) => {
      // The server waits for these connections too, and its own ending of all leaves those out that it handed over.
      const timer = setTimeout(() => proxy.endTunnels(), graceMs);
      await started.close(graceMs);
      clearTimeout(timer);
      proxy.close();
    },
  };
}

class ShadowProxy {
  readonly #door: Door;
  readonly #options: ShadowProxyOptions;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #held = new HeldBytes(MAX_HELD_BYTES);
  /** Connections of users that were handed over to be passed on. */
  readonly #tunnels = new Set<Duplex>();
  #tunnelsEnded = false;

  constructor(door: Door, options: ShadowProxyOptions) {
    this.#door = door;
    this.#options = options;
    this.#url = new URL(options.primary.origin);
    const { ca } = options.primary;
    this.#agent =
      this.#url.protocol === 'https:'
        ? new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
        : new http.Agent({ keepAlive: true });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Those that are open, and any that is still to come. */
  endTunnels(): void {
    this.#tunnelsEnded = true;
    for (const socket of this.#tunnels) socket.destroy();
  }

  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (!isOriginForm(request) || hasTwoHosts(request)) {
      response.writeHead(400, { 'content-length': '0', connection: 'close' }).end();
      return;
    }
    const captured = this.#capture(request);
    response.once('close', () => {
      // The user has the answer, or is gone: only now is anything of the shadow done.
      try {
        captured?.();
      } catch (error) {
        this.#options.onShadowFailure(error);
      }
    });
    try {
      this.#forward(request, response, true);
    } catch {
      // What Node's parser took and its client will not send.
      response.writeHead(400, { 'content-length': '0', connection: 'close' }).end();
    }
  };

  #forward(request: IncomingMessage, response: ServerResponse, first: boolean): void {
    const upstream = this.#ask(request, !first);
    const onGone = (): void => void upstream.destroy();
    response.once('close', onGone);
    upstream.once('response', (answer) => {
      response.sendDate = false;
      try {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [...forwardedResponse(answer.rawHeaders)]);
      } catch {
        // A status or header that no server may write: the user gets an error, and the others their answers.
        upstream.destroy();
        response.writeHead(502, { 'content-length': '0' }).end();
        return;
      }
      // Headers of an event stream go out before its first event.
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.once('aborted', () => response.destroy());
      answer.pipe(response);
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      response.off('close', onGone);
      // A kept connection that the primary closed as it was used: nothing of the request was worked on.
      const stale = first && upstream.reusedSocket && error.code === 'ECONNRESET' && !hasBody(request) && !response.headersSent;
      if (stale && isRepeatable(request) && !response.destroyed) this.#forward(request, response, false);
      else if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(502, { 'content-length': '0' }).end();
    });
    if (hasBody(request)) request.pipe(upstream);
    else upstream.end();
  }

  #ask(request: IncomingMessage, onFreshConnection: boolean, upgrade?: string): ClientRequest {
    const { protocol, hostname, port } = this.#url;
    const { primary } = this.#options;
    const send = protocol === 'https:' ? https.request : http.request;
    const { method, url: path, rawHeaders, socket } = request;
    return send({
      hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port: port || (protocol === 'https:' ? 443 : 80),
      method,
      path,
      headers: [...forwardedRequest(rawHeaders, { host: primary.host, from: socket.remoteAddress, chunked: isChunked(request), upgrade })],
      setHost: false,
      agent: onFreshConnection || upgrade !== undefined ? false : this.#agent,
      ...(primary.ca === undefined ? {} : { ca: primary.ca }),
      lookup: guardedLookup(primary.allowInside),
    });
  }

  /** WebSockets and the like: the connection itself is passed on, and is nothing to compare. */
  readonly tunnel = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const end = (): void => void socket.destroy();
    socket.on('error', end);
    this.#tunnels.add(socket);
    socket.once('close', () => this.#tunnels.delete(socket));
    if (this.#tunnelsEnded || !isOriginForm(request) || hasTwoHosts(request)) {
      end();
      return;
    }
    let upstream: ClientRequest;
    try {
      upstream = this.#ask(request, true, request.headers.upgrade);
    } catch {
      end();
      return;
    }
    socket.once('close', () => upstream.destroy());
    upstream.once('upgrade', (answer: IncomingMessage, other: Socket, otherHead: Buffer) => {
      const lines = [...headerPairs(answer.rawHeaders)].map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 ${answer.statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      if (otherHead.length > 0) socket.write(otherHead);
      if (head.length > 0) other.write(head);
      other.on('error', end);
      socket.once('close', () => other.destroy());
      other.once('close', end);
      other.pipe(socket).pipe(other);
    });
    upstream.once('response', (answer) => {
      // Refused: the answer is an ordinary one, on a connection that ends with it.
      const lines = [...headerPairs([...forwardedResponse(answer.rawHeaders)])].map(([name, value]) => `${name}: ${value}`);
      socket.write(
        `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`,
        'latin1',
      );
      // What breaks off is told of by the answer alone, and ends no pipe.
      answer.once('error', end);
      answer.once('aborted', end);
      answer.pipe(socket);
    });
    upstream.on('error', end);
    upstream.end();
  };

  /** Keeps what the shadow needs of a request while it streams by; answers what to do once the user is served. */
  #capture(request: IncomingMessage): (() => void) | undefined {
    const { method = '', url: target = '', rawHeaders } = request;
    const { maxBodyBytes, safe, wallMs } = this.#options;
    const receivedAtMs = wallMs();
    const offer = (body: Buffer | undefined): void => {
      this.#door.offer({ id: randomUUID(), method, target, headers: headerPairs(rawHeaders), body, receivedAtMs }, 'proxy');
    };
    if (!hasBody(request)) return () => offer(undefined);
    if (!isAsked(method, target.split('?', 1)[0]!, true, safe)) return () => this.#door.skip('proxy', 'unsafe_method');
    const chunks: Buffer[] = [];
    let size = 0;
    let refused: 'too_large' | 'no_room' | undefined;
    let whole = false;
    request.once('end', () => {
      whole = true;
    });
    request.on('data', (chunk: Buffer) => {
      if (refused !== undefined) return;
      if (size + chunk.length > maxBodyBytes) refused = 'too_large';
      else if (this.#held.take(chunk.length)) {
        size += chunk.length;
        chunks.push(chunk);
        return;
      } else refused = 'no_room';
      chunks.length = 0;
    });
    return () => {
      this.#held.release(size);
      if (refused === 'too_large') this.#door.skip('proxy', 'too_large');
      else if (refused === 'no_room') this.#door.shed('proxy', 'queue_full');
      else if (whole) offer(Buffer.concat(chunks));
      else this.#door.skip('proxy', 'malformed');
    };
  }
}

/** A reverse proxy is asked for a path (or for `*`); an absolute URI would let the request name a server. */
const isOriginForm = ({ url = '', method }: IncomingMessage): boolean => url.startsWith('/') || (url === '*' && method === 'OPTIONS');

/** RFC 9112, 3.2: which of the two is meant, each server on the way would say differently. */
const hasTwoHosts = ({ rawHeaders }: IncomingMessage): boolean =>
  [...headerPairs(rawHeaders)].filter(([name]) => name.toLowerCase() === 'host').length > 1;

const isChunked = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] !== undefined;

const hasBody = (request: IncomingMessage): boolean => isChunked(request) || Number(request.headers['content-length'] ?? 0) > 0;

const isRepeatable = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
