import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OperatorAction, PartitionStop } from '../../src/mirror/contracts.ts';
import { homeOffset, type RegionalOffset, regionalOffset } from '../../src/model/offsets.ts';
import { clusterLedger } from '../../src/postgres/cluster-ledger.ts';
import type { Database } from '../../src/postgres/database.ts';
import { schemaKeeper } from '../../src/postgres/schema-keeper.ts';
import { stopLedger } from '../../src/postgres/stop-ledger.ts';
import { topicLedger } from '../../src/postgres/topic-ledger.ts';
import { topicOrders } from '../../src/postgres/topic-orders.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  await rowsOf(
    database,
    "insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', 3, 'a', now() + interval '1 hour') on conflict (name) do update set epoch = 3",
  );
});

afterAll(async () => {
  await database.close();
});

const uuid = (n: number) => `6a5f6c6e-0000-4000-8000-${String(n).padStart(12, '0')}`;
const starts = (...offsets: readonly bigint[]): ReadonlyMap<number, RegionalOffset> =>
  new Map(offsets.map((offset, partition) => [partition, regionalOffset(offset)]));
const nothingLost = { code: undefined, lostFrom: undefined, lostTo: undefined, options: {} } as const;
const daemonLease = { name: 'daemon', epoch: 3n };
const ledger = () => topicLedger(database, daemonLease);
const claim = (topic: string, home = 'us-east') =>
  ledger().claim({ topic, home, homeTopicId: uuid(1), regionalTopicId: uuid(2), starts: starts(0n, 0n) }, never);

