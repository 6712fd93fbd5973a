import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchemaView } from '../../src/model/schema-view.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { repositoryRoot } from '../rig/paths.ts';
import { ROW_SCHEMA_ID, rowSchema, rowTable, rowValue, TestDaemon } from './daemon.ts';

const documented = {
  ...rowSchema,
  fields: rowSchema.fields.map((field) => (field.name === 'note' ? { ...field, doc: 'What the clerk wrote' } : field)),
};

/** Answers as Confluent's registry does: one schema for every subject but one, and two compatibility modes. */
function registryServer(loose: string, without: string): Server {
  return createServer((request, response) => {
    const schema = JSON.stringify(documented);
    const path = decodeURIComponent(request.url?.split('?')[0] ?? '');
    const latest = /^\/subjects\/(.+)\/versions\/latest$/.exec(path)?.[1];
    const answers: Readonly<Record<string, unknown>> = {
      '/subjects': [],
      [`/schemas/ids/${ROW_SCHEMA_ID}`]: { schema },
      '/config': { compatibilityLevel: 'BACKWARD' },
      [`/config/${loose}-value`]: { compatibilityLevel: 'NONE' },
    };
    const known = latest === undefined || latest === `${without}-value` ? answers[path] : { id: ROW_SCHEMA_ID, version: 1, schema };
    response
      .writeHead(known === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(known ?? { error_code: 40401, message: 'not found' }));
  });
}

/** Issue of the peers: a column that is missing stops a table with the driver's error, and what is mapped to what is in nobody's head. */
describe('schemas beside their tables', () => {
  const { primary, regional } = sharedRig();
  const [kept, lacking, allowed, other] = ['kept', 'lacking', 'allowed', 'other'].map((name) => uniqueTopic(name)) as [
    string,
    string,
    string,
    string,
  ];
  const producer = kafkajsFor(primary).producer();
  const registry = registryServer(lacking, other);
  let database: pg.Client;
  let daemon: TestDaemon;

  const count = async (table: string): Promise<number> => Number((await database.query(`select count(*) n from ${table}`)).rows[0]?.n);
  const view = async (topic: string): Promise<SchemaView> =>
    JSON.parse(await daemon.cli(['schema', 'docs', '--topic', topic, '-o', 'json'])) as SchemaView;

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(rowTable('kept'));
    await database.query('create table lacking (id integer primary key, version integer not null, spare text, farshore_version bytea)');
    await database.query(rowTable('allowed').replace('note text not null', 'note text'));
    for (const topic of [kept, lacking, allowed, other]) await createTopic(primary, { topic });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    const address = registry.address();
    if (address === null || typeof address === 'string') throw new Error('the registry has no port');
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `schema-${kept.slice(-10)}`,
      topics: [kept, lacking, allowed, other],
      registry: `{ url: "http://127.0.0.1:${address.port}" }`,
      tables: [
        `{ topic: ${kept}, table: public.kept, version: version }`,
        `{ topic: ${lacking}, table: public.lacking, version: version }`,
        `{ topic: ${allowed}, table: public.allowed, version: version, allow: [version] }`,
        `{ topic: ${other}, table: public.kept, version: version }`,
      ],
    });
    await daemon.start();
    for (const topic of [kept, lacking]) await producer.send({ topic, messages: [{ key: '1', value: rowValue(1, 'first', 1) }] });
    await eventually(async () => (await count('kept')) === 1);
    await daemon.stopped('apply', lacking, 0, 'table_mismatch');
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    registry.closeAllConnections();
    registry.close();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('are seen to fit, also before the first record came', async () => {
    const diff = await daemon.cli(['schema', 'diff', '--topic', kept]);
    expect(diff).toContain(`${kept} → public.kept: fits\n  also written by ${other}\n`);
    expect(diff).toContain(`schema ${ROW_SCHEMA_ID} (com.company.test.Row, the newest, met)`);
    expect(diff).toMatch(/^id +int +id +integer +ok, key$/m);
    const allowing = await daemon.cli(['schema', 'diff', '--table', 'public.allowed']);
    expect(allowing).toContain('the newest, not met yet');
    expect(allowing).toMatch(/^note +string +- +- +not allowed$/m);
    expect(allowing).toMatch(/^- +- +note +text +no field, stays null$/m);
    const unknown = await daemon.cli(['schema', 'diff', '--topic', other]);
    expect(unknown).toContain(`no schema is known\n  also written by ${kept}\n  newest schema not known: http://127.0.0.1:`);
    expect(unknown).toContain(`has no subject ${other}-value`);
  });

  it('are documented, and several topics of a table stand in one section', async () => {
    const docs = await daemon.cli(['schema', 'docs']);
    expect(docs.match(/^## .*$/gm)).toEqual(['## public.kept', '## public.lacking', '## public.allowed']);
    expect(docs).toContain(
      `Several topics write this table: ${[kept, other]
        .toSorted()
        .map((topic) => `\`${topic}\``)
        .join(', ')}.`,
    );
    expect(docs).toContain(`| note | string | note | text | ${kept} | yes | What the clerk wrote |`);
    expect(docs).toContain(`| note | string | - | - | ${allowed} | no | What the clerk wrote |`);
    expect((await view(kept)).tables.map(({ table, stops }) => [table, stops])).toEqual([['public.kept', false]]);
  });

  it('are refused by a name that nobody configured', async () => {
    await expect(daemon.cli(['schema', 'diff', '--topic', 'nobody'])).rejects.toThrow(/error\[request_invalid\]: No entry .* nobody/);
  });

  it('fail the diff where a column is missing, until the statement it prints was run', async () => {
    const failed = await daemon.cli(['schema', 'diff']).catch((error: Error) => error.message);
    expect(failed).toContain('ended with 1');
    expect(failed).toMatch(/^note +string +note +- +no column$/m);
    expect(failed).toMatch(/^- +- +spare +text +no field, stays null$/m);
    const statement = /next: (?<sql>alter table .*;)/.exec(failed)?.groups?.sql ?? '';
    expect(statement).toBe('alter table "public"."lacking" add column "note" text;');
    await database.query(statement);
    expect(await daemon.cli(['schema', 'diff'])).toContain('4 tables, 0 stopped by a difference, 1 without a known schema');
    await eventually(async () => (await count('lacking')) === 1, { what: 'the table going on by itself' });
  });

  it('are warned of at start and by check where the registry lets a writer change them', async () => {
    const told = (await daemon.log()).split('\n').filter((line) => line.includes('"event":"registry_compatibility"'));
    expect(told.map((line) => JSON.parse(line) as Record<string, unknown>)).toEqual([
      expect.objectContaining({ level: 'warn', topic: lacking, subject: `${lacking}-value`, mode: 'NONE' }),
    ]);
    const check = spawn(process.execPath, [join(repositoryRoot, 'src/main.ts'), 'check', '--config', daemon.configFile, '-o', 'json']);
    const { findings } = JSON.parse(await text(check.stdout)) as {
      findings: { area: string; level: string; what: string; place?: string }[];
    };
    expect(findings.filter(({ area, level }) => area === 'registry' && level === 'warning')).toEqual([
      {
        area: 'registry',
        level: 'warning',
        what: expect.stringMatching(/^Compatibility mode NONE: a writer may/),
        place: `${lacking}-value`,
      },
    ]);
  });
});
