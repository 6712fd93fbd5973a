import type { FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { FarshoreError } from '../model/errors.ts';
import { Cursor, MalformedValue } from './cursor.ts';

/** Undoes snappy; throws before more than `maxBytes` are written out. */
export type Unsnappy = (bytes: Buffer, maxBytes: number) => Buffer;

/** What stands in front of a container file's blocks. */
export interface ContainerHeader {
  readonly schema: string;
  readonly codec: 'null' | 'deflate' | 'snappy';
  /** Ends every block; made at random when the file was, so that it tells files apart. */
  readonly sync: Buffer;
  readonly firstBlock: number;
}

export interface ContainerBlock {
  readonly records: number;
  /** Of its records, as they are in the file. */
  readonly start: number;
  readonly length: number;
  /** Where the next one begins. */
  readonly next: number;
}

const MAGIC = Buffer.from('Obj\u0001', 'latin1');
const SYNC_BYTES = 16;
const MAX_HEADER_BYTES = 8 * 1024 * 1024;
/** Two longs. */
const PREFIX_BYTES = 20;
const CODECS = ['null', 'deflate', 'snappy'] as const;

/**
 * The frame of an Avro object container file: read by its bytes, block by block, so that a reader goes on at any block after a kill, and no block is
 * opened further than `maxBytes`. avsc reads such files as streams from their beginning, with its own decoders (see compile.ts).
 */
export async function containerHeader(file: FileHandle, place: string): Promise<ContainerHeader> {
  const bytes = await read(file, 0, MAX_HEADER_BYTES);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw bad(place, 'it is no Avro object container file');
  const cursor = new Cursor(bytes, MAGIC.length, bytes.length);
  const entries = new Map<string, Buffer>();
  try {
    for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
      for (; count > 0; count--) {
        const name = cursor.text();
        const length = cursor.length();
        const start = cursor.take(length);
        entries.set(name, bytes.subarray(start, start + length));
      }
    }
    const start = cursor.take(SYNC_BYTES);
    const named = entries.get('avro.codec')?.toString('utf8') ?? 'null';
    const codec = CODECS.find((one) => one === named);
    if (codec === undefined) throw bad(place, `its codec is ${JSON.stringify(named)}; ${CODECS.join(', ')} are read`);
    const schema = entries.get('avro.schema')?.toString('utf8');
    if (schema === undefined) throw bad(place, 'its header holds no schema');
    return { schema, codec, sync: Buffer.from(bytes.subarray(start, start + SYNC_BYTES)), firstBlock: start + SYNC_BYTES };
  } catch (error) {
    if (error instanceof MalformedValue) throw bad(place, `its header cannot be read: ${error.message}`, error);
    throw error;
  }
}

/** The block that begins at `at`, without its records; undefined at the end of the file. */
export async function containerBlock(
  file: FileHandle,
  { sync }: ContainerHeader,
  at: number,
  place: string,
): Promise<ContainerBlock | undefined> {
  const { size } = await file.stat();
  if (at === size) return undefined;
  const bytes = await read(file, at, PREFIX_BYTES);
  const cursor = new Cursor(bytes, 0, bytes.length);
  const numbers: number[] = [];
  try {
    numbers.push(Number(cursor.long()), Number(cursor.long()));
  } catch (error) {
    if (error instanceof MalformedValue) throw bad(place, `it ends inside the block at byte ${at}`, error);
    throw error;
  }
  const [records, length] = numbers as [number, number];
  const start = at + cursor.pos;
  const next = start + length + SYNC_BYTES;
  // Anything may stand in a damaged file: nothing is believed beyond the file's own size.
  if (!Number.isSafeInteger(next) || records < 0 || length < 0 || next > size) throw bad(place, `it ends inside the block at byte ${at}`);
  if (!(await read(file, next - SYNC_BYTES, SYNC_BYTES)).equals(sync))
    throw bad(place, `the block at byte ${at} does not end where it says`);
  return { records, start, length, next };
}

/** The records of a block, one after another. */
export async function blockBytes(
  file: FileHandle,
  { codec }: ContainerHeader,
  block: ContainerBlock,
  place: string,
  { maxBytes, unsnappy }: { readonly maxBytes: number; readonly unsnappy: Unsnappy },
): Promise<Buffer> {
  const what = `the block at byte ${block.start}`;
  if (block.length > maxBytes) throw tooLarge(place, what, maxBytes);
  const packed = await read(file, block.start, block.length);
  const bytes = open(packed);
  // A record takes a byte at least, where it has a field: counts alone must not become work without end.
  if (block.records > bytes.length) throw bad(place, `${what} says it holds ${block.records} records, and has ${bytes.length} bytes`);
  return bytes;

  function open(raw: Buffer): Buffer {
    try {
      if (codec === 'null') return raw;
      if (codec === 'deflate') return inflateRawSync(raw, { maxOutputLength: maxBytes });
      if (raw.length < 4) throw new MalformedValue('it has no checksum');
      const opened = unsnappy(raw.subarray(0, -4), maxBytes);
      if (crc32(opened) !== raw.readUInt32BE(raw.length - 4)) throw new MalformedValue('its checksum does not match');
      return opened;
    } catch (error) {
      if (error instanceof FarshoreError && error.code === 'memory_limit') throw tooLarge(place, what, maxBytes, error);
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(place, what, maxBytes, error);
      throw bad(place, `${what} cannot be opened as ${codec}: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(length, Math.max(0, (await file.stat()).size - position)));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

const bad = (place: string, why: string, cause?: unknown): FarshoreError =>
  new FarshoreError('record_malformed', `The file cannot be read: ${why}`, {
    place,
    cause,
    hint: 'Write it anew, as an Avro object container file (.avro).',
  });

const tooLarge = (place: string, what: string, maxBytes: number, cause?: unknown): FarshoreError =>
  new FarshoreError('memory_limit', `${what} of the file is larger than ${maxBytes} bytes when it is opened`, {
    place,
    cause,
    hint: 'Write the file with smaller blocks, or raise limits.maxDecompressedBytes.',
  });
