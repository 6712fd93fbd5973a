import { hopByHop, listedByConnection } from '../shadow/outgoing-headers.ts';
import { headerPairs } from './held-bytes.ts';

export interface Forwarding {
  /** Instead of the user's; undefined keeps it. */
  readonly host: string | undefined;
  /** Address of the connection. */
  readonly from: string | undefined;
  /** The body's length is not known ahead. */
  readonly chunked: boolean;
  readonly upgrade: string | undefined;
}

/** The user's headers for the primary, in their order, case and number, as Node's flat list. */
export function* forwardedRequest(raw: readonly string[], { host, from, chunked, upgrade }: Forwarding): Generator<string> {
  const forwardedFor: string[] = [];
  for (const [name, value] of endToEnd(raw)) {
    const lower = name.toLowerCase();
    // Node's server has answered Expect itself.
    if (lower === 'expect') continue;
    if (lower === 'x-forwarded-for') forwardedFor.push(value);
    else if (lower === 'host' && host !== undefined) yield* [name, host];
    else yield* [name, value];
  }
  if (from !== undefined) forwardedFor.push(from.replace(/^::ffff:(?=\d+\.)/, ''));
  if (forwardedFor.length > 0) yield* ['X-Forwarded-For', forwardedFor.join(', ')];
  if (chunked) yield* ['Transfer-Encoding', 'chunked'];
  if (upgrade !== undefined) yield* ['Connection', 'Upgrade', 'Upgrade', upgrade];
}

/** The primary's headers for the user, the same way. */
export function* forwardedResponse(raw: readonly string[]): Generator<string> {
  for (const pair of endToEnd(raw)) yield* pair;
}

function* endToEnd(raw: readonly string[]): Generator<readonly [name: string, value: string]> {
  const connection = [...headerPairs(raw)].filter(([name]) => name.toLowerCase() === 'connection').map(([, value]) => value);
  const listed = new Set(listedByConnection(connection.join(',')));
  // What the message needs to be read is not the connection's to take away.
  for (const kept of ['host', 'content-length', 'content-type', 'authorization', 'cookie']) listed.delete(kept);
  for (const [name, value] of headerPairs(raw)) {
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !listed.has(lower)) yield [name, value];
  }
}
