import type { FileHandle } from 'node:fs/promises';
import type { RecordDecoder } from '../apply/contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { compile } from './compile.ts';
import { blockBytes, type ContainerBlock, type ContainerHeader, containerBlock, containerHeader, type Unsnappy } from './container-file.ts';
import { Cursor, MalformedValue } from './cursor.ts';
import { decoderOf } from './record-decoder.ts';
import type { Read } from './scalars.ts';
import { type AvroSchema, type ParsedSchema, parseSchema } from './schema.ts';

/** Where a record's parts lie in the bytes of its block; a start of -1 is null, or not there. */
export interface FileRecord {
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
}

/** References to the schemas of a file's keys and values, which no registry knows. */
export const FILE_VALUE = 'file value';
export const FILE_KEY = 'file key';

/**
 * Records in an Avro object container file: values by themselves, or records with `key` and `value`, as tools write what they read from a topic;
 * there a null value is a delete. Other fields beside those two are passed over.
 */
export class RecordFile {
  readonly header: ContainerHeader;
  readonly value: RecordDecoder;
  readonly key: RecordDecoder | undefined;
  readonly #file: FileHandle;
  readonly #place: string;
  readonly #split: (cursor: Cursor, out: FileRecord) => void;
  readonly #limits: { readonly maxBytes: number; readonly unsnappy: Unsnappy };

  private constructor(
    file: FileHandle,
    header: ContainerHeader,
    place: string,
    limits: { readonly maxBytes: number; readonly unsnappy: Unsnappy },
  ) {
    this.#file = file;
    this.header = header;
    this.#place = place;
    this.#limits = limits;
    const parsed = parseSchema(header.schema, [], place);
    const layout = layoutOf(parsed, place);
    this.value = decoderOf(layout.value, place, FILE_VALUE);
    this.key = layout.key && decoderOf(layout.key, `${place} (key)`, FILE_KEY);
    this.#split = layout.split;
  }

  /** Takes the handle over. Throws `record_malformed` and `schema_unusable`. */
  static async open(
    file: FileHandle,
    place: string,
    limits: { readonly maxBytes: number; readonly unsnappy: Unsnappy },
  ): Promise<RecordFile> {
    return new RecordFile(file, await containerHeader(file, place), place, limits);
  }

  async block(at: number): Promise<ContainerBlock | undefined> {
    return await containerBlock(this.#file, this.header, at, this.#place);
  }

  async bytes(block: ContainerBlock): Promise<Buffer> {
    return await blockBytes(this.#file, this.header, block, this.#place, this.#limits);
  }

  /** How many records there are: looks at each block, and opens none. */
  async count(signal: AbortSignal): Promise<number> {
    let records = 0;
    for (let at = this.header.firstBlock; ; ) {
      signal.throwIfAborted();
      const block = await this.block(at);
      if (block === undefined) return records;
      records += block.records;
      at = block.next;
    }
  }

  /** Each record of a block in order; the view is used again. Throws `record_malformed`. */
  visit(bytes: Buffer, { records, start }: ContainerBlock, visit: (record: FileRecord) => void): void {
    const cursor = new Cursor(bytes, 0, bytes.length);
    const record: FileRecord = { keyStart: -1, keyEnd: -1, valueStart: -1, valueEnd: -1 };
    for (let n = 0; n < records; n++) {
      try {
        // Limits hold for each record.
        cursor.reset(bytes, cursor.pos, bytes.length);
        this.#split(cursor, record);
      } catch (error) {
        if (!(error instanceof MalformedValue)) throw error;
        throw new FarshoreError(
          'record_malformed',
          `Record ${n} of the block at byte ${start} is no value of the file's schema: ${error.message}`,
          {
            place: this.#place,
            cause: error,
            hint: 'Write the file anew.',
          },
        );
      }
      visit(record);
    }
    if (cursor.pos !== bytes.length) {
      throw new FarshoreError('record_malformed', `${bytes.length - cursor.pos} bytes follow the records of the block at byte ${start}`, {
        place: this.#place,
        hint: 'Write the file anew.',
      });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

interface Layout {
  readonly value: ParsedSchema;
  readonly key: ParsedSchema | undefined;
  readonly split: (cursor: Cursor, out: FileRecord) => void;
}

function layoutOf(parsed: ParsedSchema, place: string): Layout {
  const { named } = parsed;
  const root = resolve(parsed.root, parsed);
  if (root.kind !== 'record') throw unfit(place, `its records are ${root.kind}, not records`);
  const [key, value] = ['key', 'value'].map((name) => root.fields.find((field) => field.name === name));
  const body = value && branchesOf(value.schema, parsed);
  // A table may have columns of these names: only a value that is a record is a record of a topic.
  if (key === undefined || body?.some(({ kind }) => kind === 'record') !== true) {
    const read = compile(parsed);
    return {
      value: parsed,
      key: undefined,
      split: (cursor, out) => {
        out.valueStart = cursor.pos;
        read(cursor);
        out.valueEnd = cursor.pos;
      },
    };
  }
  const steps = root.fields.map(({ name, schema }): ((cursor: Cursor, out: FileRecord) => void) => {
    if (name === 'key')
      return part(schema, parsed, place, 'key', (out, start, end) => Object.assign(out, { keyStart: start, keyEnd: end }));
    if (name === 'value')
      return part(schema, parsed, place, 'value', (out, start, end) => Object.assign(out, { valueStart: start, valueEnd: end }));
    const read = compile({ root: schema, named });
    return (cursor) => void read(cursor);
  });
  return {
    value: { root: onlyBranch(value!.schema, place, 'value'), named },
    key: { root: onlyBranch(key.schema, place, 'key'), named },
    split: (cursor, out) => {
      for (const step of steps) step(cursor, out);
    },
  };
}

/** Of a nullable field: moves over it, and tells where its content lies. */
function part(
  schema: AvroSchema,
  parsed: ParsedSchema,
  place: string,
  what: string,
  found: (out: FileRecord, start: number, end: number) => void,
): (cursor: Cursor, out: FileRecord) => void {
  const read: Read = compile({ root: onlyBranch(schema, place, what), named: parsed.named });
  const nullAt = schema.kind === 'union' ? schema.branches.findIndex((branch) => branch.kind === 'null') : -1;
  return (cursor, out) => {
    if (schema.kind === 'union') {
      const branch = cursor.int();
      if (branch < 0 || branch >= schema.branches.length) throw new MalformedValue('a union has no such branch');
      if (branch === nullAt) {
        found(out, -1, -1);
        return;
      }
    }
    const start = cursor.pos;
    read(cursor);
    found(out, start, cursor.pos);
  };
}

function onlyBranch(schema: AvroSchema, place: string, what: string): AvroSchema {
  const [only, ...others] = (schema.kind === 'union' ? schema.branches : [schema]).filter((branch) => branch.kind !== 'null');
  if (only === undefined || others.length > 0) throw unfit(place, `its ${what} is not of one type`);
  return only;
}

const branchesOf = (schema: AvroSchema, parsed: ParsedSchema): readonly AvroSchema[] =>
  (schema.kind === 'union' ? schema.branches : [schema]).map((branch) => resolve(branch, parsed));

const resolve = (schema: AvroSchema, { named }: ParsedSchema): AvroSchema =>
  schema.kind === 'ref' ? (named.get(schema.name) ?? schema) : schema;

const unfit = (place: string, why: string): FarshoreError =>
  new FarshoreError('schema_unusable', `The file holds no records of a table: ${why}`, {
    place,
    hint: 'It must hold the records of a topic: the values, or records with `key` and `value`.',
  });
