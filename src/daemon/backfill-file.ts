import type { Stats } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import type { ApplyPlan } from '../apply/apply-plan.ts';
import type { RecordDecoders } from '../apply/contracts.ts';
import type { Replay } from '../apply/replay.ts';
import { FILE_KEY, FILE_VALUE, RecordFile } from '../avro/record-file.ts';
import type { Chunk, OpenBackfill, PreparedTable, Written } from '../backfill/contracts.ts';
import { type FileCursor, readFileCursor, writeRecordCursor } from '../backfill/record-cursors.ts';
import { backfillOffset, recordOf } from '../backfill/row-version.ts';
import { decompress } from '../kafka/batch/codecs.ts';
import type { RawBatch, RecordView, VisitRecords } from '../model/batch.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import { writeChunk } from '../postgres/backfill-chunk.ts';
import type { Database } from '../postgres/database.ts';
import { refusal } from './backfill-prepare.ts';

/**
 * Opens a file of `backfill.directory`. The daemon reads it, not the command: after a kill it goes on without whoever gave it, and nothing of its
 * size crosses the admin port. And it reads nothing outside that folder: who may start a backfill must not get to see the daemon's secrets, whole or
 * in the text of an error.
 */
export async function openRecordFile(name: string, directory: string | undefined, maxBytes: number): Promise<RecordFile> {
  if (directory === undefined) {
    throw new FarshoreError('request_invalid', 'This daemon reads no files: it has no folder for them', {
      place: 'backfill.directory',
      hint: 'Set backfill.directory to a folder of the daemon’s machine, restart it, and put the file there.',
    });
  }
  const file = await handleOf(name, directory);
  try {
    return await RecordFile.open(file, name, { maxBytes, unsnappy: (bytes, most) => decompress('snappy', bytes, most) });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function handleOf(name: string, directory: string): Promise<FileHandle> {
  const unfit = (why: string, cause?: unknown): FarshoreError =>
    new FarshoreError('request_invalid', `File ${JSON.stringify(name)} ${why}`, {
      place: 'backfill.directory',
      cause,
      hint: `Files are read from ${directory} only.`,
    });
  if (isAbsolute(name) || name.includes('\0')) throw unfit('is not named from the folder');
  let file: FileHandle | undefined;
  try {
    const root = await realpath(directory);
    const path = await realpath(join(root, name));
    if (!path.startsWith(root + sep)) throw unfit('is not in the folder');
    file = await open(path, 'r');
    const stats: Stats = await file.stat();
    if (!stats.isFile()) throw unfit('is no file');
    return file;
  } catch (error) {
    await file?.close();
    if (error instanceof FarshoreError) throw error;
    throw unfit(`cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`, error);
  }
}

/** Epochs of the stream begin with it. */
const FIRST_EPOCH = 1;

export interface FileBackfillParts {
  /** The table. */
  readonly name: string;
  readonly file: string;
  /** Of the entry that takes its records. */
  readonly topic: string;
  /** Of the region itself. */
  readonly region: string;
  readonly open: () => Promise<RecordFile>;
  readonly replay: Replay;
  readonly views: FileViews;
  /** Whether the table orders states by source fields. */
  readonly hasSource: boolean;
  readonly database: Database;
  readonly epoch: bigint;
}

interface FileChunk extends Chunk {
  readonly taken: { readonly plan: ApplyPlan; readonly phase: FileCursor['phase'] } | undefined;
}

/** Makes a file's blocks look like batches of a log, so that they are planned as such. */
export class FileViews {
  readonly #clock: Clock;
  #visit: ((visit: (record: RecordView) => void) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly visitRecords: VisitRecords = (_batch, visit) => this.#visit?.(visit);

  /** Of one file. Its schemas are in it; nothing is loaded. */
  static decoders({ value, key }: RecordFile): RecordDecoders {
    return {
      readRef: (_bytes, start, _end, _headers, side, out) => {
        out.ref = side === 'key' ? FILE_KEY : FILE_VALUE;
        out.bodyStart = start;
      },
      get: (ref) => (ref === FILE_KEY ? key : value),
      load: async () => value,
    };
  }

  /** The block is looked at until the next one is. */
  show(file: RecordFile, block: Parameters<RecordFile['visit']>[1], bytes: Buffer, firstOffset: bigint): RawBatch {
    this.#visit = (visit) => {
      let offset = firstOffset;
      // Headers that say nothing: a key is of the file's schema, whatever its first byte is.
      const view = { bytes, offset, timestampMs: this.#clock.wallMs(), headersStart: 0, headersEnd: 0, headerCount: 1 };
      file.visit(bytes, block, ({ keyStart, keyEnd, valueStart, valueEnd }) => {
        visit({ ...view, offset, keyStart, keyEnd, valueStart, valueEnd });
        offset++;
      });
    };
    return { bytes, baseOffset: firstOffset, lastOffset: firstOffset + BigInt(block.records) - 1n, recordCount: block.records, magic: 2 };
  }
}

/**
 * Applies the records of a file to a table, below everything the stream ever brings (see row-version.ts): of a source version that both have, and
 * without one, the stream's record stands. Among themselves the later record wins, as in a log.
 */
export class FileBackfill implements PreparedTable {
  readonly #parts: FileBackfillParts;

  constructor(parts: FileBackfillParts) {
    this.#parts = parts;
  }

  async read({ id, cursor }: Pick<OpenBackfill, 'id' | 'cursor'>, limit: number, signal: AbortSignal): Promise<FileChunk> {
    const file = await this.#parts.open();
    try {
      return await this.#read(file, id, cursor, limit, signal);
    } finally {
      await file.close();
    }
  }

  async #read(file: RecordFile, id: string, cursor: string | undefined, limit: number, signal: AbortSignal): Promise<FileChunk> {
    const { name, topic, replay, views, hasSource } = this.#parts;
    const sync = file.header.sync.toString('hex');
    const begin = { sync, block: file.header.firstBlock, first: 0n, next: 0n };
    const at: FileCursor = cursor === undefined ? { phase: 'deletes', ...begin } : readFileCursor(cursor);
    if (at.sync !== sync) {
      throw refusal(
        name,
        `${this.#parts.file} is another file than the one that was begun`,
        `farshore backfill stop --table ${name}, and start again.`,
      );
    }
    const block = await file.block(at.block);
    if (block === undefined) {
      const moved: FileCursor = { phase: 'all', ...(at.phase === 'deletes' ? begin : at) };
      return { rows: 0, bytes: 0, cursor: writeRecordCursor(moved), done: at.phase === 'all', taken: undefined };
    }
    const bytes = await file.bytes(block);
    const firstOffset = backfillOffset('file', id, at.first);
    const end = firstOffset + BigInt(block.records);
    const from = backfillOffset('file', id, at.next);
    const piece = { batch: views.show(file, block, bytes, firstOffset), end, proof: undefined, bytes: bytes.length };
    // The lowest that still orders by source fields, and below it where there are none.
    const order = { kind: 'apply', homeEpoch: hasSource ? FIRST_EPOCH : 0, generation: 0, end: undefined } as const;
    const limits = { maxRecords: limit, maxBytes: Number.MAX_SAFE_INTEGER, upTo: undefined };
    const plan = await replay.plan(topic, { place: this.#parts.file, from, order }, [piece], limits, signal);
    const [reject] = plan.rejects;
    if (reject !== undefined) {
      const { code, message, hint } = reject.error;
      throw new FarshoreError(code, `Record ${recordOf(reject.offset)} of ${this.#parts.file} cannot be applied: ${message}`, {
        place: `table ${name}`,
        cause: reject.error,
        hint: hint ?? 'Leave it out of the file.',
      });
    }
    const isWhole = plan.next >= end;
    const next = recordOf(plan.next);
    const moved: FileCursor = isWhole
      ? { phase: at.phase, sync, block: block.next, first: at.first + BigInt(block.records), next: at.first + BigInt(block.records) }
      : { ...at, next };
    const share = plan.records / Math.max(1, block.records);
    return {
      rows: plan.records,
      bytes: Math.ceil(bytes.length * share),
      cursor: writeRecordCursor(moved),
      done: false,
      taken: { plan, phase: at.phase },
    };
  }

  async write(backfill: OpenBackfill, chunk: FileChunk, signal: AbortSignal): Promise<Written> {
    const { replay, epoch, database, region, topic } = this.#parts;
    const { taken } = chunk;
    const moving = { backfill, chunk };
    if (taken === undefined) return await writeChunk(database, { region, states: [] }, replay.nothing(epoch), moving, signal);
    // How old a file is nobody knows: of the first epoch, as its rows' versions.
    const fence = { region, states: [{ topic, homeEpoch: FIRST_EPOCH }] };
    return await writeChunk(database, fence, replay.statements(taken.plan, taken.phase, epoch, undefined), moving, signal);
  }
}
