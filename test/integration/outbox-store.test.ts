import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/model/clock.ts';
import type { OutboxRowState } from '../../src/model/outbox.ts';
import type { OutboxStore } from '../../src/outbox/contracts.ts';
import type { Database } from '../../src/postgres/database.ts';
import { outboxRows } from '../../src/postgres/outbox-rows.ts';
import { outboxStore } from '../../src/postgres/outbox-store.ts';
import { OutboxListener } from '../../src/postgres/outbox-wakeups.ts';
import { freshDatabase } from '../rig/context.ts';
import { homeAt, migratedDatabase, never, openDatabase, rowsOf } from './postgres-fixtures.ts';

const EPOCH = 4n;
const MAX_BYTES = 1 << 20;
let database: Database;
let url: string;
let store: OutboxStore;

beforeAll(async () => {
  url = await freshDatabase();
  database = await migratedDatabase(url);
});

afterAll(async () => {
  await database.close();
});

beforeEach(async () => {
  await rowsOf(database, 'truncate farshore.outbox restart identity');
  for (const topic of ['t', 'poison']) await database.query(homeAt(topic, 'eu-west'), never);
  await rowsOf(database, 'delete from farshore.lease');
  await rowsOf(
    database,
    `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', 4, 'a', clock_timestamp() + interval '1 hour')`,
  );
  store = outboxStore(database, EPOCH, 'eu-west', MAX_BYTES);
});

const insert = (topic: string, value: string) => ({
  text: `insert into farshore.outbox (topic, key, value) values ($1, 'k', convert_to($2, 'UTF8'))`,
  values: [topic, value],
});
const withHeaders = (topic: string, headers: string) => ({
  text: 'insert into farshore.outbox (topic, headers) values ($1, $2::jsonb)',
  values: [topic, headers],
});
const add = async (topic: string, value: string) => await database.query(insert(topic, value), never);
const claimed = async (limit = 100) => {
  const batch = await store.claim(limit, never);
  return batch?.rows.map(({ topic, value }) => `${topic} ${value}`);
};
const settle = async () => await store.published((await store.claim(100, never))!.name, never);

/** A session of an application, whose transaction stays open between statements. */
async function application() {
  const other = openDatabase(url);
  const session = await other.connect(never);
  const run = async (text: string, values: readonly unknown[] = []) => await session.run([{ text, values }], never);
  return { run, close: async () => [await session.close(), await other.close()] };
}

