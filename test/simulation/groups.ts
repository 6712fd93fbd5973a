import fc from 'fast-check';
import { Fold } from '../../src/apply/fold.ts';
import { putInLayers } from '../../src/apply/fold-layers.ts';
import type { Folded, RowFold } from '../../src/apply/folded.ts';
import { mapTable, type TableMapping } from '../../src/apply/mapping.ts';
import { UnitFold } from '../../src/apply/unit-fold.ts';
import { tableDescription } from '../unit/apply/descriptions.ts';
import {
  type GroupKind,
  type GroupRecord,
  groupColumns,
  groupEntries,
  groupHistories,
  groupSchemas,
  recordValue,
} from '../unit/apply/group-records.ts';
import { ListText } from '../unit/apply/list-text.ts';
import { GuardedRows } from './guarded-rows.ts';
import { OneByOne } from './one-by-one.ts';
import { Reached, type Simulation } from './simulation.ts';

const writers = { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: (value: unknown) => JSON.stringify(value) };
const columns = { id: 'bigint', a: 'text', b: 'text', g: 'text', h: 'text', at: 'bigint', farshore_units: 'jsonb' };
const description = tableDescription('public.things', columns, ['id']);

function mappingOf(kind: GroupKind, schema: GroupRecord['schema']): TableMapping {
  const mapped = mapTable(groupEntries[kind], { fields: groupSchemas[schema] }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return mapped.mapping;
}
const mappings = Object.fromEntries(
  Object.keys(groupEntries).map((kind) => [kind, { 1: mappingOf(kind as GroupKind, '1'), 2: mappingOf(kind as GroupKind, '2') }]),
) as unknown as Readonly<Record<GroupKind, Readonly<Record<GroupRecord['schema'], TableMapping>>>>;

interface World {
  readonly kind: GroupKind;
  readonly records: readonly GroupRecord[];
  /** From which record on another home wrote. */
  readonly moved: number;
}

/** As the planner does: another column set begins another fold, and a null value goes to the folds in hand. */
function foldsOf({ kind, records, moved }: World, from: number, to: number): readonly Folded[] {
  const folds: RowFold[] = [];
  let current: { readonly mapping: TableMapping | undefined; readonly layers: RowFold[] } | undefined;
  for (let n = from; n < to; n++) {
    const record = records[n]!;
    const mapping: TableMapping | undefined = record.op === 'null' ? current?.mapping : mappings[kind][record.schema];
    if (current === undefined || current.mapping !== mapping) current = { mapping, layers: [] };
    const begin = (): RowFold => {
      const order = { homeEpoch: n < moved ? 1 : 2, generation: 1 };
      const fold =
        mapping?.units === undefined
          ? new Fold(mappings[kind]['1'], mapping, order, writers)
          : new UnitFold(mapping, mapping.units, order, writers);
      folds.push(fold);
      return fold;
    };
    const row = recordValue(record, n);
    putInLayers(current.layers, begin, (fold) => {
      if (record.op === 'null') return fold.delete([1n], BigInt(n), 0);
      return record.op === 'deleted' ? fold.deleteAt(row, row, BigInt(n), 0) : fold.add(row, BigInt(n));
    });
  }
  return folds.map((fold) => fold.finish());
}

/** Each record is in a row of a fold, or counted as folded away. */
function countsAddUp(folds: readonly Folded[], given: number): void {
  let [records, placed] = [0, 0];
  for (const { before, deletes, after, records: taken, folded } of folds) {
    records += taken;
    placed += folded + [before, deletes, after].reduce((sum, rows) => sum + (rows?.versions.count ?? 0), 0);
  }
  if (records !== given || placed !== given)
    throw new Error(`${records} of ${given} records were counted, ${placed} are in rows or folded`);
}

/** `cuts` has a bit for each place between two records. A home's move is a cut always. */
function rowAfter(world: World, cuts: number, reached: Reached): string {
  const { kind, records, moved } = world;
  const rows = new GuardedRows(mappings[kind]['1']);
  let from = 0;
  for (let to = 1; to <= records.length; to++) {
    if (to < records.length && to !== moved && (cuts & (1 << (to - 1))) === 0) continue;
    const folds = foldsOf(world, from, to);
    countsAddUp(folds, to - from);
    reached.note('layers', folds.length > 1);
    for (const fold of folds) rows.apply(fold);
    from = to;
  }
  return rows.has('1') ? JSON.stringify(groupColumns.map((column) => rows.value('1', column))) : 'no row';
}

function play(world: World, reached: Reached): void {
  const { kind, records, moved } = world;
  const model = new OneByOne({ bySource: kind !== 'log', partial: kind !== 'groups' });
  for (const [n, record] of records.entries()) model.take(record, n, n < moved ? 1 : 2);
  const wanted = model.visible();
  const shown = wanted === undefined ? 'no row' : JSON.stringify(groupColumns.map((column) => wanted[column]));
  for (let cuts = 0; cuts < 1 << (records.length - 1); cuts++) {
    const found = rowAfter(world, cuts, reached);
    const where = [...records.keys()].filter((n) => n > 0 && (cuts & (1 << (n - 1))) !== 0);
    if (found !== shown) throw new Error(`${kind}: ${found} instead of ${shown}, cut before [${where.join(', ')}]`);
  }
  reached.note(kind);
  reached.note('deleted', wanted === undefined);
  reached.note('group', wanted !== undefined && (wanted.g ?? wanted.h) !== null);
}

const worlds: fc.Arbitrary<World> = fc.record({
  kind: fc.constantFrom<GroupKind>('groups', 'parts', 'parts', 'log'),
  records: groupHistories,
  moved: fc.nat({ max: 12 }),
});

export const groups: Simulation = {
  name: 'groups',
  judges: 'rows with groups of columns end as their records one by one leave them, in every cut of their log: C1, C2, C4',
  shortRuns: 1_000,
  create: () => {
    const reached = new Reached(['groups', 'parts', 'log', 'layers', 'deleted', 'group']);
    return { property: fc.property(worlds, (world) => play(world, reached)), reached, leastShare: 0.05 };
  },
};
