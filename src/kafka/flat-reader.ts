import type { Reader } from '@platformatic/kafka';

const UUID_BYTES = 16;
/** An answer that came in several chunks is put into one up to here: a larger one holds records, which are copied once and no more. */
const JOIN_BYTES = 65_536;

/**
 * What the decoders of answers with an entry a partition read from. The client's reader copies each field byte by byte out of whatever chunk
 * it lies in.
 */
export interface WireReader {
  int16(): number;
  int32(): number;
  int64(): bigint;
  unsignedVarInt(): number;
  uuid(): string;
  /** A compact string; null reads as the empty one. */
  string(): string;
  skip(bytes: number): void;
  /** Copies the next bytes, as many as `into` holds. */
  copy(into: Buffer): void;
}

/** Reads on from where the client's reader stands, which is not moved. */
export function wireReader(reader: Reader): WireReader {
  const { buffers, length } = reader.buffer;
  if (buffers.length <= 1 || length <= JOIN_BYTES) return new FlatReader(reader.buffer.buffer, reader.position);
  return new ChunkedReader(reader);
}

class FlatReader implements WireReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = at;
  }

  int16(): number {
    const value = this.#view.getInt16(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    const value = this.#view.getInt32(this.#at);
    this.#at += 4;
    return value;
  }

  int64(): bigint {
    const value = this.#view.getBigInt64(this.#at);
    this.#at += 8;
    return value;
  }

  unsignedVarInt(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#view.getUint8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  uuid(): string {
    const hex = this.#bytes.toString('hex', this.#at, this.#at + UUID_BYTES);
    this.#at += UUID_BYTES;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  string(): string {
    const bytes = Math.max(0, this.unsignedVarInt() - 1);
    const text = this.#bytes.toString('utf8', this.#at, this.#at + bytes);
    this.skip(bytes);
    return text;
  }

  skip(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw new RangeError('The answer ends too early');
    this.#at += bytes;
  }

  copy(into: Buffer): void {
    const from = this.#at;
    this.skip(into.length);
    this.#bytes.copy(into, 0, from, this.#at);
  }
}

class ChunkedReader implements WireReader {
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  int16 = (): number => this.#reader.readInt16();
  int32 = (): number => this.#reader.readInt32();
  int64 = (): bigint => this.#reader.readInt64();
  unsignedVarInt = (): number => this.#reader.readUnsignedVarInt();
  uuid = (): string => this.#reader.readUUID();
  string = (): string => this.#reader.readString();

  skip(bytes: number): void {
    this.#reader.skip(bytes);
  }

  copy(into: Buffer): void {
    const { buffer, position } = this.#reader;
    let at = 0;
    for (const chunk of buffer.subarray(position, position + into.length).buffers) at += chunk.copy(into, at);
    this.#reader.skip(into.length);
  }
}

/** Tagged fields: `known` is called for each with its tag and may read up to `bytes` of it; answers how many it read. */
export function skipTags(reader: WireReader, known?: (tag: number) => number): void {
  for (let left = reader.unsignedVarInt(); left > 0; left--) {
    const tag = reader.unsignedVarInt();
    const bytes = reader.unsignedVarInt();
    reader.skip(bytes - (known?.(tag) ?? 0));
  }
}

/** Entries of a compact array; none where it is null. */
export const arrayLength = (reader: WireReader): number => Math.max(0, reader.unsignedVarInt() - 1);