describe('the outbox table', () => {
  it('does not lose the row of a transaction that began first and commits last', async () => {
    const late = await application();
    try {
      await late.run('begin');
      await late.run(insert('t', 'late').text, ['t', 'late']);
      await add('t', 'early');
      expect(await claimed()).toBeUndefined();
      await late.run('commit');
      expect(await claimed()).toEqual(['t late', 't early']);
    } finally {
      await late.close();
    }
  });

  it('answers a row whose transaction number is another server’s, of a database that was moved here: it was never due', async () => {
    await add('t', 'moved');
    await rowsOf(database, "update farshore.outbox set xid = '1000000000000'");
    await add('t', 'own');
    expect(await claimed()).toEqual(['t moved', 't own']);
  });

  it('never answers a row that was rolled back', async () => {
    const undone = await application();
    try {
      await undone.run('begin');
      await undone.run(insert('t', 'undone').text, ['t', 'undone']);
      await undone.run('rollback');
    } finally {
      await undone.close();
    }
    await add('t', 'kept');
    expect(await claimed()).toEqual(['t kept']);
  });

  it('keeps the order of a row lock where the later writer has the lower transaction number', async () => {
    const first = await application();
    try {
      await first.run('begin');
      await first.run('select pg_current_xact_id()');
      await add('t', 'older state');
      await first.run(insert('t', 'newer').text, ['t', 'newer state']);
      await first.run('commit');
    } finally {
      await first.close();
    }
    expect(await claimed()).toEqual(['t older state', 't newer state']);
  });

  it('answers the open batch with its name until it is settled, whatever was added and whoever asks', async () => {
    await add('t', '1');
    const batch = await store.claim(100, never);
    await add('t', '2');
    await rowsOf(database, 'update farshore.lease set epoch = 5');
    expect(await outboxStore(database, 5n, 'eu-west', MAX_BYTES).claim(100, never)).toEqual(batch);
    await expect(store.published(batch!.name, never)).rejects.toMatchObject({ code: 'fenced' });
  });

  it('holds the topic of a refused row, in its order, and no other', async () => {
    await add('poison', '1');
    const batch = await store.claim(100, never);
    await store.release(batch!.name, { id: batch!.rows[0]!.id, holdMs: 3_600_000, error: 'too large' }, never);
    await add('poison', '2');
    await add('t', '3');
    expect(await claimed()).toEqual(['t 3']);
    await settle();
    expect(await claimed()).toBeUndefined();
    expect((await store.backlog(never)).unpublished).toBe(2);
    await rowsOf(database, 'update farshore.outbox set next_attempt_at = clock_timestamp() where attempts = 1');
    expect(await claimed()).toEqual(['poison 1', 'poison 2']);
  });

  it('C25: counts what is not known to be in Kafka, a batch that was sent and not marked too', async () => {
    expect(await store.backlog(never)).toEqual({ unpublished: 0, held: 0, oldestSeconds: undefined });
    await add('t', '1');
    await store.claim(100, never);
    expect((await store.backlog(never)).unpublished).toBe(1);
    await settle();
    expect((await store.backlog(never)).unpublished).toBe(0);
  });

  it('refuses a header value that is no text where it is written, and lets rows that are there already be claimed, held and freed', async () => {
    const written = async (headers: string) => await database.query(withHeaders('t', headers), never);
    for (const headers of ['{}', '{"a": "x", "b": ""}']) await written(headers);
    for (const headers of ['{"a": 1}', '{"a": null}', '{"a": "x", "b": true}', '{"a": {}}', '{"a": ["x"]}', '{"a": []}', '[]', '1'])
      await expect(written(headers)).rejects.toMatchObject({ cause: { code: '23514' } });
    await rowsOf(database, 'delete from farshore.outbox');
    await rowsOf(database, 'alter table farshore.outbox disable trigger farshore_outbox_headers');
    await written('{"a": 1}');
    await rowsOf(database, 'alter table farshore.outbox enable trigger farshore_outbox_headers');
    await add('t', 'behind');
    const batch = (await store.claim(100, never))!;
    expect(batch.rows.map(({ headers }) => headers)).toEqual([{ a: 1 }, {}]);
    await store.release(batch.name, { id: batch.rows[0]!.id, holdMs: 0, error: 'no text' }, never);
    await settle();
    expect(await store.backlog(never)).toMatchObject({ unpublished: 0 });
  });

  it('prunes published rows by age and never one that is not published', async () => {
    await add('t', '1');
    await settle();
    await add('t', '2');
    expect(await store.prune(3_600_000, 10, never)).toBe(0);
    await rowsOf(
      database,
      `update farshore.outbox set published_at = published_at - interval '2 hours', created_at = created_at - interval '2 hours'`,
    );
    expect(await store.prune(3_600_000, 10, never)).toBe(1);
    expect(await claimed()).toEqual(['t 2']);
  });

  it('C24: names no row of a topic whose home is elsewhere, or that nobody knows the home of, until it is here', async () => {
    await database.query(homeAt('t', 'us-east'), never);
    await add('t', '1');
    await add('unknown', '2');
    expect(await claimed()).toBeUndefined();
    expect(await store.backlog(never)).toMatchObject({ unpublished: 2, held: 2 });
    await database.query(homeAt('t', 'eu-west'), never);
    expect(await claimed()).toEqual(['t 1']);
    expect(await store.backlog(never)).toMatchObject({ unpublished: 2, held: 1 });
  });

  it('C24: does not hand out a batch that was named before the home moved away', async () => {
    await add('t', '1');
    const batch = await store.claim(100, never);
    await database.query(homeAt('t', 'us-east'), never);
    await add('poison', '2');
    expect(await claimed()).toBeUndefined();
    await database.query(homeAt('t', 'eu-west'), never);
    expect(await store.claim(100, never)).toEqual(batch);
  });

  it('ends a batch before its bytes are too many, and lets a single large row through', async () => {
    await add('t', 'x'.repeat(MAX_BYTES + 1));
    await add('t', 'y'.repeat(MAX_BYTES / 2));
    await add('t', 'z'.repeat(MAX_BYTES / 2));
    const sizes: number[][] = [];
    for (let batch = await store.claim(100, never); batch !== undefined; batch = await store.claim(100, never)) {
      sizes.push(batch.rows.map(({ value }) => value?.length ?? 0));
      await store.published(batch.name, never);
    }
    expect(sizes).toEqual([[MAX_BYTES + 1], [MAX_BYTES / 2], [MAX_BYTES / 2]]);
  });
});

