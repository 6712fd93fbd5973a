import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { versionHex } from '../../src/model/version.ts';
import { BackfillRig, field, plain, versioned } from './backfill-rig.ts';
import { rejectionOf } from './postgres-fixtures.ts';

let rig: BackfillRig;

beforeAll(async () => {
  rig = await BackfillRig.create();
});
afterAll(async () => {
  await rig.close();
});

const envelope = [
  field('op', 'string'),
  field('ts_ms', 'long'),
  field('before', 'record', undefined, versioned),
  field('after', 'record', undefined, versioned),
];

describe('a backfill of tables whose records come in other forms', () => {
  it('fills a table of the preset debezium, orders it by a field of the row, and leaves a part that the stream set', async () => {
    await rig.tables('enveloped', 'id integer primary key, note text, version integer', ', farshore_version bytea, farshore_units jsonb');
    await rig.at('primary', `insert into enveloped select n, 'primary ' || n, 10 from generate_series(1, 5) n`);
    const streamed = (id: number, version: bigint) =>
      rig.at('region', `insert into enveloped values (${id}, 'stream', ${version}, '\\x${versionHex(1, version, 1, 5n)}')`);
    await streamed(1, 9n);
    await streamed(2, 11n);
    const table = await rig.prepared([plain('enveloped', { preset: 'debezium', version: ['version'] })], [envelope]);
    expect(await rig.whole(table, 'public.enveloped')).toMatchObject({ read: 5 });
    const rows = await rig.at('region', 'select id, note, version from enveloped order by id');
    expect(rows.map(({ note, version }) => `${note} ${version}`)).toEqual([
      'primary 1 10',
      'stream 11',
      'primary 3 10',
      'primary 4 10',
      'primary 5 10',
    ]);
  });

  it('refuses a version that stands beside the row, as the envelope’s own time does', async () => {
    await rig.tables('beside', 'id integer primary key, note text, version integer', ', farshore_version bytea, farshore_units jsonb');
    const work = rig.prepared([plain('beside', { preset: 'debezium', version: ['ts_ms'] })], [envelope]);
    expect(await rejectionOf(work)).toMatchObject({
      code: 'backfill_refused',
      message: expect.stringContaining('Version field ts_ms is beside the row'),
    });
  });

  it('reads renamed columns, the key and the version among them, under their names at the primary', async () => {
    await rig.rig.at('primary', 'create table renamed_home (invoice_id integer primary key, text_of text, seq bigint)');
    await rig.rig.at('region', 'create table renamed (id integer primary key, note text, version bigint, farshore_version bytea)');
    await rig.at('primary', `insert into renamed_home select n, 'primary ' || n, 10 from generate_series(1, 250) n`);
    await rig.at(
      'region',
      `insert into renamed values (7, 'newer', 11, '\\x${versionHex(1, 11n, 1, 5n)}'), (8, 'older', 9, '\\x${versionHex(1, 9n, 1, 6n)}')`,
    );
    const entry = plain('renamed', {
      columns: { id: 'invoiceId', note: 'text', version: 'sequence' },
      version: ['sequence'],
      source: { table: 'renamed_home', columns: { id: 'invoice_id', note: 'text_of', version: 'seq' } },
    });
    const table = await rig.prepared([entry], [[field('invoiceId', 'int'), field('text', 'string'), field('sequence', 'long')]]);
    expect(await rig.whole(table, 'public.renamed')).toEqual({ chunks: 3, read: 250, written: 249 });
    expect(await rig.at('region', 'select note, version from renamed where id in (7, 8, 9) order by id')).toEqual([
      { note: 'newer', version: '11' },
      { note: 'primary 8', version: '10' },
      { note: 'primary 9', version: '10' },
    ]);
  });

  it('copies chunks of rows that are new, texts to be escaped among them, and writes one that meets a row of the stream with its guard', async () => {
    await rig.tables('copied', 'id integer primary key, note text, version integer');
    // What wrote a row, as the server saw it.
    await rig.at('region', 'create table how_written (id integer, how text)');
    await rig.at(
      'region',
      `create function tell_how() returns trigger language plpgsql as
       $$ begin insert into how_written values (new.id, split_part(current_query(), ' ', 1)); return new; end $$`,
    );
    await rig.at('region', 'create trigger tells before insert on copied for each row execute function tell_how()');
    await rig.at(
      'primary',
      `insert into copied select n, case when n % 10 > 0 then e'a\\tb\\n\\\\ "' || n end, 10 from generate_series(1, 400) n`,
    );
    await rig.at('region', `insert into copied values (250, 'stream', 11, '\\x${versionHex(1, 11n, 1, 5n)}')`);
    const table = await rig.prepared([plain('copied', { version: ['version'] })], [versioned]);
    expect(await rig.whole(table, 'public.copied')).toEqual({ chunks: 5, read: 400, written: 399 });
    const how = (of: string) => rig.at('region', `select how, count(*) as n from how_written where ${of} group by how`);
    expect(await how('id <= 200')).toEqual([{ how: 'copy', n: '200' }]);
    // The one after it too: a refusal is remembered.
    expect((await how('id > 200')).map((row) => row.how)).toEqual(['insert']);
    const digest = (side: 'primary' | 'region') =>
      rig.at(
        side,
        `select count(*) as n, md5(string_agg(row(id, note, version)::text, ',' order by id)) as digest from copied where id <> 250`,
      );
    expect(await digest('region')).toEqual(await digest('primary'));
    expect(await rig.at('region', 'select note from copied where id = 250')).toEqual([{ note: 'stream' }]);
  });

  const shared = (topic: string, more: Partial<TableEntry> = {}): TableEntry => ({
    topic,
    table: 'public.shared',
    version: ['version'],
    ...more,
  });

  it('fills a table of several topics once, under each one’s order of states', async () => {
    await rig.tables('shared', 'id integer primary key, note text, version integer');
    await rig.at('primary', `insert into shared select n, 'primary ' || n, 10 from generate_series(1, 4) n`);
    await rig.at(
      'region',
      `insert into shared values (1, 'of topic a', 11, '\\x${versionHex(1, 11n, 1, 900n)}'), (2, 'of topic b', 9, '\\x${versionHex(1, 9n, 2, 3n)}')`,
    );
    const table = await rig.prepared([shared('a'), shared('b')], [versioned, versioned]);
    expect(await rig.whole(table, 'public.shared')).toMatchObject({ read: 4, written: 3 });
    const rows = await rig.at('region', 'select note from shared order by id');
    expect(rows.map(({ note }) => note)).toEqual(['of topic a', 'primary 2', 'primary 3', 'primary 4']);
  });

  it.each([
    [
      'write the version as different types',
      [shared('a'), shared('b')],
      [versioned, [...versioned.slice(0, 2), field('version', 'string')]],
      'is integer in one schema and text in another',
    ],
    ['say nothing of how they write it', [shared('a'), shared('b')], [], 'is not known'],
    [
      'have groups in one entry',
      [shared('a'), shared('b', { groups: { g: { fields: ['note'], version: 'version' } } })],
      [versioned, versioned],
      'has groups',
    ],
  ] as const)('refuses a table of several topics that %s', async (_what, entries, schemas, message) => {
    expect(await rejectionOf(rig.prepared(entries, schemas))).toMatchObject({
      code: 'backfill_refused',
      message: expect.stringContaining(message),
    });
  });

  it('refuses by name the document column of the preset dionysus, and constants, and says how to go on', async () => {
    await rig.rig.at('primary', 'create table models (id uuid primary key, name text, updated_at timestamptz)');
    await rig.rig.at(
      'region',
      'create table models (synced_id uuid primary key, synced_updated_at timestamptz, synced_data jsonb, name text, kind text, farshore_version bytea)',
    );
    const entry = plain('models', {
      preset: 'dionysus',
      columns: { kind: { value: 'model' } },
      source: { table: 'models', columns: { synced_id: 'id', synced_updated_at: 'updated_at' } },
    });
    expect(await rejectionOf(rig.prepared([entry]))).toMatchObject({
      code: 'backfill_refused',
      message: 'Only the stream fills synced_data (document), kind (constant)',
      hint: expect.stringContaining('--from topic'),
    });
  });
});