describe('the topic ledger', () => {
  it('C24: the first claim of a topic holds, with epoch 1 and generation 1', async () => {
    const claimed = await claim('one');
    expect(claimed).toEqual({
      topic: 'one',
      home: 'us-east',
      homeEpoch: 1,
      homeTopicId: uuid(1),
      regionalTopicId: uuid(2),
      partitions: 2,
      generations: [{ generation: 1, starts: starts(0n, 0n) }],
      mirroredFrom: starts(0n, 0n),
      epochFrom: starts(0n, 0n),
    });
    expect(await claim('one', 'ap-south')).toEqual(claimed);
    expect(await ledger().load(never)).toEqual([claimed]);
  });

  it('lets one of several claims at once through', async () => {
    const claims = await Promise.all(['a', 'b', 'c', 'd'].map((home) => claim('raced', home)));
    expect(new Set(claims.map(({ home }) => home)).size).toBe(1);
  });

  it('C3, C24: a home that moved is adopted once, with where each epoch starts', async () => {
    await claim('moved', 'eu-west');
    const epochs = [
      { epoch: 2, home: 'us-east', starts: starts(5n, 7n) },
      { epoch: 3, home: 'eu-west', starts: starts(8n, 9n) },
    ];
    const adopted = await ledger().adopt('moved', epochs, never);
    expect(adopted).toMatchObject({ home: 'eu-west', homeEpoch: 3 });
    // Somebody who looked before says the same with other offsets: what is recorded holds.
    await ledger().adopt('moved', [{ epoch: 2, home: 'us-east', starts: starts(99n, 99n) }], never);
    const [order] = await topicOrders(database, 'eu').load(['moved'], never);
    expect(order?.homeEpochs).toEqual([
      {
        epoch: 1,
        home: 'eu-west',
        starts: new Map([
          [0, 0n],
          [1, 0n],
        ]),
      },
      {
        epoch: 2,
        home: 'us-east',
        starts: new Map([
          [0, 5n],
          [1, 7n],
        ]),
      },
      {
        epoch: 3,
        home: 'eu-west',
        starts: new Map([
          [0, 8n],
          [1, 9n],
        ]),
      },
    ]);
  });

  it('C1: a generation is raised once, with where it starts in every partition', async () => {
    await claim('grown');
    const raise = (expected: number) =>
      ledger().raiseGeneration(
        {
          topic: 'grown',
          expected,
          reason: 'partitions grew',
          homeTopicId: uuid(1),
          regionalTopicId: uuid(2),
          starts: starts(2n ** 60n + 1n, 7n, 0n, 0n),
        },
        never,
      );
    const raised = await raise(1);
    expect(raised).toMatchObject({ partitions: 4, homeEpoch: 1 });
    expect(raised.generations).toEqual([
      { generation: 1, starts: starts(0n, 0n) },
      { generation: 2, starts: starts(2n ** 60n + 1n, 7n, 0n, 0n) },
    ]);
    expect(await raise(1)).toEqual(raised);
  });

  it('C10: a daemon whose lease is another’s changes nothing: a generation it raised would begin inside of what was mirrored since', async () => {
    const claimed = await claim('taken.over');
    const zombie = topicLedger(database, { name: 'daemon', epoch: 2n });
    const raise = {
      ...{ topic: 'taken.over', expected: 1, reason: 'rewind_accepted' },
      ...{ homeTopicId: uuid(1), regionalTopicId: uuid(2), starts: starts(1n, 1n) },
    };
    expect(await rejectionOf(zombie.raiseGeneration(raise, never))).toMatchObject({ code: 'fenced' });
    expect(await rejectionOf(zombie.adopt('taken.over', [{ epoch: 2, home: 'eu', starts: starts(5n, 7n) }], never))).toMatchObject({
      code: 'fenced',
    });
    const { topic, home, homeTopicId, regionalTopicId } = claimed;
    expect(
      await rejectionOf(zombie.claim({ topic: `${topic}.too`, home, homeTopicId, regionalTopicId, starts: starts(0n) }, never)),
    ).toMatchObject({
      code: 'fenced',
    });
    expect((await ledger().load(never)).filter((one) => one.topic.startsWith('taken.over'))).toEqual([claimed]);
  });

  it('C11: the copy of a log begins with its claim or a new topic, and not with growth or a rewind', async () => {
    await claim('copied');
    const raise = (expected: number, reason: string, ...at: readonly bigint[]) =>
      ledger().raiseGeneration(
        { topic: 'copied', expected, reason, homeTopicId: uuid(1), regionalTopicId: uuid(2), starts: starts(...at) },
        never,
      );
    expect((await raise(1, 'claimed_with_records', 5n, 6n)).mirroredFrom).toEqual(starts(5n, 6n));
    expect((await raise(2, 'rewind_accepted', 8n, 9n)).mirroredFrom).toEqual(starts(5n, 6n));
    expect((await raise(3, 'partitions_grown', 10n, 11n, 0n)).mirroredFrom).toEqual(starts(5n, 6n, 0n));
    expect((await raise(4, 'rewind_accepted', 12n, 13n, 3n)).mirroredFrom).toEqual(starts(5n, 6n, 0n));
    expect((await raise(5, 'home_recreated', 20n, 21n, 22n)).mirroredFrom).toEqual(starts(20n, 21n, 22n));
  });

  it('C3: the present epoch begins in the region where it was adopted; a partition that is younger has its start from its first offset', async () => {
    await claim('moved.and.grown');
    const adopted = await ledger().adopt('moved.and.grown', [{ epoch: 2, home: 'eu', starts: starts(5n, 6n) }], never);
    expect(adopted.epochFrom).toEqual(starts(5n, 6n));
    const grown = { topic: 'moved.and.grown', expected: 1, reason: 'partitions_grown', homeTopicId: uuid(1), regionalTopicId: uuid(2) };
    expect((await ledger().raiseGeneration({ ...grown, starts: starts(7n, 8n, 0n) }, never)).epochFrom).toEqual(starts(5n, 6n, 0n));
  });

  it('tells apply the generations, and where each home begins in every partition', async () => {
    expect(await topicOrders(database, 'eu').load(['grown', 'nobody.claimed'], never)).toEqual([
      {
        topic: 'grown',
        home: 'us-east',
        regionalTopicId: uuid(2),
        generations: [
          { generation: 1, starts: starts(0n, 0n) },
          { generation: 2, starts: starts(2n ** 60n + 1n, 7n, 0n, 0n) },
        ],
        homeEpochs: [
          {
            epoch: 1,
            home: 'us-east',
            starts: new Map([0, 1, 2, 3].map((partition) => [partition, 0n])),
          },
        ],
        written: new Set(),
      },
    ]);
  });

  it('tells the epochs in which the region’s applications have written: opened here, and the present one', async () => {
    await claim('written');
    const written = async (region: string) => (await topicOrders(database, region).load(['written'], never))[0]?.written;
    expect(await written('eu')).toEqual(new Set());
    await rowsOf(
      database,
      "insert into farshore.home_epochs select 'written', e, 0, case when e = 72 then 'us-east' else 'eu' end, e from generate_series(71, 74) e",
    );
    await rowsOf(
      database,
      `insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, reason)
       values (71, 'farshore', 'step_started', 'draining', 'switched', 71, 'region', 'test'), (73, 'farshore', 'step_started', 'draining', 'switched', 73, 'nobody', 'test')`,
    );
    expect(await written('eu'), 'a database restored from a backup knows nothing of 74').toEqual(new Set([71]));
    expect(await written('us-east'), 'the present one').toEqual(new Set([1]));
    await rowsOf(database, "update farshore.topics set home_epoch = 73, home = 'eu' where topic = 'written'");
    expect(await written('eu'), 'about to').toEqual(new Set([71, 73]));
    expect(await written('ap')).toEqual(new Set());
  });

  it('forgets where homes began in a regional topic that was created again', async () => {
    await claim('again');
    await rowsOf(database, "update farshore.topics set home_epoch = 2, home = 'eu' where topic = 'again'");
    await rowsOf(database, "insert into farshore.home_epochs values ('again', 2, 0, 'eu', 500), ('again', 2, 1, 'eu', 600)");
    await ledger().raiseGeneration(
      { topic: 'again', expected: 1, reason: 'created again', homeTopicId: uuid(1), regionalTopicId: uuid(3), starts: starts(0n, 0n) },
      never,
    );
    const [order] = await topicOrders(database, 'eu').load(['again'], never);
    expect(order?.homeEpochs).toEqual([
      {
        epoch: 2,
        home: 'eu',
        starts: new Map([
          [0, 0n],
          [1, 0n],
        ]),
      },
    ]);
  });
});

