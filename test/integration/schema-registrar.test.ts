import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SchemaRegistrar } from '../../src/avro/registrar.ts';
import { directorySubjects } from '../../src/avro/registry-directory.ts';
import { subjectVersions } from '../../src/avro/registry-versions.ts';
import { HttpClient } from '../../src/http/http-get.ts';
import { ConfluentRegistry } from '../rig/confluent-registry.ts';

const never = new AbortController().signal;
const record = (name: string, ...fields: readonly string[]) => ({
  type: 'record',
  name,
  fields: fields.map((field) => ({ name: field, type: 'int' })),
});

let home: ConfluentRegistry;
let region: ConfluentRegistry;
let registrar: SchemaRegistrar;

const client = (registry: ConfluentRegistry) => {
  const http = new HttpClient({ ca: undefined, maxBodyBytes: 1 << 20, breakerResetMs: 1_000, observe: () => undefined });
  onTestFinished(() => http.close());
  return subjectVersions({ url: registry.url, timeoutMs: 2_000, get: http.get, send: http.get });
};

async function subjectsFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'farshore-subjects-'));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  await mkdir(join(folder, 'a-value'));
  await writeFile(join(folder, 'a-value', '1.avsc'), JSON.stringify(record('A')));
  await writeFile(join(folder, 'ids.json'), '{"a-value/1": 41}');
  return folder;
}

beforeEach(async () => {
  [home, region] = [await ConfluentRegistry.start(), await ConfluentRegistry.start()];
  onTestFinished(async () => {
    await home[Symbol.asyncDispose]();
    await region[Symbol.asyncDispose]();
  });
  registrar = new SchemaRegistrar(client(home), client(region));
});

