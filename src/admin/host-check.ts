import { isIP } from 'node:net';

/** Host and port of a Host header or an origin's authority; undefined when the text is neither a name nor an address. */
function hostOf(authority: string): string | undefined {
  const groups = /^(?:\[(?<ipv6>[0-9a-fA-F:.]+)\]|(?<host>[A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(authority)?.groups;
  return (groups?.ipv6 ?? groups?.host)?.toLowerCase();
}

/**
 * Whether a request is addressed to this daemon by a name it goes by. A page on another site can make its own
 * name resolve to this address (DNS rebinding) and then counts as the same origin for the browser: the name it
 * used is what gives it away. `localAddress` is the address the connection came in on, which is how a
 * Kubernetes probe addresses a pod; an attacker's page cannot have a bare address that is ours as its origin.
 */
export function isAllowedHost(header: string | undefined, allowed: ReadonlySet<string>, localAddress: string | undefined): boolean {
  const host = header === undefined ? undefined : hostOf(header);
  if (host === undefined) return false;
  if (allowed.has(host)) return true;
  return isIP(host) !== 0 && host === localAddress?.toLowerCase().replace(/^::ffff:/, '');
}

export const allowedHosts = (listenHost: string, more: readonly string[]): ReadonlySet<string> =>
  new Set(['localhost', '127.0.0.1', '::1', listenHost, ...more].map((host) => host.toLowerCase()));

/**
 * Whether this may come from a page of ours. Only pages send an Origin, and another site's is refused. Without
 * one, a browser's Sec-Fetch-Site tells where a change comes from; for reading it does not count, since a link to
 * the dashboard on another site's page is followed as `cross-site` too and its answer is not readable there.
 */
export function isSameOrigin(request: {
  readonly method: string;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly host: string | undefined;
}): boolean {
  const { method, origin, fetchSite, host } = request;
  if (origin !== undefined) return origin === `http://${host}` || origin === `https://${host}`;
  return method === 'GET' || method === 'HEAD' || fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none';
}
