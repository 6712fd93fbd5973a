import { describe, expect, it } from 'vitest';
import { httpRegistry } from '../../../src/avro/registry-http.ts';
import { never } from './registry-double.ts';

type Answer = { readonly status: number; readonly body: string };
const ok = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value) });
const missing: Answer = { status: 404, body: '{"error_code": 40403, "message": "Schema not found"}' };

function setUp(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = [];
  const registry = httpRegistry({
    url: 'http://registry:8081/base/',
    timeoutMs: 1_000,
    get: async (url) => {
      const path = url.replace('http://registry:8081/base', '');
      asked.push(path);
      return answers[path] ?? missing;
    },
  });
  return { registry, asked };
}

const refused = (code: string, message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('a registry over HTTP', () => {
  it('is named by its address', () => {
    expect(setUp({}).registry.name).toBe('http://registry:8081/base');
  });

  it('C22: lists ids, those of softly deleted versions too, and asks for a version it knows only once', async () => {
    const answers: Record<string, Answer> = {
      '/subjects?deleted=true': ok(['a/b', 'proto']),
      '/subjects/a%2Fb/versions?deleted=true': ok([1, 2]),
      '/subjects/a%2Fb/versions/1?deleted=true': ok({ id: 11, schema: '"int"' }),
      '/subjects/a%2Fb/versions/2?deleted=true': ok({ id: 12, schema: '"long"', schemaType: 'AVRO' }),
      '/subjects/proto/versions?deleted=true': ok([1]),
      '/subjects/proto/versions/1?deleted=true': ok({ id: 13, schema: 'message X {}', schemaType: 'PROTOBUF' }),
    };
    const { registry, asked } = setUp(answers);
    expect(await registry.refs(never)).toEqual(['11', '12']);
    asked.length = 0;
    answers['/subjects/a%2Fb/versions?deleted=true'] = ok([2, 3]);
    answers['/subjects/a%2Fb/versions/3?deleted=true'] = ok({ id: 14, schema: '"string"' });
    expect(await registry.refs(never)).toEqual(['12', '14']);
    expect(asked).toEqual([
      '/subjects?deleted=true',
      '/subjects/a%2Fb/versions?deleted=true',
      '/subjects/a%2Fb/versions/3?deleted=true',
      '/subjects/proto/versions?deleted=true',
    ]);
  });

  it('ends at schemas that refer to each other', async () => {
    const refers = (subject: string, schema: string) => ok({ schema, references: [{ name: subject, subject, version: 1 }] });
    const { registry } = setUp({
      '/schemas/ids/1': refers('a', '"root"'),
      '/subjects/a/versions/1?deleted=true': refers('b', '"a"'),
      '/subjects/b/versions/1?deleted=true': refers('a', '"b"'),
    });
    expect(JSON.parse(await registry.byRef('1', never))).toEqual({ references: ['"b"', '"a"'], schema: '"root"' });
  });

  it('takes the first of two versions of one name that the references of a schema reach, as Confluent’s clients do', async () => {
    const to = (name: string, version: number) => ({ name: `com.${name}`, subject: name, version });
    const { registry } = setUp({
      '/schemas/ids/1': ok({ schema: '"order"', references: [to('customer', 1), to('address', 2)] }),
      '/subjects/customer/versions/1?deleted=true': ok({ schema: '"customer"', references: [to('address', 1)] }),
      '/subjects/address/versions/1?deleted=true': ok({ schema: '"address 1"' }),
      '/subjects/address/versions/2?deleted=true': ok({ schema: '"address 2"' }),
    });
    expect(JSON.parse(await registry.byRef('1', never))).toEqual({ references: ['"address 1"', '"customer"'], schema: '"order"' });
  });

  it('takes a version that is reached under two names once', async () => {
    const to = (name: string) => ({ name, subject: 'a', version: 1 });
    const { registry } = setUp({
      '/schemas/ids/1': ok({ schema: '"root"', references: [to('one'), to('two')] }),
      '/subjects/a/versions/1?deleted=true': ok({ schema: '"a"' }),
    });
    expect(JSON.parse(await registry.byRef('1', never))).toEqual({ references: ['"a"'], schema: '"root"' });
  });

  it('refuses a reference that is missing and a schema that is not Avro', async () => {
    const { registry } = setUp({
      '/schemas/ids/1': ok({ schema: '"x"', references: [{ name: 'gone', subject: 'gone', version: 3 }] }),
      '/schemas/ids/2': ok({ schema: 'message X {}', schemaType: 'PROTOBUF' }),
    });
    await expect(registry.byRef('1', never)).rejects.toEqual(refused('schema_unusable', /gone\/3/));
    await expect(registry.byRef('2', never)).rejects.toEqual(refused('schema_unusable', /PROTOBUF/));
  });

  it.each<[string, Answer, RegExp]>([
    ['refuses the credentials', { status: 401, body: '' }, /401/],
    ['fails', { status: 500, body: '{"error_code": 50001}' }, /500/],
    ['is a proxy that does not know the path', { status: 404, body: '<html>' }, /404/],
    ['does not know the path itself', { status: 404, body: '{"error_code": 404, "message": "HTTP 404 Not Found"}' }, /404/],
    ['answers 404 with a code of another kind', { status: 404, body: '{"error_code": 50001}' }, /404/],
    ['answers 404 with a code that is no number', { status: 404, body: '{"error_code": "40403"}' }, /404/],
    ['answers no JSON', { status: 200, body: '<html>' }, /not that of a schema registry/],
    ['answers JSON of another kind', ok({ hello: 'world' }), /not that of a schema registry/],
    ['answers references of another kind', ok({ schema: '"int"', references: [{ subject: 3 }] }), /not that of a schema registry/],
  ])('is unreachable when it %s', async (_, answer, message) => {
    const { registry } = setUp({ '/schemas/ids/1': answer });
    await expect(registry.byRef('1', never)).rejects.toEqual(refused('registry_unreachable', message));
  });

  it.each([40401, 40402, 40403, 40499])('has no such schema when it says so itself, by code %i', async (code) => {
    const { registry } = setUp({ '/schemas/ids/1': { status: 404, body: JSON.stringify({ error_code: code }) } });
    expect(await registry.byRef('1', never)).toBe('missing');
  });

  const guid = '89791762-2336-186f-91e7-3a2b6f1a0000';
  const noPath: Answer = { status: 404, body: '{"error_code": 404, "message": "HTTP 404 Not Found"}' };

  it('does not know a GUID where it has no GUIDs at all, once it has shown that it is a registry', async () => {
    const { registry, asked } = setUp({ [`/schemas/guids/${guid}`]: noPath, '/subjects?limit=1': ok(['a']) });
    expect(await registry.byRef(guid, never)).toBe('missing');
    expect(asked).toEqual([`/schemas/guids/${guid}`, '/subjects?limit=1']);
  });

  it.each<[string, Answer]>([
    ['a proxy', { status: 404, body: '<html>' }],
    ['another server', ok({ hello: 'world' })],
    ['a registry that is away', { status: 503, body: '' }],
  ])('is unreachable where a GUID’s path is unknown to %s', async (_, answer) => {
    const { registry } = setUp({ [`/schemas/guids/${guid}`]: noPath, '/subjects?limit=1': answer });
    await expect(registry.byRef(guid, never)).rejects.toMatchObject({ code: 'registry_unreachable' });
  });

  it('is unreachable when it has no list of subjects', async () => {
    await expect(setUp({}).registry.refs(never)).rejects.toEqual(refused('registry_unreachable', /404/));
  });

  it('names the newest schema of a subject', async () => {
    const { registry } = setUp({
      '/subjects/a%2Fb-value/versions/latest': ok({ subject: 'a/b-value', version: 4, id: 12, schema: '"long"' }),
      '/subjects/proto-value/versions/latest': ok({ id: 13, schema: 'message X {}', schemaType: 'PROTOBUF' }),
    });
    expect(await registry.newest('a/b-value', never)).toBe('12');
    expect(await registry.newest('other-value', never)).toBe('missing');
    await expect(registry.newest('proto-value', never)).rejects.toEqual(refused('schema_unusable', /PROTOBUF/));
  });

  it('tells the compatibility mode of a subject, and of itself', async () => {
    const { registry } = setUp({
      '/config': ok({ compatibilityLevel: 'BACKWARD' }),
      '/config/a%2Fb-value': ok({ compatibilityLevel: 'NONE' }),
      '/config/odd': ok({ level: 'NONE' }),
    });
    expect(await registry.compatibility(undefined, never)).toBe('BACKWARD');
    expect(await registry.compatibility('a/b-value', never)).toBe('NONE');
    expect(await registry.compatibility('other-value', never)).toBeUndefined();
    await expect(registry.compatibility('odd', never)).rejects.toEqual(refused('registry_unreachable', /not that of a schema registry/));
  });

  it('rejects with the reason of whoever gave up', async () => {
    const giveUp = new AbortController();
    const registry = httpRegistry({
      url: 'http://registry',
      timeoutMs: 1_000,
      get: async () => {
        giveUp.abort(new Error('given up'));
        throw new Error('socket closed');
      },
    });
    await expect(registry.byRef('1', giveUp.signal)).rejects.toThrow('given up');
  });
});
