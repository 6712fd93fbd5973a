import type { RawRequest } from './request-rules.ts';

/** A request as a file or the API holds it. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Base64; null where there is none. */
  readonly body: string | null;
}

export const rawRequest = ({ method, target, headers, body }: RecordedRequest, id: string, receivedAtMs: number): RawRequest => ({
  id,
  method,
  target,
  headers,
  body: body === null ? undefined : Buffer.from(body, 'base64'),
  receivedAtMs,
});

/** The fields of schemas/shadow.requests-value, as a decoder answers them; undefined when they are not these. */
export function requestOfRecord(fields: Readonly<Record<string, unknown>>, receivedAtMs: number): RawRequest | undefined {
  const { id, time, method, path, query, headers, body } = fields;
  if (typeof id !== 'string' || typeof method !== 'string' || typeof path !== 'string' || typeof query !== 'string') return undefined;
  if (!Array.isArray(headers) || (body !== null && !Buffer.isBuffer(body))) return undefined;
  const pairs: (readonly [string, string])[] = [];
  for (const header of headers as readonly unknown[]) {
    const { name, value } = Object(header) as { readonly name?: unknown; readonly value?: unknown };
    if (typeof name !== 'string' || typeof value !== 'string') return undefined;
    pairs.push([name, value]);
  }
  return {
    id: id.slice(0, 128),
    method,
    target: query === '' ? path : `${path}?${query}`,
    headers: pairs,
    body: body ?? undefined,
    receivedAtMs: typeof time === 'number' && Number.isSafeInteger(time) && time > 0 ? time : receivedAtMs,
  };
}
