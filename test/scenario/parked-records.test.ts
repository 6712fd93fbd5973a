import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RejectedRecord } from '../../src/model/rejected.ts';
import { createTopic, eventually, freshDatabase, kafkajsFor, sharedRig, uniqueTopic } from '../rig/context.ts';
import { rowValue, TestDaemon } from './daemon.ts';

/** Issue of the peers: a child before its parent stops the topic or is diverted for ever, and a secondary unique value that moves between rows is lost. */
describe('records that wait for another row', () => {
  const { primary, regional } = sharedRig();
  const [children, parents] = [uniqueTopic('children'), uniqueTopic('parents')];
  const producer = kafkajsFor(primary).producer();
  let database: pg.Client;
  let daemon: TestDaemon;

  const send = async (topic: string, ...rows: readonly (readonly [id: number, note: string | null, version?: number])[]): Promise<void> => {
    const messages = rows.map(([id, note, version = 1]) => ({
      key: String(id),
      value: note === null ? null : rowValue(id, note, version),
    }));
    await producer.send({ topic, messages });
  };
  const parked = async (): Promise<readonly RejectedRecord[]> =>
    JSON.parse(await daemon.cli(['rejected', 'list', '--parked', '-o', 'json'])) as readonly RejectedRecord[];
  const childrenNow = async (): Promise<readonly string[]> =>
    (await database.query('select id, note from children order by id')).rows.map(({ id, note }) => `${id} ${note}`);

  beforeAll(async () => {
    const url = await freshDatabase();
    database = new pg.Client({ connectionString: url });
    await Promise.all([database.connect(), producer.connect()]);
    await database.query(`create table parents (id integer primary key, note text not null unique, version integer not null, farshore_version bytea);
create table children (id integer primary key, note text not null references parents (note), version integer not null, farshore_version bytea)`);
    await Promise.all([createTopic(primary, { topic: children }), createTopic(primary, { topic: parents })]);
    daemon = await TestDaemon.create({
      primary,
      regional,
      database: url,
      region: `parked-${children.slice(-10)}`,
      topics: [children, parents],
      tables: [
        `{ topic: ${children}, table: public.children, version: version }`,
        `{ topic: ${parents}, table: public.parents, version: version }`,
      ],
      extra: ['parked: { limit: 3, maxAgeSeconds: 3600 }'],
    });
    await daemon.start();
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await Promise.all([database?.end(), producer.disconnect()]);
  });

  it('C17: a child waits for its parent while others go on, and is applied when that comes; the newest state of a key wins', async () => {
    await send(parents, [1, 'one']);
    await eventually(async () => (await database.query('select 1 from parents')).rowCount === 1);
    await send(children, [10, 'two', 1], [11, 'one', 1], [12, 'three', 1], [10, 'two', 2]);
    await eventually(async () => (await childrenNow()).length === 1);
    const waiting = await eventually(async () => {
      const found = await parked();
      return found.length === 3 ? found : undefined;
    });
    expect(waiting.map(({ table, waitsFor, sqlState }) => [table, waitsFor, sqlState])).toEqual(
      Array.from({ length: 3 }, () => ['public.children', 'public.parents', '23503']),
    );
    expect(await childrenNow()).toEqual(['11 one']);
    // Restarted meanwhile: what waits is in the database.
    await daemon.kill();
    await daemon.start();
    await send(parents, [2, 'two']);
    await eventually(async () => (await childrenNow()).length === 2);
    expect(await childrenNow()).toEqual(['10 two', '11 one']);
    await eventually(async () => (await parked()).length === 1);
    expect((await database.query('select version from children where id = 10')).rows).toEqual([{ version: 2 }]);
  });

  it('a parent whose delete its children forbid goes when they have gone', async () => {
    await send(parents, [1, null]);
    await eventually(async () => (await parked()).length === 2);
    await send(children, [11, null]);
    await eventually(async () => (await database.query('select 1 from parents where id = 1')).rowCount === 0);
    expect(await childrenNow()).toEqual(['10 two']);
  });

  it('a unique value that another row still holds is waited for', async () => {
    await send(parents, [5, 'five']);
    await eventually(async () => (await database.query('select 1 from parents where id = 5')).rowCount === 1);
    await send(parents, [6, 'five']);
    await eventually(async () => (await parked()).some(({ sqlState }) => sqlState === '23505'));
    await send(parents, [5, 'fifth', 2]);
    await eventually(async () => (await database.query(`select 1 from parents where id = 6 and note = 'five'`)).rowCount === 1);
  });

  it('above the limit are rejected, and can be retried like any other', async () => {
    await send(children, [20, 'none', 1], [21, 'none', 1], [22, 'none', 1]);
    const list = async () => JSON.parse(await daemon.cli(['rejected', 'list', '-o', 'json'])) as readonly RejectedRecord[];
    await eventually(async () => (await list()).length === 1);
    expect(await parked()).toHaveLength(3);
    await send(parents, [9, 'none']);
    await eventually(async () => (await childrenNow()).filter((one) => one.endsWith('none')).length === 2);
    expect(JSON.parse(await daemon.cli(['rejected', 'retry', '--table', 'public.children', '-o', 'json']))).toMatchObject({ applied: 1 });
    expect(await childrenNow()).toEqual(['10 two', '20 none', '21 none', '22 none']);
  });
});
