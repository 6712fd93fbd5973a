import { describe, expect, it, vi } from 'vitest';
import { AvroDecoders } from '../../../src/avro/decoders.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { held, never, RegistryDouble, StillClock } from './registry-double.ts';

const idSchema = '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]}';

function setUp() {
  const registry = new RegistryDouble();
  const clock = new StillClock();
  const events: FarshoreEvent[] = [];
  const observe = (event: FarshoreEvent): void => void events.push(event);
  const restarted = () => new AvroDecoders({ registry, keeper: registry, observe, clock, missingRetryMs: 2_000 });
  const results = () => events.map((event) => (event.type === 'schema_fetched' ? event.result : event.type));
  return { registry, clock, results, decoders: restarted(), restarted };
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('decoders', () => {
  it('are loaded from the registry once, and kept', async () => {
    const { registry, results, decoders } = setUp();
    registry.texts.set('7', idSchema);
    expect(decoders.get('7')).toBeUndefined();
    const decoder = await decoders.load('7', never);
    expect(decoder.decode(Buffer.from([2]), 0, 1)).toEqual({ id: 1 });
    expect(decoders.get('7')).toBe(decoder);
    expect(await decoders.load('7', never)).toBe(decoder);
    expect(registry.asked).toEqual(['7']);
    expect(registry.kept.get('registry 7')).toBe(idSchema);
    expect(results()).toEqual(['found']);
  });

  it('C22: are loaded from the kept copies when the registry is away', async () => {
    const { registry, results, decoders, restarted } = setUp();
    registry.texts.set('7', idSchema);
    await decoders.load('7', never);
    registry.before = async () => {
      throw new FarshoreError('registry_unreachable', 'away');
    };
    await restarted().load('7', never);
    expect(registry.asked).toEqual(['7']);
    expect(results()).toEqual(['found', 'kept']);
    await expect(restarted().load('8', never)).rejects.toEqual(code('registry_unreachable'));
    expect(results().at(-1)).toBe('failed');
  });

  it('that are missing are asked for again only after a while', async () => {
    const { registry, clock, decoders } = setUp();
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_unknown'));
    clock.nowMs = 1_999;
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_unknown'));
    expect(registry.asked).toEqual(['7']);
    registry.texts.set('7', idSchema);
    clock.nowMs = 2_000;
    await decoders.load('7', never);
    expect(registry.asked).toEqual(['7', '7']);
  });

  it('that several wait for are loaded once', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    const [first, second] = await Promise.all([decoders.load('7', never), decoders.load('7', never)]);
    expect(first).toBe(second);
    expect(registry.asked).toEqual(['7']);
  });

  it('are loaded for the one who still waits when the one who began gives up', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    const { wait, letGo } = held();
    registry.before = wait;
    const begun = new AbortController();
    const first = decoders.load('7', begun.signal);
    const second = decoders.load('7', never);
    await vi.waitUntil(() => registry.asked.length === 1);
    begun.abort(new Error('given up'));
    await expect(first).rejects.toThrow('given up');
    letGo();
    expect((await second).fields).toHaveLength(1);
    expect(registry.asked).toEqual(['7', '7']);
  });

  it('let the one who gives up go at once', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    const { wait, letGo } = held();
    registry.before = wait;
    const first = decoders.load('7', never);
    const givesUp = new AbortController();
    const second = decoders.load('7', givesUp.signal);
    givesUp.abort(new Error('given up'));
    await expect(second).rejects.toThrow('given up');
    letGo();
    await first;
    expect(registry.asked).toEqual(['7']);
  });

  it('C22: are refused when one id stands for two texts, also after a restart without the registry', async () => {
    const { registry, decoders, restarted } = setUp();
    registry.texts.set('7', idSchema);
    await decoders.load('7', never);
    registry.marked.add('7');
    decoders.refuse('7');
    expect(decoders.get('7')).toBeUndefined();
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_conflict'));
    await expect(restarted().load('7', never)).rejects.toEqual(code('schema_conflict'));
    expect(registry.asked).toEqual(['7']);
  });

  it('C22: are refused when the second text is found while they are loaded', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    const { wait, letGo } = held();
    registry.before = wait;
    const loading = decoders.load('7', never);
    await vi.waitUntil(() => registry.asked.length === 1);
    // The text is kept already when the load gets to it: only the mark says what it is worth.
    registry.put = async () => 'same';
    registry.marked.add('7');
    decoders.refuse('7');
    letGo();
    await expect(loading).rejects.toEqual(code('schema_conflict'));
    expect(decoders.get('7')).toBeUndefined();
  });

  it('C22: are had again once the conflict is settled, without a restart', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    await decoders.load('7', never);
    registry.marked.add('7');
    decoders.refuse('7');
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_conflict'));
    registry.marked.delete('7');
    expect((await decoders.load('7', never)).fields).toHaveLength(1);
  });

  it('C22: are refused when another text was kept meanwhile', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', idSchema);
    registry.before = async () => {
      registry.kept.set('registry 7', '"int"');
    };
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_conflict'));
    expect(decoders.get('7')).toBeUndefined();
  });

  it('of a text that is no schema are unusable', async () => {
    const { registry, decoders } = setUp();
    registry.texts.set('7', '{"type": "record"}');
    await expect(decoders.load('7', never)).rejects.toEqual(code('schema_unusable'));
  });
});
