import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import avro from 'avsc';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShadowDiff, ShadowView } from '../../src/model/shadow-view.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { freePorts } from '../rig/ports.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const schemaText = readFileSync(join(repositoryRoot, 'schemas/shadow.requests-value/1.avsc'), 'utf8');
const REQUEST_SCHEMA_ID = 120;

/** The same service on both sides; the region's is wrong about `/wrong`. */
async function service(total: (path: string) => number) {
  const asked: IncomingMessage[] = [];
  const server = createServer((message, response) => {
    asked.push(message);
    message.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ total: total(message.url ?? '') }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, port: (server.address() as AddressInfo).port, close };
}

describe('a daemon with a shadow', () => {
  const cleanup = new AsyncDisposableStack();
  const requests = uniqueTopic('requests');
  let daemon: TestDaemon;
  let primary: Awaited<ReturnType<typeof service>>;
  let region: Awaited<ReturnType<typeof service>>;
  let ports: { readonly listen: number; readonly proxy: number };

  beforeAll(async () => {
    const rig = sharedRig();
    const [topic, database] = [uniqueTopic('rows'), await freshDatabase()];
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    await client.query(rowTable('rows'));
    await client.end();
    await createTopic(rig.primary, { topic });
    await createTopic(rig.regional, { topic: requests });
    const producer = kafkajsFor(rig.primary).producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: '1', value: rowValue(1, 'a', 1) }] });
    await producer.disconnect();
    primary = await service(() => 1);
    region = await service((path) => (path.startsWith('/wrong') ? 2 : 1));
    cleanup.defer(() => {
      primary.close();
      region.close();
    });
    const [listen = 0, proxy = 0] = await freePorts(2);
    ports = { listen, proxy };
    daemon = await TestDaemon.create({
      primary: rig.primary,
      regional: rig.regional,
      database,
      region: uniqueTopic('eu').replace('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: public.rows, version: version }`],
      schemas: { [REQUEST_SCHEMA_ID]: schemaText },
      files: { secret: 'Bearer first' },
      extra: [
        'shadow:',
        '  targets:',
        `    primary: { url: "http://127.0.0.1:${primary.port}" }`,
        `    region: { url: "http://127.0.0.1:${region.port}", authorizationFile: secret }`,
        `  listen: "127.0.0.1:${listen}"`,
        `  proxyListen: "127.0.0.1:${proxy}"`,
        `  topic: ${requests}`,
        '  maxLoad: 1',
        '  compare:',
        '    routes: ["GET /wrong/{id}", "GET /right/{id}"]',
        '    confirm: { waitsSeconds: [0.2, 0.2], publishAllowanceSeconds: 0.1, longestSeconds: 1 }',
        '    samples: { keep: true }',
      ],
    });
    cleanup.use(daemon);
    await daemon.start();
    // Before that nothing can have passed the primary's ends, and a difference stays unsettled.
    await eventually(async () => (await daemon.status()).partitions.some(({ lag }) => lag.total?.records === '0'), {
      what: 'the row applied',
    });
    // Taken once the region's Kafka has answered; what comes before is shed.
    await eventually(
      async () => {
        await fetch(`http://127.0.0.1:${listen}/right/0`);
        return region.asked.length > 0;
      },
      { what: 'the daemon comparing' },
    );
  });
  afterAll(() => cleanup.disposeAsync());

  const view = async (): Promise<ShadowView> => (await (await fetch(`${daemon.url}/api/shadow`)).json()) as ShadowView;
  /** Results of one route; every place is asked once a test. */
  const count = async (route: string, result: 'match' | 'mismatch'): Promise<number> =>
    (await view()).routes.find((one) => one.route === route)?.counts[result] ?? 0;
  const grows = async (route: string, result: 'match' | 'mismatch', work: () => Promise<unknown>): Promise<void> => {
    const before = await count(route, result);
    await work();
    await eventually(async () => (await count(route, result)) > before, { what: `${route} coming to a ${result}` });
  };
  const pathsAsked = (): readonly string[] => region.asked.map(({ method, url }) => `${method} ${url}`);

  it('C20: finds what the region answers wrong, of requests that are mirrored to it', async () => {
    await grows('GET /wrong/{id}', 'mismatch', () => fetch(`http://127.0.0.1:${ports.listen}/wrong/1?a=b`));
    await grows('GET /right/{id}', 'match', () => fetch(`http://127.0.0.1:${ports.listen}/right/1`));
    const { routes } = await view();
    expect(routes.find(({ route }) => route === 'GET /wrong/{id}')?.fields).toMatchObject([{ path: '$.total', result: 'mismatch' }]);
    expect(await count('GET /right/{id}', 'mismatch')).toBe(0);
  });

  it('answers users from the primary, and compares what they asked', async () => {
    await grows('GET /wrong/{id}', 'mismatch', async () => {
      const answer = await fetch(`http://127.0.0.1:${ports.proxy}/wrong/2`);
      expect(await answer.json()).toEqual({ total: 1 });
    });
    const changed = await fetch(`http://127.0.0.1:${ports.proxy}/right/2`, { method: 'DELETE' });
    expect(await changed.json()).toEqual({ total: 1 });
    expect(pathsAsked().filter((asked) => !asked.startsWith('GET '))).toEqual([]);
  });

  it('replays a file', async () => {
    const file = join(daemon.folder, 'requests.ndjson');
    const lines = [
      '{"path":"/right/3"}',
      '{"path":"/right/4","headers":{"Authorization":"Bearer user"}}',
      '{"method":"DELETE","path":"/right/5"}',
    ];
    await writeFile(file, lines.join('\n'));
    await grows('GET /right/{id}', 'match', async () => {
      const said = await daemon.cli(['shadow', 'replay', file, '--loop', '2']);
      expect(said).toContain('6 sent, 4 taken, never asked: 2 unsafe_method');
    });
    await eventually(() => pathsAsked().filter((asked) => asked === 'GET /right/4').length === 2);
    expect(pathsAsked()).not.toContain('DELETE /right/5');
    expect(region.asked.every(({ headers }) => headers.authorization === 'Bearer first')).toBe(true);
    expect(primary.asked.filter(({ headers }) => headers['farshore-shadow'] === '1').every(({ headers }) => !headers.authorization)).toBe(
      true,
    );
  });

  it('reads a topic of requests', async () => {
    const producer = kafkajsFor(sharedRig().regional).producer();
    await producer.connect();
    const type = avro.Type.forSchema(JSON.parse(schemaText) as avro.Schema, { wrapUnions: 'never' });
    const value = (path: string): Buffer => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(REQUEST_SCHEMA_ID, 1);
      return Buffer.concat([head, type.toBuffer({ id: 'r', time: 0, method: 'GET', path, query: '', headers: [], body: null })]);
    };
    const messages = [{ value: Buffer.from('no Avro') }, { value: value('//right/6\nx') }, { value: value('/right/6') }];
    await producer.send({ topic: requests, messages });
    await producer.disconnect();
    await eventually(() => pathsAsked().includes('GET /right/6'), { what: 'the request of the topic being asked' });
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    expect(metrics).toMatch(/farshore_shadow_requests_total\{.*source="topic",outcome="malformed".*\} 2/);
  });

  it('asks with the credentials of a file that changed', async () => {
    await writeFile(join(daemon.folder, 'secret'), 'Bearer second');
    await eventually(
      async () => {
        await fetch(`http://127.0.0.1:${ports.listen}/right/7`);
        return region.asked.at(-1)?.headers.authorization === 'Bearer second';
      },
      { everyMs: 200, what: 'the new credentials being used' },
    );
  });

  it('shows both sides to who has the token, and knows after a restart what it found before', async () => {
    expect((await fetch(`${daemon.url}/api/shadow/diffs`)).status).toBe(401);
    const before = await count('GET /wrong/{id}', 'mismatch');
    expect(before).toBeGreaterThan(0);
    expect((await daemon.stop()).code).toBe(0);
    await daemon.start();
    const diffs = JSON.parse(await daemon.cli(['shadow', 'diffs', '--result', 'mismatch', '-o', 'json'])) as readonly ShadowDiff[];
    expect(diffs).toMatchObject([{ route: 'GET /wrong/{id}', path: '$.total', kind: 'value', count: before }]);
    expect(diffs[0]?.example).toMatchObject({ method: 'GET', place: '$.total', primary: '1', region: '2' });
    await eventually(async () => (await count('GET /wrong/{id}', 'mismatch')) === before, { what: 'the counts of before' });
    expect(await daemon.cli(['shadow', 'status'])).toMatch(/^mismatch +GET \/wrong\/\{id\} +\$\.total +value/m);
  });
});
