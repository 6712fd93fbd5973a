import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createInflate, createUnzip, createZstdDecompress } from 'node:zlib';
import type { Answer, AskFailure } from '../shadow/contracts.ts';
import { RefusedAddress } from './address-guard.ts';
import { failureKind } from './http-failure.ts';
import { http, https } from './node-http.ts';

export interface Exchange {
  readonly protocol: 'http:' | 'https:';
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly method: string;
  /** Path and query, as judged: nothing here looks for a host in it. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly agent: HttpAgent | HttpsAgent;
  readonly lookup: LookupFunction;
  /** From sending to the last byte. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
}

/** A question without an answer. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly reason: AskFailure;

  constructor(reason: AskFailure, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** One question and its answer; a redirect is an answer like any other. Rejects with NoAnswer. */
export async function exchange(question: Exchange): Promise<Answer> {
  const first = await attempt(question);
  // A kept connection that the server closed as it was used says nothing about the server.
  const answer = first === 'stale' ? await attempt(question) : first;
  if (answer === 'stale') throw new NoAnswer('broken');
  return answer;
}

function attempt(question: Exchange): Promise<Answer | 'stale'> {
  const { signal, timeoutMs, nowMs } = question;
  const { promise, resolve, reject } = Promise.withResolvers<Answer | 'stale'>();
  if (signal.aborted) return Promise.reject(new NoAnswer('aborted', signal.reason));
  const startMs = nowMs();
  const send = question.protocol === 'https:' ? https.request : http.request;
  const { hostname, port, method, path, headers, agent, lookup } = question;
  const outgoing = send({ hostname, port, method, path, headers, agent, lookup, setHost: false });

  let over = false;
  const end = (settle: () => void): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    settle();
  };
  const fail = (error: NoAnswer): void =>
    end(() => {
      outgoing.destroy();
      reject(error);
    });
  const onAbort = (): void => fail(new NoAnswer('aborted', signal.reason));
  const timer = setTimeout(() => fail(new NoAnswer('timeout')), timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });

  outgoing.once('response', (response) => {
    readBody(response, method, question.maxAnswerBytes).then(
      ({ body, truncated, decoded }) =>
        end(() => {
          resolve({
            status: response.statusCode ?? 0,
            headers: headersOf(response, decoded),
            body,
            truncated,
            elapsedMs: nowMs() - startMs,
          });
        }),
      (error: unknown) => fail(new NoAnswer('broken', error)),
    );
  });
  outgoing.on('error', (error) => {
    const stale = outgoing.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    if (stale) end(() => resolve('stale'));
    else fail(new NoAnswer(error instanceof RefusedAddress ? 'address' : failureKind(error), error));
  });
  outgoing.end(question.body);
  return promise;
}

function headersOf(response: IncomingMessage, decoded: boolean): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || (decoded && (name === 'content-encoding' || name === 'content-length'))) continue;
    headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

const decoderOf = (encoding: string) => {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createUnzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return undefined;
  }
};

/** Keeps at most so many decompressed bytes; of a longer body, or a bomb, the start. */
async function readBody(
  response: IncomingMessage,
  method: string,
  maxBytes: number,
): Promise<{ readonly body: Buffer; readonly truncated: boolean; readonly decoded: boolean }> {
  // Identity was asked for, and some servers compress all the same. What has no body is not decompressed.
  const decoder = method === 'HEAD' ? undefined : decoderOf((response.headers['content-encoding'] ?? '').trim().toLowerCase());
  const source: Readable = decoder === undefined ? response : response.pipe(decoder);
  if (decoder !== undefined) response.once('error', (error) => decoder.destroy(error));
  const chunks: Buffer[] = [];
  let size = 0;
  let truncated = false;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    const room = maxBytes - size;
    if (chunk.length > room) {
      chunks.push(chunk.subarray(0, room));
      truncated = true;
      response.destroy();
      break;
    }
    size += chunk.length;
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), truncated, decoded: decoder !== undefined };
}
