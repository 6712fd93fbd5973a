import { setTimeout as delay } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackfillStatus, BackfillView } from '../../src/model/backfill.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const ROWS = 3_000;
const RATE = 150;

describe('a backfill beside the stream', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('filled');
  const table = 'public.filled';
  const producer: Producer = kafkajsFor(primary).producer({ idempotent: true });
  const stop = new AbortController();
  let home: pg.Pool;
  let region: pg.Pool;
  let daemon: TestDaemon;
  let writing: Promise<unknown> = Promise.resolve();

  const send = async (id: number, value: Buffer | null) =>
    await producer.send({ topic, messages: [{ key: String(id), value, partition: id % 4 }] });
  /** Changes, deletes and new rows all over the table, told by the topic a moment after each is committed. */
  const write = async (): Promise<void> => {
    for (let n = 1; !stop.signal.aborted; n++) {
      const id = (n * 7_919) % (ROWS + 200);
      if (n % 5 === 0) {
        await home.query(`delete from ${table} where id = $1`, [id]);
        await delay(3);
        await send(id, null);
      } else {
        await home.query(
          `insert into ${table} values ($1, $2, $3) on conflict (id) do update set note = excluded.note, version = excluded.version`,
          [id, `change ${n}`, 1_000 + n],
        );
        await delay(3);
        await send(id, rowValue(id, `change ${n}`, 1_000 + n));
      }
    }
  };
  /** By the API: on a busy machine a command takes longer to start than some chunks take. */
  const view = async (): Promise<BackfillView> => {
    const answer = await fetch(`${daemon.url}/api/backfill`, { signal: AbortSignal.timeout(5_000) });
    return ((await answer.json()) as BackfillStatus).backfills[0]!;
  };
  const untilState = async (state: BackfillView['state']) =>
    await eventually(async () => (await view()).state === state, { deadlineMs: 90_000, everyMs: 250, what: `a backfill being ${state}` });
  const digest = async (pool: pg.Pool) =>
    (
      await pool.query<{ rows: string; digest: string }>(
        `select count(*) as rows, md5(string_agg(id || ':' || note || ':' || version, '|' order by id)) as digest from ${table}`,
      )
    ).rows[0]!;

  beforeAll(async () => {
    const [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
    home = new pg.Pool({ connectionString: homeUrl, max: 2 });
    region = new pg.Pool({ connectionString: regionUrl, max: 2 });
    await home.query(rowTable(table).replace(', farshore_version bytea', ''));
    await region.query(rowTable(table));
    // Rows that no record tells of: they were there before the topic was.
    await home.query(`insert into ${table} select n, 'before the topic', n % 1000 from generate_series(0, ${ROWS - 1}) n`);
    await home.query(`analyze ${table}`);
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: 4 })]);
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: regionUrl,
      primaryDatabase: homeUrl,
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      extra: [`backfill: { chunkRows: 100, maxRowsPerSecond: ${RATE}, pauseAboveLoad: 1 }`, 'audit: { enabled: false }'],
    });
    await daemon.start();
    await send(ROWS + 500, rowValue(ROWS + 500, 'first', 1));
    await home.query(`insert into ${table} values (${ROWS + 500}, 'first', 1)`);
    await eventually(async () => (await digest(region)).rows === '1', { deadlineMs: 60_000, what: 'the stream being applied' });
    writing = write();
    writing.catch(() => undefined);
  });
  afterAll(async () => {
    stop.abort();
    await writing;
    await daemon[Symbol.asyncDispose]();
    await Promise.all([producer.disconnect(), home.end(), region.end()]);
  });

  it('refuses an unknown table and a condition that is none, by name', async () => {
    await expect(daemon.cli(['backfill', 'start', '--table', 'public.other'])).rejects.toThrow('is no table of');
    await expect(daemon.cli(['backfill', 'start', '--table', table, '--where', 'true) or (true'])).rejects.toThrow('--where');
  });

  it('stands still while paused, goes on after kill -9 behind its last chunk, and ends equal to the primary', async () => {
    await daemon.cli(['backfill', 'start', '--table', table, '--by', 'ada']);
    await expect(daemon.cli(['backfill', 'start', '--table', table])).rejects.toThrow('open already');
    await eventually(async () => (await view()).rowsRead >= 300, { deadlineMs: 60_000, everyMs: 50, what: 'some chunks' });
    await daemon.cli(['backfill', 'pause', '--table', table]);
    const paused = await view();
    expect(paused).toMatchObject({ state: 'paused', by: 'ada', error: null });
    expect(paused.positions).toHaveLength(4);
    await delay(1_000);
    expect((await view()).rowsRead).toBe(paused.rowsRead);
    await daemon.cli(['backfill', 'resume', '--table', table]);
    await eventually(async () => (await view()).rowsRead >= paused.rowsRead + 300, {
      deadlineMs: 60_000,
      everyMs: 50,
      what: 'more chunks',
    });
    await daemon.kill();
    const left = Number((await region.query<{ n: string }>('select rows_read as n from farshore.backfills')).rows[0]!.n);
    expect(left).toBeLessThan(ROWS);
    await daemon.start();
    await untilState('done');
    const { rowsRead, startedAt, endedAt } = await view();
    // Each row once; those that the writer added behind the cursor, too.
    expect(rowsRead).toBeGreaterThan(ROWS * 0.7);
    expect(rowsRead).toBeLessThanOrEqual(ROWS + 201);
    expect(Date.parse(endedAt!) - Date.parse(startedAt)).toBeGreaterThan((ROWS / RATE) * 0.7 * 1_000);
    stop.abort();
    await writing;
    const wanted = await digest(home);
    await eventually(async () => (await digest(region)).digest === wanted.digest, { deadlineMs: 60_000, what: 'the region being equal' });
    expect(await digest(region)).toEqual(wanted);
  });

  it('reads only the rows of a condition, and stops for good when it is told to', async () => {
    await region.query(`delete from ${table}`);
    await region.query(`delete from farshore.tombstones`);
    await daemon.cli(['backfill', 'start', '--table', table, '--where', 'id < 250 -- the first']);
    await untilState('done');
    const some = (pool: pg.Pool) => pool.query(`select id, note from ${table} where id < 250 order by id`);
    expect((await some(region)).rows).toEqual((await some(home)).rows);
    expect((await region.query(`select 1 from ${table} where id >= 250`)).rows).toEqual([]);
    await daemon.cli(['backfill', 'start', '--table', table]);
    // Nothing comes by the stream any more: after the kill no record tells how they write the version.
    await daemon.kill();
    await daemon.start();
    // What a new lease reads is there a moment later.
    const left = await eventually(async () => (await view()).rowsRead, { what: 'the backfill being known again' });
    await eventually(async () => (await view()).rowsRead > left, { deadlineMs: 60_000, everyMs: 250, what: 'the backfill going on' });
    await daemon.cli(['backfill', 'stop', '--table', table]);
    expect((await view()).state).toBe('stopped');
    await expect(daemon.cli(['backfill', 'resume', '--table', table])).rejects.toThrow('no backfill that could be resumed');
    expect(await daemon.cli(['backfill', 'status'])).toContain('stopped');
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`farshore_backfill_rows_written_total\\{[^}]*table="${table}"[^}]*\\} [1-9]`));
    expect(metrics).not.toMatch(/farshore_backfill_open\{/);
  });
});

