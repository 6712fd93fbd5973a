import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTopic, kafkajsFor } from '../rig/context.ts';
import { startKafka } from '../rig/kafka.ts';
import { freePorts } from '../rig/ports.ts';
import { connected, newFetcher, readAll, targetOf } from './kafka-reading-fixtures.ts';

const TOPIC = 'waiting';
const RECORDS = 24;
const RECORD_BYTES = 100_000;
const BYTES_PER_SECOND = 600_000;
/** Long enough for a quarter of what waits, and for one record of it many times. */
const REQUEST_TIMEOUT_MS = 1_000;

/** Passes at most so many bytes a second from the server to the client of each connection. */
const paced = (): Transform =>
  new Transform({
    highWaterMark: 16_384,
    async transform(chunk: Buffer, _encoding, done) {
      await delay((chunk.length / BYTES_PER_SECOND) * 1_000);
      done(null, chunk);
    },
  });

async function slowLink(port: number, upstreamPort: number): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = new Socket().connect(upstreamPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.pipe(paced()).pipe(client);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

it('a backlog that does not fit through the link within the request timeout is fetched all the same', async () => {
  const [port = 0, listener = 0] = await freePorts(2);
  await using broker = await startKafka({ name: 'slow-link', proxied: { port: listener, advertisedPort: port } });
  const direct = kafkajsFor(broker.bootstrap);
  await createTopic(broker.bootstrap, { topic: TOPIC });
  const producer = direct.producer();
  await producer.connect();
  for (let n = 0; n < RECORDS; n++) await producer.send({ topic: TOPIC, messages: [{ value: Buffer.alloc(RECORD_BYTES, n) }] });
  await producer.disconnect();
  await using _link = await slowLink(port, listener);
  const cluster = await connected(`127.0.0.1:${port}`, REQUEST_TIMEOUT_MS);
  try {
    const { nextOffset, batches } = await readAll(newFetcher(cluster), await targetOf(cluster, TOPIC));
    expect(nextOffset).toBe(BigInt(RECORDS));
    expect(batches).toHaveLength(RECORDS);
  } finally {
    await cluster.close();
  }
});
