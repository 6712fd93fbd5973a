import { FarshoreError } from '../model/errors.ts';
import { columnValue, type ValueWriters } from './column-values.ts';
import type { DecodedRecord } from './contracts.ts';
import type { ArrayElement, ArrayText } from './dependencies.ts';
import type { Folded, RowFold, RowSet } from './folded.ts';
import { type KeyKind, type KeyText, keyKindOf, keyText } from './key-text.ts';
import { columnInput } from './map-columns.ts';
import type { TableKey, TableMapping } from './mapping.ts';
import type { RowReader } from './row-reader.ts';
import { hex32, LOWEST_SOURCE, offsetHex, SourceReader } from './source-version.ts';
import { isSameSource, sourceOfVersion, VersionText } from './version-text.ts';

/**
 * Folds records of one partition, in log order, under one generation and one home epoch, to what the
 * database must see (CORRECTNESS C1, C4). Of the states of a key the highest version stays; since epoch and
 * generation are equal and offsets rise, that is: the higher source part, and of equal ones the later.
 *
 * A null-value delete is ordered by the log only. It splits its key's states: the one before it is kept
 * for the first round, so that triggers see what the log says, the highest after it for the last round.
 */
export class Fold implements RowFold {
  readonly #table: TableKey;
  readonly #mapping: TableMapping | undefined;
  readonly #writers: ValueWriters;
  readonly #sources: SourceReader;
  readonly #prefix: string;
  readonly #generation: string;
  readonly #keyKinds: readonly KeyKind[];
  /** Key text → index of its current state in the arrays below. A state that was replaced stays in them until `finish` leaves it out. */
  readonly #latest = new Map<KeyText, number>();
  readonly #columns: readonly ArrayText[];
  /** As hex. */
  readonly #versions: ArrayText;
  readonly #version: VersionText;
  readonly #rowOffsets: bigint[] = [];
  /** Key text → index of its last delete. */
  readonly #deleted = new Map<KeyText, number>();
  readonly #deleteColumns: readonly ArrayText[];
  readonly #deleteOffsets: bigint[] = [];
  /** Of a delete with a version; the lowest where only the log orders it. */
  readonly #deleteSources: string[] = [];
  readonly #deleteMoments: number[] = [];
  /** Row index that a delete moved to the first round, or -1; by delete index. */
  readonly #deleteBefore: number[] = [];
  readonly #keyValues: Exclude<ArrayElement, null>[] = [];
  /** Rows, and deletes, that other records of their key were folded into. */
  readonly #mergedRows = new Set<number>();
  readonly #mergedDeletes = new Set<number>();
  readonly #alikeDeletes = new Map<number, readonly bigint[]>();
  /** Keys that are given up. */
  readonly #gone = new Set<KeyText>();
  #records = 0;
  #states = 0;
  #folded = 0;
  #ties = 0;

  constructor(
    table: TableKey,
    mapping: TableMapping | undefined,
    order: { readonly homeEpoch: number; readonly generation: number },
    writers: ValueWriters,
  ) {
    this.#table = table;
    this.#mapping = mapping;
    this.#writers = writers;
    this.#sources = new SourceReader(mapping?.version ?? []);
    this.#prefix = hex32(order.homeEpoch);
    this.#generation = hex32(order.generation);
    this.#keyKinds = table.key.map(({ type, base }) => keyKindOf(base ?? type));
    const { columns = [], sizes } = mapping ?? {};
    const expected = sizes?.take() ?? [];
    this.#columns = columns.map((_, index) => writers.arrayText(expected[index]));
    this.#versions = writers.arrayText(expected[columns.length]);
    this.#version = new VersionText(order);
    this.#deleteColumns = table.key.map(() => writers.arrayText());
  }

  get mapping(): TableMapping | undefined {
    return this.#mapping;
  }

  /** Throws `record_unmappable` when a key column is null or a version has no order; nothing is changed then. */
  add(row: DecodedRecord, offset: bigint, record: DecodedRecord = row): boolean {
    const { columns } = this.#stateMapping();
    const at = this.#rowOffsets.length;
    try {
      for (let c = 0; c < columns.length; c++) {
        const column = columns[c]!;
        this.#columns[c]!.push(columnValue(columnInput(column, row, this.#writers.exactJson), column.travel.form, this.#writers));
      }
      return this.#keep(row, record, at, offset);
    } catch (error) {
      this.#forget(at);
      throw error;
    }
  }

