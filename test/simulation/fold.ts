import fc from 'fast-check';
import type { DecodedRecord, TopicOrder } from '../../src/apply/contracts.ts';
import { Fold } from '../../src/apply/fold.ts';
import { putInLayers } from '../../src/apply/fold-layers.ts';
import type { Folded, RowFold, RowSet } from '../../src/apply/folded.ts';
import { mapTable, type TableMapping } from '../../src/apply/mapping.ts';
import { orderAt } from '../../src/apply/order-at.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { UnitFold } from '../../src/apply/unit-fold.ts';
import { type RegionalOffset, regionalOffset } from '../../src/model/offsets.ts';
import { tableDescription } from '../unit/apply/descriptions.ts';
import { ListText } from '../unit/apply/list-text.ts';
import { field } from '../unit/apply/log-double.ts';
import { GuardedRows } from './guarded-rows.ts';
import { Reached, type Simulation } from './simulation.ts';

const writers = { arrayText: () => new ListText(), arrayLiteral: () => '{}', exactJson: (value: unknown) => JSON.stringify(value) };
const fields = [
  ...[field('id', 'long'), field('a', 'string', { nullable: true }), field('b', 'string', { nullable: true })],
  ...[field('at', 'long', { nullable: true }), field('gone', 'boolean'), field('changed', 'array', { nullable: true })],
];
const description = tableDescription('public.things', { id: 'bigint', a: 'text', b: 'text', at: 'bigint', farshore_units: 'jsonb' }, [
  'id',
]);

function mappingOf(entry: Omit<TableEntry, 'topic'>): TableMapping {
  const mapped = mapTable({ topic: 'things', ignore: ['gone', 'changed'], ...entry }, { fields }, description);
  if (mapped.kind === 'problems') throw mapped.problems[0]!;
  return mapped.mapping;
}
const mappings = {
  log: mappingOf({}),
  version: mappingOf({ version: ['at'] }),
  parts: mappingOf({ version: ['at'], partial: { mask: 'changed' } }),
};
type Kind = keyof typeof mappings;

/** A record as it was written; where it lies follows from its key and the generation it was written in. */
interface Written {
  readonly key: number;
  readonly op: 'state' | 'null' | 'deleted';
  readonly at: number | null;
  readonly sets: readonly ('a' | 'b')[];
  readonly epoch: number;
}
interface Placed extends Written {
  readonly partition: number;
  readonly offset: bigint;
  readonly generation: number;
  /** Of all records, in the order they were written. */
  readonly n: number;
}

const REGION = 'eu';
const PARTITIONS = 3;

interface World {
  readonly kind: Kind;
  readonly written: readonly Written[];
  /** Before which record the topic grows from two partitions to three, and the home moves to the region, and back. */
  readonly grows: number;
  readonly leaves: number;
  readonly returns: number;
  /** After so many turns the table is taken out of `apply.tables`, to come back when the home has returned; undefined: it is never out. */
  readonly out: number | undefined;
  readonly turns: readonly { readonly partition: number; readonly records: number; readonly fate: 'done' | 'rolled_back' | 'again' }[];
}

function placed({ written, grows, leaves, returns }: World): { readonly log: readonly Placed[]; readonly order: TopicOrder } {
  const ends = Array.from({ length: PARTITIONS }, () => 0n);
  const starts = (): Map<number, RegionalOffset> => new Map(ends.map((end, partition) => [partition, regionalOffset(end)]));
  const offsets = (): Map<number, bigint> => new Map(ends.entries());
  const generations = [{ generation: 1, starts: new Map([0, 1].map((partition) => [partition, regionalOffset(0n)])) }];
  const homeEpochs: { epoch: number; home: string; starts: ReadonlyMap<number, bigint> }[] = [{ epoch: 1, home: 'us', starts: new Map() }];
  const log: Placed[] = [];
  for (const [n, record] of written.entries()) {
    if (n === grows) generations.push({ generation: 2, starts: starts() });
    if (n === leaves) homeEpochs.push({ epoch: 2, home: REGION, starts: offsets() });
    if (n === returns && homeEpochs.length === 2) homeEpochs.push({ epoch: 3, home: 'us', starts: offsets() });
    const generation = generations.length;
    const partition = record.key % (generation === 1 ? 2 : PARTITIONS);
    // A marker now and then.
    const offset = ends[partition]! + (n % 4 === 3 ? 1n : 0n);
    ends[partition] = offset + 1n;
    log.push({ ...record, partition, offset, generation, epoch: homeEpochs.length, n });
  }
  if (generations.length === 1) generations[0]!.starts.set(2, regionalOffset(0n));
  return { log, order: { generations, homeEpochs, written: new Set() } as unknown as TopicOrder };
}

type Row = Record<'a' | 'b', string | null>;
const text = ({ n }: Placed, column: 'a' | 'b'): string => `${column}${n}`;

/** From left to right: home epoch, source or lowest, generation, place in the log (C1); a plain delete has no source, and its place alone counts. */
const above = (x: Placed, y: Placed, kind: Kind): boolean => {
  if (x.epoch !== y.epoch) return x.epoch > y.epoch;
  const bySource = kind !== 'log' && x.at !== y.at;
  if (bySource) return x.at === null ? false : y.at === null ? true : x.at > y.at;
  return x.n > y.n;
};

