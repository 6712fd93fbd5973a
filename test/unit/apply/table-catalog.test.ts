import { describe, expect, it } from 'vitest';
import type { RecordDecoder } from '../../../src/apply/contracts.ts';
import type { Folded, RowSet } from '../../../src/apply/folded.ts';
import { transactionStatements } from '../../../src/apply/statements.ts';
import { TableCatalog } from '../../../src/apply/table-catalog.ts';
import { tableDescription } from './descriptions.ts';
import { ListText } from './list-text.ts';
import { field } from './log-double.ts';

const decoder: RecordDecoder = { fields: [field('id', 'long'), field('at', 'long')], decode: () => ({}) };
const description = tableDescription('public.bills', { id: 'bigint', at: 'bigint' }, ['id']);
/** Where a row's record lies is of no matter here. */
const placed = { offsetOf: () => 0n, merged: () => false };
const rows: RowSet = { columns: [new ListText(['1']), new ListText(['2'])], versions: new ListText(['00']), ...placed };

async function loadedCatalog(): Promise<TableCatalog> {
  const tables = { describe: async () => [description], create: async () => undefined, execute: async () => undefined };
  const catalog = new TableCatalog({ tables }, { entries: [{ topic: 'bills' }], schema: 'validate' });
  await catalog.loadMapping('bills', 0, decoder, new AbortController().signal);
  return catalog;
}

/** What a plan that begins with a delete makes of it: no mapping, and the key of the mapping that another partition loaded. */
function folds(catalog: TableCatalog): { readonly deletes: Folded; readonly states: Folded } {
  const sink = catalog.sink('bills');
  const mapping = sink.kind === 'table' ? sink.routes[0]!.mappingOf(decoder) : undefined;
  const key = sink.kind === 'table' ? sink.routes[0]!.keyOf() : undefined;
  if (mapping === undefined || mapping === null || key === undefined || key === null) throw new Error('the mapping was not loaded');
  const none = {
    before: undefined,
    deletes: undefined,
    after: undefined,
    records: 1,
    folded: 0,
    ties: 0,
    notAllowed: new Map<string, number>(),
  };
  return {
    deletes: {
      ...none,
      table: key,
      mapping: undefined,
      deletes: { columns: [new ListText(['1'])], versions: new ListText(['00']), ...placed },
    },
    states: { ...none, table: mapping, mapping, after: rows },
  };
}

describe('the statements of a table', () => {
  it('write states also after a batch that began with a delete: rows were lost while the position moved', async () => {
    const catalog = await loadedCatalog();
    const { deletes, states } = folds(catalog);
    expect(catalog.statements(deletes).upsert).toBeUndefined();
    expect(catalog.statements(states).upsert?.(rows)[0]?.text).toContain('insert into');
  });

  it('are refused for states that none of them writes, instead of leaving them out', async () => {
    const catalog = await loadedCatalog();
    const { deletes, states } = folds(catalog);
    const transition = { topic: 'bills', partition: 0, topicId: 'id', from: 1n, next: 2n, proof: undefined, records: 1, epoch: 1n };
    expect(() => transactionStatements(transition, [{ folded: states, statements: catalog.statements(deletes) }])).toThrow(
      'no statement that writes them',
    );
  });
});
