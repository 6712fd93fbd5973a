/**
 * The world around the shadow's bench, as a process of its own: a service on both sides, and a web server that mirrors. Prints the
 * service's port; begins to mirror so many requests to the port it is told on stdin.
 */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

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

const [told] = (await once(process.stdin, 'data')) as [Buffer];
const [port = 0, count = 0] = told.toString().trim().split(' ').map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: WIDE });
let sent = 0;

async function mirror(): Promise<void> {
  while (sent < count) {
    const n = sent++;
    const headers = { host: 'billing.example', accept: 'application/json', cookie: 'session=user', 'user-agent': 'bench' };
    const copy = request({ host: '127.0.0.1', port, path: `/orders/${n}?expand=items`, headers, agent });
    copy.end();
    const [answer] = (await once(copy, 'response')) as [import('node:http').IncomingMessage];
    answer.resume();
    await once(answer, 'end');
  }
}
await Promise.all(Array.from({ length: WIDE }, mirror));
