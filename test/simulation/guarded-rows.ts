import type { Folded, RowSet } from '../../src/apply/folded.ts';
import type { TableMapping } from '../../src/apply/mapping.ts';
import { elementsOf } from '../unit/apply/list-text.ts';

/** A value and the version that set it. */
interface Cell {
  readonly version: string;
  readonly value: string | null;
}

const byLog = (version: string): string => version.slice(0, 8) + version.slice(-24);
const epochOf = (version: string): string => version.slice(0, 8);
const isPlain = (version: string): boolean => version.slice(8, 10) === '00';

/**
 * What the statements of a transaction do to rows, in a few lines: an upsert writes where its version is higher and no remembered delete
 * stands above it, a delete takes what is below it and is remembered. The statements themselves are tried against PostgreSQL elsewhere.
 */
export class GuardedRows {
  readonly #mapping: TableMapping;
  readonly #rows = new Map<string, Map<string, Cell>>();
  readonly #tombstones = new Map<string, string>();

  constructor(mapping: TableMapping) {
    this.#mapping = mapping;
  }

  apply({ before, deletes, after }: Folded): void {
    this.#upsert(before);
    this.#delete(deletes);
    this.#upsert(after);
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

  #upsert(rows: RowSet | undefined): void {
    if (rows === undefined) return;
    const { columns, keyIndexes } = this.#mapping;
    const given = elementsOf(rows.units?.given);
    for (const [i, whole] of elementsOf(rows.versions).entries()) {
      const key = String(elementsOf(rows.columns[keyIndexes[0]!])[i]);
      const units = given[i] == null ? undefined : (JSON.parse(String(given[i])) as Record<string, string>);
      const gone = this.#tombstones.get(key);
      if (this.#blocked(gone, String(whole))) continue;
      const row = this.#rows.get(key) ?? new Map<string, Cell>();
      const standing = [...row.values()]
        .map(({ version }) => version)
        .toSorted()
        .at(-1);
      if (this.#mapping.units === undefined && standing !== undefined && standing >= String(whole)) continue;
      for (const [c, { column }] of columns.entries()) {
        const version = units === undefined ? String(whole) : units[column];
        if (keyIndexes.includes(c) || version === undefined || this.#blocked(gone, version)) continue;
        const before = row.get(column);
        if (before !== undefined && before.version >= version) continue;
        row.set(column, { version, value: elementsOf(rows.columns[c])[i] as string | null });
      }
      this.#rows.set(key, row);
    }
  }

  #delete(deletes: RowSet | undefined): void {
    if (deletes === undefined) return;
    for (const [i, element] of elementsOf(deletes.versions).entries()) {
      const [key, version] = [String(elementsOf(deletes.columns[0])[i]), String(element)];
      const row = this.#rows.get(key);
      for (const [column, cell] of row ?? []) if (this.#takes(version, cell.version)) row!.delete(column);
      if (row?.size === 0) this.#rows.delete(key);
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
    const shown = new Map<number, Record<'a' | 'b', string | null>>();
    for (const [key, row] of this.#rows) shown.set(Number(key), { a: row.get('a')?.value ?? null, b: row.get('b')?.value ?? null });
    return shown;
  }
}