describe('the stop ledger', () => {
  const stop: PartitionStop = {
    stage: 'mirror',
    topic: 'one',
    partition: 3,
    state: 'stopped',
    code: 'source_truncated',
    message: 'it is gone',
    hint: undefined,
    since: '2026-11-23T07:00:00.125Z',
  };
  const lease = { name: 'shard-3', epoch: 7n };
  const takeOver = (name: string, epoch: bigint) =>
    rowsOf(
      database,
      `insert into farshore.lease (name, epoch, holder, expires_at) values ('${name}', ${epoch}, 'somebody', now() + interval '1 hour')
       on conflict (name) do update set epoch = excluded.epoch`,
    );
  beforeEach(() => takeOver(lease.name, lease.epoch));

  it('a daemon whose lease was taken over neither stops, resumes nor records anything, and says that it is fenced', async () => {
    const ledger = stopLedger(database, lease);
    const paused = { ...stop, state: 'paused', code: 'partition_paused' } as const;
    await ledger.put(paused, never);
    await takeOver(lease.name, lease.epoch + 1n);
    const action: OperatorAction = {
      ...({ action: 'pause', stage: 'mirror', topic: 'late', partition: 3, by: 'ada' } as const),
      ...nothingLost,
    };
    const late = [() => ledger.put(stop, never), () => ledger.clear('mirror', 'one', 3, never), () => ledger.record(action, never)];
    for (const change of late) expect(await rejectionOf(change())).toMatchObject({ code: 'fenced', action: 'halt' });
    expect(await ledger.load('mirror', never)).toEqual([paused]);
    expect(await rowsOf(database, "select 1 from farshore.operator_actions where topic = 'late'")).toEqual([]);
    // Of another lease's epoch nothing follows.
    await takeOver('daemon', 7n);
    expect(await rejectionOf(stopLedger(database, lease).put(stop, never))).toMatchObject({ code: 'fenced' });
    await stopLedger(database, { name: 'daemon', epoch: 7n }).clear('mirror', 'one', 3, never);
  });

  it('keeps stops by stage, the latest word for a partition', async () => {
    const ledger = stopLedger(database, lease);
    await ledger.put(stop, never);
    await ledger.put({ ...stop, stage: 'apply' }, never);
    const paused = { ...stop, state: 'paused', code: 'partition_paused', hint: 'farshore partition resume one:3' } as const;
    await ledger.put(paused, never);
    expect(await ledger.load('mirror', never)).toEqual([paused]);
    await ledger.clear('mirror', 'one', 3, never);
    expect(await ledger.load('mirror', never)).toEqual([]);
    expect(await ledger.load('apply', never)).toEqual([{ ...stop, stage: 'apply' }]);
  });

  it('writes down who did what and which offsets were given up', async () => {
    await stopLedger(database, lease).record(
      {
        action: 'resume',
        stage: 'mirror',
        topic: 'one',
        partition: 3,
        by: "o'neil",
        code: undefined,
        lostFrom: homeOffset(1n),
        lostTo: homeOffset(2n ** 62n),
        options: { from: 'earliest' },
      },
      never,
    );
    expect(await rowsOf(database, 'select by, code, lost_from, lost_to, options from farshore.operator_actions')).toEqual([
      { by: "o'neil", code: null, lost_from: '1', lost_to: `${2n ** 62n}`, options: '{"from": "earliest"}' },
    ]);
  });
});

