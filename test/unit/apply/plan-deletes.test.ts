import { describe, expect, it } from 'vitest';
import type { ApplyPlan, PlanContext } from '../../../src/apply/apply-plan.ts';
import type { ApplySettings } from '../../../src/apply/dependencies.ts';
import { planBatch } from '../../../src/apply/plan-batch.ts';
import { TableCatalog } from '../../../src/apply/table-catalog.ts';
import { tableDescription } from './descriptions.ts';
import { elementsOf, ListText } from './list-text.ts';
import { TestDecoders, type TestRecord, testBatch, visitTestRecords } from './log-double.ts';

const signal = new AbortController().signal;

/** What a plan makes of null values of topic `shop`, whose entries go to tables of one key column. */
async function planned(
  entries: ApplySettings['entries'],
  records: readonly TestRecord[],
  all?: ApplySettings['entries'],
): Promise<ApplyPlan> {
  const describe = async (names: readonly { readonly table: string }[]) =>
    names.map(({ table }) => tableDescription(`public.${table}`, { id: 'bigint' }, ['id']));
  const catalog = new TableCatalog(
    { tables: { describe, create: async () => undefined, execute: async () => undefined } },
    { entries, all, schema: 'validate' },
  );
  for (const route of entries.keys()) await catalog.loadKey('shop', route, signal);
  const context: PlanContext = {
    place: 'shop:0',
    sink: catalog.sink('shop'),
    decoders: new TestDecoders(new Map()),
    unknownSchema: () => undefined,
    visitRecords: visitTestRecords,
    writers: { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: JSON.stringify },
  };
  const batch = testBatch(records);
  const piece = { batch, end: batch.lastOffset + 1n, proof: undefined, bytes: batch.bytes.length };
  const order = { kind: 'apply', homeEpoch: 1, generation: 1, end: undefined } as const;
  const result = planBatch([piece], 0n, order, context, { maxRecords: 100, maxBytes: 10_000, upTo: undefined });
  if (result.kind !== 'plan') throw new Error(`wants ${result.kind}`);
  return result.plan;
}

const gone: readonly TestRecord[] = [{ offset: 0n, key: '5', value: null }];
const deleted = ({ folds }: ApplyPlan) => folds.map(({ table, deletes }) => [table.name, ...elementsOf(deletes?.columns[0])]);
const orders = { topic: 'shop', table: 'public.orders' };
const lines = { topic: 'shop', table: 'public.lines' };

describe('a null value', () => {
  it.each([
    ['each by a field', { field: 'type', in: ['order'] }, { field: 'type', in: ['line'] }],
    ['each by its record name', { record: 'Order' }, { record: 'Line' }],
    ['one of them, beside one that takes all', undefined, { record: 'Line' }],
  ] as const)(
    'is kept out where `only` routes records among tables (%s): it deleted the row of its key in all of them',
    async (_, a, b) => {
      const plan = await planned(
        [
          { ...orders, only: a },
          { ...lines, only: b },
        ],
        gone,
      );
      expect(deleted(plan)).toEqual([]);
      expect(plan.rejects.map(({ offset, error }) => [offset, error.code])).toEqual([[0n, 'record_unmappable']]);
      expect(plan.rejects[0]!.error.hint).toContain('`deleteWhen`');
      expect(plan.next).toBe(1n);
    },
  );

  it('is kept out also where only one of the topic’s tables is filled anew', async () => {
    const [one, other] = [
      { ...orders, only: { record: 'Order' } },
      { ...lines, only: { record: 'Line' } },
    ];
    expect(deleted(await planned([one], gone, [one, other]))).toEqual([]);
  });

  it('deletes in each table of a topic that all of its records go to, and in the one table of a topic', async () => {
    expect(deleted(await planned([orders, lines], gone))).toEqual([
      ['public.orders', '5'],
      ['public.lines', '5'],
    ]);
    expect(deleted(await planned([{ ...orders, only: { record: 'Order' } }], gone))).toEqual([['public.orders', '5']]);
  });
});
