import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { guardedLookup, judgeAddress, RefusedAddress, targetProblem } from '../../../src/http/address-guard.ts';

describe('addresses', () => {
  it.each([
    ['169.254.169.254', 'forbidden'],
    ['169.254.0.1', 'forbidden'],
    ['100.100.100.200', 'forbidden'],
    ['168.63.129.16', 'forbidden'],
    ['192.0.0.192', 'forbidden'],
    ['0.0.0.0', 'forbidden'],
    ['224.0.0.1', 'forbidden'],
    ['255.255.255.255', 'forbidden'],
    ['fe80::1', 'forbidden'],
    ['fe80::1%eth0', 'forbidden'],
    ['febf::1', 'forbidden'],
    ['fd00:ec2::254', 'forbidden'],
    ['fd20:ce::254', 'forbidden'],
    ['ff02::1', 'forbidden'],
    ['::', 'forbidden'],
    ['::ffff:169.254.169.254', 'forbidden'],
    ['::ffff:a9fe:a9fe', 'forbidden'],
    ['::169.254.169.254', 'forbidden'],
    ['64:ff9b::169.254.169.254', 'forbidden'],
    ['2002:a9fe:a9fe::', 'forbidden'],
    ['localhost', 'forbidden'],
    ['127.0.0.1', 'inside'],
    ['10.1.2.3', 'inside'],
    ['172.31.0.1', 'inside'],
    ['192.168.1.1', 'inside'],
    ['100.64.0.1', 'inside'],
    ['::1', 'inside'],
    ['fd12:3456::1', 'inside'],
    ['::ffff:10.0.0.1', 'inside'],
    ['172.32.0.1', 'public'],
    ['93.184.216.34', 'public'],
    ['2606:2800:220:1::1', 'public'],
  ])('%s is %s', (address, verdict) => {
    expect(judgeAddress(address)).toBe(verdict);
  });

  it.each([
    ['http://169.254.169.254', true],
    ['http://2852039166', true],
    ['http://0xa9fea9fe', true],
    ['http://0251.0376.0251.0376', true],
    ['http://[::ffff:169.254.169.254]', true],
    ['http://127.0.0.1:8080', false],
    ['http://10.0.0.4', false],
    ['http://billing.svc', false],
  ])('a target written as %s is refused: %s', (url, refused) => {
    expect(targetProblem(new URL(url).hostname) !== undefined).toBe(refused);
  });
});

describe('a name', () => {
  const resolve = (addresses: readonly string[], allowInside: boolean, all = false) => {
    const { promise, resolve: settle } = Promise.withResolvers<unknown>();
    const lookup = guardedLookup(allowInside, (_name, callback) =>
      callback(
        null,
        addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    );
    lookup('billing.svc', { all }, (error, address) => settle(error ?? address));
    return promise;
  };

  it('is refused when one of its addresses is, whatever the others are', async () => {
    expect(await resolve(['93.184.216.34', '169.254.169.254'], true)).toBeInstanceOf(RefusedAddress);
    expect(await resolve(['169.254.169.254'], true, true)).toBeInstanceOf(RefusedAddress);
    expect(await resolve(['fd00:ec2::254'], true)).toBeInstanceOf(RefusedAddress);
    expect(await resolve([], true)).toBeInstanceOf(RefusedAddress);
  });

  it('may lead inside only where that is configured', async () => {
    expect(await resolve(['10.0.0.4'], false)).toBeInstanceOf(RefusedAddress);
    expect(await resolve(['10.0.0.4'], true)).toBe('10.0.0.4');
    expect(await resolve(['93.184.216.34'], false, true)).toEqual([{ address: '93.184.216.34', family: 4 }]);
  });
});
