import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ArrayElement, arrayLiteral } from '../../src/postgres/array-literal.ts';
import type { Database } from '../../src/postgres/database.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { never, openDatabase, proxyTo, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let url: string;
let database: Database;

beforeAll(async () => {
  url = await freshDatabase();
  database = openDatabase(url);
  await database.query({ text: 'create table kept (id integer primary key, note text)', values: [] }, never);
  await database.query(
    { text: 'create table checked (id integer primary key, parent integer references kept deferrable initially deferred)', values: [] },
    never,
  );
});

afterAll(async () => {
  await database.close();
});

const insert = (id: number, name?: string) => ({
  ...(name === undefined ? {} : { name }),
  text: 'insert into kept values ($1, $2)',
  values: [id, `note ${id}`],
});
const keptIds = async () => (await rowsOf(database, 'select id from kept order by id')).map((row) => Number(row.id));
const empty = async () => {
  await database.query({ text: 'truncate kept, checked', values: [] }, never);
};
const backends = async (where: string) =>
  Number((await rowsOf(database, `select count(*) as n from pg_stat_activity where ${where}`))[0]?.n);

describe('values', () => {
  it('come back as the text the server wrote, to the last digit', async () => {
    const [row] = await rowsOf(
      database,
      `select 9223372036854775807 as whole, 1.10::numeric as exact, true as yes, null as nothing,
              timestamptz '2026-01-02 03:04:05.123456+02' as moment, '{"a": 1}'::jsonb as document, array[1, 2] as list`,
    );
    expect(row).toEqual({
      whole: '9223372036854775807',
      exact: '1.10',
      yes: 't',
      nothing: null,
      moment: '2026-01-02 01:04:05.123456+00',
      document: '{"a": 1}',
      list: '{1,2}',
    });
  });

  it('round-trip as arrays, whatever is in them', async () => {
    const element = fc.oneof(
      fc.constant(null),
      fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\u0000', '')),
      fc.constantFrom('', 'NULL', 'null', '{', '}', ',', '"', '\\', '\\"', ' ', '\n', "'", 'ż', '𝒳'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(element, { maxLength: 20 }), async (elements) => {
        const rows = await rowsOf(database, 'select e from unnest($1::text[]) with ordinality as u (e, n) order by n', [
          arrayLiteral(elements),
        ]);
        expect(rows.map((row) => row.e)).toEqual(elements);
      }),
      { numRuns: 300 },
    );
  });

  it('keep numbers exact in arrays', async () => {
    const cast = async (elements: readonly ArrayElement[], type: string) =>
      (await rowsOf(database, `select e::text as e from unnest($1::${type}[]) as u (e)`, [arrayLiteral(elements)])).map((row) => row.e);
    expect(await cast([2n ** 63n - 1n, -(2n ** 63n)], 'bigint')).toEqual(['9223372036854775807', '-9223372036854775808']);
    expect(await cast([-0, 5e-324, Number.NaN, Number.NEGATIVE_INFINITY], 'double precision')).toEqual([
      '-0',
      '5e-324',
      'NaN',
      '-Infinity',
    ]);
    expect(await cast([true, false, null], 'boolean')).toEqual(['true', 'false', null]);
  });
});

