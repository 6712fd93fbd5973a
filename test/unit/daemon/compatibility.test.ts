import { describe, expect, it } from 'vitest';
import type { FarshoreConfig } from '../../../src/config/config.ts';
import { appliedTopics, tellCompatibility } from '../../../src/daemon/compatibility.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { never, RegistryDouble } from '../avro/registry-double.ts';

const config = {
  mirror: { prefix: 'us.' },
  apply: { tables: [{ topic: 'us.bills' }, { topic: 'us.bills', table: 'app.copies' }, { topic: 'us.notes' }] },
} as unknown as FarshoreConfig;

async function told(registry: RegistryDouble | undefined): Promise<readonly FarshoreEvent[]> {
  const events: FarshoreEvent[] = [];
  await tellCompatibility(registry, config, (event) => events.push(event), never);
  return events;
}

describe('the compatibility mode at start', () => {
  it('is looked up by the name a topic has at home, once a topic', async () => {
    expect(appliedTopics(config)).toEqual([
      { topic: 'us.bills', home: 'bills' },
      { topic: 'us.notes', home: 'notes' },
    ]);
    const registry = new RegistryDouble();
    registry.modes.set('bills-value', 'NONE');
    expect(await told(registry)).toEqual([
      { type: 'registry_compatibility', topic: 'us.bills', subject: 'bills-value', mode: 'NONE', meaning: expect.any(String) },
    ]);
  });

  it('holds nothing up when the registry does not answer, and hides no defect', async () => {
    const registry = new RegistryDouble();
    registry.compatibility = async () => {
      throw new FarshoreError('registry_unreachable', 'no answer');
    };
    expect(await told(registry)).toEqual([]);
    expect(await told(undefined)).toEqual([]);
    registry.compatibility = async () => {
      throw new TypeError('a defect');
    };
    await expect(told(registry)).rejects.toThrow('a defect');
  });
});
