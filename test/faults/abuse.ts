import { connect } from 'node:net';

/** Bytes that are no plain request: whatever listens answers 4xx, or ends the connection, and passes nothing on. */
export const hostileBytes: Readonly<Record<string, string>> = {
  'length beside chunks':
    'POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'two lengths':
    'POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'odd chunks':
    'POST /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'blank before the colon': 'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'folded header': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nContent-Length: x\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n',
  'absolute URI': 'GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'two hosts': 'GET /smuggled HTTP/1.1\r\nHost: a\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n',
  tunnel: 'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  'endless headers': `GET /smuggled HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
  'no HTTP': '\x00\x01\x02\x03\r\n\r\n',
};

/** Requests a file could hold, each with a reason never to ask it. */
export const hostileRequests: readonly {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}[] = [
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'TRACE'].map((method) => ({ method, target: '/orders/1', headers: [], body: null })),
  { method: 'GET', target: 'http://169.254.169.254/latest', headers: [], body: null },
  { method: 'GET', target: '/a HTTP/1.1\r\nHost: b\r\n\r\nDELETE /orders/1', headers: [], body: null },
  { method: 'GET', target: '/a', headers: [['X', 'a\r\n\r\nDELETE /orders/1 HTTP/1.1']], body: null },
  { method: 'GET\r\nDELETE', target: '/a', headers: [], body: null },
  { method: 'GET', target: '/a', headers: [['X-HTTP-Method-Override', 'DELETE']], body: null },
  { method: 'GET', target: '/a?_method=DELETE', headers: [], body: null },
  { method: 'POST', target: '/search/../orders/1', headers: [], body: null },
  { method: 'POST', target: '/search%2f..%2forders', headers: [], body: null },
  { method: 'GET', target: '/a', headers: [['Content-Length', '44']], body: null },
  { method: 'GET', target: '/a', headers: [], body: Buffer.from('DELETE /orders/1 HTTP/1.1\r\nHost: a\r\n\r\n').toString('base64') },
  {
    method: 'POST',
    target: '/search',
    headers: [
      ['Content-Length', '1'],
      ['Transfer-Encoding', 'chunked'],
    ],
    body: 'YQ==',
  },
  { method: 'POST', target: '/search', headers: [], body: Buffer.alloc(300_000).toString('base64') },
];

const LIMIT_MS = 10_000;

/** All that comes back until the other end closes. */
export async function sendBytes(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<void>();
  let got = '';
  socket.setTimeout(LIMIT_MS, () => resolve());
  socket.on('error', () => resolve());
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
  });
  socket.once('close', () => resolve());
  socket.write(bytes, 'latin1');
  await promise;
  socket.destroy();
  return got;
}
