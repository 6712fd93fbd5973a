import type { Writable } from 'node:stream';

/** A parameter: text as a string or as its UTF-8 bytes, binary bytes, or null. */
export type BoundValue = string | { readonly utf8: Buffer } | Buffer | null;

const BIND = 0x42;
const TEXT = 0;
const BINARY = 1;

/**
 * Writes a Bind message for the unnamed portal, all results as text. The driver's own takes text as strings only, encodes each of them
 * twice and copies them all into one buffer; here the large parameters, which are UTF-8 already, go to the socket as they are.
 */
export function writeBind(stream: Writable, statement: string, values: readonly BoundValue[]): void {
  const texts = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value));
  const name = Buffer.from(statement);
  let length = 4 + 1 + name.length + 1 + 2 + 2 * values.length + 2 + 4 * values.length + 4;
  for (const value of texts) length += value === null ? 0 : bytesOf(value).length;

  const head = Buffer.allocUnsafe(1 + 4 + 1 + name.length + 1 + 2 + 2 * values.length + 2);
  head[0] = BIND;
  head.writeInt32BE(length, 1);
  head[5] = 0;
  let at = 6 + name.copy(head, 6);
  head[at++] = 0;
  at = head.writeInt16BE(values.length, at);
  for (const value of values) at = head.writeInt16BE(Buffer.isBuffer(value) ? BINARY : TEXT, at);
  head.writeInt16BE(values.length, at);
  stream.write(head);
  for (const value of texts) {
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(value === null ? -1 : bytesOf(value).length, 0);
    stream.write(size);
    if (value !== null) stream.write(bytesOf(value));
  }
  stream.write(RESULTS_AS_TEXT);
}

const bytesOf = (value: Buffer | { readonly utf8: Buffer }): Buffer => (Buffer.isBuffer(value) ? value : value.utf8);

const RESULTS_AS_TEXT = Buffer.from([0, 1, 0, TEXT]);
