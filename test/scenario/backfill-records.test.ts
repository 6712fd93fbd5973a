import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import avro from 'avsc';
import type { Producer } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackfillStatus, BackfillView } from '../../src/model/backfill.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowSchema, rowTable, rowValue, TestDaemon } from './daemon.ts';

const KEYS = 1_200;
const PARTITIONS = 3;

/** By the API: a command takes longer to start than some of what is looked at here. */
const viewOf = async (daemon: TestDaemon, table: string): Promise<BackfillView> => {
  const answer = await fetch(`${daemon.url}/api/backfill`, { signal: AbortSignal.timeout(5_000) });
  return ((await answer.json()) as BackfillStatus).backfills.find((one) => one.table === table)!;
};
const untilState = async (daemon: TestDaemon, table: string, state: BackfillView['state']) =>
  await eventually(
    async () => {
      const view = await viewOf(daemon, table);
      if (view.state === state) return view;
      if (view.error !== null) throw new Error(view.error.message);
      return undefined;
    },
    { deadlineMs: 90_000, everyMs: 250, what: `the backfill being ${state}` },
  );
/** Kills it once the backfill has read so many rows and not all, and starts it again. */
async function killedAt(daemon: TestDaemon, table: string, rows: number): Promise<void> {
  await eventually(async () => (await viewOf(daemon, table)).rowsRead >= rows, { deadlineMs: 60_000, everyMs: 50, what: 'chunks' });
  await daemon.kill();
  await daemon.start();
  // A daemon that holds the lease again reads the open backfills a moment later.
  const { state, rowsRead, rowsExpected } = await eventually(() => viewOf(daemon, table), { what: 'the backfill being known again' });
  expect(state).toBe('running');
  expect(rowsRead).toBeLessThan(rowsExpected);
}

