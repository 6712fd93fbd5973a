import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import type { FarshoreConfig } from '../../src/config/config.ts';
import type { ActiveParts } from '../../src/daemon/active-parts.ts';
import { type RecordSources, recordBackfill } from '../../src/daemon/backfill-records.ts';
import { systemClock } from '../../src/model/clock.ts';
import { versionHex } from '../../src/model/version.ts';
import { backfillStore } from '../../src/postgres/backfill-store.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { homeAt, migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

const EPOCH = 4n;
const model = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'event', type: 'string' },
    {
      name: 'data',
      type: {
        type: 'record',
        name: 'Model',
        fields: [
          { name: 'id', type: 'int' },
          { name: 'name', type: 'string' },
          { name: 'updated_at', type: 'long' },
        ],
      },
    },
  ],
};

let database: Database;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-fill-'));
  database = await migratedDatabase(await freshDatabase());
  await rowsOf(
    database,
    `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', 4, 'a', clock_timestamp() + interval '1 hour')`,
  );
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

async function written(name: string, rows: readonly (readonly [id: number, name: string, updatedAt: number])[]): Promise<void> {
  const message = {
    type: 'record',
    name: 'Message',
    fields: [
      { name: 'key', type: 'string' },
      { name: 'value', type: ['null', model] },
    ],
  };
  const encoder = new avro.streams.BlockEncoder(avro.Type.forSchema(message as avro.Schema, { wrapUnions: 'never' }));
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => encoder.on('end', resolve));
  for (const [id, text, updatedAt] of rows) {
    encoder.write({ key: String(id), value: { event: 'model_updated', data: { id, name: text, updated_at: updatedAt } } });
  }
  encoder.end();
  await ended;
  await writeFile(join(folder, name), Buffer.concat(chunks));
}

async function filled(entry: TableEntry, file: string): Promise<void> {
  const config = {
    region: 'eu-west',
    primary: { name: 'us-east' },
    apply: { tables: [entry], schema: 'validate' },
    backfill: { directory: folder },
    limits: { maxDecompressedBytes: 1 << 20 },
    rejected: { budget: 10 },
  } as unknown as FarshoreConfig;
  const active = { lease: { epoch: EPOCH }, clock: systemClock } as unknown as ActiveParts;
  // A file brings its own schemas and needs no log.
  const none = {} as RecordSources;
  const name = entry.table!;
  const table = await recordBackfill(name, [entry], config, { ...none, active, database }).prepare({ from: 'file', file }, never);
  const store = backfillStore(database, EPOCH);
  const source = { from: 'file', file } as const;
  const id = await store.start({ table: name, by: 'ada', source, rowsExpected: 1, positions: [] }, never);
  const now = async () => (await store.open(never)).find((one) => one.id === id)!;
  for (let one = await now(); one.state === 'running'; one = await now()) await table.write(one, await table.read(one, 100, never), never);
}

describe('a backfill from a file', () => {
  it('C1: orders a table of the preset dionysus by the preset’s own source version', async () => {
    const [topic, name] = ['models', 'public.models'];
    await rowsOf(
      database,
      `create table ${name} (synced_id integer primary key, synced_data jsonb, name text, synced_updated_at bigint, farshore_version bytea)`,
    );
    await database.query(homeAt(topic, 'us-east'), never);
    await rowsOf(database, 'insert into farshore.home_epochs (topic, home_epoch, home, partition, from_offset) values ($1, 1, $2, 0, 0)', [
      topic,
      'us-east',
    ]);
    const ofStream = (updatedAt: bigint) => `'\\x${versionHex(1, updatedAt, 1, 5n)}'::bytea`;
    await rowsOf(
      database,
      `insert into ${name} (synced_id, name, farshore_version) values (1, 'stream', ${ofStream(9n)}), (2, 'stream', ${ofStream(11n)})`,
    );
    await written('models.avro', [
      [1, 'file', 10],
      [2, 'file', 10],
      [3, 'file', 10],
    ]);
    await filled({ topic, table: name, preset: 'dionysus' }, 'models.avro');
    const guard = (updatedAt: bigint) => `farshore_version < ${ofStream(updatedAt)}`;
    const rows = await rowsOf(
      database,
      `select synced_id as id, name, ${guard(9n)} as older_wins, ${guard(11n)} as newer_wins from ${name} where synced_id <> 2 order by synced_id`,
    );
    // The newer row of the file was passed over as stale, and what it inserted gave way to any record of the stream.
    expect(rows).toEqual([
      { id: '1', name: 'file', older_wins: 'f', newer_wins: 't' },
      { id: '3', name: 'file', older_wins: 'f', newer_wins: 't' },
    ]);
    expect(await rowsOf(database, `select name from ${name} where synced_id = 2`)).toEqual([{ name: 'stream' }]);
  });
});
