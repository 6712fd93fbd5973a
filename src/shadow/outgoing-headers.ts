import { SHADOW_HEADER } from './request-rules.ts';

export interface HeaderRules {
  /** Set on every question, to both sides. Names in lower case. */
  readonly set: ReadonlyMap<string, string>;
  /** Left out beside those that always are. Names in lower case. */
  readonly drop: ReadonlySet<string>;
}

/** What one side's service wants instead of the user's: a user's own credentials are never sent on. */
export interface SideHeaders {
  readonly host: string;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
}

/** Of one connection (RFC 9110, 7.6.1); the next hop makes its own. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * - of the way the first request took: what they say of host, address and path is not true of this one, and services route by them
 * - credentials: the target's own are set
 * - conditions: an answer of 304 has no body to compare, and the sides need not share validators
 */
const neverSent: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'expect', 'forwarded', 'via', 'x-real-ip', 'x-original-uri', 'x-original-url', 'x-rewrite-url'],
  ...['authorization', 'cookie', 'cookie2', 'x-api-key'],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'],
  ...['accept-encoding', 'http2-settings', SHADOW_HEADER],
]);

const neverSentPrefixes = ['x-forwarded-', 'x-envoy-', 'proxy-', 'cf-'] as const;

/** Names that Connection lists are of that connection too. */
export const listedByConnection = (connection: string | undefined): ReadonlySet<string> =>
  new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));

/** The headers of one question. Names in lower case. */
export function outgoingHeaders(
  headers: ReadonlyMap<string, string>,
  { set, drop }: HeaderRules,
  side: SideHeaders,
  bodyBytes: number | undefined,
): Record<string, string> {
  const listed = listedByConnection(headers.get('connection'));
  // Without a prototype: a header named __proto__ is a header like any other.
  const sent = Object.create(null) as Record<string, string>;
  for (const [name, value] of headers) {
    if (hopByHop.has(name) || neverSent.has(name) || listed.has(name) || drop.has(name)) continue;
    if (neverSentPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    sent[name] = value;
  }
  for (const [name, value] of set) sent[name] = value;
  sent.host = side.host;
  if (side.authorization !== undefined) sent.authorization = side.authorization;
  if (side.cookie !== undefined) sent.cookie = side.cookie;
  if (bodyBytes !== undefined) sent['content-length'] = String(bodyBytes);
  sent['accept-encoding'] = 'identity';
  sent[SHADOW_HEADER] = '1';
  return sent;
}
