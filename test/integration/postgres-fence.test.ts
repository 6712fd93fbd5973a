import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { offsetValue, regionalOffset } from '../../src/model/offsets.ts';
import type { Database } from '../../src/postgres/database.ts';
import { movePositionTo } from '../../src/postgres/position-move.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const topic = 'billing.invoices';
const topicId = '6a5f6c6e-0000-4000-8000-000000000001';
const otherId = '6a5f6c6e-0000-4000-8000-000000000002';

let database: Database;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  await rowsOf(database, 'create table rows_applied (id bigint primary key)');
});

beforeEach(async () => {
  await rowsOf(database, 'truncate farshore.apply_positions, farshore.operator_actions, rows_applied');
});

afterAll(async () => {
  await database.close();
});

const take = (epoch: bigint, partitions: readonly number[] = [0], id = topicId) =>
  applyPositions(database).take(
    partitions.map((partition) => ({ topic, partition, topicId: id })),
    epoch,
    never,
  );

interface Move {
  readonly epoch: bigint;
  readonly from: bigint;
  readonly to: bigint;
  readonly leaderEpoch?: number | null;
  readonly crc?: number | null;
}

const checkFence = ({ epoch, from }: Move) => ({
  name: 'fence',
  text: 'select farshore.check_fence($1, $2, $3, $4, $5)',
  values: [topic, 0, topicId, from, epoch],
});
const movePosition = ({ epoch, from, to, leaderEpoch = 3, crc = 0xffff_ffff }: Move) => ({
  name: 'move',
  text: 'select farshore.move_position($1, $2, $3, $4, $5, $6, $7, $8)',
  values: [topic, 0, from, to, leaderEpoch, crc, to - from, epoch],
});
const row = (id: bigint) => ({ text: 'insert into rows_applied values ($1)', values: [id] });

const apply = (move: Move, pause?: string) =>
  database.transaction(
    [
      checkFence(move),
      row(move.from),
      ...(pause === undefined ? [] : [{ text: pause, values: [] }]),
      { text: 'set constraints all immediate', values: [] },
      movePosition(move),
    ],
    never,
  );
const ids = async () => (await rowsOf(database, 'select id from rows_applied order by id')).map(({ id }) => id);

