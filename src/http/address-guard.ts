import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Where clouds keep credentials, and what is no host: never asked, whatever the configuration says. */
const forbidden = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  forbidden.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
  ['ff00::', 8],
] as const) {
  forbidden.addSubnet(net, bits, 'ipv6');
}

const inside = new BlockList();
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  inside.addSubnet(net, bits, 'ipv4');
}
inside.addAddress('::1', 'ipv6');
inside.addSubnet('fc00::', 7, 'ipv6');

export type AddressVerdict = 'public' | 'inside' | 'forbidden';

/** What an IP address is. IPv4 inside IPv6 is judged as the IPv4 address that packets would reach. */
export function judgeAddress(address: string): AddressVerdict {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return 'forbidden';
  if (family === 4) return verdictOf(bare, 'ipv4');
  const embedded = embeddedIpv4(bare);
  if (embedded !== undefined && verdictOf(embedded, 'ipv4') !== 'public') return verdictOf(embedded, 'ipv4');
  return verdictOf(bare, 'ipv6');
}

function verdictOf(address: string, family: 'ipv4' | 'ipv6'): AddressVerdict {
  if (forbidden.check(address, family)) return 'forbidden';
  return inside.check(address, family) ? 'inside' : 'public';
}

/** Mapped (::ffff:a.b.c.d), compatible (::a.b.c.d), NAT64 (64:ff9b::a.b.c.d) and 6to4 (2002:aabb:ccdd::). */
function embeddedIpv4(address: string): string | undefined {
  const words = ipv6Words(address);
  const text = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const starts = (...head: readonly number[]): boolean => head.every((word, index) => words[index] === word);
  if (starts(0x2002)) return text(words[1]!, words[2]!);
  const isMapped = starts(0, 0, 0, 0, 0, 0xffff) || starts(0, 0, 0, 0, 0xffff, 0);
  const isCompatible = starts(0, 0, 0, 0, 0, 0) && (words[6] !== 0 || words[7]! > 1);
  return isMapped || isCompatible || starts(0x64, 0xff9b) ? text(words[6]!, words[7]!) : undefined;
}

/** The eight words of an address that isIP has taken; the URL parser writes every notation as words. */
function ipv6Words(address: string): readonly number[] {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? '')];
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

/** A connection that was not made because of where it would have gone. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

type Resolve = (hostname: string, callback: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void;

const systemResolve: Resolve = (hostname, callback) => lookup(hostname, { all: true, verbatim: true }, callback);

/**
 * Resolves a name for a connection and looks at every address it got: a name is only as good as its answers, and those can change
 * from one connection to the next. One address that may not be asked refuses the name as a whole.
 */
export const guardedLookup = (allowInside: boolean, resolve: Resolve = systemResolve): LookupFunction => {
  const guarded: LookupFunction = (hostname, options, callback) =>
    resolve(hostname, (error, addresses) => {
      if (error !== null) return void callback(error, '', 0);
      const refused = addresses.find(({ address }) => isRefused(address, allowInside));
      const [first] = addresses;
      if (refused !== undefined || first === undefined) {
        return void callback(new RefusedAddress(`${hostname} resolves to ${refused?.address ?? 'nothing'}, which may not be asked`), '', 0);
      }
      if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  return guarded;
};

const isRefused = (address: string, allowInside: boolean): boolean => {
  const verdict = judgeAddress(address);
  return verdict === 'forbidden' || (verdict === 'inside' && !allowInside);
};

/**
 * Why the host of a configured target may not be asked; undefined when it may. An inside address that is written out was meant;
 * a name may only lead inside when the configuration says so, which the lookup sees to.
 */
export function targetProblem(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(bare) === 0 || judgeAddress(bare) !== 'forbidden') return undefined;
  return `${bare} is a link-local, metadata or multicast address`;
}