describe('the outbox for those who look after it', () => {
  const rows = () => outboxRows(database, 'eu-west');
  const all = { ids: undefined, topic: undefined };
  const list = async (state?: OutboxRowState) =>
    (await rows().list({ topic: undefined, state, after: '0', limit: 100 }, never)).map((row) => `${row.id} ${row.topic} ${row.state}`);
  /** Rows 1 (refused) and 2 of poison, 3 of t, 4 of a topic that nobody knows. */
  const filled = async () => {
    await add('poison', 'bad');
    await add('poison', 'behind');
    await add('t', 'good');
    await add('nowhere', 'lost');
    const batch = (await store.claim(1, never))!;
    await store.release(batch.name, { id: batch.rows[0]!.id, holdMs: 60_000, error: 'batch_refused: too large' }, never);
  };

  it('tells each row’s state, and counts by topic', async () => {
    await filled();
    expect(await list()).toEqual(['1 poison refused', '2 poison behind', '3 t due', '4 nowhere held']);
    expect(await list('behind')).toEqual(['2 poison behind']);
    expect((await rows().topics(never)).map(({ topic, home, unpublished, refused }) => [topic, home, unpublished, refused])).toEqual([
      ['nowhere', null, 1, 0],
      ['poison', 'eu-west', 2, 1],
      ['t', 'eu-west', 1, 0],
    ]);
    const [first] = await rows().list({ topic: 'poison', state: undefined, after: '0', limit: 1 }, never);
    expect(first).toMatchObject({ attempts: 1, error: 'batch_refused: too large', partition: null, bytes: 4 });
  });

  it('a retry makes refused rows due at once, and is told with who asked', async () => {
    await filled();
    expect(await rows().retry(all, 'ann', never)).toBe(1);
    expect(await claimed()).toEqual(['poison bad', 'poison behind', 't good']);
    expect(
      await rowsOf(
        database,
        `select by, action, stage, topic, options ->> 'ids' as ids from farshore.operator_actions order by id desc limit 1`,
      ),
    ).toEqual([{ by: 'ann', action: 'retry', stage: 'outbox', topic: 'poison', ids: '1' }]);
  });

  it('never discards a row that may be in Kafka, or that goes out by itself', async () => {
    await filled();
    await rows().retry(all, 'ann', never);
    await store.claim(100, never);
    expect(await list()).toEqual(['1 poison sending', '2 poison sending', '3 t sending', '4 nowhere held']);
    expect(await rows().discard(all, 'ann', never)).toBe(0);
    expect(await rows().discard({ ids: ['1', '2', '3'], topic: undefined }, 'ann', never)).toBe(0);
  });

  it('discards refused rows, and held ones only by their ids', async () => {
    await filled();
    expect(await rows().discard({ ids: ['3'], topic: undefined }, 'ann', never)).toBe(0);
    expect(await rows().discard(all, 'ann', never)).toBe(1);
    expect(await list()).toEqual(['2 poison due', '3 t due', '4 nowhere held']);
    expect(await rows().discard({ ids: ['4'], topic: undefined }, 'ann', never)).toBe(1);
    expect(await list()).toEqual(['2 poison due', '3 t due']);
  });
});

describe('wake-ups of the outbox', () => {
  it('come with each insert and each retry, after the commit, and after a lost session again', async () => {
    const listener = new OutboxListener(database, systemClock);
    const stop = new AbortController();
    let rung = Promise.withResolvers<void>();
    const running = listener.listen(() => rung.resolve(), stop.signal).catch((error: unknown) => error);
    const heard = async () => {
      await rung.promise;
      rung = Promise.withResolvers<void>();
    };
    // The first one is its own: what came before it listened told nobody.
    await heard();
    expect(listener.listening).toBe(true);
    const open = await application();
    try {
      await open.run('begin');
      await open.run(insert('t', 'x').text, ['t', 'x']);
      let early = false;
      void rung.promise.then(() => {
        early = true;
      });
      await rowsOf(database, 'select 1');
      expect(early).toBe(false);
      await open.run('commit');
      await heard();
    } finally {
      await open.close();
    }
    await outboxRows(database, 'eu-west').retry({ ids: undefined, topic: undefined }, 'ann', never);
    await heard();
    await rowsOf(
      database,
      `select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen farshore_outbox' and datname = current_database()`,
    );
    await heard();
    await add('t', 'after');
    await heard();
    const reason = new Error('stopped');
    stop.abort(reason);
    expect(await running).toBe(reason);
    expect(listener.listening).toBe(false);
  });
});