describe('a backfill from the beginning of a topic, without any primary database', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('replayed');
  const [streamed, added] = ['public.streamed', 'public.added'];
  const producer: Producer = kafkajsFor(primary).producer({ idempotent: true });
  const stop = new AbortController();
  let region: pg.Pool;
  let daemon: TestDaemon;
  let writing: Promise<unknown> = Promise.resolve();

  const send = async (rows: readonly (readonly [id: number, value: Buffer | null])[]) =>
    await producer.send({ topic, messages: rows.map(([id, value]) => ({ key: String(id), value, partition: id % PARTITIONS })) });
  const write = async (): Promise<void> => {
    for (let n = 1; !stop.signal.aborted; n++) {
      const id = (n * 7_919) % KEYS;
      // Of every tenth key nothing comes any more: it was deleted for good. Every third one is left to the backfill.
      if (id % 10 !== 0 && id % 3 !== 0) await send([[id, n % 4 === 0 ? null : rowValue(id, `change ${n}`, n)]]);
      await delay(3);
    }
  };
  const rowsOf = async (table: string) =>
    (await region.query(`select id, note, encode(farshore_version, 'hex') as v from ${table} order by id`)).rows;

  beforeAll(async () => {
    const database = await freshDatabase();
    region = new pg.Pool({ connectionString: database, max: 2 });
    await region.query(rowTable(streamed));
    await region.query(rowTable(added));
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: PARTITIONS })]);
    daemon = await TestDaemon.create({
      ...{ primary, regional, database },
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${streamed} }`, `{ topic: ${topic}, table: ${added} }`],
      extra: ['backfill: { chunkRows: 100, maxRowsPerSecond: 400, pauseAboveLoad: 1 }'],
    });
    await daemon.start();
    const ids = Array.from({ length: KEYS }, (_, id) => id);
    for (const note of ['first', 'second']) await send(ids.map((id) => [id, rowValue(id, note, 0)]));
    await send(ids.filter((id) => id % 10 === 0).map((id) => [id, null]));
    const left = KEYS - Math.ceil(KEYS / 10);
    await eventually(async () => (await rowsOf(added)).filter(({ note }) => note === 'second').length === left, {
      deadlineMs: 60_000,
      what: 'all',
    });
  });
  afterAll(async () => {
    stop.abort();
    await writing;
    await daemon[Symbol.asyncDispose]();
    await Promise.all([producer.disconnect(), region.end()]);
  });

  it('C1, C4: ends equal to the table the stream wrote, killed in both readings, and no deleted row is there for a moment', async () => {
    // The table is as one that was added long after its records came, and its deletes are forgotten.
    await region.query(`delete from ${added}; delete from farshore.tombstones where table_name = '${added}'`);
    await region.query(`create table public.revived (id integer);
      create function public.note_revived() returns trigger language plpgsql as $$ begin insert into public.revived values (new.id); return new; end $$;
      create trigger revived after insert on ${added} for each row when (new.id % 10 = 0) execute function public.note_revived()`);
    writing = write();
    writing.catch(() => undefined);
    await daemon.cli(['backfill', 'start', '--table', added, '--from', 'topic', '--by', 'ada']);
    await killedAt(daemon, added, 450);
    const first = await viewOf(daemon, added);
    expect(first).toMatchObject({ from: 'topic', by: 'ada', file: null, where: null });
    expect(first.rowsExpected).toBeGreaterThanOrEqual(2 * 2 * KEYS);
    await daemon.cli(['backfill', 'pause', '--table', added]);
    await daemon.cli(['backfill', 'resume', '--table', added]);
    // In the second reading.
    await killedAt(daemon, added, first.rowsExpected / 2 + 300);
    const done = await untilState(daemon, added, 'done');
    expect(done.rowsWritten).toBeGreaterThan(KEYS * 0.25);
    stop.abort();
    await writing;
    await eventually(async () => JSON.stringify(await rowsOf(added)) === JSON.stringify(await rowsOf(streamed)), {
      deadlineMs: 60_000,
      what: 'the tables being equal, versions too',
    });
    expect((await region.query('select * from public.revived')).rows).toEqual([]);
  });

  it('refuses the database where there is none, and a condition', async () => {
    await expect(daemon.cli(['backfill', 'start', '--table', added])).rejects.toThrow('--from topic');
    await expect(daemon.cli(['backfill', 'start', '--table', added, '--from', 'topic', '--where', 'true'])).rejects.toThrow(
      'A condition is one on the primary',
    );
    await expect(daemon.cli(['backfill', 'start', '--table', added, '--from-file', 'x.avro'])).rejects.toThrow('backfill.directory');
  });

  it('C3: refuses once the region itself was home, whose own deletes the log does not tell', async () => {
    await region.query(`insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
      select topic, 2, partition, '${topic.replaceAll('.', '-')}', 10 from farshore.home_epochs where topic = '${topic}' and home_epoch = 1`);
    await region.query(`insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
      select topic, 3, partition, home, 10 from farshore.home_epochs where topic = '${topic}' and home_epoch = 1`);
    await expect(daemon.cli(['backfill', 'start', '--table', added, '--from', 'topic'])).rejects.toThrow('was the home of topic');
  });
});

describe('a backfill from a file of records', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('filed');
  const [ordered, plain] = ['public.ordered', 'public.plain'];
  const producer: Producer = kafkajsFor(primary).producer({ idempotent: true });
  let region: pg.Pool;
  let daemon: TestDaemon;
  let folder: string;

  const message = {
    type: 'record',
    name: 'Message',
    fields: [
      { name: 'key', type: 'string' },
      { name: 'value', type: ['null', rowSchema] },
    ],
  };
  const written = async (name: string, records: readonly (readonly [id: number, note: string | null, version?: number])[]) => {
    const type = avro.Type.forSchema(message as unknown as avro.Schema, { wrapUnions: 'never' });
    const encoder = new avro.streams.BlockEncoder(type, { codec: 'deflate', blockSize: 2_000 });
    const chunks: Buffer[] = [];
    encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise((resolve) => encoder.on('end', resolve));
    for (const [id, note, version = 0] of records) encoder.write({ key: String(id), value: note === null ? null : { id, note, version } });
    encoder.end();
    await ended;
    await writeFile(join(folder, 'files', name), Buffer.concat(chunks));
  };
  const rowsOf = async (table: string) =>
    (await region.query(`select id, note from ${table} where id < 10 order by id`)).rows.map(({ id, note }) => `${id} ${note}`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'farshore-files-'));
    await mkdir(join(folder, 'files'));
    const database = await freshDatabase();
    region = new pg.Pool({ connectionString: database, max: 2 });
    await region.query(rowTable(ordered));
    await region.query(rowTable(plain));
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: 1 })]);
    daemon = await TestDaemon.create({
      ...{ primary, regional, database },
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${ordered}, version: version }`, `{ topic: ${topic}, table: ${plain} }`],
      extra: [`backfill: { chunkRows: 100, maxRowsPerSecond: 300, pauseAboveLoad: 1, directory: ${join(folder, 'files')} }`],
    });
    await daemon.start();
    const live = (id: number, value: Buffer | null) => ({ key: String(id), value, partition: 0 });
    await producer.send({
      topic,
      messages: [live(1, rowValue(1, 'live', 5)), live(2, rowValue(2, 'live', 5)), live(2, null), live(3, rowValue(3, 'live', 5))],
    });
    await eventually(async () => (await rowsOf(plain)).length === 2, { deadlineMs: 60_000, what: 'the stream being applied' });
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await Promise.all([producer.disconnect(), region.end()]);
    await rm(folder, { recursive: true });
  });

  it('C2, C4: leaves what the stream wrote and deleted, takes the later record of a key, and deletes by null values', async () => {
    const many = Array.from({ length: 1_500 }, (_, n): [number, string, number] => [1_000 + n, `file ${n}`, 1]);
    await written('rows.avro', [
      ...([
        [1, 'older', 4],
        [2, 'deleted since', 4],
        [3, null],
        [4, 'first', 1],
        [5, 'gone', 1],
      ] as const),
      ...many,
      ...([
        [4, 'later', 2],
        [5, null],
        [6, 'back', 1],
        [6, null],
        [6, 'there', 1],
      ] as const),
    ]);
    for (const table of [ordered, plain]) {
      await daemon.cli(['backfill', 'start', '--table', table, '--from-file', 'rows.avro']);
      await killedAt(daemon, table, 600);
      const { rowsRead, file, from } = await untilState(daemon, table, 'done');
      expect({ rowsRead, file, from }).toEqual({ rowsRead: 2 * 1_510, file: 'rows.avro', from: 'file' });
      expect(await rowsOf(table)).toEqual(['1 live', '3 live', '4 later', '6 there']);
      expect((await region.query(`select 1 from ${table} where id >= 1000`)).rowCount).toBe(1_500);
    }
    // A later file wins over an earlier one where nothing else orders them; the stream over both.
    await written('again.avro', [
      [1, 'older'],
      [4, 'again'],
      [6, null],
    ]);
    await daemon.cli(['backfill', 'start', '--table', plain, '--from-file', 'again.avro']);
    await untilState(daemon, plain, 'done');
    expect(await rowsOf(plain)).toEqual(['1 live', '3 live', '4 again']);
    await producer.send({ topic, messages: [{ key: '4', value: rowValue(4, 'from the stream', 1), partition: 0 }] });
    await eventually(async () => (await rowsOf(plain)).includes('4 from the stream'), { deadlineMs: 30_000, what: 'the stream winning' });
  });

  it('reads nothing outside its folder, and says what a file is not', async () => {
    await writeFile(join(folder, 'secret'), 'top');
    await symlink(join(folder, 'secret'), join(folder, 'files', 'link'));
    await writeFile(join(folder, 'files', 'rows.csv'), 'id,note');
    const refused = async (file: string) =>
      await daemon.cli(['backfill', 'start', '--table', plain, '--from-file', file]).then(
        () => 'taken',
        (error: Error) => error.message,
      );
    expect(await refused('../secret')).toContain('is not in the folder');
    expect(await refused('link')).toContain('is not in the folder');
    expect(await refused(join(folder, 'secret'))).toContain('is not named from the folder');
    expect(await refused('none.avro')).toContain('ENOENT');
    expect(await refused('.')).toContain('is not in the folder');
    expect(await refused('rows.csv')).toContain('no Avro object container file');
  });

  it('fails with the number and reason of a record that is none of the table’s', async () => {
    await written('bad.avro', [
      [7, 'fine', 1],
      [8, 'nul \u0000', 1],
    ]);
    await daemon.cli(['backfill', 'start', '--table', plain, '--from-file', 'bad.avro']);
    const failed = await eventually(
      async () => ((await viewOf(daemon, plain)).state === 'failed' ? await viewOf(daemon, plain) : undefined),
      {
        what: 'the failure',
      },
    );
    expect(failed.error?.message).toContain('Record 1 of bad.avro cannot be applied');
    await daemon.cli(['backfill', 'stop', '--table', plain]);
  });
});
