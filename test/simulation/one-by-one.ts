import { type GroupColumn, type GroupRecord, textOf } from '../unit/apply/group-records.ts';

/** Home epoch, source or undefined, place in the log: compared from left to right, a missing source lowest (C1, C2). */
type Version = readonly [epoch: number, source: number | null, place: number];
interface Cell {
  readonly version: Version;
  readonly text: string | null;
}
interface Row {
  version: Version;
  readonly cells: Map<'a' | 'b', Cell>;
  group: Version | undefined;
  readonly members: Map<'g' | 'h', string>;
}

const isAbove = (x: Version, y: Version): boolean => {
  if (x[0] !== y[0]) return x[0] > y[0];
  const [one, other] = [x[1] ?? -1, y[1] ?? -1];
  return one === other ? x[2] > y[2] : one > other;
};

const isColumn = (name: GroupColumn): name is 'a' | 'b' => name === 'a' || name === 'b';

/**
 * One row, and what records of its log do to it one after another, written from the rules: a column takes the highest version, a group goes by
 * its own, a null value takes the row, a delete with a version takes what is below it and lets nothing below it come back (C4). A delete that
 * leaves the row, since something newer was said of it, leaves its groups.
 */
export class OneByOne {
  readonly #bySource: boolean;
  readonly #partial: boolean;
  #row: Row | undefined;
  #gone: Version | undefined;

  constructor({ bySource, partial }: { readonly bySource: boolean; readonly partial: boolean }) {
    this.#bySource = bySource;
    this.#partial = partial;
  }

  take(record: GroupRecord, place: number, epoch: number): void {
    const version: Version = [epoch, this.#bySource ? record.at : null, place];
    if (record.op === 'state') this.#state(record, version);
    else this.#delete(record.op === 'null' ? [epoch, null, place] : version);
  }

  #state(record: GroupRecord, version: Version): void {
    const gone = this.#gone;
    // All that is remembered lies before it in the log, so that only a version can be above it.
    if (gone !== undefined && gone[1] !== null && isAbove(gone, version)) return;
    const known: readonly GroupColumn[] = record.schema === '2' ? ['a', 'g', 'h'] : ['a', 'b', 'g', 'h'];
    const set = known.filter((name) => !this.#partial || record.sets.includes(name));
    const group = record.schema === '2' || record.groupAt === null ? undefined : ([version[0], record.groupAt, version[2]] as const);
    const members = set.flatMap((name) => (isColumn(name) ? [] : [name]));
    const columns = set.filter(isColumn);
    const row = this.#row ?? { version, cells: new Map(), group: undefined, members: new Map() };
    this.#row = row;
    if (isAbove(version, row.version)) row.version = version;
    for (const name of columns) {
      const cell = row.cells.get(name);
      if (cell === undefined || isAbove(version, cell.version)) row.cells.set(name, { version, text: textOf(name, version[2]) });
    }
    if (group === undefined || members.length === 0 || (row.group !== undefined && !isAbove(group, row.group))) return;
    row.group = group;
    for (const name of members) row.members.set(name, textOf(name, version[2]));
  }

  #delete(version: Version): void {
    const [row, gone] = [this.#row, this.#gone];
    if (version[1] === null || (row !== undefined && !isAbove(row.version, version))) this.#row = undefined;
    else for (const [name, cell] of row?.cells ?? []) if (isAbove(version, cell.version)) row!.cells.set(name, { version, text: null });
    if (gone === undefined || gone[1] === null) this.#gone = version;
    else if (version[1] === null) this.#gone = gone[0] === version[0] ? [gone[0], gone[1], version[2]] : version;
    else if (isAbove(version, gone)) this.#gone = version;
  }

  visible(): Record<GroupColumn, string | null> | undefined {
    const row = this.#row;
    if (row === undefined) return undefined;
    const [cell, member] = [(name: 'a' | 'b') => row.cells.get(name)?.text, (name: 'g' | 'h') => row.members.get(name)];
    return { a: cell('a') ?? null, b: cell('b') ?? null, g: member('g') ?? null, h: member('h') ?? null };
  }
}
