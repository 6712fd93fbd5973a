import { describe, expect, it } from 'vitest';
import { FarshoreError } from '../../../src/model/errors.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { TestDecoders, type TestRecord, testBatch } from './log-double.ts';
import { eventually, generationsOf, order, otherTopicId, type Rig, rigOf, thingFields, topicId } from './stage-doubles.ts';

const thing = (offset: bigint, id: bigint, name = `name ${id}`): TestRecord => ({ offset, value: { id, name } });
const things = (from: bigint, count: number) =>
  testBatch(Array.from({ length: count }, (_, i) => thing(from + BigInt(i), from + BigInt(i))));
const malformed = (offset: bigint): TestRecord => ({ offset, value: 'malformed' });
const nameless = (offset: bigint): TestRecord => ({ offset, value: { id: null, name: 'no key' } });
const nine = () => testBatch(Array.from({ length: 9 }, (_, i) => thing(BigInt(i), BigInt(i), i === 6 ? 'poison' : 'fine')));
const refusing =
  (facts: Readonly<Record<string, string | boolean>>) =>
  (rows: readonly (readonly unknown[])[]): void => {
    if (rows.some((row) => row[1] === 'poison'))
      throw new FarshoreError('row_refused', 'no', { facts: { outcome: 'not_applied', ...facts } });
  };
const named = ({ database }: Rig) => Object.fromEntries([...database.rows].map(([id, { values }]) => [id, values[1]]));
const applied = ({ events }: Rig) => events.filter((event) => event.type === 'batch_applied');

function runningRig(...args: Parameters<typeof rigOf>): Rig {
  const rig = rigOf(...args);
  rig.orders.set(
    'things',
    order(
      'things',
      generationsOf([
        [0, 0n],
        [1, 0n],
      ]),
    ),
  );
  rig.source.log('things', 0);
  return rig;
}

/** The home was the region from offset 2 on, and went back at 4. */
const thereAndBack = [
  { epoch: 1, home: 'east', starts: new Map() },
  { epoch: 2, home: 'west', starts: new Map([[0, 2n]]) },
  { epoch: 3, home: 'east', starts: new Map([[0, 4n]]) },
];

