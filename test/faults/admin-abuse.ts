import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmin } from '../../src/admin/server.ts';
import { testSettings, testSource } from '../unit/admin/fixture.ts';

export interface Route {
  readonly method: string;
  readonly path: string;
}

/** Every route that the admin server has, as it says itself: one that is added later is tried too. */
export async function adminRoutes(): Promise<readonly Route[]> {
  const app = await createAdmin(testSource().source, testSettings().settings);
  await app.ready();
  const routes: Route[] = [];
  const above: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const found = /^(?<indent>[│ ]*)[├└]── (?<part>\S+)(?: \((?<methods>[^)]*)\))?$/.exec(line)?.groups;
    if (found === undefined) continue;
    const depth = found.indent!.length / 4;
    const part = found.part ?? '';
    const path = depth === 0 ? part : `${above[depth - 1]}${part}`;
    above.length = depth;
    above.push(path);
    for (const method of found.methods?.split(', ') ?? []) routes.push({ method, path: path.replace(/:\w+/g, '1') });
  }
  await app.close();
  if (routes.length < 10) throw new Error(`only ${routes.length} routes were found`);
  return routes;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** As a browser or a script would ask, with a Host header of one's own choice, which fetch does not allow. */
export async function ask(
  url: string,
  { method, path }: Route,
  { headers = {}, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<Answer> {
  const sent = request(new URL(path, url), { method, headers, signal: AbortSignal.timeout(20_000) });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  // A stream of events has no end to wait for: its first ones show what any of them would tell.
  const endless = answer.headers['content-type']?.startsWith('text/event-stream') ?? false;
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (endless) break;
  }
  return { status: answer.statusCode ?? 0, body: text };
}

/** What a changing route must refuse, whatever its body; each with what makes it wrong and nothing else. */
export const refusals = (token: string): Readonly<Record<string, { headers: Record<string, string>; body: string }>> => {
  const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = '{}';
  return {
    'no token': { headers: { 'content-type': 'application/json' }, body },
    'a wrong token': { headers: { ...right, authorization: 'Bearer wrong' }, body },
    'the token by another scheme': { headers: { ...right, authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` }, body },
    'a Host of another name': { headers: { ...right, host: 'attacker.example' }, body },
    'a page of another site': { headers: { ...right, origin: 'https://attacker.example' }, body },
    'a page without a site': { headers: { ...right, origin: 'null' }, body },
    'a form': { headers: { ...right, 'content-type': 'application/x-www-form-urlencoded' }, body: 'by=me' },
    'plain text': { headers: { ...right, 'content-type': 'text/plain' }, body },
    'a body above the limit': { headers: right, body: `{"by":"${'x'.repeat(200_000)}"}` },
    'a body that is no JSON': { headers: right, body: '{"by":' },
    'keys that do not exist': { headers: right, body: '{"__proto__":{"by":"me"},"nonsense":1}' },
  };
};

/** Bytes that are no request, or one that no page should answer. */
export const oddities: readonly string[] = [
  'GET /../../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'TRACE / HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: localhost\r\n\r\n',
  'GET http://169.254.169.254/latest HTTP/1.1\r\nhost: 169.254.169.254\r\n\r\n',
  `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`,
  'POST /api/partitions/pause HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: localhost\r\nhost: attacker.example\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000',
];

/** Status lines that the server answered before it ended the connection, or before half a second of silence. */
export async function statusesOf(url: string, bytes: string): Promise<readonly number[]> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(Buffer.from(bytes, 'latin1'));
  await Promise.race([closed(socket), delay(500)]);
  socket.destroy();
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

/** `once` would reject at the reset by which the server ends those above its limit. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((done) => socket.once('close', () => done()));
}

/** Clients that send one header line and then nothing more; answers the seconds until the server has ended the last of them. */
export async function slowClients(url: string, count: number): Promise<number> {
  const startedMs = performance.now();
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('GET /livez HTTP/1.1\r\nx: ');
    sockets.push(socket);
  }
  await Promise.all(sockets.map(closed));
  return (performance.now() - startedMs) / 1_000;
}