/** What stands in the end, found by looking at all records at once and never at a batch. */
function expected(log: readonly Placed[], kind: Kind): ReadonlyMap<number, Row> {
  const rows = new Map<number, Row>();
  const mirrored = log.filter(({ epoch }) => epoch !== 2);
  for (const key of new Set(mirrored.map((record) => record.key))) {
    const own = mirrored.filter((record) => record.key === key);
    // A null value takes all that lies before it in the log, whatever its source (C4); so does a delete without a version.
    const bySource = ({ op, at }: Placed) => op === 'deleted' && kind !== 'log' && at !== null;
    const lastNull = own.findLastIndex((record) => record.op !== 'state' && !bySource(record));
    const left = own.slice(lastNull + 1);
    // What a version forbade stays forbidden behind a null value.
    const deletes = own.filter(bySource);
    const alive = left.filter((record) => record.op === 'state' && deletes.every((gone) => above(record, gone, kind)));
    if (alive.length === 0) continue;
    const highest = (among: readonly Placed[]) => among.reduce((best, one) => (above(one, best, kind) ? one : best));
    if (kind !== 'parts') {
      const winner = highest(alive);
      rows.set(key, { a: text(winner, 'a'), b: text(winner, 'b') });
      continue;
    }
    const column = (name: 'a' | 'b') => {
      const setters = alive.filter(({ sets }) => sets.includes(name));
      return setters.length === 0 ? null : text(highest(setters), name);
    };
    rows.set(key, { a: column('a'), b: column('b') });
  }
  return rows;
}

function foldOf(
  kind: Kind,
  records: readonly Placed[],
  order: { readonly homeEpoch: number; readonly generation: number },
): readonly Folded[] {
  const mapping = mappings[kind];
  const folds: RowFold[] = [];
  const begin = (): RowFold =>
    mapping.units === undefined ? new Fold(mapping, mapping, order, writers) : new UnitFold(mapping, mapping.units, order, writers);
  for (const record of records) {
    const { key, op, at, sets, offset } = record;
    const id = BigInt(key);
    const row: DecodedRecord = {
      ...{ id, a: text(record, 'a'), b: text(record, 'b'), at: at === null ? null : BigInt(at) },
      changed: ['id', 'at', ...sets] as unknown as null,
    };
    putInLayers(folds, begin, (fold) => {
      if (op === 'null') return fold.delete([id], offset, 0);
      return op === 'deleted' ? fold.deleteAt(row, row, offset, 0) : fold.add(row, offset);
    });
  }
  return folds.map((fold) => fold.finish());
}

const sizeOf = (rows: RowSet | undefined): number => rows?.versions.count ?? 0;

/** Each record is in a row of a fold, or counted as folded away: none is lost in between. */
function countsAddUp(folds: readonly Folded[], given: number): void {
  const sum = (of: (fold: Folded) => number) => folds.reduce((total, fold) => total + of(fold), 0);
  const records = sum((fold) => fold.records);
  if (records !== given) throw new Error(`${records} of ${given} records were counted`);
  const inRows = sum(({ before, deletes, after }) => sizeOf(before) + sizeOf(deletes) + sizeOf(after));
  if (inRows + sum(({ folded }) => folded) !== records) throw new Error('records are neither in rows nor folded');
}

