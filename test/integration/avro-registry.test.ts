import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { recordDecoder } from '../../src/avro/record-decoder.ts';
import { directoryRegistry } from '../../src/avro/registry-directory.ts';
import { httpRegistry } from '../../src/avro/registry-http.ts';
import { HttpClient } from '../../src/http/http-get.ts';

const never = new AbortController().signal;
const code = (expected: string) => expect.objectContaining({ code: expected });
const guid = '01234567-89ab-cdef-0123-456789abcdef';

const money = '{"type": "record", "name": "Money", "namespace": "types", "fields": [{"name": "cents", "type": "long"}]}';
const price = '{"type": "record", "name": "Price", "namespace": "types", "fields": [{"name": "net", "type": "types.Money"}]}';
const order =
  '{"type": "record", "name": "Order", "fields": [{"name": "price", "type": "types.Price"}, {"name": "tax", "type": "types.Money"}]}';

const schemas: Readonly<Record<string, unknown>> = {
  '/schemas/ids/1': { schema: money },
  [`/schemas/guids/${guid}`]: { schema: money },
  '/schemas/ids/3': {
    schema: order,
    references: [
      { name: 'types.Price', subject: 'price', version: 1 },
      { name: 'types.Money', subject: 'money', version: 4 },
    ],
  },
  '/subjects': ['money', 'price'],
  '/subjects/money/versions/latest': { subject: 'money', version: 4, id: 1, schema: money },
  '/config': { compatibilityLevel: 'BACKWARD' },
  '/config/money': { compatibilityLevel: 'NONE' },
  '/subjects/money/versions': [4],
  '/subjects/money/versions/4': { subject: 'money', version: 4, id: 1, schema: money },
  '/subjects/price/versions': [1],
  '/subjects/price/versions/1': {
    subject: 'price',
    version: 1,
    id: 2,
    schema: price,
    references: [{ name: 'types.Money', subject: 'money', version: 4 }],
  },
};

const answerAsRegistry = (request: IncomingMessage, response: ServerResponse): void => {
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(value));
  };
  const authorized = request.headers.authorization === `Basic ${Buffer.from('farshore:sécret:word').toString('base64')}`;
  // Nothing here is deleted, so `deleted=true` changes nothing.
  const value = schemas[request.url?.split('?')[0] ?? ''];
  if (!authorized) send(401, { error_code: 401, message: 'Unauthorized' });
  else if (value === undefined) send(404, { error_code: 40403, message: 'Schema not found' });
  else send(200, value);
};

