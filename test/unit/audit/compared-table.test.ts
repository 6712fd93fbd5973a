import { describe, expect, it } from 'vitest';
import { comparedTable, type WantedComparison } from '../../../src/audit/compared-table.ts';
import type { SideTable } from '../../../src/audit/contracts.ts';
import { UNORDERED_MOST_BYTES } from '../../../src/audit/walked-key.ts';
import { columnType, sideColumn, sideTable } from './types.ts';

const primary = sideTable('bills', [
  sideColumn('number', 'int4'),
  sideColumn('total', 'numeric'),
  sideColumn('memo', 'varchar', { nullable: true }),
]);
const region = sideTable('invoices', [
  sideColumn('id', 'int8'),
  sideColumn('amount', 'numeric'),
  sideColumn('memo', 'text', { nullable: true }),
  sideColumn('farshore_version', 'bytea', { nullable: true }),
]);
const wanted: WantedComparison = {
  region: { schema: 'public', table: 'invoices' },
  source: {
    table: { schema: 'public', table: 'bills' },
    columns: new Map([
      ['id', 'number'],
      ['amount', 'total'],
      ['memo', 'memo'],
    ]),
    where: 'tenant = 7',
  },
  key: undefined,
  live: '"gone" is null',
  unknown: [],
};

const reasons = (changes: { primary?: Partial<SideTable>; region?: Partial<SideTable>; wanted?: Partial<WantedComparison> }) => {
  const outcome = comparedTable(
    { ...wanted, ...changes.wanted },
    { primary: { ...primary, ...changes.primary }, region: { ...region, ...changes.region } },
  );
  return outcome.kind === 'compared' ? outcome.table.key.map(({ name, keyAs }) => `${name} ${keyAs}`) : outcome.reasons;
};

describe('what is compared', () => {
  it('has the names of both sides, the conditions, and the key', () => {
    const outcome = comparedTable(wanted, { primary, region });
    if (outcome.kind === 'refused') throw outcome.reasons[0];
    const { table } = outcome;
    expect(table.primary).toEqual({ table: { schema: 'public', table: 'bills' }, where: 'tenant = 7' });
    expect(table.region).toEqual({ table: { schema: 'public', table: 'invoices' }, where: '"gone" is null' });
    expect(table.key).toMatchObject([{ name: 'id', keyAs: 'integer', primary: { name: 'number' }, region: { name: 'id' } }]);
    expect(table.columns.map(({ name, as }) => [name, as])).toEqual([
      ['id', 'number'],
      ['amount', 'number'],
      ['memo', 'text'],
    ]);
    expect(table.versioned).toBe(true);
  });

  it('is refused for every reason at once', () => {
    const found = reasons({ primary: { rowSecurity: true, encoding: 'LATIN1', columns: primary.columns.slice(0, 2) } });
    expect(found).toMatchObject([
      { code: 'table_incomparable', message: expect.stringContaining('Row security'), place: 'table public.invoices' },
      { code: 'table_incomparable', message: expect.stringContaining('LATIN1') },
      { code: 'table_mismatch', message: 'Column memo is not in public.bills at the primary' },
    ]);
    for (const reason of found) expect(reason).toMatchObject({ hint: expect.stringMatching(/\w/) });
  });

  it('needs a counterpart of the key', () => {
    const columns = new Map([...wanted.source.columns].filter(([name]) => name !== 'id'));
    expect(reasons({ wanted: { source: { ...wanted.source, columns } } })).toMatchObject([
      { message: 'Key column id has nothing at the primary to be compared with' },
    ]);
  });

  it('takes the key of the entry, where both sides have it unique and not null', () => {
    const key = ['memo'];
    expect(reasons({ wanted: { key } })).toMatchObject([{ message: expect.stringContaining('no unique index without nulls') }]);
    const memo = (table: SideTable) => ({
      uniqueKeys: [...table.uniqueKeys, ['memo']],
      columns: table.columns.map((column) => ({ ...column, nullable: false })),
    });
    expect(reasons({ wanted: { key }, primary: memo(primary), region: memo(region) })).toEqual(['memo text']);
  });
});

describe('keys of two columns', () => {
  const columns = [sideColumn('a', 'int8'), sideColumn('b', 'text')];
  const both = { ...wanted, source: { ...wanted.source, columns: new Map(columns.map(({ name }) => [name, name])) }, key: ['a', 'b'] };
  const found = (there: Partial<SideTable>, here: Partial<SideTable>) => {
    const outcome = comparedTable(both, {
      primary: sideTable('bills', columns, { uniqueKeys: [['a', 'b']], ...there }),
      region: sideTable('invoices', columns, { uniqueKeys: [['a', 'b']], ...here }),
    });
    return outcome.kind === 'compared' ? outcome.table.key.map(({ name, keyAs }) => `${name} ${keyAs}`) : outcome.reasons;
  };
  const large = UNORDERED_MOST_BYTES + 1;

  it('are walked in an order that both sides have an index of', () => {
    expect(
      found(
        { uniqueKeys: [['b', 'a']] },
        {
          uniqueKeys: [
            ['a', 'b'],
            ['b', 'a'],
          ],
        },
      ),
    ).toEqual(['b text', 'a integer']);
  });

  it('are walked without one in a small table only', () => {
    expect(found({ uniqueKeys: [['b', 'a']] }, {})).toEqual(['a integer', 'b text']);
    expect(found({ uniqueKeys: [['b', 'a']], bytes: large }, {})).toMatchObject([
      {
        code: 'table_incomparable',
        hint: 'Without one each range would read the whole table; at the primary: create unique index concurrently on "public"."bills" ("a", "b");',
      },
    ]);
  });

  it('are walked by bytes where their collations differ, by an index of that order', () => {
    const icu = columns.map((column) => (column.name === 'b' ? { ...column, order: 'icu en' } : column));
    const bytes = { byteKeys: [['a', 'b']] };
    expect(found({ columns: icu }, {})).toEqual(['a integer', 'b bytes']);
    expect(found({ columns: icu, bytes: large, ...bytes }, bytes)).toEqual(['a integer', 'b bytes']);
    expect(found({ columns: icu, ...bytes }, { bytes: large })).toMatchObject([
      { hint: expect.stringContaining('in the region: create unique index concurrently on "public"."invoices" ("a", "b" collate "C");') },
    ]);
  });

  it('are refused where a type does not order them', () => {
    const documents = columns.map((column) => (column.name === 'b' ? { ...column, type: columnType('jsonb') } : column));
    expect(found({ columns: documents }, { columns: documents })).toMatchObject([
      { message: expect.stringContaining('Key column b cannot be walked') },
    ]);
  });
});
