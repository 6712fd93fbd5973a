import { describe, expect, it, vi } from 'vitest';
import { SchemaCarrier } from '../../../src/avro/carrier.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { never, RegistryDouble, StillClock } from './registry-double.ts';

function setUp() {
  const registry = new RegistryDouble();
  const events: FarshoreEvent[] = [];
  const refused: string[] = [];
  const carrier = new SchemaCarrier({
    registry,
    keeper: registry,
    observe: (event) => events.push(event),
    refuse: (ref) => refused.push(ref),
  });
  return { registry, events, refused, carrier };
}

const code = (expected: string) => expect.objectContaining({ code: expected });
const away = new FarshoreError('registry_unreachable', 'away');

describe('the carrier of schemas', () => {
  it('C22: keeps every schema of the registry before a record names it', async () => {
    const { registry, events, carrier } = setUp();
    registry.texts.set('1', '"int"').set('2', '"long"');
    await carrier.poll(never);
    expect([...registry.kept.values()]).toEqual(['"int"', '"long"']);
    expect(events).toHaveLength(2);
  });

  it('asks for new schemas, and for one known schema again', async () => {
    const { registry, events, carrier } = setUp();
    registry.texts.set('1', '"int"').set('2', '"long"');
    await carrier.poll(never);
    registry.asked.length = 0;
    registry.texts.set('3', '"string"');
    await carrier.poll(never);
    expect(registry.asked).toEqual(['1', '3']);
    await carrier.poll(never);
    expect(registry.asked).toEqual(['1', '3', '2']);
    expect(events).toHaveLength(3);
  });

  it('C22: refuses an id that a registry issued twice, and carries the others', async () => {
    const { registry, refused, carrier } = setUp();
    registry.texts.set('1', '"int"');
    await carrier.poll(never);
    registry.texts.set('1', '"string"').set('2', '"long"');
    await expect(carrier.poll(never)).rejects.toEqual(code('schema_conflict'));
    expect(refused).toEqual(['1']);
    expect(registry.kept.get('registry 1')).toBe('"int"');
    expect(registry.kept.get('registry 2')).toBe('"long"');
  });

  it('carries the others when one schema cannot be had', async () => {
    const { registry, refused, carrier } = setUp();
    registry.texts.set('1', '"int"').set('2', '"long"');
    registry.before = async (ref) => {
      if (ref === '1') throw new FarshoreError('schema_unusable', 'a reference is missing');
    };
    await expect(carrier.poll(never)).rejects.toEqual(code('schema_unusable'));
    expect([...registry.kept.keys()]).toEqual(['registry 2']);
    expect(refused).toEqual([]);
  });

  it('stops a look at once when the registry goes away, and takes it up where it was', async () => {
    const { registry, carrier } = setUp();
    registry.texts.set('1', '"int"').set('2', '"long"').set('3', '"string"');
    registry.before = async (ref) => {
      if (ref === '2') throw away;
    };
    await expect(carrier.poll(never)).rejects.toBe(away);
    expect(registry.asked).toEqual(['1', '2']);
    registry.before = async () => undefined;
    await carrier.poll(never);
    expect([...registry.kept.keys()]).toEqual(['registry 1', 'registry 2', 'registry 3']);
  });

  it('tells when the registry goes away and when it is back, and ends with its signal', async () => {
    const { registry, events, carrier } = setUp();
    const clock = new StillClock();
    const stop = new AbortController();
    registry.texts.set('1', '"int"');
    registry.before = async () => {
      throw away;
    };
    const run = carrier.run(30_000, clock, stop.signal);
    await vi.waitUntil(() => clock.sleeps === 1);
    registry.before = async () => undefined;
    clock.wake();
    await vi.waitUntil(() => clock.sleeps === 2);
    stop.abort();
    await run;
    expect(events).toEqual([
      { type: 'schema_fetched', result: 'failed' },
      { type: 'component', component: 'registry', up: false, reason: 'away' },
      { type: 'schema_fetched', result: 'found' },
      { type: 'component', component: 'registry', up: true, reason: undefined },
    ]);
  });

  it('does not hide an error that nobody named', async () => {
    const { registry, carrier } = setUp();
    registry.texts.set('1', '"int"');
    registry.before = async () => {
      throw new TypeError('a mistake');
    };
    await expect(carrier.run(30_000, new StillClock(), never)).rejects.toThrow('a mistake');
  });
});
