import { describe, expect, it } from 'vitest';
import type { Folded, RowSet } from '../../../src/apply/folded.ts';
import { mapTable, type TableMapping } from '../../../src/apply/mapping.ts';
import { transactionStatements } from '../../../src/apply/statements.ts';
import { tableStatements } from '../../../src/apply/table-statements.ts';
import { tableDescription } from './descriptions.ts';
import { ListText } from './list-text.ts';
import { field } from './log-double.ts';

const fields = [field('id', 'long'), field('lines', 'array'), field('at', 'long')];
const description = tableDescription('public.Bills', { id: 'bigint', lines: 'jsonb', at: 'bigint' }, ['id']);
const mappingOf = (version?: readonly string[]): TableMapping => {
  const mapped = mapTable({ topic: 'Bills', version }, { fields }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return mapped.mapping;
};
/** Where a row's record lies is of no matter here. */
const placed = { offsetOf: () => 0n, merged: () => false };
const rows: RowSet = { columns: [['1'], ['[]'], ['2']].map((column) => new ListText(column)), versions: new ListText(['00']), ...placed };
const keys: RowSet = { columns: [new ListText(['1'])], versions: new ListText(['00']), ...placed };
const transition = {
  topic: 'Bills',
  partition: 0,
  topicId: 'id',
  from: 1n,
  next: 3n,
  proof: { leaderEpoch: 4, crc: 5 },
  records: 2,
  epoch: 9n,
};
const transactionOf = (folded: Partial<Folded>) => {
  const mapping = mappingOf();
  const whole = {
    table: mapping,
    mapping,
    before: undefined,
    deletes: undefined,
    after: undefined,
    records: 1,
    folded: 0,
    ties: 0,
    notAllowed: new Map(),
    ...folded,
  };
  return transactionStatements(transition, [{ folded: whole, statements: tableStatements(mapping, mapping) }]);
};

describe('statements', () => {
  it('C2: the guard takes a missing version for the lowest', () => {
    const { text } = tableStatements(mappingOf(), mappingOf()).upsert!(rows)[0]!;
    expect(text).toContain('where t."farshore_version" is null or t."farshore_version" < excluded."farshore_version"');
  });

  it('C17: a batch is one array a column, JSON is cast a row, rows come in key order', () => {
    const { text, values } = tableStatements(mappingOf(), mappingOf()).upsert!(rows)[0]!;
    expect(text).toContain('unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) as i (c0, c1, c2, v)');
    expect(text).toContain(`select i.c0, i.c1::jsonb, i.c2, decode(i.v, 'hex')`);
    expect(text).toContain('order by i.c0\non conflict ("id") do update');
    expect(values).toEqual([...rows.columns, rows.versions, 'public.Bills']);
  });

  it('C4: tombstones of null values compare by log order where rows have a source version', () => {
    const sourced = tableStatements(mappingOf(['at']), mappingOf(['at']));
    expect(sourced.upsert!(rows)[0]!.text).toContain('case when get_byte(d.version, 4) = 0');
    expect(tableStatements(mappingOf(), mappingOf()).upsert!(rows)[0]!.text).not.toContain('get_byte');
    expect(sourced.deleteRows(keys)[0]!.text).toContain('octet_length(t."farshore_version") - 11');
  });

  it('prepares one statement a text', () => {
    const [one, two] = [tableStatements(mappingOf(), mappingOf()), tableStatements(mappingOf(['at']), mappingOf(['at']))];
    expect(one.upsert!(rows)[0]!.name).toBe(tableStatements(mappingOf(), mappingOf()).upsert!(keys)[0]!.name);
    expect(one.upsert!(rows)[0]!.name).not.toBe(two.upsert!(rows)[0]!.name);
    expect(one.upsert!(rows)[0]!.name!.length).toBeLessThan(64);
  });

  it('C4: rows that are taken for new are copied after the look for remembered deletes, behind the fence', () => {
    const mapping = mappingOf();
    const folded = { table: mapping, mapping, before: undefined, deletes: undefined, after: rows, records: 1, folded: 0, ties: 0 };
    const one: Folded = { ...folded, notAllowed: new Map() };
    const folds = [{ folded: one, statements: tableStatements(mapping, mapping) }];
    const { statements, rounds } = transactionStatements(transition, folds, undefined, new Set([one]));
    const words = statements.map(
      ({ text }) => /check_fence|from farshore.tombstones|copy .*|set constraints|move_position/.exec(text)?.[0],
    );
    expect(words).toEqual([
      'check_fence',
      'from farshore.tombstones',
      'copy "public"."Bills" ("id", "lines", "at", "farshore_version") from stdin',
      'set constraints',
      'move_position',
    ]);
    expect(statements[0]!.text).toContain('pg_advisory_xact_lock_shared');
    expect(statements[1]!.values).toEqual(['public.Bills', '"public"."Bills"']);
    expect(statements[2]).toMatchObject({ values: [], copy: { columns: rows.columns, hex: rows.versions } });
    expect(rounds).toEqual([{ before: [], deletes: [], after: [2] }]);
    expect(transactionStatements(transition, folds).statements.map(({ copy }) => copy)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('copies no table whose rows are deleted or set in part by a column', () => {
    const mapping = mappingOf();
    const softDelete = { column: 'gone', type: 'boolean', sets: 'true', ofParts: false } as const;
    expect(tableStatements(mapping, mapping).newRows).toBeDefined();
    expect(tableStatements(mapping, undefined).newRows).toBeUndefined();
    expect(tableStatements(mapping, { ...mapping, softDelete }).newRows).toBeUndefined();
    expect(tableStatements(mapping, { ...mapping, units: { list: [], unknownRow: 'insert' } as never }).newRows).toBeUndefined();
  });

  it('C16: fence first, rows, constraints, then the position', () => {
    const { statements, rounds } = transactionOf({ before: rows, deletes: keys, after: rows });
    const words = statements.map(
      ({ text }) => /check_fence|insert into "public"|delete from|tombstones as d|set constraints|move_position/.exec(text)?.[0],
    );
    expect(words).toEqual([
      'check_fence',
      'insert into "public"',
      'delete from',
      'tombstones as d',
      'insert into "public"',
      'set constraints',
      'move_position',
    ]);
    expect(rounds).toEqual([{ before: [1], deletes: [3], after: [4] }]);
    expect(statements.at(-1)?.values).toEqual(['Bills', 0, 1n, 3n, 4, 5, 2, 9n]);
  });

  it('C4: a batch with deletes locks the table alone, others share the lock', () => {
    expect(transactionOf({ after: rows }).statements[0]?.text).toContain('pg_advisory_xact_lock_shared(');
    expect(transactionOf({ after: rows, deletes: keys }).statements[0]?.text).toContain('pg_advisory_xact_lock(');
  });

  it('moves over a gap without touching a table', () => {
    const { statements } = transactionStatements({ ...transition, proof: undefined }, []);
    expect(statements).toHaveLength(2);
    expect(statements[1]?.values.slice(4, 6)).toEqual([null, null]);
  });
});