describe('taking positions', () => {
  it('starts unknown partitions at offset 0 and answers known ones where they stand', async () => {
    await take(1n, [0]);
    await apply({ epoch: 1n, from: 0n, to: 2n ** 62n });
    expect(await take(2n, [0, 1])).toEqual([
      { topic, partition: 0, topicId, next: 2n ** 62n, leaderEpoch: 3, crc: 0xffff_ffff },
      { topic, partition: 1, topicId, next: 0n, leaderEpoch: -1, crc: undefined },
    ]);
  });

  it('is refused while a higher epoch holds one of them, and takes none then', async () => {
    await take(5n, [0]);
    expect(await rejectionOf(take(4n, [0]))).toMatchObject({ code: 'fenced', place: `${topic}:0` });
    expect(await rowsOf(database, 'select epoch from farshore.apply_positions')).toEqual([{ epoch: '5' }]);
  });

  it('answers the position of a topic that was created again as it is', async () => {
    await take(1n);
    expect(await take(1n, [0], otherId)).toMatchObject([{ topicId }]);
  });

  it('waits for a transaction that is under way and reads what it moved', async () => {
    await take(1n);
    const running = apply({ epoch: 1n, from: 0n, to: 10n }, 'select pg_sleep(0.3)');
    await eventually(async () => (await rowsOf(database, "select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length > 0);
    const read = applyPositions(database).read(topic, 0, never);
    const [taken] = await take(2n);
    await running;
    expect(taken?.next).toBe(10n);
    expect((await read)?.next).toBe(10n);
  });

  it('reads nothing for a partition nobody took', async () => {
    expect(await applyPositions(database).read(topic, 7, never)).toBeUndefined();
  });
});

describe('the fence', () => {
  it('moves the position with the rows', async () => {
    await take(1n);
    await apply({ epoch: 1n, from: 0n, to: 10n });
    expect(await ids()).toEqual(['0']);
    expect(await rowsOf(database, 'select next_offset, leader_epoch, last_crc, records from farshore.apply_positions')).toEqual([
      { next_offset: '10', leader_epoch: '3', last_crc: '4294967295', records: '10' },
    ]);
  });

  it('keeps a daemon out whose partitions another one took, before it writes a row', async () => {
    await take(1n);
    await take(2n);
    const failure = await rejectionOf(apply({ epoch: 1n, from: 0n, to: 10n }));
    expect(failure).toMatchObject({ code: 'fenced', action: 'halt', facts: { sqlState: 'FS001', outcome: 'not_applied' } });
    expect(await ids()).toEqual([]);
  });

  it('keeps a batch out whose position has moved already', async () => {
    await take(1n);
    await apply({ epoch: 1n, from: 0n, to: 10n });
    expect(await rejectionOf(apply({ epoch: 1n, from: 0n, to: 10n }))).toMatchObject({
      code: 'position_moved',
      facts: { sqlState: 'FS002', outcome: 'not_applied' },
    });
  });

  it('keeps a batch of another topic id, and of an unknown partition, out', async () => {
    expect(await rejectionOf(apply({ epoch: 1n, from: 0n, to: 1n }))).toMatchObject({ code: 'position_moved' });
    await take(1n, [0], otherId);
    expect(await rejectionOf(apply({ epoch: 1n, from: 0n, to: 1n }))).toMatchObject({ code: 'position_moved' });
  });

  it('lets one of two transactions for the same batch through', async () => {
    await take(1n);
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => apply({ epoch: 1n, from: 0n, to: 10n })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await ids()).toEqual(['0']);
  });

  it('never moves a position back, nor without the epoch, even where the fence was left out', async () => {
    await take(1n);
    await apply({ epoch: 1n, from: 0n, to: 10n });
    const moves = [
      { epoch: 1n, from: 10n, to: 9n },
      { epoch: 2n, from: 10n, to: 11n },
      { epoch: 1n, from: 9n, to: 11n },
    ];
    for (const move of moves) {
      expect(await rejectionOf(database.transaction([movePosition(move)], never))).toMatchObject({ code: 'position_moved' });
    }
  });

  it('C8: keeps what proves the log when a gap without a batch is passed', async () => {
    await take(1n);
    await apply({ epoch: 1n, from: 0n, to: 10n });
    await database.transaction([movePosition({ epoch: 1n, from: 10n, to: 15n, leaderEpoch: null, crc: null })], never);
    expect(await applyPositions(database).read(topic, 0, never)).toMatchObject({ next: 15n, leaderEpoch: 3, crc: 0xffff_ffff });
  });
});

describe('an operator', () => {
  const move = (changes: { readonly epoch?: bigint; readonly expected?: bigint; readonly next?: bigint; readonly topicId?: string }) =>
    movePositionTo(
      database,
      {
        topic,
        partition: 0,
        topicId: changes.topicId ?? topicId,
        expected: regionalOffset(changes.expected ?? 10n),
        expectedTopicId: topicId,
        next: regionalOffset(changes.next ?? 12n),
        epoch: changes.epoch ?? 1n,
        region: 'eu-west',
        standby: false,
        action: {
          action: 'resume',
          stage: 'apply',
          topic,
          partition: 0,
          by: 'ann',
          code: 'row_refused',
          lostFrom: regionalOffset(10n),
          lostTo: regionalOffset(12n),
          options: { acceptLoss: true },
        },
      },
      never,
    );

  it('moves a position, also back and to a new topic id, and is written down', async () => {
    await take(1n);
    await apply({ epoch: 1n, from: 0n, to: 10n });
    await move({});
    await move({ expected: 12n, next: 0n, topicId: otherId });
    const standing = await applyPositions(database).read(topic, 0, never);
    expect(standing).toEqual({ topic, partition: 0, topicId: otherId, next: 0n, leaderEpoch: -1, crc: undefined });
    expect(standing && offsetValue(standing.next)).toBe(0n);
    expect(await rowsOf(database, 'select by, action, code, lost_from, lost_to, options from farshore.operator_actions')).toEqual(
      Array.from({ length: 2 }, () => ({
        by: 'ann',
        action: 'resume',
        code: 'row_refused',
        lost_from: '10',
        lost_to: '12',
        options: '{"acceptLoss": true}',
      })),
    );
  });

  it('is kept out by the fence, and then nothing is written down', async () => {
    await take(2n);
    expect(await rejectionOf(move({ epoch: 1n, expected: 0n }))).toMatchObject({ code: 'fenced' });
    expect(await rejectionOf(move({ epoch: 2n, expected: 5n }))).toMatchObject({ code: 'position_moved' });
    expect(await rowsOf(database, 'select 1 from farshore.operator_actions')).toEqual([]);
  });
});