describe('transaction', () => {
  it('commits every statement and answers each', async () => {
    await empty();
    const results = await database.transaction([insert(1), insert(2), { text: 'select count(*) as n from kept', values: [] }], never);
    expect(results.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1]);
    expect(results[2]?.rows).toEqual([{ n: '2' }]);
    expect(await keptIds()).toEqual([1, 2]);
  });

  it('applies nothing when a statement in the middle fails, and the session goes on', async () => {
    await empty();
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    const failure = await rejectionOf(one.transaction([insert(1), insert(1), insert(2)], never));
    expect(failure).toMatchObject({ code: 'row_refused', facts: { sqlState: '23505', outcome: 'not_applied', constraint: 'kept_pkey' } });
    expect(await keptIds()).toEqual([]);
    await one.transaction([insert(3)], never);
    expect(await keptIds()).toEqual([3]);
  });

  it('applies nothing when begin itself fails', async () => {
    await empty();
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    await one.transaction([], never);
    await rowsOf(one, 'deallocate all');
    // The prepared begin is gone; what stands behind it must not commit statement by statement.
    const failure = await rejectionOf(one.transaction([insert(1), insert(2)], never));
    expect(failure).toMatchObject({ action: 'retry', facts: { sqlState: '26000', outcome: 'not_applied' } });
    expect(await keptIds()).toEqual([]);
  });

  it('C16: a deferred constraint that fails at commit is known as not applied', async () => {
    await empty();
    const failure = await rejectionOf(database.transaction([insert(1), { text: 'insert into checked values (1, 99)', values: [] }], never));
    expect(failure).toMatchObject({ code: 'row_refused', facts: { sqlState: '23503', outcome: 'not_applied' } });
    expect(await keptIds()).toEqual([]);
  });

  it('says that the outcome is unknown when the answer to commit is lost', async () => {
    await empty();
    const proxy = await proxyTo(url);
    const distant = openDatabase(proxy.url, { connections: 1 });
    await rowsOf(distant, 'select 1');
    proxy.muteServer();
    const pending = rejectionOf(distant.transaction([insert(1)], never));
    await proxy.mutedAnswer;
    proxy.cut();
    expect(await pending).toMatchObject({ code: 'database_unreachable', facts: { outcome: 'unknown' } });
    // And here it was committed.
    expect(await keptIds()).toEqual([1]);
  });

  it('says not applied when the session is ended before commit', async () => {
    await empty();
    const slow = openDatabase(url, { connections: 1, applicationName: 'slow-one' });
    onTestFinished(() => slow.close());
    const pending = rejectionOf(slow.transaction([insert(1), { text: 'select pg_sleep(30)', values: [] }], never));
    await eventually(async () => (await backends("application_name = 'slow-one' and wait_event = 'PgSleep'")) > 0);
    await rowsOf(database, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'slow-one'");
    expect(await pending).toMatchObject({ code: 'database_unreachable', facts: { sqlState: '57P01', outcome: 'not_applied' } });
    expect(await keptIds()).toEqual([]);
    await slow.transaction([insert(2)], never);
    expect(await keptIds()).toEqual([2]);
  });

  it('rejects with the signal’s reason and leaves no half when it is aborted', async () => {
    await empty();
    const slow = openDatabase(url, { connections: 1, applicationName: 'aborted-one' });
    onTestFinished(() => slow.close());
    const stop = new AbortController();
    const pending = rejectionOf(slow.transaction([insert(1), { text: 'select pg_sleep(0.5)', values: [] }, insert(2)], stop.signal));
    await eventually(async () => (await backends("application_name = 'aborted-one' and wait_event = 'PgSleep'")) > 0);
    const reason = new Error('stop');
    stop.abort(reason);
    expect(await pending).toBe(reason);
    await eventually(async () => (await backends("application_name = 'aborted-one'")) === 0);
    expect([[], [1, 2]]).toContainEqual(await keptIds());
    expect(await rowsOf(slow, 'select 1 as one')).toEqual([{ one: '1' }]);
  });

  it('maps the server’s own time limit to a retry', async () => {
    const brief = openDatabase(url, { statementTimeoutMs: 50 });
    onTestFinished(() => brief.close());
    const failure = await rejectionOf(brief.transaction([{ text: 'select pg_sleep(10)', values: [] }], never));
    expect(failure).toMatchObject({ code: 'database_unreachable', action: 'retry', facts: { sqlState: '57014', outcome: 'not_applied' } });
  });

  it('gives up a connection whose server does not answer', async () => {
    const proxy = await proxyTo(url);
    const distant = openDatabase(proxy.url, { requestTimeoutMs: 200 });
    await rowsOf(distant, 'select 1');
    proxy.muteServer();
    expect(await rejectionOf(distant.transaction([insert(77)], never))).toMatchObject({
      code: 'database_unreachable',
      facts: { outcome: 'unknown' },
    });
  });

  it('says not applied when no connection can be had', async () => {
    const proxy = await proxyTo(url);
    const distant = openDatabase(proxy.url.replace(/:\d+\//, ':1/'));
    expect(await rejectionOf(distant.transaction([insert(1)], never))).toMatchObject({
      code: 'database_unreachable',
      place: expect.stringContaining('127.0.0.1:1'),
      facts: { outcome: 'not_applied' },
    });
  });

  it('never shows the value of a refused row', async () => {
    const failure = await rejectionOf(database.query({ text: 'select $1::integer', values: ['canary'] }, never));
    expect(failure).toMatchObject({ code: 'row_refused', facts: { sqlState: '22P02' } });
    expect(String(failure)).not.toContain('canary');
  });
});

describe('prepared statements', () => {
  it('are parsed once a connection, also beside others of the same name in one transaction', async () => {
    await empty();
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    await one.transaction([insert(1, 'put'), insert(2, 'put')], never);
    await one.transaction([insert(3, 'put')], never);
    const [put] = await rowsOf(one, "select generic_plans + custom_plans as runs from pg_prepared_statements where name = 'put'");
    expect(put).toEqual({ runs: '3' });
  });

  it('survive a failure and a changed text under the same name', async () => {
    await empty();
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    await one.transaction([insert(1, 'put')], never);
    await rejectionOf(one.transaction([insert(1, 'put'), { name: 'later', text: 'select 1', values: [] }], never));
    await one.transaction([insert(2, 'put'), { name: 'later', text: 'select 1', values: [] }], never);
    await one.transaction([{ name: 'later', text: 'select 2 as two', values: [] }], never);
    await rejectionOf(one.query({ name: 'wrong', text: 'select nothing_like_it', values: [] }, never));
    expect((await one.query({ name: 'wrong', text: 'select 3 as three', values: [] }, never)).rows).toEqual([{ three: '3' }]);
    expect(await keptIds()).toEqual([1, 2]);
  });

  it('never run under a text that failed in between', async () => {
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    const divide = (by: number) => ({ name: 'divide', text: `select ${by} / $1::integer as quotient`, values: [by === 6 ? 2 : 0] });
    await one.query(divide(6), never);
    expect(await rejectionOf(one.query(divide(8), never))).toMatchObject({ facts: { sqlState: '22012' } });
    expect((await one.query(divide(6), never)).rows).toEqual([{ quotient: '3' }]);
  });

  it('are made anew after ALTER TABLE changed what they answer', async () => {
    const one = openDatabase(url, { connections: 1 });
    onTestFinished(() => one.close());
    await rowsOf(one, 'create table changing (id integer)');
    const read = { name: 'changing', text: 'select * from changing', values: [] };
    await one.query(read, never);
    await rowsOf(database, 'alter table changing add column note text');
    expect(await rejectionOf(one.query(read, never))).toMatchObject({ action: 'retry', facts: { sqlState: '0A000' } });
    expect((await one.query(read, never)).rows).toEqual([]);
  });
});

describe('connections', () => {
  it('are shared: never more than allowed, each caller served in turn', async () => {
    const few = openDatabase(url, { connections: 2, applicationName: 'few' });
    onTestFinished(() => few.close());
    const seen = await Promise.all(Array.from({ length: 8 }, () => rowsOf(few, 'select pg_backend_pid() as pid, pg_sleep(0.01)')));
    expect(new Set(seen.map(([row]) => row?.pid)).size).toBeLessThanOrEqual(2);
    expect(await backends("application_name = 'few'")).toBeLessThanOrEqual(2);
  });

  it('leave the queue when the signal of a waiting caller is aborted', async () => {
    const single = openDatabase(url, { connections: 1 });
    onTestFinished(() => single.close());
    const stop = new AbortController();
    const first = rowsOf(single, 'select pg_sleep(0.2)');
    const second = rejectionOf(single.query({ text: 'select 1', values: [] }, stop.signal));
    const third = rowsOf(single, 'select 3 as three');
    stop.abort();
    expect(await second).toMatchObject({ name: 'AbortError' });
    await first;
    expect(await third).toEqual([{ three: '3' }]);
  });

  it('that idle while the server goes away harm nobody and are replaced', async () => {
    const idle = openDatabase(url, { connections: 1, applicationName: 'idle-one' });
    onTestFinished(() => idle.close());
    await rowsOf(idle, 'select 1');
    await rowsOf(database, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'idle-one'");
    await eventually(async () => (await backends("application_name = 'idle-one'")) === 0);
    const answer = await eventually(async () => {
      const [outcome] = await Promise.allSettled([rowsOf(idle, 'select 1 as one')]);
      return outcome.status === 'fulfilled' ? outcome.value : undefined;
    });
    expect(answer).toEqual([{ one: '1' }]);
  });

  it('work in UTC and read committed whatever the role’s defaults are', async () => {
    await rowsOf(database, 'create role odd login');
    onTestFinished(async () => {
      await rowsOf(database, 'drop role odd');
    });
    await rowsOf(database, "alter role odd set timezone = 'Asia/Tokyo'");
    await rowsOf(database, "alter role odd set datestyle = 'SQL, DMY'");
    await rowsOf(database, "alter role odd set default_transaction_isolation = 'serializable'");
    const odd = openDatabase(url.replace(/\/\/[^@]*@/, '//odd@'));
    const [, isolation] = await odd.transaction(
      [
        { text: 'select 1', values: [] },
        { text: "select current_setting('transaction_isolation') as level, timestamptz '2026-01-02 00:00Z' as moment", values: [] },
      ],
      never,
    );
    await odd.close();
    expect(isolation?.rows).toEqual([{ level: 'read committed', moment: '2026-01-02 00:00:00+00' }]);
  });

  it('tell a server that is not there apart from a wrong database', async () => {
    const wrong = openDatabase(url.replace(/\/[^/]*$/, '/not_there'));
    expect(await rejectionOf(wrong.query({ text: 'select 1', values: [] }, never))).toMatchObject({
      code: 'database_unreachable',
      message: expect.stringContaining('not_there'),
      facts: { sqlState: '3D000' },
    });
  });
});