describe('kept schemas', () => {
  it('C22: are kept by registry and id, and one id never stands for two texts', async () => {
    const keeper = schemaKeeper(database);
    expect(await keeper.get('r1', '7', never)).toBeUndefined();
    expect(await keeper.put('r1', '7', '"long"', never)).toBe('kept');
    expect(await keeper.put('r1', '7', '"long"', never)).toBe('same');
    expect(await keeper.put('r2', '7', '"int"', never)).toBe('kept');
    expect(await keeper.get('r1', '7', never)).toBe('"long"');
    expect(await rejectionOf(keeper.put('r1', '7', '"int"', never))).toMatchObject({ code: 'schema_conflict' });
    expect(await keeper.get('r2', '7', never)).toBe('"int"');
  });

  it('C22: a conflict stays with the first two texts, whatever comes after it', async () => {
    const keeper = schemaKeeper(database);
    await keeper.put("r'3", '7', '"long"', never);
    for (const text of ['"int"', '"string"', '"long"'])
      expect(await rejectionOf(keeper.put("r'3", '7', text, never))).toMatchObject({ code: 'schema_conflict', place: 'schema 7' });
    expect(await rejectionOf(keeper.get("r'3", '7', never))).toMatchObject({
      code: 'schema_conflict',
      hint: expect.stringContaining("update farshore.schemas set conflicts_with = null where registry = 'r''3' and id = '7';"),
    });
    expect(await keeper.conflicts("r'3", never)).toEqual(['7']);
    expect(await keeper.conflicts('r2', never)).toEqual([]);
    const kept = await database.query(
      { text: "select schema, conflicts_with from farshore.schemas where registry = 'r''3'", values: [] },
      never,
    );
    expect(kept.rows).toEqual([{ schema: '"long"', conflicts_with: '"int"' }]);
  });
});

describe('the cluster ledger', () => {
  it('remembers the first cluster of each role and refuses another', async () => {
    const ledger = clusterLedger(database);
    await ledger.confirm('primary', 'us-east', 'AAA', never);
    await ledger.confirm('primary', 'renamed', 'AAA', never);
    expect(await rejectionOf(ledger.confirm('primary', 'us-east', 'BBB', never))).toMatchObject({
      code: 'cluster_wrong',
      place: 'primary.kafka.brokers',
      hint: expect.stringContaining("delete from farshore.clusters where role = 'primary'"),
    });
  });

  it('refuses one cluster in both roles and remembers nothing of it', async () => {
    const ledger = clusterLedger(database);
    expect(await rejectionOf(ledger.confirm('regional', 'eu', 'AAA', never))).toMatchObject({ code: 'cluster_wrong' });
    await ledger.confirm('regional', 'eu', 'CCC', never);
    expect(await rowsOf(database, 'select role, cluster_id from farshore.clusters order by role')).toEqual([
      { role: 'primary', cluster_id: 'AAA' },
      { role: 'regional', cluster_id: 'CCC' },
    ]);
  });
});
