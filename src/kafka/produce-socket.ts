import type { Connection, Writer } from '@platformatic/kafka';

/** Bytes that belong into an encoded request without being copied into it: `bytes` go in at `at`. */
export interface Insertion {
  readonly at: number;
  readonly bytes: Buffer;
}

interface Outgoing {
  readonly body: Buffer;
  readonly insertions: readonly Insertion[];
}

type Write = Connection['socket']['write'];

const API_KEY_AT = 4;
const PRODUCE = 0;

/**
 * Sends the batches of produce requests from where they lie. The client makes one buffer of each request, which
 * copied every mirrored byte once more and made as much garbage: a tenth of the mirror's CPU, and half of what
 * its garbage collector had to do. So the client is given the request without its batches, and where it writes
 * that to the socket, the batches are put in and the size in front is corrected.
 *
 * Requests of one connection are encoded and written in the same order, so the first that was encoded belongs
 * to the first that is written. Each is compared all the same; a mismatch breaks the connection, and nothing
 * wrong is sent.
 */
export class ProduceSocket {
  static readonly #sockets = new WeakMap<Connection, ProduceSocket>();
  readonly #outgoing: Outgoing[] = [];

  static of(connection: Connection): ProduceSocket {
    const known = ProduceSocket.#sockets.get(connection);
    if (known !== undefined) return known;
    const socket = new ProduceSocket(connection);
    ProduceSocket.#sockets.set(connection, socket);
    return socket;
  }

  private constructor({ socket }: Connection) {
    const write: Write = socket.write.bind(socket) as Write;
    socket.write = ((payload: Buffer): boolean => {
      if (!Buffer.isBuffer(payload) || payload.readInt16BE(API_KEY_AT) !== PRODUCE) return write(payload);
      const outgoing = this.#outgoing.shift();
      if (outgoing === undefined || !endsWith(payload, outgoing.body)) {
        socket.destroy(new Error('A produce request was written out of turn'));
        return false;
      }
      const filled = filledSmall(payload, outgoing);
      if (filled !== undefined) return write(filled);
      socket.cork();
      const taken = writeFilled(payload, outgoing, write);
      socket.uncork();
      return taken;
    }) as Write;
  }

  /** `body` is the encoded request without its batches; it is written next after those given before. */
  willWrite(body: Writer, insertions: readonly Insertion[]): void {
    this.#outgoing.push({ body: body.buffer, insertions });
  }
}

const endsWith = (payload: Buffer, body: Buffer): boolean =>
  payload.length >= body.length && payload.compare(body, 0, body.length, payload.length - body.length) === 0;

/** A request below this is put together after all: one small copy is cheaper than three writes that are held back and sent as one. */
const SMALL_BYTES = 4_096;

function filledSmall(payload: Buffer, { body, insertions }: Outgoing): Buffer | undefined {
  const inserted = bytesOf(insertions);
  if (payload.length + inserted > SMALL_BYTES) return undefined;
  const bodyAt = payload.length - body.length;
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { at, bytes } of insertions) {
    pieces.push(payload.subarray(from, bodyAt + at), bytes);
    from = bodyAt + at;
  }
  pieces.push(payload.subarray(from));
  const filled = Buffer.concat(pieces, payload.length + inserted);
  filled.writeInt32BE(payload.readInt32BE(0) + inserted, 0);
  return filled;
}

const bytesOf = (insertions: readonly Insertion[]): number => insertions.reduce((sum, { bytes }) => sum + bytes.length, 0);

function writeFilled(payload: Buffer, { body, insertions }: Outgoing, write: Write): boolean {
  const bodyAt = payload.length - body.length;
  payload.writeInt32BE(payload.readInt32BE(0) + bytesOf(insertions), 0);
  let from = 0;
  let taken = true;
  for (const { at, bytes } of insertions) {
    write(payload.subarray(from, bodyAt + at));
    taken = write(bytes);
    from = bodyAt + at;
  }
  return from === payload.length ? taken : write(payload.subarray(from));
}
