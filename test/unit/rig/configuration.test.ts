import { describe, expect, it } from 'vitest';
import { brokerProperties, clusterIdIn, featureArguments, propertiesText } from '../../rig/kafka-config.ts';
import { unprivilegedUser } from '../../rig/postgres-install.ts';

describe('broker properties', () => {
  const place = { port: 20_001, controllerPort: 20_002, dataDir: '/data' };

  it('listen on loopback only', () => {
    const { listeners = '' } = brokerProperties(place, {});
    expect(listeners.split(',').map((listener) => listener.split('://')[1])).toEqual(['127.0.0.1:20001', '127.0.0.1:20002']);
  });

  it('send clients of the proxied listener to the proxy, and all others past it', () => {
    const { listeners, ...properties } = brokerProperties({ ...place, proxied: { port: 20_003, advertisedPort: 20_004 } }, {});
    expect(listeners).toBe('PLAINTEXT://127.0.0.1:20001,PROXIED://127.0.0.1:20003,CONTROLLER://127.0.0.1:20002');
    expect(properties['advertised.listeners']).toBe('PLAINTEXT://127.0.0.1:20001,PROXIED://127.0.0.1:20004');
  });

  it('give way to a test', () => {
    expect(brokerProperties(place, { 'log.retention.ms': '5' })['log.retention.ms']).toBe('5');
  });

  it('keep backslashes', () => {
    expect(propertiesText({ a: 'b\\c' })).toBe('a=b\\\\c\n');
  });

  it('name feature levels as the format tool wants them', () => {
    expect(featureArguments({ 'transaction.version': 0 })).toEqual(['transaction.version=0']);
  });

  it('find the cluster id of formatted storage', () => {
    expect(clusterIdIn('#x\nversion=1\ncluster.id=abc\nnode.id=1\n')).toBe('abc');
    expect(clusterIdIn('version=1\n')).toBeUndefined();
  });
});

describe("the database's user when started by root", () => {
  it('is nobody, with the numbers of this system', () => {
    expect(unprivilegedUser('root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n')).toEqual({ uid: 65_534, gid: 65_533 });
  });

  it('is unknown where there is no such account', () => {
    expect(unprivilegedUser('root:x:0:0::/root:/bin/sh\n')).toBeUndefined();
  });
});
