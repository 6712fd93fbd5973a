import { FarshoreError } from '../model/errors.ts';
import { columnValue, type ValueWriters } from './column-values.ts';
import type { DecodedRecord } from './contracts.ts';
import type { ArrayElement } from './dependencies.ts';
import { keyText } from './key-text.ts';
import type { TableKey, TableMapping } from './mapping.ts';
import { hex32, LOWEST_SOURCE, offsetHex, SourceReader } from './source-version.ts';

/** Rows column by column, with their versions as hex. */
export interface RowSet {
  readonly columns: readonly (readonly ArrayElement[])[];
  readonly versions: readonly string[];
}

/** What is left of a run of records: at most one state a key on each side of its last delete. */
export interface Folded {
  readonly table: TableKey;
  /** Undefined when the run holds deletes only. */
  readonly mapping: TableMapping | undefined;
  /** States that a delete in the same run removes again. Columns as in the mapping. */
  readonly before: RowSet | undefined;
  /** Columns are those of the key. */
  readonly deletes: RowSet | undefined;
  readonly after: RowSet | undefined;
  readonly records: number;
  readonly folded: number;
  readonly ties: number;
}

/**
 * Folds records of one partition, in log order, under one generation and one home epoch, to what the
 * database must see (CORRECTNESS C1, C4). Of the states of a key the highest version stays; since epoch and
 * generation are equal and offsets rise, that is: the higher source part, and of equal ones the later.
 *
 * A null-value delete is ordered by the log only. It splits its key's states: the one before it is kept
 * for the first round, so that triggers see what the log says, the highest after it for the last round.
 */