describe('the registry of a region', () => {
  it('C22: gets every subject, version and id of the home’s, and nobody else writes there', async () => {
    home.register('a-value', record('A', 'x'));
    home.register('b-value', record('B', 'x'));
    home.register('a-value', record('A', 'x', 'y'));
    const view = await registrar.look('import', never);
    expect(region.held).toEqual(['a-value/1 1', 'a-value/2 3', 'b-value/1 2']);
    expect(view).toEqual({ role: 'import', carried: 3, notThere: [], problems: [] });
    expect(() => region.register('a-value', record('A'))).toThrow('not in read-write mode');
  });

  it('asks for nothing twice, and sends what is new', async () => {
    home.register('a-value', record('A'));
    await registrar.look('import', never);
    region.changes.length = 0;
    await registrar.look('import', never);
    expect(region.changes).toEqual([]);
    home.register('a-value', record('A', 'x'));
    await registrar.carry(never);
    expect(region.changes).toEqual(['POST /subjects/a-value/versions 200']);
    // A daemon that starts anew finds what is there.
    region.changes.length = 0;
    await new SchemaRegistrar(client(home), client(region)).look('import', never);
    expect(region.changes).toEqual([]);
  });

  it('sends what a schema refers to before it, whatever the order of the subjects', async () => {
    home.register('z-types', record('Z', 'x'));
    home.register('a-value', { type: 'record', name: 'A', fields: [{ name: 'z', type: 'Z' }] }, [
      { name: 'Z', subject: 'z-types', version: 1 },
    ]);
    await registrar.carry(never);
    expect(region.changes.filter((change) => change.startsWith('POST'))).toEqual([
      'POST /subjects/z-types/versions 200',
      'POST /subjects/a-value/versions 200',
    ]);
  });

  it('C22: one id with two texts is a conflict that says which, and holds up no other schema', async () => {
    region.register('own', record('Own'));
    home.register('a-value', record('A'));
    home.register('b-value', record('B'));
    await expect(registrar.carry(never)).rejects.toMatchObject({ code: 'schema_conflict', place: 'schema 1' });
    expect(region.held).toEqual(['b-value/1 2', 'own/1 1']);
    await expect(registrar.look('import', never)).rejects.toMatchObject({ code: 'schema_conflict' });
  });

  it('C22: one id and version with another schema is a conflict, though the ids are equal', async () => {
    home.register('a-value', record('A', 'x'));
    home.register('b-value', record('B'));
    region.put('a-value', 1, { id: 1, schema: record('A', 'other') });
    await expect(registrar.look('import', never)).rejects.toMatchObject({
      code: 'schema_conflict',
      place: 'schema 1',
      message: expect.stringContaining('schema'),
    });
    expect(region.held).toEqual(['a-value/1 1', 'b-value/1 2']);
  });

  it('C22: a version that the other side has with another schema or id is a conflict too, once the region is home', async () => {
    home.register('a-value', record('A', 'x'));
    await registrar.look('import', never);
    region.put('a-value', 2, { id: 2, schema: record('A', 'x', 'y') });
    home.put('a-value', 2, { id: 2, schema: record('A', 'x', 'z') });
    await expect(registrar.look('write', never)).rejects.toMatchObject({ code: 'schema_conflict', place: 'schema 2' });
    home.put('a-value', 2, { id: 9, schema: record('A', 'x', 'y') });
    await expect(registrar.look('write', never)).rejects.toMatchObject({ code: 'schema_conflict' });
    home.put('a-value', 2, { id: 2, schema: record('A', 'x', 'y') });
    expect((await registrar.look('write', never)).notThere).toEqual([]);
    // The modes follow the home all the same: a conflict of one schema must not keep others from being registered.
    expect(region.mode('a-value')).toBe('READWRITE');
  });

  it('takes a schema for the same when its registry writes it in another way', async () => {
    home.register('a-value', { type: 'record', name: 'com.x.A', fields: [{ name: 'f', type: { type: 'string' } }] });
    region.put('a-value', 1, { id: 1, schema: { name: 'A', namespace: 'com.x', fields: [{ type: 'string', name: 'f' }], type: 'record' } });
    expect((await registrar.look('import', never)).carried).toBe(1);
  });

  it('C22: carries versions that are softly deleted at home, so that the region never gives their ids', async () => {
    home.register('a-value', record('A'));
    home.register('b-value', record('B'));
    home.register('b-value', record('B', 'x'));
    home.delete('b-value', 2);
    home.register('gone', record('Gone'));
    home.delete('gone', 1);
    expect(await registrar.look('import', never)).toMatchObject({ carried: 4, problems: [] });
    expect(region.held).toEqual(['a-value/1 1', 'b-value/1 2', 'b-value/2 3 deleted', 'gone/1 4 deleted']);
    // A subject without a live version loses its mode; nobody here may draw an id in it all the same.
    expect(region.mode('gone')).toBe('IMPORT');
    // A daemon that starts anew finds them there.
    region.changes.length = 0;
    await new SchemaRegistrar(client(home), client(region)).look('import', never);
    expect(region.changes).toEqual([]);
    await registrar.look('write', never);
    expect(region.register('c-value', record('C'))).toBe(5);
  });

  it('carries a deleted version also where it may not delete it', async () => {
    region.keeping = true;
    home.register('a-value', record('A'));
    home.delete('a-value', 1);
    expect(await registrar.look('import', never)).toMatchObject({ carried: 1, problems: [] });
    expect(region.held).toEqual(['a-value/1 1']);
  });

  it('gives back what lives at home and was deleted here, and leaves what cannot be deleted', async () => {
    home.register('z-types', record('Z'));
    home.register('a-value', record('A'), [{ name: 'Z', subject: 'z-types', version: 1 }]);
    home.register('b-value', record('B'));
    await registrar.look('import', never);
    region.delete('b-value', 1);
    home.delete('z-types', 1);
    await new SchemaRegistrar(client(home), client(region)).look('import', never);
    expect(region.held).toEqual(['a-value/1 2', 'b-value/1 3', 'z-types/1 1']);
  });

  it('C22: tells that the region would give ids that the primary has given', async () => {
    const folder = await subjectsFolder();
    // It belongs to no subject, so it cannot be carried.
    await writeFile(join(folder, '99.avsc'), JSON.stringify(record('Other')));
    const { problems } = await new SchemaRegistrar(directorySubjects(folder), client(region)).look('import', never);
    expect(problems).toEqual([`ids that ${region.url} would give begin at 42, and directory ${folder} has given them up to 99`]);
  });

  it('takes new schemas once the region is home, with ids above all that came, and imports again after a revert', async () => {
    home.register('a-value', record('A'));
    home.register('a-value', record('A', 'x'));
    await registrar.look('import', never);
    await registrar.look('write', never);
    expect(region.register('a-value', record('A', 'x', 'y'))).toBe(3);
    expect((await registrar.look('write', never)).notThere).toEqual(['a-value/3']);
    // The other direction: the former primary takes it, though its subject holds versions.
    const back = new SchemaRegistrar(client(region), client(home));
    await back.look('import', never);
    expect(home.held).toEqual(['a-value/1 1', 'a-value/2 2', 'a-value/3 3']);
    expect((await registrar.look('write', never)).notThere).toEqual([]);
    await back.look('write', never);
    expect([home.mode('a-value'), region.mode('a-value')]).toEqual(['READWRITE', 'READWRITE']);
    await registrar.look('import', never);
    expect([home.mode('a-value'), region.mode('a-value')]).toEqual(['READWRITE', 'IMPORT']);
  });

  it('touches nothing where nothing says who is home', async () => {
    home.register('a-value', record('A'));
    await registrar.look('rest', never);
    expect([...home.changes, ...region.changes]).toEqual([]);
  });

  it('goes on where it was when the registry fails in between', async () => {
    home.register('a-value', record('A'));
    home.register('b-value', record('B'));
    region.failing = true;
    await expect(registrar.carry(never)).rejects.toMatchObject({ code: 'registry_unreachable' });
    region.failing = false;
    await registrar.carry(never);
    expect(region.held).toEqual(['a-value/1 1', 'b-value/1 2']);
  });

  it('is filled from a directory too, where that is the primary’s registry', async () => {
    const folder = await subjectsFolder();
    const { problems } = await new SchemaRegistrar(directorySubjects(folder), client(region)).look('import', never);
    expect([region.held, problems]).toEqual([['a-value/1 41'], []]);
  });
});
