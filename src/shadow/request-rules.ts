import type { ShadowRequest, ShadowSource, SkipReason } from './contracts.ts';
import { hasMethodOverride, isAsked, type SafeRoute } from './safe-routes.ts';

/** A request as a source found it: nothing of it is trusted yet. */
export interface RawRequest {
  readonly id: string;
  readonly method: string;
  /** Path and query as on the request line. */
  readonly target: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
  readonly body: Buffer | undefined;
  readonly receivedAtMs: number;
}

export interface RequestLimits {
  readonly maxBodyBytes: number;
  readonly safe: readonly SafeRoute[];
}

/** Marks what the shadow itself sends: mirrored back to it, it would be asked again without an end. */
export const SHADOW_HEADER = 'farshore-shadow';

const MAX_TARGET = 8_192;
const MAX_HEADERS = 128;
const MAX_HEADER_BYTES = 32_768;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** Printable ASCII without `#`: blanks and control characters would end the request line, a fragment never belongs on it. */
const originForm = /^\/[\x21\x22\x24-\x7e]*$/;
/** Tab, printable, and bytes above ASCII: no line break and no NUL. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Two of these say two things about where a message ends or who it is for: what readers differ on is how requests are smuggled. */
const single: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'authorization', 'content-type']);

/**
 * A request that may be asked again, or why not. Whatever is not plainly one request in origin form is
 * malformed: absolute URIs, line breaks in headers, two lengths.
 */
export function judgeRequest(
  raw: RawRequest,
  source: ShadowSource,
  { maxBodyBytes, safe }: RequestLimits,
): { readonly kind: 'request'; readonly request: ShadowRequest } | { readonly kind: 'skipped'; readonly reason: SkipReason } {
  const { id, method, target, receivedAtMs } = raw;
  const headers = readHeaders(raw.headers);
  if (headers === undefined || target.length > MAX_TARGET || !originForm.test(target) || !/^[A-Z]{1,20}$/.test(method)) {
    return { kind: 'skipped', reason: 'malformed' };
  }
  if (headers.has(SHADOW_HEADER)) return { kind: 'skipped', reason: 'own_request' };
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  const body = raw.body === undefined || raw.body.length === 0 ? undefined : raw.body;
  if (lengthLies(headers, body)) return { kind: 'skipped', reason: 'malformed' };
  if (hasMethodOverride(headers, query, body) || !isAsked(method, path, body !== undefined, safe)) {
    return { kind: 'skipped', reason: 'unsafe_method' };
  }
  if (body !== undefined && body.length > maxBodyBytes) return { kind: 'skipped', reason: 'too_large' };
  return { kind: 'request', request: { id, method, path, query, headers, body, receivedAtMs, source } };
}

/** Lower-case names; repeated ones joined. Undefined: they are no headers, or too many. */
function readHeaders(pairs: Iterable<readonly [string, string]>): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  let count = 0;
  let bytes = 0;
  for (const [given, value] of pairs) {
    count += 1;
    bytes += given.length + value.length;
    // Names of HTTP/2 as recordings hold them: `:path` says what the target says already.
    if (given.startsWith(':')) continue;
    if (count > MAX_HEADERS || bytes > MAX_HEADER_BYTES || !token.test(given) || !headerValue.test(value)) return undefined;
    const name = given.toLowerCase();
    const before = headers.get(name);
    if (before !== undefined && single.has(name)) return undefined;
    headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  return headers;
}

/** A recorded length that is not the body's, or a length beside chunks. */
function lengthLies(headers: ReadonlyMap<string, string>, body: Buffer | undefined): boolean {
  const length = headers.get('content-length');
  if (length === undefined) return false;
  if (headers.has('transfer-encoding') || !/^\d{1,15}$/.test(length)) return true;
  return Number(length) !== (body?.length ?? 0);
}
