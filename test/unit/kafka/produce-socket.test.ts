import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Connection, Writer } from '@platformatic/kafka';
import { afterEach, describe, expect, it } from 'vitest';
import { produceApi } from '../../../src/kafka/produce-wire.ts';

/** A server that keeps what it was sent and answers nothing. */
async function listening() {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (data) => received.push(data));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { port, server, sockets, received: () => Buffer.concat(received) };
}

let ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending) end();
  ending = [];
});

async function connected() {
  const server = await listening();
  const connection = new Connection('test', { requestTimeout: 5_000 });
  await connection.connect('127.0.0.1', server.port);
  ending.push(
    () => connection.socket.destroy(),
    () => server.server.close(),
    () => {
      for (const socket of server.sockets) socket.destroy();
    },
  );
  return { ...server, connection };
}

/** As the client would encode it, with the batches copied in. */
function copied(correlationId: number, version: number, timeoutMs: number, parts: readonly { partition: number; bytes: Buffer }[]): Buffer {
  return Writer.create()
    .appendInt16(0)
    .appendInt16(version)
    .appendInt32(correlationId)
    .appendString('test', false)
    .appendTaggedFields()
    .appendString('farshore.eu.us.0')
    .appendInt16(-1)
    .appendInt32(timeoutMs)
    .appendArray(['t'], (writer, topic) => {
      writer.appendString(topic).appendArray([...parts], (w, { partition, bytes }) => {
        w.appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes);
      });
    })
    .appendTaggedFields()
    .prependLength().buffer;
}

describe('ProduceSocket', () => {
  // Small ones are put together, large ones are not.
  it.each([70_000, 700, 10])(
    'sends the same bytes as a request with its batches copied in, one request after the other: %d',
    async (size) => {
      const { connection, received, sockets } = await connected();
      const requests = [1, 2, 3].map((n) =>
        [0, 1, 2].slice(0, n).map((partition) => ({ topic: 't', partition, bytes: Buffer.alloc(n * size, n + partition) })),
      );
      const expected = Buffer.concat(requests.map((parts, index) => copied(index + 1, 12, 1_000 + index, parts)));
      for (const [index, parts] of requests.entries()) {
        produceApi(12)(connection, 'farshore.eu.us.0', 1_000 + index, parts).catch(() => undefined);
      }
      while (received().length < expected.length) await once(sockets[0]!, 'data');
      expect(received().equals(expected)).toBe(true);
    },
  );

  it('breaks the connection rather than send a produce request it was not told of', async () => {
    const { connection, received } = await connected();
    const bytes = Buffer.alloc(100, 1);
    const first = produceApi(12)(connection, 'farshore.eu.us.0', 1_000, [{ topic: 't', partition: 0, bytes }]);
    first.catch(() => undefined);
    const closed = new Promise((resolve) => connection.socket.once('close', resolve));
    connection.on('error', () => undefined);
    connection.socket.write(copied(2, 12, 1_000, []));
    await closed;
    expect(received().length).toBeLessThanOrEqual(copied(1, 12, 1_000, [{ partition: 0, bytes }]).length);
  });
});
