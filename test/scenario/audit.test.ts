import { setTimeout as delay } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditFinding, AuditStatus, AuditTableView } from '../../src/model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../../src/model/audit-repair.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowTable, rowValue, TestDaemon } from './daemon.ts';

const ROWS = 400;
/** Rows of lower ids are written all the time; the others stand still. */
const LIVE = 100;
/** A publisher that is later than this makes the writer wait; far below the audit's allowance. */
const LATEST_MS = 600;

describe('the audit of a live table', () => {
  const { primary, regional } = sharedRig();
  const topic = uniqueTopic('audited');
  const table = 'public.audited';
  const producer: Producer = kafkajsFor(primary).producer({ idempotent: true });
  const stop = new AbortController();
  let home: pg.Pool;
  let region: pg.Pool;
  let daemon: TestDaemon;
  let writing: Promise<unknown> = Promise.resolve();
  let version = 1;

  const publish = async (id: number, note: string, at: number) =>
    await producer.send({ topic, messages: [{ key: String(id), value: rowValue(id, note, at), partition: id % 4 }] });
  /**
   * Writes at the primary, and publishes up to 0.4 s later, in order, as an outbox does. The writer waits for a publisher that falls behind: what the
   * audit is told of the publisher must be true on a slow machine too.
   */
  const write = async (): Promise<void> => {
    const backlog: { id: number; note: string; at: number; writtenMs: number; dueMs: number }[] = [];
    const writer = (async () => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const oldest = backlog[0]?.writtenMs;
        if (oldest !== undefined && performance.now() - oldest > LATEST_MS) {
          await delay(2);
          continue;
        }
        const [id, at] = [(n * 7) % LIVE, ++version];
        const writtenMs = performance.now();
        await home.query(`update ${table} set note = $2, version = $3 where id = $1`, [id, `state ${at}`, at]);
        backlog.push({ id, note: `state ${at}`, at, writtenMs, dueMs: writtenMs + (n % 40) * 10 });
        await delay(5);
      }
    })();
    const publisher = (async () => {
      while (!stop.signal.aborted || backlog.length > 0) {
        const nowMs = performance.now();
        const firstLate = stop.signal.aborted ? -1 : backlog.findIndex(({ dueMs }) => dueMs > nowMs);
        const due = backlog.slice(0, firstLate === -1 ? backlog.length : firstLate);
        if (due.length === 0) {
          await delay(2);
          continue;
        }
        const messages = due.map(({ id, note, at }) => ({ key: String(id), value: rowValue(id, note, at), partition: id % 4 }));
        await producer.send({ topic, messages });
        backlog.splice(0, due.length);
      }
    })();
    await Promise.all([writer, publisher]);
  };
  const status = async (): Promise<AuditTableView> => {
    const { tables } = JSON.parse(await daemon.cli(['audit', 'status', '-o', 'json'])) as AuditStatus;
    return tables[0]!;
  };
  const show = async (...args: readonly string[]): Promise<readonly AuditFinding[]> =>
    JSON.parse(await daemon.cli(['audit', 'show', '-o', 'json', ...args])) as readonly AuditFinding[];
  /** Runs a pass to its end. */
  const pass = async (): Promise<void> => {
    const before = (await status()).lastPass?.endedAt ?? null;
    await daemon.cli(['audit', 'run', '--by', 'ada']);
    await eventually(async () => ((await status()).lastPass?.endedAt ?? null) !== before && (await status()).openPass === null, {
      deadlineMs: 90_000,
      everyMs: 250,
      what: 'the pass having ended',
    });
  };
  const rowsOf = async (pool: pg.Pool, where = 'true') =>
    (
      await pool.query<{ row: string }>(`select id || ':' || note || ':' || version as row from ${table} where ${where} order by id`)
    ).rows.map(({ row }) => row);

  beforeAll(async () => {
    const [homeUrl, regionUrl] = [await freshDatabase(), await freshDatabase()];
    home = new pg.Pool({ connectionString: homeUrl, max: 2 });
    region = new pg.Pool({ connectionString: regionUrl, max: 2 });
    await home.query(rowTable(table).replace(', farshore_version bytea', ''));
    await region.query(rowTable(table));
    await Promise.all([producer.connect(), createTopic(primary, { topic, partitions: 4 })]);
    for (let id = 0; id < ROWS; id++) {
      await home.query(`insert into ${table} values ($1, 'first', 1)`, [id]);
      await publish(id, 'first', 1);
    }
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: regionUrl,
      primaryDatabase: homeUrl,
      region: topic.replaceAll('.', '-'),
      topics: [topic],
      tables: [`{ topic: ${topic}, table: ${table}, version: version }`],
      extra: ['audit: { publishAllowanceSeconds: 3, againSeconds: 0.5, tries: 3, rowsPerRange: 40, maxRowsPerSecond: 250 }'],
    });
    await daemon.start();
    await eventually(async () => (await rowsOf(region)).length === ROWS, { deadlineMs: 60_000, what: 'all rows applied' });
    writing = write();
    // Its failure is heard when it is waited for.
    writing.catch(() => undefined);
  });
  afterAll(async () => {
    stop.abort();
    await writing;
    await daemon[Symbol.asyncDispose]();
    await Promise.all([producer.disconnect(), home.end(), region.end()]);
  });

  it('finds nothing while rows are only late', async () => {
    await pass();
    const { divergent, coverage, unsettled, refused } = await status();
    expect({ divergent, refused }).toEqual({ divergent: { missing: 0, extra: 0, changed: 0 }, refused: [] });
    // Rows that are written too often to be compared do not count as looked at; the others were, all of them.
    expect(unsettled).toBeLessThanOrEqual(LIVE);
    expect(coverage).toBeCloseTo(1 - unsettled / ROWS, 3);
    expect((await status()).lastPass!.rowsCompared).toBeGreaterThanOrEqual(ROWS);
  });

  it('confirms what was changed behind the daemon, by key and column, and nothing else', async () => {
    await region.query(`update ${table} set note = 'spoilt' where id = 200`);
    await region.query(`delete from ${table} where id = 201`);
    await region.query(`insert into ${table} values (9001, 'extra', 1)`);
    await region.query(`update ${table} set note = 'both', version = 77 where id = 202`);
    await pass();
    const found = await show('--state', 'confirmed');
    expect(found.map(({ key, kind, columns }) => `${key} ${kind} ${columns}`).toSorted()).toEqual([
      '200 changed note',
      '201 missing ',
      '202 changed note,version',
      '9001 extra ',
    ]);
    expect(await status()).toMatchObject({ divergent: { missing: 1, extra: 1, changed: 2 } });
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`farshore_divergent_rows\\{[^}]*table="${table}",kind="changed"[^}]*\\} 2`));
    expect(await daemon.log()).not.toContain('spoilt');
  });

  it('says what it would repair and writes nothing, then repairs, with a trail of who and what', async () => {
    const dry = JSON.parse(await daemon.cli(['audit', 'repair', '--table', table, '-o', 'json'])) as {
      readonly repairs: readonly RepairOutcomeView[];
    };
    expect(dry.repairs.map(({ key, result, write }) => `${key} ${result} ${write}`).toSorted()).toEqual([
      '200 would_repair update',
      '201 would_repair insert',
      '202 would_repair update',
      '9001 would_repair delete',
    ]);
    expect(await rowsOf(region, 'id in (200, 201, 9001)')).toEqual(['200:spoilt:1', '9001:extra:1']);

    await daemon.cli(['audit', 'repair', '--table', table, '--apply', '--by', 'ada']);
    expect(await rowsOf(region, `id >= ${LIVE}`)).toEqual(await rowsOf(home, `id >= ${LIVE}`));
    expect(await status()).toMatchObject({ divergent: { missing: 0, extra: 0, changed: 0 } });
    const trail = JSON.parse(await daemon.cli(['audit', 'show', '--repairs', '-o', 'json'])) as readonly RepairTrailView[];
    expect(trail.map(({ by, key, write, result }) => `${by} ${key} ${write} ${result}`).toSorted()).toEqual([
      'ada 200 update repaired',
      'ada 201 insert repaired',
      'ada 202 update repaired',
      'ada 9001 delete repaired',
    ]);
    for (const { write, before, intended, after } of trail) {
      expect(after).toBe(intended);
      expect(before === null).toBe(write === 'insert');
    }
    const at = ++version;
    await home.query(`update ${table} set note = 'from the stream', version = $1 where id = 202`, [at]);
    await publish(202, 'from the stream', at);
    await eventually(async () => (await rowsOf(region, 'id = 202'))[0]?.includes('from the stream') === true, {
      what: 'the stream winning',
    });
  });

  it('counts a finding that was ignored no more', async () => {
    await region.query(`update ${table} set note = 'meant' where id = 300`);
    await pass();
    const [one] = await show('--state', 'confirmed');
    await daemon.cli(['audit', 'ignore', one!.id, '--by', 'ada']);
    await eventually(async () => (await status()).ignored === 1, { what: 'one ignored' });
    expect(await status()).toMatchObject({ divergent: { missing: 0, extra: 0, changed: 0 } });
    await region.query(`update ${table} set note = 'first' where id = 300`);
    await pass();
    expect(await show('--state', 'confirmed')).toEqual([]);
    expect((await show('--state', 'healed')).map(({ key }) => key)).toContainEqual(['300']);
  });

  it('goes on where it stood after kill -9', async () => {
    await region.query(`update ${table} set note = 'spoilt again' where id in (350, 399)`);
    const ended = (await status()).lastPass!.endedAt;
    await daemon.cli(['audit', 'run', '--by', 'ada']);
    const open = async (): Promise<number | undefined> => {
      const { rows } = await region.query<{ rows: string }>(
        'select rows_compared as rows from farshore.audit_passes where ended_at is null',
      );
      return rows[0] === undefined ? undefined : Number(rows[0].rows);
    };
    const at = await eventually(
      async () => {
        const rows = await open();
        return rows !== undefined && rows >= 80 ? rows : undefined;
      },
      { deadlineMs: 30_000, everyMs: 50, what: 'the pass being under way' },
    );
    await daemon.kill();
    const left = await open();
    expect(left).toBeGreaterThanOrEqual(at);
    expect(left).toBeLessThan(ROWS);
    await daemon.start();
    await eventually(async () => (await status()).openPass === null && (await status()).lastPass!.endedAt !== ended, {
      deadlineMs: 90_000,
      everyMs: 250,
      what: 'the pass having ended after the restart',
    });
    expect((await status()).lastPass!.rowsCompared).toBeLessThan(2 * ROWS);
    expect((await show('--state', 'confirmed')).map(({ key }) => key[0]).toSorted()).toEqual(['350', '399']);
  });
});
