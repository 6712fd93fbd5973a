import { describe, expect, it } from 'vitest';
import { orderAt, orderOfLog } from '../../../src/apply/order-at.ts';
import { regionalOffset } from '../../../src/model/offsets.ts';
import { generationsOf, order } from './stage-doubles.ts';

const applied = (...next: readonly bigint[]) => new Map(next.map((n, partition) => [partition, regionalOffset(n)]));

describe('orderAt', () => {
  it('C1: gives each offset its generation and says where that ends', () => {
    const topic = order('t', generationsOf([[0, 0n]], [[0, 10n]]));
    expect(orderAt(topic, 0, 9n, applied(9n), 'west')).toEqual({ kind: 'apply', homeEpoch: 1, generation: 1, end: 10n });
    expect(orderAt(topic, 0, 10n, applied(10n), 'west')).toEqual({ kind: 'apply', homeEpoch: 1, generation: 2, end: undefined });
  });

  it('C1: holds a generation back until every partition has reached its start', () => {
    const topic = order(
      't',
      generationsOf(
        [
          [0, 0n],
          [1, 0n],
        ],
        [
          [0, 10n],
          [1, 20n],
          [2, 0n],
        ],
      ),
    );
    expect(orderAt(topic, 2, 0n, applied(10n, 19n, 0n), 'west')).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('partition 1'),
    });
    expect(orderAt(topic, 2, 0n, applied(10n, 20n, 0n), 'west')).toMatchObject({ kind: 'apply', generation: 2 });
  });

  it('waits while the ledger knows neither topic, partition nor home', () => {
    const known = order('t', generationsOf([[0, 0n]]));
    expect(orderAt(undefined, 0, 0n, applied(0n), 'west').kind).toBe('wait');
    expect(orderAt(known, 5, 0n, applied(0n), 'west').kind).toBe('wait');
    expect(orderAt(order('t', known.generations, []), 0, 0n, applied(0n), 'west').kind).toBe('wait');
  });

  it('C3: passes over epochs of the region itself, up to where the next one starts', () => {
    const epochs = [
      { epoch: 2, home: 'west', starts: new Map([[0, 5n]]) },
      { epoch: 1, home: 'east', starts: new Map() },
      { epoch: 3, home: 'east', starts: new Map([[0, 8n]]) },
    ];
    const topic = order(
      't',
      generationsOf([
        [0, 0n],
        [1, 0n],
      ]),
      epochs,
    );
    expect(orderAt(topic, 0, 4n, applied(4n), 'west')).toMatchObject({ kind: 'apply', homeEpoch: 1, end: 5n });
    expect(orderAt(topic, 0, 5n, applied(5n), 'west')).toEqual({ kind: 'pass', end: 8n });
    expect(orderAt(topic, 0, 8n, applied(8n), 'west')).toMatchObject({ kind: 'apply', homeEpoch: 3, end: undefined });
    expect(orderAt(topic, 1, 0n, applied(0n, 0n), 'west'), 'a partition younger than the switch').toMatchObject({ homeEpoch: 3 });
  });

  it('C1, C3: passes over what the region wrote in a partition that no generation knows, where it was home when that was added', () => {
    const since = (starts: ReadonlyMap<number, bigint>) => [
      { epoch: 1, home: 'east', starts: new Map() },
      { epoch: 2, home: 'west', starts: new Map([[0, 5n]]) },
      { epoch: 3, home: 'east', starts },
    ];
    const topic = order('t', generationsOf([[0, 0n]]), since(new Map([[0, 8n]])).slice(0, 2));
    expect(orderAt(topic, 1, 0n, applied(5n), 'west')).toEqual({ kind: 'pass', end: undefined });
    const moved = order(
      't',
      topic.generations,
      since(
        new Map([
          [0, 8n],
          [1, 4n],
        ]),
      ),
    );
    expect(orderAt(moved, 1, 0n, applied(8n), 'west')).toEqual({ kind: 'pass', end: 4n });
    expect(orderAt(moved, 1, 4n, applied(8n, 4n), 'west').kind, 'the new home’s, whose generation is not recorded yet').toBe('wait');
  });

  it('C3: what is before an epoch in which the region was written to is of an older home, up to the last of such', () => {
    const epochs = [
      { epoch: 1, home: 'east', starts: new Map() },
      { epoch: 2, home: 'west', starts: new Map([[0, 5n]]) },
      { epoch: 3, home: 'east', starts: new Map([[0, 8n]]) },
      { epoch: 4, home: 'west', starts: new Map([[0, 9n]]) },
      { epoch: 5, home: 'east', starts: new Map([[0, 12n]]) },
    ];
    const at = (offset: bigint, written: readonly number[]) =>
      orderAt(order('t', generationsOf([[0, 0n]]), epochs, written), 0, offset, applied(offset), 'west');
    expect(at(4n, [2, 4])).toEqual({ kind: 'older', end: 5n, olderEnd: 9n });
    expect(at(8n, [2, 4])).toEqual({ kind: 'older', end: 9n, olderEnd: 9n });
    expect(at(6n, [2, 4])).toMatchObject({ kind: 'pass' });
    expect(at(12n, [2, 4]), 'the home since').toMatchObject({ kind: 'apply', homeEpoch: 5 });
    expect(at(4n, [2])).toEqual({ kind: 'older', end: 5n, olderEnd: 5n });
    expect(at(8n, [2]), 'not written to since').toMatchObject({ kind: 'apply', homeEpoch: 3 });
    expect(at(4n, [])).toMatchObject({ kind: 'apply', homeEpoch: 1 });
  });

  it('C3, C6: decides nothing by what the ledger knows of a log that had the name before, and passes what a home wrote itself', () => {
    const known = order('t', generationsOf([[0, 0n]]));
    const at = (topicId: string, more: Partial<typeof known> = {}, region = 'west') =>
      orderOfLog({ topicId, order: { ...known, ...more } }, 0, 0n, applied(0n), region);
    expect(at(known.regionalTopicId).kind).toBe('apply');
    expect(at('again')).toMatchObject({
      kind: 'wait',
      reason: expect.stringMatching(/farshore partition resume t --stage mirror --accept-recreated$/),
    });
    // By the starts of the old log these would be of the epoch before, in which the other side was home.
    const back = { homeEpochs: [...known.homeEpochs, { epoch: 2, home: 'west', starts: new Map([[0, 50n]]) }] };
    expect(at('again', back)).toEqual({ kind: 'pass', end: undefined });
    expect(at(known.regionalTopicId, back)).toMatchObject({ kind: 'apply', homeEpoch: 1, end: 50n });
    expect(at('again', { undecided: 'away' })).toEqual({ kind: 'wait', reason: 'away' });
    expect(orderOfLog({ topicId: 'again', order: undefined }, 0, 0n, applied(0n), 'west').kind).toBe('wait');
  });
});