  /** As `add`, from the bytes of a body. Throws `record_malformed` too. */
  read(reader: RowReader, bytes: Buffer, start: number, end: number, offset: bigint): boolean {
    this.#stateMapping();
    const row = this.#rowOffsets.length;
    try {
      const known = reader.read(bytes, start, end, this.#columns, this.#writers);
      return this.#keep(known, known, row, offset);
    } catch (error) {
      this.#forget(row);
      throw error;
    }
  }

  /** A null value: `key` in the order of the key columns. Throws `record_unmappable` for one that no row can have; nothing is changed then. */
  delete(key: readonly Exclude<ArrayElement, null>[], offset: bigint, timestampMs = 0): boolean {
    this.#checkKey(key);
    const text = keyText(key, this.#keyKinds);
    const known = this.#deleted.get(text);
    if (this.#gone.has(text) || (known !== undefined && this.#deleteSources[known] !== LOWEST_SOURCE)) return this.#giveUp(text);
    const row = this.#latest.get(text) ?? -1;
    if (row !== -1 && known !== undefined && this.#table.softDelete !== undefined) return this.#giveUp(text);
    this.#records++;
    this.#latest.delete(text);
    if (known === undefined) {
      this.#noteDelete(text, key, { offset, source: LOWEST_SOURCE, timestampMs, before: row });
      return true;
    }
    this.#folded++;
    if (row !== -1) this.#mergedDeletes.add(known);
    else this.#alikeDeletes.set(known, [...(this.#alikeDeletes.get(known) ?? []), this.#deleteOffsets[known]!]);
    this.#deleteOffsets[known] = offset;
    this.#deleteMoments[known] = timestampMs;
    if (row === -1) return true;
    if (this.#deleteBefore[known] !== -1) this.#folded++;
    this.#deleteBefore[known] = row;
    return true;
  }

  /**
   * A record that says its row is deleted. With a version it is ordered like a state: it takes away lower ones, and a higher one stays.
   * Throws `record_unmappable`; nothing is changed then.
   */
  deleteAt(row: DecodedRecord, record: DecodedRecord, offset: bigint, timestampMs: number): boolean {
    const text = this.#keyOf(row);
    const key = [...this.#keyValues];
    const source = this.#sourceOf(row, record);
    if (source.startsWith(LOWEST_SOURCE)) return this.delete(key, offset, timestampMs);
    this.#checkKey(key);
    const standing = this.#latest.get(text);
    const earlier = this.#deleted.get(text);
    if (this.#gone.has(text) || (earlier !== undefined && this.#deleteSources[earlier] === LOWEST_SOURCE)) return this.#giveUp(text);
    if (earlier !== undefined && this.#deleteSources[earlier]! > source) {
      this.#records++;
      this.#folded++;
      if (standing !== undefined) this.#mergedRows.add(standing);
      this.#mergedDeletes.add(earlier);
      return true;
    }
    if (standing !== undefined && this.#standingSource(standing) > source) return this.#giveUp(text);
    // A row that a soft delete leaves holds what was said last before it; a fold has one place for that.
    const before = standing !== undefined && this.#table.softDelete !== undefined ? standing : -1;
    if (before !== -1 && earlier !== undefined) return this.#giveUp(text);
    this.#records++;
    this.#latest.delete(text);
    const away = standing !== undefined && before === -1;
    if (away) this.#folded++;
    if (away || earlier !== undefined) this.#mergedDeletes.add(earlier ?? this.#deleteOffsets.length);
    if (earlier === undefined) {
      this.#noteDelete(text, key, { offset, source, timestampMs, before });
      return true;
    }
    this.#folded++;
    this.#deleteOffsets[earlier] = offset;
    this.#deleteSources[earlier] = source;
    this.#deleteMoments[earlier] = timestampMs;
    return true;
  }

  #giveUp(key: KeyText): false {
    this.#gone.add(key);
    return false;
  }

  /** Asked before anything is noted: the column it is pushed to would refuse it half-way. */
  #checkKey(key: readonly Exclude<ArrayElement, null>[]): void {
    if (key.some((part) => typeof part === 'string' && part.includes('\0'))) {
      throw unmappable(this.#table.name, 'The key of a delete holds a NUL, which PostgreSQL cannot store');
    }
  }

  #noteDelete(
    text: KeyText,
    key: readonly Exclude<ArrayElement, null>[],
    found: { readonly offset: bigint; readonly source: string; readonly timestampMs: number; readonly before: number },
  ): void {
    this.#deleted.set(text, this.#deleteOffsets.length);
    for (let i = 0; i < key.length; i++) this.#deleteColumns[i]!.push(key[i]!);
    this.#deleteOffsets.push(found.offset);
    this.#deleteSources.push(found.source);
    this.#deleteMoments.push(found.timestampMs);
    this.#deleteBefore.push(found.before);
  }

  finish(): Folded {
    if (this.#versions.count > 0) this.#mapping?.sizes?.learn([...this.#columns, this.#versions]);
    const { before, after } = this.#split();
    return {
      table: this.#table,
      mapping: this.#mapping,
      before,
      deletes: this.#deletes(),
      after,
      records: this.#records,
      folded: this.#folded,
      ties: this.#ties,
      // Each state has them all.
      notAllowed: new Map(this.#states === 0 ? [] : this.#mapping?.notAllowed.map((field) => [field, this.#states])),
    };
  }

  #stateMapping(): TableMapping {
    if (this.#mapping === undefined) throw new FarshoreError('internal', 'A state was added to a fold of deletes.');
    return this.#mapping;
  }

  /** Decides about the row that was written last; `fields` holds those of its key and version. */
  #keep(fields: DecodedRecord, record: DecodedRecord, row: number, offset: bigint): boolean {
    const key = this.#keyOf(fields);
    if (this.#gone.size > 0 && this.#gone.has(key)) {
      this.#forget(row);
      return false;
    }
    const digits = this.#writeVersion(fields, record, offset);
    this.#records++;
    this.#states++;
    const gone = this.#deleted.size === 0 ? undefined : this.#deleted.get(key);
    // A delete with a higher version came before it: nothing of it may be written, not even for a moment.
    if (gone !== undefined && this.#deleteSources[gone]! > this.#standingSource(row)) {
      this.#folded++;
      this.#mergedDeletes.add(gone);
      this.#forget(row);
      return true;
    }
    const before = this.#latest.get(key);
    if (before !== undefined) {
      this.#folded++;
      // Above 0 unless the source is lower: its offset is higher.
      const order = this.#versions.order(row, before);
      this.#mergedRows.add(order < 0 ? before : row);
      if (order < 0) {
        this.#forget(row);
        return true;
      }
      // One source version for two contents: the later in the log wins, and is counted, not hidden.
      const mayTie =
        isSameSource(order - 1, digits) && this.#mapping!.version.length > 0 && this.#standingSource(row) !== this.#sources.lowest;
      if (mayTie && !this.#columns.every((column) => column.same(before, row))) this.#ties++;
    }
    this.#latest.set(key, row);
    this.#rowOffsets.push(offset);
    return true;
  }

  #keyOf(record: DecodedRecord): KeyText {
    const { columns, keyIndexes } = this.#mapping!;
    const keyValues = this.#keyValues;
    keyValues.length = 0;
    for (let i = 0; i < keyIndexes.length; i++) {
      const column = columns[keyIndexes[i]!]!;
      const value = columnValue(columnInput(column, record, this.#writers.exactJson), column.travel.form, this.#writers);
      if (value === null) throw unmappable(this.#table.name, `Key column ${column.column} is null`);
      keyValues.push(value);
    }
    return keyText(keyValues, this.#keyKinds);
  }

  #sourceOf(row: DecodedRecord, record: DecodedRecord): string {
    const source = this.#sources.read(row, record);
    if (source !== undefined) return source;
    throw this.#noOrder();
  }

  #noOrder(): FarshoreError {
    return unmappable(this.#table.name, `The version (${this.#sources.names}) is not a value that can be ordered`);
  }

  /** Pushes a row's version and answers how many digits it has. */
  #writeVersion(row: DecodedRecord, record: DecodedRecord, offset: bigint): number {
    const version = this.#version;
    version.begin();
    if (!this.#sources.write(version, row, record)) throw this.#noOrder();
    version.end(offset);
    this.#versions.pushAscii(version.bytes, 0, version.length);
    return version.length;
  }

  #standingSource(row: number): string {
    return sourceOfVersion(this.#versions.text(row));
  }

  /** Takes back what was written from this row on. */
  #forget(row: number): void {
    for (const column of this.#columns) column.truncate(row);
    this.#versions.truncate(row);
  }

  #deletes(): RowSet | undefined {
    if (this.#deleteOffsets.length === 0) return undefined;
    const versions = this.#writers.arrayText();
    for (const [i, offset] of this.#deleteOffsets.entries()) {
      versions.push(this.#prefix + this.#deleteSources[i]! + this.#generation + offsetHex(offset));
    }
    const named = {
      columns: this.#deleteColumns,
      versions,
      offsetOf: (row: number) => this.#deleteOffsets[row]!,
      merged: (row: number) => this.#mergedDeletes.has(row),
      alike: (row: number) => this.#alikeDeletes.get(row) ?? [],
    };
    if (this.#table.softDelete === undefined) return named;
    const moments = this.#writers.arrayText();
    for (const timestampMs of this.#deleteMoments) moments.push(new Date(timestampMs).toISOString());
    return { ...named, moments };
  }

  #split(): { readonly before: RowSet | undefined; readonly after: RowSet | undefined } {
    const count = this.#rowOffsets.length;
    // Nothing was replaced or deleted: the columns are sent as they were written.
    if (this.#latest.size === count) return { before: undefined, after: this.#take(undefined) };
    return { before: this.#take(this.#deleteBefore.filter((row) => row !== -1)), after: this.#take([...this.#latest.values()]) };
  }

  /** The rows asked for, or all there are. */
  #take(rows: readonly number[] | undefined): RowSet | undefined {
    const count = rows?.length ?? this.#rowOffsets.length;
    if (count === 0) return undefined;
    const rowOf = (index: number) => (rows === undefined ? index : rows[index]!);
    return {
      columns: rows === undefined ? this.#columns : this.#columns.map((column) => column.pick(rows)),
      versions: rows === undefined ? this.#versions : this.#versions.pick(rows),
      offsetOf: (index) => this.#rowOffsets[rowOf(index)]!,
      merged: (index) => this.#mergedRows.has(rowOf(index)),
    };
  }
}

const unmappable = (table: string, message: string): FarshoreError =>
  new FarshoreError('record_unmappable', message, {
    place: `table ${table}`,
    hint: 'Mend the mapping (`key`, `version`, `columns`) or the producer.',
  });
