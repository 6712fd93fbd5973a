import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { schemas } from '../../src/daemon/schemas.ts';
import { systemClock } from '../../src/model/clock.ts';
import { findFarshoreError } from '../../src/model/errors.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rejectionOf } from './postgres-fixtures.ts';

const record = (field: string): string => `{"type": "record", "name": "R", "fields": [{"name": "${field}", "type": "long"}]}`;

let database: Database;
let folder: string;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farshore-conflicts-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
});

/** The schemas of one process. */
const started = () =>
  schemas(
    () => ({ kind: 'directory', directory: folder }),
    database,
    systemClock,
    () => undefined,
  );
const issue = async (text: string): Promise<void> => await writeFile(join(folder, '7.avsc'), text);
const registryAway = async (): Promise<void> => await rm(folder, { recursive: true });
const fieldsOf = async (process: ReturnType<typeof started>) => (await process.decoders.load('7', never)).fields.map(({ name }) => name);

/** A registry that was emptied gives the id to another schema, and a daemon sees it. */
async function conflict() {
  await issue(record('id'));
  const daemon = started();
  await daemon.decoders.load('7', never);
  await issue(record('amount'));
  await expect(daemon.carrier?.poll(never)).rejects.toMatchObject({ code: 'schema_conflict' });
  return daemon;
}

describe('an id that stands for two texts', () => {
  it('C22: stays refused after a restart or a takeover, also while the registry is away', async () => {
    await conflict();
    await registryAway();
    await expect(started().decoders.load('7', never)).rejects.toMatchObject({ code: 'schema_conflict', place: 'schema 7' });
  });

  it('C22: is dropped by every worker that had it decoded, also in another process: only the leader looks at the registry', async () => {
    await issue(record('id'));
    const shard = started();
    await shard.decoders.load('7', never);
    await conflict();
    await registryAway();
    await shard.conflicts.look(never);
    expect(shard.decoders.get('7')).toBeUndefined();
    await expect(shard.decoders.load('7', never)).rejects.toMatchObject({ code: 'schema_conflict' });
  });

  it('is decoded with the kept text again once an operator ran the statement of the hint, and nothing else', async () => {
    const daemon = await conflict();
    await issue(record('id'));
    await expect(daemon.carrier?.poll(never)).rejects.toMatchObject({ code: 'schema_conflict' });
    const hint = findFarshoreError(await rejectionOf(daemon.decoders.load('7', never)))?.hint ?? '';
    const [statement] = /update farshore\.schemas .*?(?=;)/.exec(hint) ?? [''];
    await database.query({ text: statement, values: [] }, never);
    expect(await fieldsOf(daemon)).toEqual(['id']);
    await daemon.carrier?.poll(never);
    expect(await fieldsOf(started())).toEqual(['id']);
  });

  it('is refused anew while the registry gives the other text', async () => {
    const daemon = await conflict();
    await database.query({ text: 'update farshore.schemas set conflicts_with = null', values: [] }, never);
    await expect(daemon.carrier?.poll(never)).rejects.toMatchObject({ code: 'schema_conflict' });
    await expect(started().decoders.load('7', never)).rejects.toMatchObject({ code: 'schema_conflict' });
  });

  it('is decoded with the other text once an operator chose it: both are kept', async () => {
    const daemon = await conflict();
    const registry = `directory ${folder}`;
    const read = { text: 'select schema, conflicts_with from farshore.schemas where registry = $1', values: [registry] };
    expect((await database.query(read, never)).rows).toEqual([{ schema: record('id'), conflicts_with: record('amount') }]);
    const choose = 'update farshore.schemas set schema = conflicts_with, conflicts_with = null where registry = $1';
    await database.query({ text: choose, values: [registry] }, never);
    expect(await fieldsOf(daemon)).toEqual(['amount']);
    await daemon.carrier?.poll(never);
    expect(await fieldsOf(started())).toEqual(['amount']);
  });
});
