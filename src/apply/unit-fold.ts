import { FarshoreError } from '../model/errors.ts';
import { columnValue, type ValueWriters } from './column-values.ts';
import type { DecodedRecord } from './contracts.ts';
import type { ArrayElement } from './dependencies.ts';
import type { Folded, RowFold, RowSet } from './folded.ts';
import { type KeyKind, type KeyText, keyKindOf, keyText } from './key-text.ts';
import { columnInput } from './map-columns.ts';
import type { TableMapping } from './mapping.ts';
import { hex32, LOWEST_SOURCE, offsetHex, SourceReader } from './source-version.ts';
import { canMerge, givenUnits, mergeInto, setsGroup, type UnitRow } from './unit-row.ts';
import type { Units } from './units.ts';

interface Deleted {
  readonly key: readonly Exclude<ArrayElement, null>[];
  version: string;
  /** Whether it carries a source version; else only the log orders it. */
  readonly sourced: boolean;
  timestampMs: number;
  offset: bigint;
  merged: boolean;
  before: UnitRow | undefined;
}

/**
 * Folds records that set parts of rows: those of one key are merged unit by unit, each with the highest version that set it, so that one
 * statement touches a row once. Deletes as in `Fold`: a null value splits what came before from what comes after, one with a version takes
 * away the records below it. What no row can say of several records (`canMerge`) goes on in the next fold.
 */
export class UnitFold implements RowFold {
  readonly mapping: TableMapping;
  readonly #units: Units;
  readonly #writers: ValueWriters;
  readonly #sources: SourceReader;
  readonly #groupSources: readonly (SourceReader | undefined)[];
  readonly #prefix: string;
  readonly #generation: string;
  readonly #keyKinds: readonly KeyKind[];
  readonly #rows = new Map<KeyText, UnitRow>();
  readonly #deleted = new Map<KeyText, Deleted>();
  /** Keys that are given up. */
  readonly #gone = new Set<KeyText>();
  readonly #notAllowed = new Map<string, number>();
  #records = 0;
  #folded = 0;

  constructor(
    mapping: TableMapping,
    units: Units,
    order: { readonly homeEpoch: number; readonly generation: number },
    writers: ValueWriters,
  ) {
    this.mapping = mapping;
    this.#units = units;
    this.#writers = writers;
    this.#sources = new SourceReader(mapping.version);
    this.#groupSources = units.list.map(({ version }) => (version === undefined ? undefined : new SourceReader([version])));
    this.#prefix = hex32(order.homeEpoch);
    this.#generation = hex32(order.generation);
    this.#keyKinds = mapping.key.map(({ type, base }) => keyKindOf(base ?? type));
  }

