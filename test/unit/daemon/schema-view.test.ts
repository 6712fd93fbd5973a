import { describe, expect, it } from 'vitest';
import type { RecordDecoder } from '../../../src/apply/contracts.ts';
import type { SchemaRegistry } from '../../../src/avro/contracts.ts';
import type { FarshoreConfig } from '../../../src/config/config.ts';
import { schemaView } from '../../../src/daemon/schema-view.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { tableDescription } from '../apply/descriptions.ts';
import { field } from '../apply/log-double.ts';
import { never, RegistryDouble } from '../avro/registry-double.ts';

const decoder = (ref: string, recordName: string, ...names: readonly string[]): RecordDecoder => ({
  ...{ ref, recordName, decode: () => ({}) },
  fields: names.map((name) => field(name, 'long')),
});
const tables = [tableDescription('public.bills', { id: 'bigint' }, ['id']), tableDescription('public.notes', { id: 'bigint' }, ['id'])];
const bills = { topic: 'us.bills' };
const notes = { topic: 'us.notes', only: { record: 'Note' } };

interface Given {
  readonly entries?: readonly object[];
  readonly schema?: 'validate' | 'create';
  readonly met?: readonly RecordDecoder[];
  readonly registry?: SchemaRegistry;
}

const viewOf = ({ entries = [bills, notes], schema = 'validate', met = [], registry }: Given, topic?: string) =>
  schemaView(
    {
      config: { mirror: { prefix: 'us.' }, apply: { tables: entries, schema } } as unknown as FarshoreConfig,
      apply: { metSchemas: () => met },
      decoders: { load: async (ref) => decoder(ref, 'Bill', 'id') },
      registry,
      describe: async (names) => tables.filter(({ table }) => names.some((name) => name.table === table)),
    },
    { topic, table: undefined },
    never,
  );

const newestIs = (answer: (subject: string) => string): RegistryDouble => {
  const registry = new RegistryDouble();
  registry.newest = async (subject?: string) => {
    registry.asked.push(subject!);
    return answer(subject!);
  };
  return registry;
};

describe('the schemas of a topic', () => {
  it('are the newest of its subject at home, then those met, each once', async () => {
    const registry = newestIs(() => '9');
    const met = [decoder('7', 'Bill', 'id', 'fax'), decoder('9', 'Bill', 'id')];
    const { tables: found } = await viewOf({ met, registry }, 'us.bills');
    expect(registry.asked).toEqual(['bills-value']);
    expect(found[0]?.schemas.map(({ schema, newest, met: came }) => [schema, newest, came])).toEqual([
      ['9', true, true],
      ['7', false, true],
    ]);
    // An older writer's field stops the table as well as a newer one's.
    expect(found[0]).toMatchObject({ table: 'public.bills', stops: true, unknown: null, problems: [] });
  });

  it('are those met alone when the registry does not answer, which is then asked no further', async () => {
    const registry = newestIs(() => {
      throw new FarshoreError('registry_unreachable', 'no answer');
    });
    const { tables: found } = await viewOf({ met: [decoder('7', 'Note', 'id')], registry });
    expect(registry.asked).toEqual(['bills-value']);
    expect(found.map(({ unknown, stops, schemas }) => [unknown, stops, schemas.length])).toEqual([
      ['no answer', false, 1],
      ['no answer', false, 1],
    ]);
  });

  it('leave out those that are for another table, and say what is not known', async () => {
    const { tables: found } = await viewOf({ met: [decoder('7', 'Bill', 'id')] }, 'us.notes');
    expect(found[0]).toMatchObject({ schemas: [], stops: null, unknown: 'no registry is configured' });
  });

  it('need not be known for what is wrong with the table itself, unless it is made later', async () => {
    const [gone] = (await viewOf({ entries: [{ topic: 'us.gone' }] })).tables;
    expect(gone).toMatchObject({ stops: true, problems: [{ code: 'table_missing' }] });
    const [later] = (await viewOf({ entries: [{ topic: 'us.gone' }], schema: 'create' })).tables;
    expect(later).toMatchObject({ stops: null, problems: [] });
  });

  it('fail on a defect, and on a topic that has no entry', async () => {
    const registry = newestIs(() => {
      throw new TypeError('a defect');
    });
    await expect(viewOf({ registry })).rejects.toThrow('a defect');
    await expect(viewOf({}, 'other')).rejects.toMatchObject({ code: 'request_invalid' });
    expect(await viewOf({ entries: [] })).toEqual({ tables: [] });
  });
});
