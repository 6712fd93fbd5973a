import { columnValue, type ValueWriters } from './column-values.ts';
import type { DecodedRecord, DecodedValue, FieldReader, FieldShape, FieldWay, RecordDecoder } from './contracts.ts';
import type { ArrayText } from './dependencies.ts';
import type { TableMapping } from './mapping.ts';

/** Types whose decoded value is its own text in a column: no part, no bytes. */
const scalars: ReadonlySet<string> = new Set(['boolean', 'int', 'long', 'float', 'double', 'string', 'enum']);

const isScalar = ({ avro, logical }: FieldShape): boolean =>
  scalars.has(avro) || (logical !== undefined && (avro === 'bytes' || avro === 'fixed'));

/** Whole numbers are their own value, and a version's timestamp is ordered by its microseconds, which the reader has before its text. */
const isOrdered = ({ avro, logical }: FieldShape, isKey: boolean): boolean =>
  (avro === 'long' || avro === 'int') && (logical === undefined || (!isKey && logical.includes('timestamp-')));

/**
 * Reads records of one writer schema straight into the columns of a table, without a record or, for most fields, a value
 * in between. Fields that the fold must know, of the key and the version, are read as values too, and so is what needs more than its own text.
 */
export class RowReader {
  readonly #fields: FieldReader;
  /** Column that field i is written to by the decoder. */
  readonly #direct: readonly (number | undefined)[];
  readonly #others: readonly { readonly column: number; readonly field: number }[];
  readonly #wanted: readonly { readonly name: string; readonly field: number }[];
  readonly #mapping: TableMapping;
  readonly #values: DecodedValue[] = [];
  readonly #known: { [field: string]: DecodedValue } = {};
  #columns: readonly ArrayText[] | undefined;
  #sinks: readonly (ArrayText | undefined)[] = [];

  private constructor(decoder: RecordDecoder, mapping: TableMapping, keys: ReadonlySet<string>, wanted: ReadonlySet<string>) {
    const { columns } = mapping;
    const columnsOf = (name: string) => columns.flatMap(({ field }, index) => (field === name ? [index] : []));
    this.#mapping = mapping;
    this.#direct = decoder.fields.map((field) => {
      const [only, ...more] = columnsOf(field.name);
      if (only === undefined || more.length > 0 || !isScalar(field)) return undefined;
      if (wanted.has(field.name) && !isOrdered(field, keys.has(field.name))) return undefined;
      return columns[only]!.travel.form === 'plain' ? only : undefined;
    });
    this.#others = decoder.fields.flatMap(({ name }, field) =>
      this.#direct[field] === undefined ? columnsOf(name).map((column) => ({ column, field })) : [],
    );
    this.#wanted = decoder.fields.flatMap(({ name }, field) => (wanted.has(name) ? [{ name, field }] : []));
    const ways = decoder.fields.map(({ name }, field): FieldWay => {
      if (this.#direct[field] === undefined) return 'value';
      return wanted.has(name) ? 'both' : 'text';
    });
    this.#fields = decoder.fieldReader!(ways);
  }

  /** Undefined where the decoder or the mapping asks for whole records. */
  static of(decoder: RecordDecoder, mapping: TableMapping): RowReader | undefined {
    const names = new Set(decoder.fields.map(({ name }) => name));
    if (decoder.fieldReader === undefined || mapping.events !== undefined || mapping.units !== undefined) return undefined;
    if (mapping.columns.some(({ field, read }) => read !== undefined || !names.has(field))) return undefined;
    if (mapping.version.some(({ read }) => read !== undefined)) return undefined;
    const keys = mapping.keyIndexes.map((index) => mapping.columns[index]!.field);
    return new RowReader(decoder, mapping, new Set(keys), new Set([...keys, ...mapping.version.map(({ field }) => field)]));
  }

  /**
   * Pushes one element into each column and answers the fields of key and version, in an object that the next call
   * uses again. Throws `record_malformed`; columns may then hold a part of the row.
   */
  read(bytes: Buffer, start: number, end: number, columns: readonly ArrayText[], writers: ValueWriters): DecodedRecord {
    if (columns !== this.#columns) {
      this.#columns = columns;
      this.#sinks = this.#direct.map((column) => (column === undefined ? undefined : columns[column]));
    }
    const values = this.#values;
    this.#fields.read(bytes, start, end, this.#sinks, values);
    for (let i = 0; i < this.#others.length; i++) {
      const { column, field } = this.#others[i]!;
      columns[column]!.push(columnValue(values[field], this.#mapping.columns[column]!.travel.form, writers));
    }
    const known = this.#known;
    for (let i = 0; i < this.#wanted.length; i++) known[this.#wanted[i]!.name] = values[this.#wanted[i]!.field]!;
    return known;
  }
}