async function registryAt(answer: (request: IncomingMessage, response: ServerResponse) => void, password = 'sécret:word') {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new HttpClient({ ca: undefined, maxBodyBytes: 1 << 20, breakerResetMs: 1_000, observe: () => undefined });
  onTestFinished(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  const url = `http://127.0.0.1:${address.port}`;
  return httpRegistry({ url, username: 'farshore', password: () => password, timeoutMs: 200, get: client.get });
}

describe('a registry over HTTP', () => {
  it('gives schemas by id and by GUID, and its ids', async () => {
    const registry = await registryAt(answerAsRegistry);
    expect(await registry.byRef('1', never)).toBe(money);
    expect(await registry.byRef(guid, never)).toBe(money);
    expect(await registry.byRef('99', never)).toBe('missing');
    expect(await registry.refs(never)).toEqual(['1', '2']);
  });

  it('gives a schema with all it refers to, so that the text stands alone', async () => {
    const registry = await registryAt(answerAsRegistry);
    const decoder = recordDecoder(await registry.byRef('3', never), 'schema 3');
    expect(decoder.decode(Buffer.from([2, 4]), 0, 2)).toEqual({ price: { net: { cents: 1 } }, tax: { cents: 2 } });
  });

  it('gives the newest schema of a subject, and compatibility modes', async () => {
    const registry = await registryAt(answerAsRegistry);
    expect([await registry.newest('money', never), await registry.newest('price', never)]).toEqual(['1', 'missing']);
    expect(await registry.compatibility('money', never)).toBe('NONE');
    expect(await registry.compatibility('price', never)).toBeUndefined();
    expect(await registry.compatibility(undefined, never)).toBe('BACKWARD');
  });

  it('is unreachable with the wrong password', async () => {
    const registry = await registryAt(answerAsRegistry, 'guess');
    await expect(registry.byRef('1', never)).rejects.toMatchObject({
      code: 'registry_unreachable',
      hint: expect.stringContaining('password'),
    });
  });

  it('is unreachable while it fails', async () => {
    const registry = await registryAt((_, response) => void response.writeHead(500).end('{"error_code": 50001}'));
    await expect(registry.byRef('1', never)).rejects.toEqual(code('registry_unreachable'));
  });

  it('is unreachable when it takes too long', async () => {
    const registry = await registryAt(() => undefined);
    await expect(registry.byRef('1', never)).rejects.toEqual(code('registry_unreachable'));
  });

  it('is unreachable when nothing listens', async () => {
    const client = new HttpClient({ ca: undefined, maxBodyBytes: 1_000, breakerResetMs: 1_000, observe: () => undefined });
    onTestFinished(() => client.close());
    const registry = httpRegistry({ url: 'http://127.0.0.1:1', timeoutMs: 1_000, get: client.get });
    await expect(registry.byRef('1', never)).rejects.toEqual(code('registry_unreachable'));
  });
});

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'farshore-schemas-'));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe('a directory as registry', () => {
  it('gives schemas by id, of both forms', async () => {
    const folder = await folderWith({ '7.avsc': '"int"', 'a-value/1.avsc': '"long"', 'ids.json': '{"a-value/1": 8}', 'README.md': '' });
    const registry = directoryRegistry(folder);
    expect(await registry.byRef('7', never)).toBe('"int"');
    expect(await registry.byRef('8', never)).toBe('"long"');
    expect(await registry.byRef('9', never)).toBe('missing');
    expect(await registry.refs(never)).toEqual(['7', '8']);
  });

  it('knows the newest version of a subject, which plain files have none of', async () => {
    const files = { '3.avsc': '"int"', 'a-value/2.avsc': '"int"', 'a-value/10.avsc': '"long"', 'b-value/1.avsc': '"int"' };
    const folder = await folderWith({ ...files, 'ids.json': '{"a-value/2": 12, "a-value/10": 7}' });
    const registry = directoryRegistry(folder);
    expect(await registry.newest('a-value', never)).toBe('7');
    expect(await registry.newest('c-value', never)).toBe('missing');
    expect(await registry.newest('../schemas', never)).toBe('missing');
    await expect(registry.newest('b-value', never)).rejects.toEqual(code('schema_unusable'));
    expect(await registry.compatibility('a-value', never)).toBeUndefined();
  });

  it('sees a schema that is added later', async () => {
    const folder = await folderWith({ '7.avsc': '"int"' });
    const registry = directoryRegistry(folder);
    expect(await registry.byRef('8', never)).toBe('missing');
    await writeFile(join(folder, '8.avsc'), '"long"');
    expect(await registry.byRef('8', never)).toBe('"long"');
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a file without an id', { 'a-value/1.avsc': '"int"', 'ids.json': '{}' }, /no id for a-value\/1\.avsc/],
    ['no ids.json', { 'a-value/1.avsc': '"int"' }, /no id for a-value\/1\.avsc/],
    ['an id that is no number', { 'a-value/1.avsc': '"int"', 'ids.json': '{"a-value/1": "8"}' }, /no id for/],
    ['an id twice', { '8.avsc': '"int"', 'a-value/1.avsc': '"int"', 'ids.json': '{"a-value/1": 8}' }, /same id 8/],
    ['an ids.json that is no JSON', { 'ids.json': '{' }, /no JSON/],
    ['an ids.json that is a list', { 'ids.json': '[]' }, /no object/],
  ])('is unusable with %s', async (_, files, message) => {
    const registry = directoryRegistry(await folderWith(files));
    const failure = { code: 'schema_unusable', message: expect.stringMatching(message) };
    await expect(registry.refs(never)).rejects.toMatchObject(failure);
    await expect(registry.byRef('8', never)).rejects.toMatchObject(failure);
  });

  it('is unreachable when it is not there', async () => {
    await expect(directoryRegistry('/nowhere/schemas').refs(never)).rejects.toEqual(code('registry_unreachable'));
  });

  it('is unreachable when a file that was there is gone', async () => {
    const folder = await folderWith({ '7.avsc': '"int"' });
    const registry = directoryRegistry(folder);
    await registry.refs(never);
    await rm(join(folder, '7.avsc'));
    await expect(registry.byRef('7', never)).rejects.toEqual(code('registry_unreachable'));
  });
});
