import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { failureKind, HttpFailure } from './http-failure.ts';
import { http, https } from './node-http.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange, from the connection to the last byte. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
  readonly agent?: HttpAgent | HttpsAgent | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** One exchange; redirects are answers like any other. Rejects with HttpFailure. */
export function sendRequest(url: string, request: HttpRequest): Promise<HttpAnswer> {
  const target = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = AbortSignal.any([request.signal, timeout]);
  const fail = (error: unknown): void => reject(asFailure(error, target.origin, request, timeout));

  const send = target.protocol === 'https:' ? https.request : http.request;
  const outgoing = send(target, {
    method: request.method,
    headers: { ...request.headers, ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }) },
    signal,
    ...(request.agent === undefined ? {} : { agent: request.agent }),
  });
  outgoing.once('error', fail);
  outgoing.once('response', (response) => {
    readBody(response, request.maxBodyBytes, target.origin).then((body) => resolve({ status: response.statusCode ?? 0, body }), fail);
  });
  outgoing.end(request.body);
  return promise;
}

async function readBody(response: IncomingMessage, maxBodyBytes: number, origin: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      response.destroy();
      throw new HttpFailure('too_large', origin, `${origin} answered with more than ${maxBodyBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function asFailure(error: unknown, origin: string, request: HttpRequest, timeout: AbortSignal): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (request.signal.aborted) return new HttpFailure('aborted', origin, `the request to ${origin} was given up`, error);
  if (timeout.aborted) return new HttpFailure('timeout', origin, `${origin} did not answer within ${request.timeoutMs} ms`, error);
  const kind = failureKind(error);
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'the connection broke';
  const what = kind === 'tls' ? 'the certificate or the TLS handshake failed' : 'no connection';
  return new HttpFailure(kind, origin, `${origin}: ${what} (${reason})`, error);
}