export class Fold {
  readonly #table: TableKey;
  readonly #mapping: TableMapping | undefined;
  readonly #writers: ValueWriters;
  readonly #sources: SourceReader;
  readonly #prefix: string;
  readonly #generation: string;
  readonly #keyTypes: readonly string[];
  /** Key text → index of its current state in the arrays below. */
  readonly #latest = new Map<string, number>();
  readonly #columns: ArrayElement[][];
  readonly #rowSources: string[] = [];
  readonly #rowOffsets: bigint[] = [];
  /** Key text → index of its last delete. */
  readonly #deleted = new Map<string, number>();
  readonly #deleteColumns: ArrayElement[][];
  readonly #deleteOffsets: bigint[] = [];
  /** Row index that a delete moved to the first round, or -1; by delete index. */
  readonly #deleteBefore: number[] = [];
  readonly #keyValues: Exclude<ArrayElement, null>[] = [];
  #records = 0;
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
    this.#keyTypes = table.key.map(({ type }) => type);
    this.#columns = (mapping?.columns ?? []).map(() => []);
    this.#deleteColumns = table.key.map(() => []);
  }

  get mapping(): TableMapping | undefined {
    return this.#mapping;
  }

  /** Throws `record_unmappable` when a key column is null or a version has no order; nothing is changed then. */
  add(record: DecodedRecord, offset: bigint): void {
    const mapping = this.#mapping;
    if (mapping === undefined) throw new FarshoreError('internal', 'A state was added to a fold of deletes.');
    const { columns, keyIndexes } = mapping;
    const keyValues = this.#keyValues;
    keyValues.length = 0;
    for (let i = 0; i < keyIndexes.length; i++) {
      const column = columns[keyIndexes[i]!]!;
      const value = columnValue(record[column.field], column.travel.form, this.#writers);
      if (value === null) throw unmappable(this.#table.name, `Key column ${column.column} is null`);
      keyValues.push(value);
    }
    const source = this.#sources.read(record);
    if (source === undefined) {
      throw unmappable(
        this.#table.name,
        `The version (${mapping.version.map(({ field }) => field).join(', ')}) is not a value that can be ordered`,
      );
    }
    this.#records++;
    const key = keyText(keyValues, this.#keyTypes);
    const row = this.#latest.get(key);
    if (row === undefined) this.#insert(key, record, source, offset);
    else this.#replace(row, record, source, offset);
  }

  /** A null value: `key` in the order of the key columns. */
  delete(key: readonly Exclude<ArrayElement, null>[], offset: bigint): void {
    this.#records++;
    const text = keyText(key, this.#keyTypes);
    const row = this.#latest.get(text) ?? -1;
    this.#latest.delete(text);
    const earlier = this.#deleted.get(text);
    if (earlier === undefined) {
      this.#deleted.set(text, this.#deleteOffsets.length);
      for (let i = 0; i < key.length; i++) this.#deleteColumns[i]!.push(key[i]!);
      this.#deleteOffsets.push(offset);
      this.#deleteBefore.push(row);
      return;
    }
    this.#folded++;
    this.#deleteOffsets[earlier] = offset;
    if (row === -1) return;
    if (this.#deleteBefore[earlier] !== -1) this.#folded++;
    this.#deleteBefore[earlier] = row;
  }

  finish(): Folded {
    const { before, after } = this.#split();
    const suffix = (offset: bigint) => this.#generation + offsetHex(offset);
    const deletes =
      this.#deleteOffsets.length === 0
        ? undefined
        : { columns: this.#deleteColumns, versions: this.#deleteOffsets.map((offset) => this.#prefix + LOWEST_SOURCE + suffix(offset)) };
    return {
      table: this.#table,
      mapping: this.#mapping,
      before,
      deletes,
      after,
      records: this.#records,
      folded: this.#folded,
      ties: this.#ties,
    };
  }

  #insert(key: string, record: DecodedRecord, source: string, offset: bigint): void {
    const { columns } = this.#mapping!;
    this.#latest.set(key, this.#rowOffsets.length);
    for (let c = 0; c < columns.length; c++) {
      const { field, travel } = columns[c]!;
      this.#columns[c]!.push(columnValue(record[field], travel.form, this.#writers));
    }
    this.#rowSources.push(source);
    this.#rowOffsets.push(offset);
  }

  #replace(row: number, record: DecodedRecord, source: string, offset: bigint): void {
    this.#folded++;
    const standing = this.#rowSources[row]!;
    if (source < standing) return;
    const { columns, version } = this.#mapping!;
    let changed = false;
    for (let c = 0; c < columns.length; c++) {
      const { field, travel } = columns[c]!;
      const value = columnValue(record[field], travel.form, this.#writers);
      const values = this.#columns[c]!;
      if (!changed && !Object.is(values[row], value)) changed = true;
      values[row] = value;
    }
    // One source version for two contents: the later in the log wins, and is counted, not hidden.
    if (changed && version.length > 0 && source === standing && source !== this.#sources.lowest) this.#ties++;
    this.#rowSources[row] = source;
    this.#rowOffsets[row] = offset;
  }

  #split(): { readonly before: RowSet | undefined; readonly after: RowSet | undefined } {
    const version = (row: number) => this.#prefix + this.#rowSources[row]! + this.#generation + offsetHex(this.#rowOffsets[row]!);
    const take = (rows: readonly number[]): RowSet | undefined =>
      rows.length === 0
        ? undefined
        : { columns: this.#columns.map((values) => rows.map((row) => values[row]!)), versions: rows.map(version) };
    if (this.#deleteOffsets.length === 0) {
      const count = this.#rowOffsets.length;
      const versions = new Array<string>(count);
      for (let row = 0; row < count; row++) versions[row] = version(row);
      return { before: undefined, after: count === 0 ? undefined : { columns: this.#columns, versions } };
    }
    return { before: take(this.#deleteBefore.filter((row) => row !== -1)), after: take([...this.#latest.values()]) };
  }
}

const unmappable = (table: string, message: string): FarshoreError =>
  new FarshoreError('record_unmappable', message, {
    place: `table ${table}`,
    hint: 'Mend the mapping (`key`, `version`, `columns`) or the producer.',
  });