describe('ApplyStage', () => {
  it('applies every partition in order, in batches, and ends where the log ends', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 7), things(7n, 7), things(14n, 25));
    rig.source.append('things', 1, testBatch([thing(0n, 100n)]));
    void rig.start();
    await eventually(() => expect([rig.database.next('things', 0), rig.database.next('things', 1)]).toEqual([39n, 1n]));
    expect(rig.database.rows.size).toBe(40);
    expect(
      applied(rig)
        .map(({ records }) => records)
        .reduce((a, b) => a + b),
    ).toBe(40);
    expect(Math.max(...applied(rig).map(({ records }) => records))).toBe(10);
    expect(rig.budget.free).toBe(rig.budget.limit);
    expect(rig.stage.status('things', 0)).toMatchObject({ state: 'running', next: '39', end: '39' });
    expect(rig.database.positions.get('things:0')).toMatchObject({ leaderEpoch: 0, crc: 39 });
  });

  it('goes on inside a batch that was applied in part', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 8));
    rig.database.positions.set('things:0', { topic: 'things', partition: 0, topicId, next: regionalOffset(5n), leaderEpoch: 0, crc: 8 });
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(8n));
    expect(Object.keys(named(rig))).toEqual(['5', '6', '7']);
  });

  it('C3: moves over records of an epoch whose home is the region itself', async () => {
    const rig = runningRig();
    rig.orders.set('things', order('things', generationsOf([[0, 0n]]), thereAndBack));
    rig.source.append('things', 0, things(0n, 6));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(6n));
    expect(Object.keys(named(rig))).toEqual(['0', '1', '4', '5']);
    expect(rig.database.rows.get('5')?.version.slice(0, 8)).toBe('00000003');
  });

  it('C3: a table that is added after applications of the region have written does not begin with records of an older home', async () => {
    const rig = runningRig();
    rig.orders.set('things', order('things', generationsOf([[0, 0n]]), thereAndBack, [2]));
    rig.source.append('things', 0, things(0n, 6));
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code: 'home_older' }));
    expect(rig.stage.status('things', 0)?.hint).toMatch(/ farshore partition resume things:0 --stage apply --from 2 --accept-loss$/);
    expect(rig.database.transactions).toBe(0);
    await rig.stage.resume('things', 0, { from: 2n, acceptLoss: true, acceptRecreated: false, by: 'ann' }, new AbortController().signal);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(6n));
    expect(Object.keys(named(rig))).toEqual(['4', '5']);
  });

  it('C3: a table that comes back to apply.tables in the middle of an older home’s records stops before the next of them', async () => {
    const rig = runningRig();
    const homes = [
      { epoch: 1, home: 'east', starts: new Map() },
      { epoch: 2, home: 'west', starts: new Map([[0, 4n]]) },
      { epoch: 3, home: 'east', starts: new Map([[0, 6n]]) },
    ];
    rig.orders.set('things', order('things', generationsOf([[0, 0n]]), homes, [2]));
    rig.source.append('things', 0, things(0n, 8));
    rig.database.positions.set('things:0', { topic: 'things', partition: 0, topicId, next: regionalOffset(1n), leaderEpoch: 0, crc: 8 });
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code: 'home_older', next: '1' }));
    // No other command: each record before 4 would stop it again.
    expect(rig.stage.status('things', 0)?.hint?.match(/farshore partition [^.]*/g)).toEqual([
      'farshore partition resume things:0 --stage apply --from 4 --accept-loss',
    ]);
    expect(rig.database.rows.size).toBe(0);
    await rig.stage.resume('things', 0, { from: 4n, acceptLoss: true, acceptRecreated: false, by: 'ann' }, new AbortController().signal);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(8n));
    expect(Object.keys(named(rig))).toEqual(['6', '7']);
  });

  it('C3: nothing but markers of an older home is passed over', async () => {
    const rig = runningRig();
    rig.orders.set('things', order('things', generationsOf([[0, 0n]]), thereAndBack, [2]));
    rig.source.append('things', 0, things(0n, 1), things(2n, 4));
    rig.database.positions.set('things:0', { topic: 'things', partition: 0, topicId, next: regionalOffset(1n), leaderEpoch: 0, crc: 1 });
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(6n));
    expect(Object.keys(named(rig))).toEqual(['4', '5']);
  });

  it('C1: nothing of a generation is applied before every partition has reached its start', async () => {
    const rig = runningRig();
    rig.orders.set(
      'things',
      order(
        'things',
        generationsOf(
          [[0, 0n]],
          [
            [0, 3n],
            [1, 0n],
          ],
        ),
      ),
    );
    rig.source.log('things', 0).end = 0n;
    rig.source.append('things', 1, testBatch([thing(0n, 1n, 'new partition')]));
    void rig.start();
    await eventually(() =>
      expect(rig.stage.status('things', 1)).toMatchObject({ state: 'waiting', message: expect.stringContaining('partition 0') }),
    );
    expect(rig.database.transactions).toBe(0);
    rig.source.append('things', 0, testBatch([thing(0n, 1n, 'old'), thing(1n, 9n), thing(2n, 8n)]), testBatch([thing(3n, 7n)]));
    await eventually(() => expect([rig.database.next('things', 0), rig.database.next('things', 1)]).toEqual([4n, 1n]));
    expect(named(rig)).toMatchObject({ 1: 'new partition', 7: 'name 7' });
  });

  it('C1: knows a generation that was raised before its first record was written, however old the last look at the ledger', async () => {
    const rig = runningRig({ refreshMs: 1_000_000 });
    rig.orders.set('things', order('things', generationsOf([[0, 0n]])));
    rig.source.append('things', 0, things(0n, 2));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(2n));
    rig.orders.set('things', order('things', generationsOf([[0, 0n]], [[0, 2n]])));
    rig.source.append('things', 0, things(2n, 1));
    await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
    expect(rig.database.rows.get('2')?.version.slice(10, 18), 'generation').toBe('00000002');
  });

  it('takes every topic but the one that may not be described, which stops alone and goes on once it may', async () => {
    const rig = runningRig({ entries: [{ topic: 'secret' }, { topic: 'things' }] });
    const describeAll = rig.source.describe.bind(rig.source);
    let denied = true;
    rig.source.describe = async (topics) => {
      if (denied && topics.includes('secret')) throw new FarshoreError('cluster_denied', 'topic secret may not be seen');
      return await describeAll(topics);
    };
    rig.source.append('things', 0, things(0n, 2));
    rig.source.log('secret', 0);
    rig.orders.set('secret', order('secret', generationsOf([[0, 0n]])));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(2n));
    expect(rig.stage.refusal('secret')).toMatchObject({ code: 'cluster_denied' });
    const told = () => rig.events.filter((event) => event.type === 'apply_retried');
    expect(told()).toMatchObject([{ topic: 'secret', code: 'cluster_denied' }]);
    denied = false;
    await eventually(() => expect(rig.stage.status('secret', 0)).toMatchObject({ state: 'running' }));
    denied = true;
    await eventually(() => expect(rig.stage.status('secret', 0)).toMatchObject({ state: 'stopped', code: 'cluster_denied' }));
    expect(rig.stage.status('things', 0)).toMatchObject({ state: 'running' });
    denied = false;
    await eventually(() => expect(rig.stage.status('secret', 0)).toMatchObject({ state: 'running' }));
  });

  it('proves every topic but the one whose configs may not be read', async () => {
    const compactedTopics = async (topics: readonly string[]) => {
      if (topics.includes('secret')) throw new FarshoreError('cluster_denied', 'DescribeConfigs');
      return new Set<string>();
    };
    const rig = rigOf({ entries: [{ topic: 'secret' }, { topic: 'things' }] }, { compactedTopics });
    for (const topic of ['secret', 'things']) {
      rig.orders.set(topic, order(topic, generationsOf([[0, 0n]])));
      rig.source.log(topic, 0);
    }
    rig.source.append('things', 0, things(0n, 2));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(2n));
    await eventually(() => expect(rig.stage.status('secret', 0)).toMatchObject({ state: 'stopped', code: 'cluster_denied' }));
  });

  it('waits while the ledger does not know the topic', async () => {
    const rig = runningRig();
    const known = rig.orders.get('things')!;
    rig.orders.clear();
    rig.source.append('things', 0, things(0n, 2));
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'waiting', next: '0' }));
    rig.orders.set('things', known);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(2n));
  });

  it('C8: passes a gap at the end only after an empty answer of its own', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 2));
    rig.source.log('things', 0).end = 5n;
    rig.source.append('things', 1, things(0n, 1));
    const alone: bigint[] = [];
    rig.source.beforeAnswer = (targets) => {
      if (targets.length === 1 && targets[0]!.partition === 0) alone.push(targets[0]!.offset);
      return undefined;
    };
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(5n));
    expect(alone).toContain(2n);
    expect(rig.database.positions.get('things:0'), 'the proof is still the last batch').toMatchObject({ crc: 2 });
  });

  it('C8: an empty answer beside others loses nothing', async () => {
    const rig = runningRig();
    rig.source.starved = ({ partition }) => partition === 0;
    rig.source.append('things', 0, things(0n, 3));
    rig.source.append('things', 1, testBatch([thing(0n, 50n)]));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
    expect(Object.keys(named(rig)).toSorted()).toEqual(['0', '1', '2', '50']);
  });

  it('asks a partition that a full answer left out for no more than the budget has free', async () => {
    const rig = runningRig({ maxPartitionFetchBytes: 10_000_000 });
    rig.source.starved = ({ partition }) => partition === 0;
    rig.source.append('things', 0, things(0n, 3));
    rig.source.append('things', 1, testBatch([thing(0n, 50n)]));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
    expect(rig.source.aloneLimits.length).toBeGreaterThan(0);
    expect(Math.max(...rig.source.aloneLimits)).toBeLessThanOrEqual(rig.budget.limit);
  });

  it('C16: a record that cannot be decoded is kept, and those after it are applied', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, testBatch([thing(0n, 1n), thing(1n, 2n), malformed(2n), thing(3n, 3n), nameless(4n)]));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(5n));
    expect(Object.keys(named(rig))).toEqual(['1', '2', '3']);
    expect(rig.database.kept).toEqual(['things:0@2 public.things record_malformed', 'things:0@4 public.things record_unmappable']);
    expect(rig.database.transactions).toBe(1);
    expect(rig.stage.status('things', 0)?.state).toBe('running');
    expect(rig.events.filter(({ type }) => type === 'records_rejected')).toMatchObject([
      { topic: 'things', partition: 0, table: 'public.things', code: 'record_malformed', records: 1, firstOffset: 2n },
      { code: 'record_unmappable', records: 1, firstOffset: 4n },
    ]);
    expect(applied(rig)).toMatchObject([{ records: 5, upserts: 3 }]);
  });

  it('C16: finds a row the database refuses by halves, each with its position, and keeps it', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, nine());
    rig.database.beforeCommit = refusing({ rowAtFault: true, sqlState: '23514' });
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(9n));
    expect(Object.keys(named(rig))).toEqual(['0', '1', '2', '3', '4', '5', '7', '8']);
    expect(rig.database.kept).toEqual(['things:0@6 public.things row_refused']);
    expect(rig.budget.free).toBe(rig.budget.limit);
  });

  it.each([
    ['its parent is missing', { sqlState: '23503', table: 'public.things', constraint: 'fk' }, 'public.parents'],
    ['its children are there', { sqlState: '23503', table: 'public.children', constraint: 'fk' }, 'public.children'],
    ['another row holds the value', { sqlState: '23505', table: 'public.things' }, 'public.things'],
  ])(
    'C17: a row refused because %s is parked with the table it waits for, and those above the limit are rejected',
    async (_why, facts, parent) => {
      const rig = runningRig();
      rig.source.append('things', 0, nine());
      rig.source.append('things', 1, testBatch([thing(0n, 10n, 'poison'), thing(1n, 11n)]));
      rig.database.beforeCommit = refusing({ ...facts, rowAtFault: true });
      void rig.start();
      await eventually(() => expect([rig.database.next('things', 0), rig.database.next('things', 1)]).toEqual([9n, 2n]));
      expect(rig.database.kept.map((line) => line.replace(/^.* row_refused/, '')).sort()).toEqual(['', ` waits for ${parent}`]);
      expect(rig.events.filter(({ type }) => type === 'records_parked')).toMatchObject([{ waitsFor: parent, records: 1 }]);
      expect(rig.budget.free).toBe(rig.budget.limit);
    },
  );

  it('C16: a row refused because the server itself is at fault is not kept: the partition stands at it and says how to go on', async () => {
    const facts = { sqlState: 'XX000' };
    const rig = runningRig();
    rig.source.append('things', 0, nine());
    rig.source.append('things', 1, testBatch([thing(0n, 10n)]));
    rig.database.beforeCommit = refusing(facts);
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code: 'row_refused', next: '6' }));
    expect(Object.keys(named(rig))).toEqual(expect.arrayContaining(['0', '1', '2', '3', '4', '5']));
    expect(rig.database.kept).toEqual([]);
    expect(rig.stage.status('things', 0)?.hint).toContain('farshore partition resume things:0 --stage apply --from 7 --accept-loss');
    expect(rig.database.stops.get('things:0')).toMatchObject({ state: 'stopped', code: 'row_refused' });
    rig.source.append('things', 1, testBatch([thing(1n, 11n)]));
    await eventually(() => expect(rig.database.next('things', 1)).toBe(2n));
    const request = { from: 7n, acceptLoss: true, acceptRecreated: false, by: 'ops' };
    await expect(rig.stage.resume('things', 0, { ...request, acceptLoss: false }, new AbortController().signal)).rejects.toMatchObject({
      code: 'request_invalid',
    });
    await rig.stage.resume('things', 0, request, new AbortController().signal);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(9n));
    expect(rig.database.actions).toMatchObject([{ by: 'ops', code: 'row_refused', lostFrom: 6n, lostTo: 7n }]);
    expect(rig.database.stops.size).toBe(0);
    expect(rig.budget.free).toBe(rig.budget.limit);
  });

  it('a row that the ledger of rejected records cannot take either stops the partition instead of being tried for ever', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, testBatch([malformed(0n)]));
    rig.database.beforeCommit = () => {
      throw new FarshoreError('row_refused', 'no', { facts: { rowAtFault: true, sqlState: '54000', outcome: 'not_applied' } });
    };
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code: 'row_refused', next: '0' }));
  });

  it('a flood of bad records stops the table with nothing diverted, and a resume allows as many again', async () => {
    const rig = runningRig({ rejectBudget: { share: 0.2, perMinute: 4 }, maxBatchRecords: 5 });
    const bad = (from: bigint, count: number) => Array.from({ length: count }, (_, i) => malformed(from + BigInt(i)));
    rig.source.append('things', 0, testBatch(bad(0n, 4)), testBatch(bad(4n, 4)));
    rig.source.append('things', 1, testBatch([thing(0n, 1n)]));
    void rig.start();
    await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ code: 'rejected_flood', next: '4' }));
    expect(rig.stage.status('things', 1)).toMatchObject({ code: 'rejected_flood' });
    expect(rig.database.kept).toHaveLength(4);
    expect(rig.stage.status('things', 0)?.hint).toContain('farshore rejected list --table public.things');
    const request = { from: undefined, acceptLoss: false, acceptRecreated: false, by: 'ops' };
    await rig.stage.resume('things', undefined, request, new AbortController().signal);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(8n));
    expect(rig.database.kept).toHaveLength(8);
  });

  it('reads the position after an unknown outcome and does not apply twice', async () => {
    const rig = runningRig();
    let lost = 2;
    rig.source.append('things', 0, things(0n, 30));
    rig.database.afterCommit = () => {
      if (lost-- > 0) throw new FarshoreError('database_unreachable', 'the connection was lost', { facts: { outcome: 'unknown' } });
    };
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(30n));
    expect(rig.database.transactions).toBe(3);
    expect(rig.events.filter(({ type }) => type === 'apply_retried')).toHaveLength(2);
  });

  it('sends the same batch again after a failure that passes', async () => {
    const rig = runningRig();
    let failures = 3;
    rig.source.append('things', 0, things(0n, 4));
    rig.database.beforeCommit = () => {
      if (failures-- > 0)
        throw new FarshoreError('database_unreachable', 'deadlock', { facts: { outcome: 'not_applied', sqlState: '40P01' } });
    };
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(4n));
    expect(rig.events.filter(({ type }) => type === 'apply_retried')).toMatchObject([{ sqlState: '40P01' }, {}, {}]);
  });

  it('halts when another daemon has taken over', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 4));
    rig.database.epoch = 2n;
    await expect(rig.start()).rejects.toMatchObject({ code: 'fenced' });
    expect(rig.database.rows.size).toBe(0);
  });

  it('ends after the transaction in hand when it is stopped', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 30));
    rig.database.afterCommit = () => rig.stop();
    await rig.start();
    expect(rig.database.next('things', 0)).toBe(10n);
  });

  it('stops all partitions of a table that does not fit, and goes on when it was mended and they are resumed', async () => {
    const rig = runningRig();
    const [whole] = rig.tables.splice(0);
    rig.source.append('things', 0, things(0n, 1));
    rig.source.append('things', 1, things(1n, 1));
    void rig.start();
    const states = () => [0, 1].map((partition) => rig.stage.status('things', partition)?.code);
    await eventually(() => expect(states()).toEqual(['table_missing', 'table_missing']));
    expect([...rig.stage.tables()]).toMatchObject([{ table: 'public.things', state: 'stopped' }]);
    rig.tables.push(whole!);
    const request = { from: undefined, acceptLoss: false, acceptRecreated: false, by: 'ops' };
    await rig.stage.resume('things', undefined, request, new AbortController().signal);
    await eventually(() => expect(rig.database.rows.size).toBe(2));
  });

  it('a table that was missing is filled once it is there, without a command, and is shown as stopped until then', async () => {
    const rig = runningRig();
    const [whole] = rig.tables.splice(0);
    rig.source.append('things', 0, things(0n, 1));
    void rig.start();
    const status = () => rig.stage.status('things', 0);
    await eventually(() => expect(status()?.code).toBe('table_missing'));
    // Several trials later: one event, and no moment in which it looked well.
    const trials = rig.source.fetched.length + 3;
    await eventually(() => {
      expect(status()).toMatchObject({ state: 'stopped', code: 'table_missing' });
      expect(rig.source.fetched.length).toBeGreaterThan(trials);
    });
    expect(rig.events.filter(({ type }) => type === 'partition_stopped')).toHaveLength(1);
    rig.tables.push(whole!);
    await eventually(() => expect(rig.database.rows.size).toBe(1));
    await eventually(() => expect(status()?.state).toBe('running'));
    expect(rig.events.filter(({ type }) => type === 'partition_resumed')).toMatchObject([{ stage: 'apply', by: 'mended' }]);
  });

  it('records of a schema the registry does not know are kept, and it is asked once for all of them', async () => {
    const decoders = new TestDecoders(new Map([['1', thingFields]]));
    const rig = runningRig({}, { decoders });
    rig.source.append('things', 0, testBatch([thing(0n, 1n), { ...thing(1n, 2n), schema: '99' }, { ...thing(2n, 3n), schema: '99' }]));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
    expect(rig.database.kept).toEqual(['things:0@1 public.things schema_unknown', 'things:0@2 public.things schema_unknown']);
    expect(decoders.loads).toBe(2);
  });

  it('a pause ends after the transaction in hand and holds until it is resumed', async () => {
    const rig = runningRig();
    rig.source.append('things', 0, things(0n, 3));
    void rig.start();
    await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
    await rig.stage.pause('things', 0, 'ops', new AbortController().signal);
    rig.source.append('things', 0, things(3n, 3));
    const { length } = rig.source.fetched;
    rig.source.append('things', 1, things(50n, 1));
    await eventually(() => expect(rig.source.fetched.length).toBeGreaterThan(length + 3));
    expect(rig.database.next('things', 0)).toBe(3n);
    expect(rig.stage.status('things', 0)).toMatchObject({ state: 'paused', code: 'partition_paused' });
    const request = { from: undefined, acceptLoss: false, acceptRecreated: false, by: 'ops' };
    await rig.stage.resume('things', 0, request, new AbortController().signal);
    await eventually(() => expect(rig.database.next('things', 0)).toBe(6n));
  });

  it('heartbeats move the position only and are handed on after the commit', async () => {
    const rig = rigOf({ entries: [], heartbeatTopic: 'farshore.heartbeat.east' });
    const topic = 'farshore.heartbeat.east';
    rig.source.append(topic, 0, testBatch([{ offset: 0n, key: 'k', value: { seq: 1 } }]));
    rig.database.beforeCommit = () => expect(rig.heartbeats).toEqual([]);
    void rig.start();
    await eventually(() => expect(rig.heartbeats).toEqual([['k', '1|{"seq":1}']]));
    expect(rig.database.next(topic, 0)).toBe(1n);
    expect(rig.database.rows.size).toBe(0);
  });

  describe('C6: stops when the regional log is not the one its position was taken in', () => {
    const at = (next: bigint, crc: number, id = topicId) => ({
      topic: 'things',
      partition: 0,
      topicId: id,
      next: regionalOffset(next),
      leaderEpoch: 0,
      crc,
    });

    it.each([
      ['another checksum before the position', at(3n, 777), 'region_diverged', '--from earliest'],
      ['another topic id', at(3n, 3, otherTopicId), 'region_recreated', '--accept-recreated'],
      ['a log that ends before the position', at(9n, 9), 'region_truncated', '--from 3'],
    ])('%s', async (_title, position, code, hint) => {
      const rig = runningRig();
      rig.source.append('things', 0, things(0n, 3));
      rig.database.positions.set('things:0', position);
      void rig.start();
      await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code }));
      expect(rig.stage.status('things', 0)?.hint).toContain(hint);
      expect(rig.database.transactions).toBe(0);
    });

    it('and applies nothing by what the ledger knows of the one before, nor goes on in a third one once the ledger knows it', async () => {
      const rig = runningRig();
      rig.orders.set('things', { ...order('things', generationsOf([[0, 0n]])), regionalTopicId: otherTopicId });
      rig.source.append('things', 0, things(0n, 3));
      void rig.start();
      await eventually(() =>
        expect(rig.stage.status('things', 0)).toMatchObject({ state: 'waiting', message: expect.stringContaining('created again') }),
      );
      rig.source.ids.set('things', 'a-third');
      await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ state: 'stopped', code: 'region_recreated' }));
      expect(rig.database.transactions).toBe(0);
    });

    it('a log that retention cut above the position tells the lost range', async () => {
      const rig = runningRig();
      rig.source.append('things', 0, things(4n, 3));
      rig.source.log('things', 0).start = 4n;
      void rig.start();
      await eventually(() => expect(rig.stage.status('things', 0)).toMatchObject({ code: 'region_truncated' }));
      expect(rig.events).toContainEqual(expect.objectContaining({ type: 'partition_stopped', lostFrom: 0n, lostTo: 4n }));
      expect(rig.stage.status('things', 0)?.hint).toContain('--from 4 --accept-loss');
    });

    it('goes on in a compacted topic, where the checksum proves nothing', async () => {
      const rig = runningRig({}, { compactedTopics: async () => new Set(['things']) });
      rig.source.append('things', 0, things(0n, 3), things(3n, 1));
      rig.database.positions.set('things:0', at(3n, 777));
      void rig.start();
      await eventually(() => expect(rig.database.next('things', 0)).toBe(4n));
    });

    it('asks again after the broker said retry, before it reads on', async () => {
      const rig = runningRig();
      rig.source.append('things', 0, things(0n, 3));
      let retries = 1;
      rig.source.beforeAnswer = (targets) =>
        targets[0]?.offset === 3n && retries-- > 0 ? [{ kind: 'retry', topic: 'things', partition: 0, reason: 'NOT_LEADER' }] : undefined;
      void rig.start();
      await eventually(() => expect(rig.database.next('things', 0)).toBe(3n));
      rig.source.append('things', 0, things(3n, 1));
      await eventually(() => expect(rig.database.next('things', 0)).toBe(4n));
    });
  });
});