describe('a primary that cannot be read', () => {
  const { primary, regional } = sharedRig();

  const refusal = async (primaryDatabase: string): Promise<string> => {
    const topic = uniqueTopic('unread');
    const database = await freshDatabase();
    const region = new pg.Pool({ connectionString: database, max: 1 });
    await region.query(rowTable('public.unread'));
    await region.end();
    await createTopic(primary, { topic, partitions: 1 });
    await using daemon = await TestDaemon.create({
      ...{ primary, regional, database, primaryDatabase },
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: public.unread }`],
      extra: ['audit: { enabled: false }'],
    });
    await daemon.start();
    return await daemon.cli(['backfill', 'start', '--table', 'public.unread']).then(
      (out) => `taken: ${out}`,
      (error: Error) => error.message,
    );
  };

  it('is named with what to do: no answer, no rights', async () => {
    expect(await refusal('postgres://nobody@127.0.0.1:1/none')).toContain('database_unreachable');
    const home = await freshDatabase();
    const owner = new pg.Pool({ connectionString: home, max: 1 });
    await owner.query(rowTable('public.unread'));
    const role = `reader_${Date.now()}`;
    await owner.query(`create role ${role} login password 'reader'`);
    const url = new URL(home);
    url.username = role;
    url.password = 'reader';
    const told = await refusal(url.href);
    expect(told).toContain('database_denied');
    expect(told).toContain('grant select on "public"."unread" to the role that reads it;');
    await owner.query(`drop role ${role}`);
    await owner.end();
  });
});
