import type { Folded, RowSet } from '../../src/apply/folded.ts';
import type { TableMapping } from '../../src/apply/mapping.ts';
import { elementsOf } from '../unit/apply/list-text.ts';

/** A value and the version that set it. */
interface Cell {
  readonly version: string;
  readonly value: string | null;
}

interface Row {
  /** The highest of its records'. */
  version: string;
  /** By column. */
  readonly cells: Map<string, Cell>;
  /** By group: the version of its own. */
  readonly groups: Map<string, string>;
}

const byLog = (version: string): string => version.slice(0, 8) + version.slice(-24);
const epochOf = (version: string): string => version.slice(0, 8);
const isPlain = (version: string): boolean => version.slice(8, 10) === '00';

/**
 * What the statements of a transaction do to rows, in a few lines: an upsert writes where its version is higher and no remembered delete
 * stands above it, a delete takes what is below it and is remembered. A group writes where its own version is higher, unless the record it is
 * of is below the delete. The statements themselves are tried against PostgreSQL elsewhere.
 */
export class GuardedRows {
  readonly #mapping: TableMapping;
  readonly #rows = new Map<string, Row>();
  readonly #tombstones = new Map<string, string>();

  constructor(mapping: TableMapping) {
    this.#mapping = mapping;
  }

  apply({ mapping = this.#mapping, before, deletes, after }: Folded): void {
    this.#upsert(before, mapping);
    this.#delete(deletes);
    this.#upsert(after, mapping);
  }

  get #bySource(): boolean {
    return this.#mapping.hasSource;
  }

  #blocked(gone: string | undefined, version: string): boolean {
    if (gone === undefined) return false;
    return !this.#bySource || isPlain(gone) ? byLog(gone) >= byLog(version) : gone >= version;
  }

  #takes(deleted: string, version: string): boolean {
    return !this.#bySource || isPlain(deleted) ? byLog(version) < byLog(deleted) : version < deleted;
  }

  #upsert(rows: RowSet | undefined, mapping: TableMapping): void {
    if (rows === undefined) return;
    const { columns, keyIndexes, units } = mapping;
    const given = elementsOf(rows.units?.given);
    for (const [i, element] of elementsOf(rows.versions).entries()) {
      const [key, whole] = [String(elementsOf(rows.columns[keyIndexes[0]!])[i]), String(element)];
      const parts = given[i] == null ? undefined : (JSON.parse(String(given[i])) as Record<string, string>);
      const gone = this.#tombstones.get(key);
      if (this.#blocked(gone, whole)) continue;
      const row: Row = this.#rows.get(key) ?? { version: '', cells: new Map(), groups: new Map() };
      if (units === undefined && row.version >= whole) continue;
      this.#rows.set(key, row);
      if (row.version < whole) row.version = whole;
      const write = (index: number, version: string) => {
        const value = elementsOf(rows.columns[index])[i] as string | null;
        row.cells.set(columns[index]!.column, { version, value });
      };
      for (const [c, { column }] of columns.entries()) {
        const version = parts === undefined ? whole : parts[column];
        if (keyIndexes.includes(c) || version === undefined || this.#blocked(gone, version)) continue;
        const before = row.cells.get(column);
        if (before === undefined || before.version < version) write(c, version);
      }
      for (const { name, columns: members, version: own } of units?.list ?? []) {
        const version = own === undefined ? undefined : parts?.[name];
        if (version === undefined || version <= (row.groups.get(name) ?? '')) continue;
        const setBy = (parts?.['!'] as unknown as Record<string, string> | undefined)?.[name] ?? whole;
        if (gone !== undefined && !isPlain(gone) && this.#blocked(gone, setBy)) continue;
        row.groups.set(name, version);
        for (const c of members) if (parts?.[`!${columns[c]!.column}`] === undefined) write(c, version);
      }
    }
  }

  #delete(deletes: RowSet | undefined): void {
    if (deletes === undefined) return;
    for (const [i, element] of elementsOf(deletes.versions).entries()) {
      const [key, version] = [String(elementsOf(deletes.columns[0])[i]), String(element)];
      const row = this.#rows.get(key);
      if (row !== undefined && this.#takes(version, row.version)) this.#rows.delete(key);
      // Columns of a row that it leaves: those below it.
      else if (row !== undefined && this.#bySource && !isPlain(version))
        for (const { name, version: own } of this.#mapping.units?.list ?? [])
          if (own === undefined && (row.cells.get(name)?.version ?? version) < version) row.cells.set(name, { version, value: null });
      this.#remember(key, version);
    }
  }

  #remember(key: string, version: string): void {
    const before = this.#tombstones.get(key);
    const plain = before !== undefined && (isPlain(before) || isPlain(version));
    const isLater = before === undefined || (!this.#bySource || plain ? byLog(before) < byLog(version) : before < version);
    if (!isLater) return;
    const keepsSource =
      before !== undefined && this.#bySource && isPlain(version) && !isPlain(before) && epochOf(before) === epochOf(version);
    this.#tombstones.set(key, keepsSource ? before.slice(0, -24) + version.slice(-24) : version);
  }

  visible(): ReadonlyMap<number, Record<'a' | 'b', string | null>> {
    return new Map([...this.#rows.keys()].map((key) => [Number(key), { a: this.value(key, 'a'), b: this.value(key, 'b') }]));
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  value(key: string, column: string): string | null {
    return this.#rows.get(key)?.cells.get(column)?.value ?? null;
  }
}
