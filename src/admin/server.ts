import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { FarshoreError } from '../model/errors.ts';
import type { AdminSettings, AdminSource } from './contracts.ts';
import { addDashboard } from './dashboard-files.ts';
import { answerError, errorBody, Refusal } from './errors.ts';
import { allowedHosts, isAllowedHost, isSameOrigin } from './host-check.ts';
import { addLiveRoute } from './live-route.ts';
import { serveOpenApi } from './openapi.ts';
import { addChangingRoutes, addReadingRoutes } from './routes.ts';

export interface AdminServer {
  /** Port it listens on, also when the system chose it. */
  readonly port: number;
  /** Ends what is under way; resolves once the port is free. */
  close(): Promise<void>;
}

/** Listens. Rejects with `config_invalid` when the address cannot be had. */
export async function startAdmin(source: AdminSource, settings: AdminSettings): Promise<AdminServer> {
  const app = await createAdmin(source, settings);
  const { host, port } = settings;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    throw new FarshoreError('config_invalid', `The admin server cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
      place: 'admin.listen',
      hint: 'Name an address of this machine and a free port.',
      cause,
    });
  }
  app.server.maxConnections = settings.limits.connections;
  const address = app.server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : port, close: () => app.close() };
}

/** The server without its socket. */
export async function createAdmin(source: AdminSource, settings: AdminSettings): Promise<FastifyInstance> {
  const { limits } = settings;
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    // A browser's idle connection must not hold up the daemon's stop.
    forceCloseConnections: true,
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: Math.min(1_000, limits.headersMs) },
    // Strict: the library's defaults drop unknown keys and turn "1" into 1.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
  });
  const closing = new AbortController();
  app.addHook('onClose', async () => closing.abort(new FarshoreError('request_invalid', 'The daemon is stopping')));

  const allowed = allowedHosts(settings.host, settings.allowedHosts);
  app.addHook('onRequest', async (request, reply) => {
    addHeaders(reply);
    checkAddressee(request, allowed);
  });
  app.setErrorHandler(answer);
  app.setNotFoundHandler((request, reply) => {
    // The host is checked for unknown paths too: the hook above runs for them.
    answer(new Refusal(404, `Nothing is here: ${request.method} ${request.url.split('?', 1)[0]}`), request, reply);
  });
  // Only JSON: a form or text/plain body is what another site's page could send without asking first.
  app.removeContentTypeParser('text/plain');

  // The library's own serializer leaves out what the declared schema does not name.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  serveOpenApi(app);
  addReadingRoutes(app, source, settings, closing.signal);
  addLiveRoute(app, source, settings);
  addChangingRoutes(app, source, settings, closing.signal);
  await addDashboard(app);
  return app;

  function answer(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
    const { status, body, isFailure } = answerError(error);
    if (isFailure) settings.onFailure(error);
    addHeaders(reply);
    void reply.code(status).send(body);
  }
}

function addHeaders(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
}

function checkAddressee({ method, headers, socket, raw }: FastifyRequest, allowed: ReadonlySet<string>): void {
  const { host, origin } = headers;
  // Node keeps the first: what a proxy in front took for the host may have been the second.
  if (raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length > 1)
    throw new Refusal(400, 'The request has more than one Host header');
  if (!isAllowedHost(host, allowed, socket.localAddress)) {
    throw new Refusal(403, 'The Host header does not name this server', 'Ask by the address of admin.listen, or by localhost.');
  }
  const site = headers['sec-fetch-site'];
  if (!isSameOrigin({ method, origin, host, fetchSite: Array.isArray(site) ? site[0] : site })) {
    throw new Refusal(403, 'The request comes from a page of another site');
  }
}

/** By what Node's parser says of a request that is none. */
const brokenRequests: ReadonlyMap<string, { readonly status: number; readonly reason: string }> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, reason: 'Request Timeout' }],
  ['HPE_HEADER_OVERFLOW', { status: 431, reason: 'Request Header Fields Too Large' }],
]);

/** Answers what is not readable as a request, in the form of every other error, and ends the connection. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, reason } = brokenRequests.get(error.code ?? '') ?? { status: 400, reason: 'Bad Request' };
  const body = JSON.stringify(errorBody('request_invalid', reason));
  const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}
