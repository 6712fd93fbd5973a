const UUID_BYTES = 16;

/**
 * A request in one piece. The client's writer makes a Buffer of each field and joins them all when it sends: 700 for a fetch of 100 partitions,
 * which a daemon with nothing to do sends twice a second. So requests with an entry a partition are written by this one.
 */
export class FlatWriter {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  /** `capacity`: at least what will be written; beyond it a write throws. */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, capacity);
  }

  int8(value: number): this {
    this.#view.setInt8(this.#at, value);
    this.#at += 1;
    return this;
  }

  int32(value: number): this {
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
    return this;
  }

  int64(value: bigint): this {
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
    return this;
  }

  unsignedVarInt(value: number): this {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#view.setUint8(this.#at++, (rest & 0x7f) | 0x80);
    this.#view.setUint8(this.#at++, rest);
    return this;
  }

  /** A compact string. */
  string(text: string): this {
    const bytes = Buffer.byteLength(text);
    this.unsignedVarInt(bytes + 1);
    this.#at += this.#bytes.write(text, this.#at, bytes, 'utf8');
    return this;
  }

  /** UUID text. */
  uuid(text: string): this {
    const written = this.#bytes.write(text.replaceAll('-', ''), this.#at, UUID_BYTES, 'hex');
    if (written !== UUID_BYTES) throw new RangeError(`Expected a UUID, got ${JSON.stringify(text)}`);
    this.#at += UUID_BYTES;
    return this;
  }

  /** No tagged fields. */
  untagged(): this {
    return this.int8(0);
  }

  /** What was written. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }
}
