import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Door } from '../shadow/door.ts';
import { HeldBytes, headerPairs } from './held-bytes.ts';
import { type ListeningServer, listening } from './listening.ts';
import { http } from './node-http.ts';

export interface MirrorListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Whether X-Original-URI says path and query. */
  readonly originalUri: boolean;
  readonly maxBodyBytes: number;
  /** Of bodies that are being read, all together; default 16 MiB. */
  readonly maxHeldBytes?: number;
  readonly wallMs: () => number;
}

const MAX_CONNECTIONS = 1_024;
const MAX_HELD_BYTES = 16 * 1024 * 1024;
const HEADERS_MS = 5_000;
const REQUEST_MS = 30_000;

/**
 * Takes what nginx (`mirror`) and Envoy (`request_mirror_policies`) copy. Both throw the answer away and hold the connection until
 * it comes, so it comes as soon as the request is read: 202, whatever becomes of the request, and 400 for what is none.
 */
export async function startMirrorListener(door: Door, options: MirrorListenerOptions): Promise<ListeningServer> {
  const held = new HeldBytes(options.maxHeldBytes ?? MAX_HELD_BYTES);
  const server = http.createServer(
    { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: 75_000 },
    (request, response) => {
      // A failure here is a connection that broke: its request never became whole.
      take(request, response, door, held, options).catch(() => request.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== 'ECONNRESET') door.skip('mirror', 'malformed');
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  return await listening(server, options, 'shadow.listen');
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  door: Door,
  held: HeldBytes,
  { originalUri, maxBodyBytes, wallMs }: MirrorListenerOptions,
): Promise<void> {
  const body = await readBody(request, maxBodyBytes, held);
  if (typeof body === 'string') {
    if (body === 'too_large') door.skip('mirror', 'too_large');
    else door.shed('mirror', 'queue_full');
    // The rest of the body is not read.
    response.writeHead(202, { 'content-length': '0', connection: 'close' }).end(() => request.destroy());
    return;
  }
  const original = originalUri ? request.headers['x-original-uri'] : undefined;
  const outcome = door.offer(
    {
      id: randomUUID(),
      method: request.method ?? '',
      target: (Array.isArray(original) ? original[0] : original) ?? request.url ?? '',
      headers: withPlainHost(headerPairs(request.rawHeaders)),
      body,
      receivedAtMs: wallMs(),
    },
    'mirror',
  );
  const malformed = outcome.kind === 'skipped' && outcome.reason === 'malformed';
  response.writeHead(malformed ? 400 : 202, { 'content-length': '0' }).end();
}

async function readBody(request: IncomingMessage, most: number, held: HeldBytes): Promise<Buffer | 'too_large' | 'no_room'> {
  if (Number(request.headers['content-length'] ?? 0) > most) return 'too_large';
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (size + chunk.length > most) return 'too_large';
      if (!held.take(chunk.length)) return 'no_room';
      size += chunk.length;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    held.release(size);
  }
}

/** Envoy and Istio append `-shadow` to the host of a mirrored request. */
export const plainHost = (host: string): string => host.replace(/-shadow(?=:\d+$|$)/, '');

function* withPlainHost(pairs: Iterable<readonly [string, string]>): Generator<readonly [string, string]> {
  for (const [name, value] of pairs) yield name.toLowerCase() === 'host' ? [name, plainHost(value)] : [name, value];
}