function play(world: World, reached: Reached): void {
  const { kind, turns, out } = world;
  const { log, order: whole } = placed(world);
  const leaves = whole.homeEpochs.length > 1;
  let order = whole;
  const skipped = new Set<Placed>();
  const rows = new GuardedRows(mappings[kind]);
  const logs = Array.from({ length: PARTITIONS }, (_, partition) => log.filter((record) => record.partition === partition));
  const next = Array.from({ length: PARTITIONS }, () => 0n);
  const applied = (): Map<number, RegionalOffset> => new Map(next.map((offset, partition) => [partition, regionalOffset(offset)]));
  const end = (partition: number): bigint => (logs[partition]!.at(-1)?.offset ?? -1n) + 1n;

  // One tombstone remembers the version alone then, and parts of before the null value come back; no batch that was committed comes again, but for an
  // operator who mirrors a topic anew (docs/limits.md).
  const deletesBothWays = (key: number): boolean => {
    const deletes = log.filter((record) => record.key === key && record.op !== 'state');
    return deletes.some(({ op, at }) => op === 'deleted' && at !== null) && deletes.some(({ op, at }) => op === 'null' || at === null);
  };

  const take = (partition: number, records: number, fate: World['turns'][number]['fate']): boolean => {
    const from = next[partition]!;
    if (from >= end(partition)) return false;
    const decision = orderAt(order, partition, from, applied(), REGION);
    if (decision.kind === 'wait') {
      reached.note('barrier');
      return false;
    }
    const until = decision.end === undefined || decision.end > end(partition) ? end(partition) : decision.end;
    const within = logs[partition]!.filter(({ offset }) => offset >= from && offset < until);
    if (decision.kind === 'pass') {
      if (within.some(({ epoch }) => epoch !== 2)) throw new Error('a record of another home was passed over');
      next[partition] = until;
      reached.note('passed');
      return true;
    }
    if (decision.kind === 'older') {
      if (within.length === 0) next[partition] = until;
      else {
        // As an operator is told to.
        for (const record of logs[partition]!) if (record.offset >= from && record.offset < decision.olderEnd) skipped.add(record);
        next[partition] = decision.olderEnd;
        reached.note('older');
      }
      return true;
    }
    if (order.written.size > 0 && within.some(({ epoch }) => epoch === 1)) throw new Error('a record of an older home was applied (C3)');
    const batch = within.slice(0, records);
    for (const { epoch, generation } of batch)
      if (epoch !== decision.homeEpoch || generation !== decision.generation)
        throw new Error(`a record of ${epoch}/${generation} was applied as ${decision.homeEpoch}/${decision.generation}`);
    for (const { generation: behind, partition: other, offset } of log)
      if (behind < decision.generation && next[other]! <= offset)
        throw new Error('a generation was begun before the one before it was applied (C1)');
    if (fate === 'rolled_back') return true;
    const folded = foldOf(kind, batch, decision);
    countsAddUp(folded, batch.length);
    for (const one of folded) rows.apply(one);
    reached.note('mixed', folded.length > 1);
    // The same once more, as after an answer that was lost: all of it is known already.
    if (fate === 'again' && !(kind === 'parts' && batch.some(({ key }) => deletesBothWays(key))))
      for (const one of foldOf(kind, batch, decision)) rows.apply(one);
    next[partition] = batch.length < within.length ? batch.at(-1)!.offset + 1n : until;
    return true;
  };

  const isOfFirstHome = (partition: number): boolean => logs[partition]!.find(({ offset }) => offset >= next[partition]!)?.epoch === 1;
  for (const [turn, { partition, records, fate }] of turns.entries()) {
    if (turn === out && leaves) order = { ...whole, written: new Set([2]) };
    const isYetOut = out !== undefined && leaves && turn < out;
    if (!isYetOut || isOfFirstHome(partition)) take(partition, records, fate);
  }
  if (out !== undefined && leaves) order = { ...whole, written: new Set([2]) };
  for (let moved = true; moved; ) {
    moved = false;
    for (let partition = 0; partition < PARTITIONS; partition++) if (take(partition, 1_000, 'done')) moved = true;
  }
  for (let partition = 0; partition < PARTITIONS; partition++)
    if (next[partition]! < end(partition)) throw new Error(`partition ${partition} stands at ${next[partition]} of ${end(partition)}`);
  const wanted = expected(
    log.filter((record) => !skipped.has(record)),
    kind,
  );
  const found = rows.visible();
  const shown = (map: ReadonlyMap<number, Row>) => JSON.stringify([...map].toSorted(([x], [y]) => x - y));
  if (shown(found) !== shown(wanted)) throw new Error(`${kind}: ${shown(found)} instead of ${shown(wanted)}`);
  reached.note(kind);
  reached.note(
    'deleted',
    log.some(({ op, key }) => op !== 'state' && !wanted.has(key)),
  );
  reached.note(
    'late',
    kind !== 'log' && log.some((one) => log.some((other) => other.key === one.key && other.n < one.n && above(other, one, kind))),
  );
}

const written = fc.record({
  key: fc.nat({ max: 3 }),
  op: fc.constantFrom<Written['op'][]>('state', 'state', 'state', 'state', 'null', 'deleted'),
  at: fc.option(fc.nat({ max: 6 }), { freq: 8 }),
  sets: fc.subarray(['a', 'b'] as const, { minLength: 1 }),
  epoch: fc.constant(1),
});

const worlds: fc.Arbitrary<World> = fc
  .record({
    kind: fc.constantFrom<Kind>('log', 'version', 'version', 'parts'),
    written: fc.array(written, { minLength: 1, maxLength: 24 }),
    grows: fc.nat({ max: 40 }),
    leaves: fc.nat({ max: 60 }),
    away: fc.integer({ min: 1, max: 6 }),
    out: fc.option(fc.nat({ max: 12 }), { nil: undefined, freq: 2 }),
    turns: fc.array(
      fc.record({
        partition: fc.nat({ max: PARTITIONS - 1 }),
        records: fc.integer({ min: 1, max: 6 }),
        fate: fc.constantFrom('done' as const, 'done' as const, 'rolled_back' as const, 'again' as const),
      }),
      { maxLength: 20 },
    ),
  })
  .map(({ away, ...world }) => ({ ...world, returns: world.leaves + away }));

export const fold: Simulation = {
  name: 'fold',
  judges: 'rows end as the records one by one would leave them, however they are cut into batches, and batches come again: C1, C2, C3, C4',
  shortRuns: 2_000,
  create: () => {
    const reached = new Reached(['log', 'version', 'parts', 'mixed', 'barrier', 'passed', 'older', 'deleted', 'late']);
    return { property: fc.property(worlds, (world) => play(world, reached)), reached, leastShare: 0.05 };
  },
};
