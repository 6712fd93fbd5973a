/** A route that may be asked although its method could change something: the operator vouches for it. */
export interface SafeRoute {
  readonly method: string;
  /** `*` stands for any one segment, `**` at the end for any rest. */
  readonly segments: readonly string[];
}

/** Asking these changes nothing, by their definition (RFC 9110, 9.2.1). TRACE answers with credentials and is left out. */
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** `POST /search/*`; undefined when the text is no route. */
export function parseSafeRoute(text: string): SafeRoute | undefined {
  const groups = /^(?<method>[A-Z]{1,20}) (?<path>\/[\x21-\x7e]*)$/.exec(text)?.groups;
  if (groups?.method === undefined || groups.path === undefined || /[?#]/.test(groups.path)) return undefined;
  if (groups.method === 'CONNECT' || groups.method === 'TRACE') return undefined;
  const segments = groups.path.slice(1).split('/');
  return segments.slice(0, -1).includes('**') ? undefined : { method: groups.method, segments };
}

/**
 * Whether a request may be asked at all. A reading method with a body is asked only of a listed route: a server that does not
 * read that body would take it for the next request on the connection.
 */
export const isAsked = (method: string, path: string, hasBody: boolean, safe: readonly SafeRoute[]): boolean =>
  (readingMethods.has(method) && !hasBody) || safe.some((route) => matches(route, method, path));

function matches({ method, segments }: SafeRoute, asked: string, path: string): boolean {
  // A server may read dots, encoded or doubled slashes as another path than the one that is listed.
  if (method !== asked || /\/\.{1,2}(?:\/|$)|\/\/|%2e|%2f|%5c|%00|[\\;]/i.test(path)) return false;
  const parts = path.slice(1).split('/');
  const open = segments.at(-1) === '**';
  const fixed = open ? segments.slice(0, -1) : segments;
  if (open ? parts.length < fixed.length : parts.length !== fixed.length) return false;
  return fixed.every((segment, index) => (segment === '*' ? parts[index] !== '' : segment === parts[index]));
}

const overrideHeaders = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const;
const overrideField = /(?:^|[&;])(?:_|%5f)method(?:=|&|;|$)/i;

/** Frameworks let these turn a GET or POST into a DELETE. */
export function hasMethodOverride(headers: ReadonlyMap<string, string>, query: string, body: Buffer | undefined): boolean {
  if (overrideHeaders.some((name) => headers.has(name)) || overrideField.test(query)) return true;
  const isForm = (headers.get('content-type') ?? '').toLowerCase().startsWith('application/x-www-form-urlencoded');
  return isForm && body !== undefined && overrideField.test(body.toString('latin1'));
}
