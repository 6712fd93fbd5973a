import { describe, expect, it } from 'vitest';
import { Fold } from '../../../src/apply/fold.ts';
import { putInLayers } from '../../../src/apply/fold-layers.ts';
import type { RowFold } from '../../../src/apply/folded.ts';
import { mapTable, type TableMapping } from '../../../src/apply/mapping.ts';
import type { TableEntry } from '../../../src/apply/table-entry.ts';
import { UnitFold } from '../../../src/apply/unit-fold.ts';
import { GuardedRows } from '../../simulation/guarded-rows.ts';
import { tableDescription } from './descriptions.ts';
import { ListText } from './list-text.ts';
import { field } from './log-double.ts';

const writers = { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: (value: unknown) => JSON.stringify(value) };
const fields = [
  ...[field('id', 'long'), field('a', 'string', { nullable: true }), field('b', 'string', { nullable: true })],
  ...[field('at', 'long', { nullable: true }), field('changed', 'array', { nullable: true })],
];
const description = tableDescription('public.things', { id: 'bigint', a: 'text', b: 'text', at: 'bigint', farshore_units: 'jsonb' }, [
  'id',
]);
function mappingOf(entry: Omit<TableEntry, 'topic'>): TableMapping {
  const mapped = mapTable({ topic: 'things', version: ['at'], ignore: ['changed'], ...entry }, { fields }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return mapped.mapping;
}
const mappings = { whole: mappingOf({}), parts: mappingOf({ partial: { mask: 'changed' } }) };

type Step = readonly ['state' | 'delete', bigint] | readonly ['null'];

/** Folds of a batch of records of the keys in `ids`, which lie from `first` on. */
function folds(kind: keyof typeof mappings, steps: readonly Step[], first: number, ids: readonly bigint[] = [1n]): readonly RowFold[] {
  const mapping = mappings[kind];
  const order = { homeEpoch: 1, generation: 1 };
  const layers: RowFold[] = [];
  const begin = () =>
    mapping.units === undefined ? new Fold(mapping, mapping, order, writers) : new UnitFold(mapping, mapping.units, order, writers);
  for (const [n, [what, at]] of steps.entries()) {
    for (const id of ids) {
      const row = { id, a: `a${at}`, b: `b${at}`, at: at ?? null, changed: ['id', 'a', 'b', 'at'] as unknown as null };
      const offset = BigInt(first + n) * 10n + id;
      putInLayers(layers, begin, (fold) => {
        if (what === 'null') return fold.delete([id], offset, 0);
        return what === 'delete' ? fold.deleteAt(row, row, offset, 0) : fold.add(row, offset);
      });
    }
  }
  return layers;
}

/** All ways to cut a number of records into batches, each as the sizes of its batches. */
const cuts = (records: number): readonly (readonly number[])[] =>
  records === 0
    ? [[]]
    : Array.from({ length: records }, (_, i) => i + 1).flatMap((size) => cuts(records - size).map((rest) => [size, ...rest]));

function rowsAfter(kind: keyof typeof mappings, steps: readonly Step[], sizes: readonly number[]): string {
  const rows = new GuardedRows(mappings[kind]);
  let at = 0;
  for (const size of sizes) {
    for (const fold of folds(kind, steps.slice(at, at + size), at)) rows.apply(fold.finish());
    at += size;
  }
  return JSON.stringify([...rows.visible()]);
}

describe.each(['whole', 'parts'] as const)('a key that is deleted by its version and by a null value (%s)', (kind) => {
  it.each<[string, readonly Step[], boolean]>([
    ['a null value behind a delete with a lower version: the row stayed for ever', [['state', 200n], ['delete', 150n], ['null']], false],
    ['a null value in front of one', [['state', 200n], ['null'], ['delete', 150n]], false],
    ['a state behind both that the version forbids', [['state', 200n], ['delete', 150n], ['null'], ['state', 120n]], false],
    ['a state behind both that it does not', [['state', 200n], ['delete', 150n], ['null'], ['state', 160n]], true],
    ['a higher delete behind the null value', [['state', 100n], ['null'], ['state', 90n], ['delete', 95n], ['state', 92n]], false],
  ])('ends the same however the log is cut into batches: %s', (_, steps, stands) => {
    for (const sizes of cuts(steps.length)) expect([sizes, rowsAfter(kind, steps, sizes) !== '[]']).toEqual([sizes, stands]);
  });

  it('takes one more fold for all keys whose deletes come in both kinds', () => {
    const ids = Array.from({ length: 50 }, (_, i) => BigInt(i + 1));
    expect(folds(kind, [['delete', 5n], ['null']], 1, ids)).toHaveLength(2);
  });
});