  /** Throws `record_unmappable`; nothing is changed then. */
  add(row: DecodedRecord, offset: bigint, record: DecodedRecord = row): boolean {
    const { columns } = this.mapping;
    const key = this.#keyOf(row);
    const text = keyText(key, this.#keyKinds);
    if (this.#gone.has(text)) return false;
    const source = this.#sourceOf(this.#sources, row, record);
    const version = this.#version(source, offset);
    const isSet = this.#units.setFields(row, record);
    const values: (ArrayElement | undefined)[] = [];
    for (let c = 0; c < columns.length; c++) {
      const column = columns[c]!;
      const value = columnInput(column, row, this.#writers.exactJson);
      const element = isSet(column.field, value) ? columnValue(value, column.travel.form, this.#writers) : undefined;
      if (typeof element === 'string' && element.includes('\0'))
        throw unmappable(this.mapping.name, 'A text holds a NUL, which PostgreSQL cannot store');
      values.push(element);
    }
    const versions = this.#units.list.map(({ columns: own }, u) => {
      if (own.every((c) => values[c] === undefined)) return undefined;
      const reader = this.#groupSources[u];
      if (reader === undefined) return version;
      const group = this.#sourceOf(reader, row, record);
      // A group without a version does not move.
      return group === reader.lowest ? undefined : this.#version(group, offset);
    });
    const setBy = versions.map((unit) => (unit === undefined ? undefined : version));
    if (!this.#merge(text, { key, values, versions, setBy, version, offset, merged: false })) return this.#giveUp(text);
    this.#records++;
    this.#countNotAllowed(row, isSet);
    return true;
  }

  /** False when the row cannot take it; nothing is changed then. */
  #merge(text: KeyText, next: UnitRow): boolean {
    const gone = this.#deleted.get(text);
    // The record as a whole, as the database does: what only its groups would set is of a row that was deleted since.
    const isBelow = gone?.sourced === true && next.version < gone.version;
    if (isBelow) {
      gone.merged = true;
      this.#folded++;
      return true;
    }
    // Also one that sets no unit: it says that the row is there, and of a table that is all key no record says more.
    const standing = this.#rows.get(text);
    if (standing === undefined) {
      this.#rows.set(text, next);
      return true;
    }
    if (!canMerge(this.#units, this.mapping.hasSource, standing, next)) return false;
    this.#folded++;
    mergeInto(standing, next, this.#units);
    return true;
  }

  delete(key: readonly Exclude<ArrayElement, null>[], offset: bigint, timestampMs: number): boolean {
    if (key.some((part) => typeof part === 'string' && part.includes('\0'))) {
      throw unmappable(this.mapping.name, 'The key of a delete holds a NUL, which PostgreSQL cannot store');
    }
    const text = keyText(key, this.#keyKinds);
    const earlier = this.#deleted.get(text);
    if (this.#gone.has(text) || earlier?.sourced === true) return this.#giveUp(text);
    const row = this.#rows.get(text);
    if (row !== undefined && earlier !== undefined && this.mapping.softDelete !== undefined) return this.#giveUp(text);
    this.#records++;
    this.#rows.delete(text);
    const version = this.#version(LOWEST_SOURCE, offset);
    if (earlier === undefined) {
      this.#deleted.set(text, { key, version, sourced: false, timestampMs, offset, merged: false, before: row });
      return true;
    }
    this.#folded++;
    if (row !== undefined && earlier.before !== undefined) this.#folded++;
    if (row !== undefined) earlier.before = row;
    Object.assign(earlier, { version, timestampMs, offset, merged: true });
    return true;
  }

  deleteAt(row: DecodedRecord, record: DecodedRecord, offset: bigint, timestampMs: number): boolean {
    const key = this.#keyOf(row);
    const source = this.#sourceOf(this.#sources, row, record);
    const version = this.#version(source, offset);
    if (source.startsWith(LOWEST_SOURCE)) return this.delete(key, offset, timestampMs);
    const text = keyText(key, this.#keyKinds);
    const earlier = this.#deleted.get(text);
    const standing = this.#rows.get(text);
    if (this.#gone.has(text) || earlier?.sourced === false) return this.#giveUp(text);
    if (earlier !== undefined && earlier.version >= version) {
      this.#records++;
      this.#folded++;
      earlier.merged = true;
      return true;
    }
    // One above it stays, and what is written before the delete has one place.
    const before = standing !== undefined && this.#outlasts(standing) ? standing : undefined;
    if (standing !== undefined && standing.version >= version) return this.#giveUp(text);
    // A soft delete below a row that stands resets its lower parts, which one above the row leaves as they were: neither stands for both.
    if ((before !== undefined || this.mapping.softDelete !== undefined) && earlier !== undefined) return this.#giveUp(text);
    this.#records++;
    this.#rows.delete(text);
    const away = standing !== undefined && before === undefined;
    if (away) this.#folded++;
    const merged = away || earlier !== undefined;
    if (earlier === undefined) this.#deleted.set(text, { key, version, sourced: true, timestampMs, offset, merged, before });
    else {
      this.#folded++;
      Object.assign(earlier, { version, timestampMs, offset, merged });
    }
    return true;
  }

  /** Whether something of a state may be left by a delete above it. */
  #outlasts(row: UnitRow): boolean {
    return this.mapping.softDelete !== undefined || setsGroup(row, this.#units);
  }

  #giveUp(key: KeyText): false {
    this.#gone.add(key);
    return false;
  }

  finish(): Folded {
    const deleted = [...this.#deleted.values()];
    const before = deleted.flatMap((one) => (one.before === undefined ? [] : [one.before]));
    return {
      table: this.mapping,
      mapping: this.mapping,
      before: this.#rowSet(before),
      deletes: this.#deletes(deleted),
      after: this.#rowSet([...this.#rows.values()]),
      records: this.#records,
      folded: this.#folded,
      ties: 0,
      notAllowed: this.#notAllowed,
    };
  }

  #deletes(deleted: readonly Deleted[]): RowSet | undefined {
    if (deleted.length === 0) return undefined;
    const { key, softDelete } = this.mapping;
    const columns = key.map(() => this.#writers.arrayText());
    const versions = this.#writers.arrayText();
    const moments = softDelete === undefined ? undefined : this.#writers.arrayText();
    for (const { key: parts, version, timestampMs } of deleted) {
      for (let i = 0; i < parts.length; i++) columns[i]!.push(parts[i]!);
      versions.push(version);
      moments?.push(new Date(timestampMs).toISOString());
    }
    return { columns, versions, moments, offsetOf: (row) => deleted[row]!.offset, merged: (row) => deleted[row]!.merged };
  }

  #rowSet(rows: readonly UnitRow[]): RowSet | undefined {
    if (rows.length === 0) return undefined;
    const { columns, keyIndexes } = this.mapping;
    const arrays = columns.map(() => this.#writers.arrayText());
    const [versions, lowest, units] = [this.#writers.arrayText(), this.#writers.arrayText(), this.#writers.arrayText()];
    let whole = true;
    for (const row of rows) {
      for (let c = 0; c < columns.length; c++) {
        // The key is always there, also where a mask does not name it.
        const part = keyIndexes.indexOf(c);
        arrays[c]!.push(part === -1 ? (row.values[c] ?? null) : row.key[part]!);
      }
      const { low, given } = givenUnits(row, this.#units, (c) => columns[c]!.column);
      versions.push(row.version);
      lowest.push(low);
      units.push(given);
      whole &&= given === null;
    }
    return {
      columns: arrays,
      versions,
      ...(whole ? {} : { units: { lowest, given: units } }),
      offsetOf: (row) => rows[row]!.offset,
      merged: (row) => rows[row]!.merged,
    };
  }

  #keyOf(row: DecodedRecord): readonly Exclude<ArrayElement, null>[] {
    const { columns, keyIndexes, name } = this.mapping;
    return keyIndexes.map((index) => {
      const column = columns[index]!;
      const value = columnValue(columnInput(column, row, this.#writers.exactJson), column.travel.form, this.#writers);
      if (value === null) throw unmappable(name, `Key column ${column.column} is null`);
      if (typeof value === 'string' && value.includes('\0')) throw unmappable(name, `Key column ${column.column} holds a NUL`);
      return value;
    });
  }

  #sourceOf(reader: SourceReader, row: DecodedRecord, record: DecodedRecord): string {
    const source = reader.read(row, record);
    if (source !== undefined) return source;
    throw unmappable(this.mapping.name, `The version (${reader.names}) is not a value that can be ordered`);
  }

  #version(source: string, offset: bigint): string {
    return this.#prefix + source + this.#generation + offsetHex(offset);
  }

  #countNotAllowed(row: DecodedRecord, isSet: ReturnType<Units['setFields']>): void {
    for (const field of this.mapping.notAllowed) {
      if (isSet(field, row[field])) this.#notAllowed.set(field, (this.#notAllowed.get(field) ?? 0) + 1);
    }
  }
}

const unmappable = (table: string, message: string): FarshoreError =>
  new FarshoreError('record_unmappable', message, {
    place: `table ${table}`,
    hint: 'Mend the mapping (`key`, `version`, `columns`) or the producer.',
  });
