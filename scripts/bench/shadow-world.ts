/**
 * The world around the shadow's bench, as a process of its own: a service on both sides, and a web server that mirrors. Prints the
 * service's port; mirrors so many requests to the port that each line of stdin names, so many a second where it says that too. `bare` behind that:
 * the same requests and the questions that came of them, without a shadow in between.
 */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const WIDE = 32;

const items = Array.from({ length: 17 }, (_, item) => ({
  sku: `SKU-${item}`,
  name: `Line ${item} of the order`,
  quantity: 2,
  price: 19.9 + item,
}));
let answers = 0;
const server = createServer((message, response) => {
  message.resume();
  answers += 1;
  // A time of its own, so that no two answers are equal byte by byte.
  const body = JSON.stringify({ id: message.url, currency: 'EUR', items, updatedAt: answers });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);

/** Questions that came of a mirrored request, on average, and what is left of them to ask. */
let questions = { asked: 2, of: 1 };
let owed = 0;

const agent = new Agent({ keepAlive: true, maxSockets: WIDE });
let sent = 0;

/** What a mirrored request costs everybody but the shadow. */
async function withoutShadow(own: number): Promise<void> {
  await mirror(own);
  for (owed += questions.asked / questions.of; owed >= 1; owed--) await mirror(own);
}

async function mirror(port: number): Promise<void> {
  const n = sent++;
  const headers = { host: 'billing.example', accept: 'application/json', cookie: 'session=user', 'user-agent': 'bench' };
  const copy = request({ host: '127.0.0.1', port, path: `/orders/${n}?expand=items`, headers, agent });
  copy.end();
  const [answer] = (await once(copy, 'response')) as [import('node:http').IncomingMessage];
  answer.resume();
  await once(answer, 'end');
}

async function asFastAsItGoes(port: number, until: number): Promise<void> {
  while (sent < until) await mirror(port);
}

/** Not slower because an answer is. */
async function evenly(one: () => Promise<void>, count: number, perSecond: number): Promise<void> {
  const startedMs = performance.now();
  const asked: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    asked.push(one());
    const waitMs = startedMs + ((n + 1) * 1000) / perSecond - performance.now();
    if (waitMs > 0) await delay(waitMs);
  }
  await Promise.all(asked);
}

const own = (server.address() as AddressInfo).port;
for await (const told of createInterface({ input: process.stdin })) {
  const [port = 0, count = 0, perSecond] = told.trim().split(' ').map(Number);
  if (perSecond === undefined) await Promise.all(Array.from({ length: WIDE }, () => asFastAsItGoes(port, count)));
  else if (told.trim().endsWith('bare')) await evenly(() => withoutShadow(own), count, perSecond);
  else {
    const before = answers;
    await evenly(() => mirror(port), count, perSecond);
    questions = { asked: questions.asked + answers - before, of: questions.of + count };
  }
}
