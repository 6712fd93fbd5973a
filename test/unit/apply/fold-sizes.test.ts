import { describe, expect, it } from 'vitest';
import { columnTypeOf, travelOf } from '../../../src/apply/column-types.ts';
import { Fold } from '../../../src/apply/fold.ts';
import { FoldSizes } from '../../../src/apply/fold-sizes.ts';
import type { TableMapping } from '../../../src/apply/mapping.ts';
import { ListText } from './list-text.ts';

describe('FoldSizes', () => {
  it('a fold takes memory for what the one before came to, and one beside it in the same plan for nothing known', () => {
    const field = {
      name: 'id',
      avro: 'long',
      logical: undefined,
      precision: undefined,
      scale: undefined,
      nullable: false,
      doc: undefined,
    } as const;
    const column = { column: 'id', field: 'id', type: columnTypeOf(field), travel: travelOf('bigint', field) };
    const sizes = new FoldSizes();
    const mapping: TableMapping = {
      ...{ table: { schema: 'public', table: 't' }, name: 'public.t', key: [column], hasSource: false, columns: [column], keyIndexes: [0] },
      ...{ version: [], absentVersion: [], notAllowed: [], sizes },
    };
    const asked: unknown[] = [];
    const arrayText = (expected?: { readonly bytes: number; readonly count: number }) => {
      asked.push(expected);
      return new ListText();
    };
    const fold = () => new Fold(mapping, mapping, { homeEpoch: 1, generation: 1 }, { arrayText, arrayLiteral: String, exactJson: String });
    const first = fold();
    for (let id = 0; id < 32; id++) first.add({ id: 10 + id }, BigInt(id));
    first.finish();
    expect(asked.slice(-3)).toEqual([undefined, undefined, undefined]);
    const second = fold();
    // The key's column of deletes is not one of the mapping's.
    expect(asked.slice(-3)).toEqual([
      { bytes: 68, count: 34 },
      { bytes: Math.ceil((32 * (8 + 2 + 8 + 16) * 17) / 16), count: 34 },
      undefined,
    ]);
    fold();
    expect(asked.slice(-3)).toEqual([undefined, undefined, undefined]);
    second.delete([1], 40n);
    second.finish();
    expect(sizes.take()).toEqual([]);
    second.add({ id: 1 }, 41n);
    second.finish();
    expect(sizes.take()).toHaveLength(2);
    expect(sizes.take()).toEqual([]);
  });
});
