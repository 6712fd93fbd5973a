import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedRecord } from '../../../src/apply/contracts.ts';
import { Fold } from '../../../src/apply/fold.ts';
import { mapTable, type TableMapping } from '../../../src/apply/mapping.ts';
import { versionHex } from '../../../src/model/version.ts';
import { tableDescription } from './descriptions.ts';
import { elementsOf, ListText } from './list-text.ts';
import { field } from './log-double.ts';

const writers = { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: (value: unknown) => JSON.stringify(value) };
const order = { homeEpoch: 3, generation: 2 };
const fields = [field('id', 'long'), field('name', 'string', { nullable: true }), field('at', 'long', { nullable: true })];
const description = tableDescription('public.things', { id: 'bigint', name: 'text', at: 'bigint' }, ['id']);

function mappingOf(version: readonly string[] | undefined): TableMapping {
  const mapped = mapTable({ topic: 'things', version }, { fields }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return mapped.mapping;
}
const logOrdered = mappingOf(undefined);
const sourced = mappingOf(['at']);

const foldOf = (mapping: TableMapping) => new Fold(mapping, mapping, order, writers);
const state = (id: bigint, name: string | null, at: bigint | null = null): DecodedRecord => ({ id, name, at });

describe('Fold', () => {
  it('keeps the last state of a key in log order where there is no source version', () => {
    const fold = foldOf(logOrdered);
    fold.add(state(1n, 'a'), 10n);
    fold.add(state(2n, 'b'), 11n);
    fold.add(state(1n, 'c'), 12n);
    const { after, before, deletes, folded, records, ties } = fold.finish();
    expect(after?.columns.map(elementsOf)).toEqual([
      [1n, 2n],
      ['c', 'b'],
      [null, null],
    ]);
    expect(elementsOf(after?.versions)).toEqual([versionHex(3, null, 2, 12n), versionHex(3, null, 2, 11n)]);
    expect({ before, deletes, folded, records, ties }).toEqual({ before: undefined, deletes: undefined, folded: 1, records: 3, ties: 0 });
  });

  it('C1: a higher source version outranks a later offset', () => {
    const fold = foldOf(sourced);
    fold.add(state(1n, 'new', 9n), 10n);
    fold.add(state(1n, 'old', 8n), 11n);
    const { after, folded } = fold.finish();
    expect(elementsOf(after?.columns[1])).toEqual(['new']);
    expect(elementsOf(after?.versions)).toEqual([versionHex(3, 9n, 2, 10n)]);
    expect(folded).toBe(1);
  });

  it('C2: a null or absent source field is the lowest value', () => {
    const fold = foldOf(sourced);
    fold.add(state(1n, 'known', -(2n ** 63n)), 10n);
    fold.add(state(1n, 'null', null), 11n);
    fold.add({ id: 1n, name: 'absent' }, 12n);
    expect(elementsOf(fold.finish().after?.columns[1])).toEqual(['known']);
  });

  it('C4: a null value splits its key: state before, delete, highest after', () => {
    const fold = foldOf(sourced);
    fold.add(state(1n, 'first', 100n), 1n);
    fold.add(state(1n, 'older', 90n), 2n);
    fold.delete([1n], 3n);
    fold.add(state(1n, 'revived', 5n), 4n);
    fold.add(state(1n, 'revived more', 6n), 5n);
    fold.add(state(2n, 'other', 1n), 6n);
    const { before, deletes, after, folded, records } = fold.finish();
    expect(elementsOf(before?.columns[1])).toEqual(['first']);
    expect(deletes).toMatchObject({ columns: [new ListText([1n])], versions: new ListText([versionHex(3, null, 2, 3n)]) });
    expect(elementsOf(after?.columns[1]).toSorted()).toEqual(['other', 'revived more']);
    expect(records - folded).toBe(4);
  });

  it('counts a tie when one source version stands for two contents: the later in the log wins', () => {
    const fold = foldOf(sourced);
    fold.add(state(1n, 'a', 7n), 1n);
    fold.add(state(1n, 'a', 7n), 2n);
    fold.add(state(1n, 'b', 7n), 3n);
    fold.add(state(2n, 'x', null), 4n);
    fold.add(state(2n, 'y', null), 5n);
    const { after, ties } = fold.finish();
    expect(ties).toBe(1);
    expect(elementsOf(after?.columns[1])).toEqual(['b', 'y']);
  });

  it('refuses a null key and leaves what was folded before as it was', () => {
    const fold = foldOf(logOrdered);
    fold.add(state(1n, 'a'), 1n);
    expect(() => fold.add({ id: null, name: 'x' }, 2n)).toThrow(expect.objectContaining({ code: 'record_unmappable' }));
    expect(fold.finish()).toMatchObject({ records: 1, folded: 0 });
  });

  it('refuses a delete whose key holds a NUL and leaves what was folded before as it was', () => {
    const fold = foldOf(logOrdered);
    fold.add(state(1n, 'a'), 1n);
    expect(() => fold.delete(['1\0'], 2n)).toThrow(expect.objectContaining({ code: 'record_unmappable' }));
    expect(fold.finish()).toMatchObject({ records: 1, folded: 0, deletes: undefined, after: { versions: { count: 1 } } });
  });

  it('takes different texts of one uuid or number for one key', () => {
    const mapped = mapTable(
      { topic: 'u' },
      { fields: [field('id', 'string', { logical: 'uuid' })] },
      tableDescription('public.u', { id: 'uuid' }, ['id']),
    );
    if (mapped.kind === 'problems') throw mapped.problems[0]!;
    const fold = foldOf(mapped.mapping);
    fold.add({ id: 'AAAAAAAA-0000-4000-8000-000000000001' }, 1n);
    fold.delete(['aaaaaaaa-0000-4000-8000-000000000001'], 2n);
    expect(fold.finish()).toMatchObject({ after: undefined, before: { versions: { elements: [expect.any(String)] } } });
    const whole = foldOf(logOrdered);
    whole.add(state(7n, 'seven'), 1n);
    whole.delete(['007'], 2n);
    expect(whole.finish().after).toBeUndefined();
  });

  it.each([
    ['with a source version', sourced],
    ['by log order alone', logOrdered],
  ])('ends where applying record by record ends, %s', (_title, mapping) => {
    const event = fc.record({
      id: fc.bigInt(0n, 3n),
      at: fc.option(fc.bigInt(0n, 3n)),
      name: fc.constantFrom('a', 'b'),
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25 }), (events) => {
        const fold = foldOf(mapping);
        const table = new Map<bigint, { version: string; name: string }>();
        events.forEach(({ id, at, name, gone }, index) => {
          const offset = BigInt(index);
          const version = versionHex(3, mapping === sourced ? at : null, 2, offset);
          if (gone) {
            fold.delete([id], offset);
            table.delete(id);
            return;
          }
          fold.add(state(id, name, at), offset);
          const row = table.get(id);
          if (row === undefined || row.version < version) table.set(id, { version, name });
        });
        const { after, before, deletes, folded, records } = fold.finish();
        const [ids, names] = (after?.columns ?? []).map(elementsOf);
        const found = elementsOf(after?.versions).map((version, i) => [ids![i], { version, name: names![i] }]);
        expect(new Map(found as [bigint, { version: string; name: string }][])).toEqual(table);
        const sizes = [after, before, deletes].map((rows) => rows?.versions.count ?? 0);
        expect(sizes.reduce((a, b) => a + b, folded)).toBe(records);
      }),
    );
  });
});
