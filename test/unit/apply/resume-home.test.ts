import { describe, expect, it } from 'vitest';
import { olderHomesEnd } from '../../../src/apply/home-ranges.ts';
import { assertNoOlderHome } from '../../../src/apply/resume-home.ts';

const epoch = (number: number, home: string, ...starts: readonly bigint[]) => ({
  epoch: number,
  home,
  starts: new Map(starts.map((start, partition) => [partition, start])),
});
const first = epoch(1, 'us-east', 0n, 0n);

describe('C3: where the last record of an older home ends', () => {
  it.each([
    ['nothing moved', [first], [], 0n],
    ['the region is the home', [first, epoch(2, 'eu-west', 8n, 3n)], [2], 8n],
    ['it was, and the home went back', [first, epoch(2, 'eu-west', 8n, 3n), epoch(3, 'us-east', 10n, 4n)], [2], 8n],
    ['it was the home twice', [first, epoch(2, 'eu-west', 8n), epoch(3, 'us-east', 10n), epoch(4, 'eu-west', 12n)], [2, 4], 12n],
    ['it was opened the first time only', [first, epoch(2, 'eu-west', 8n), epoch(3, 'us-east', 10n), epoch(4, 'eu-west', 12n)], [2], 8n],
    ['it was never opened', [first, epoch(2, 'eu-west', 8n), epoch(3, 'us-east', 8n)], [], 0n],
    [
      'the home before wrote nothing in its epoch',
      [first, epoch(2, 'eu-west', 8n), epoch(3, 'us-east', 10n), epoch(4, 'eu-west', 10n)],
      [2, 4],
      8n,
    ],
    ['a third cluster was the home between', [first, epoch(2, 'ap-south', 5n), epoch(3, 'eu-west', 8n)], [3], 8n],
    ['this region was the first home', [epoch(1, 'eu-west', 0n), epoch(2, 'us-east', 8n)], [1], 0n],
    ['the partition is younger than the move', [first, epoch(2, 'eu-west')], [2], 0n],
  ])('%s', (_, homeEpochs, written, end) => {
    expect(olderHomesEnd({ homeEpochs, written: new Set(written) }, 0, 'eu-west')).toBe(end);
  });
});

describe('moving a position of apply', () => {
  const move = (from: bigint, next: bigint, arriving = false, written: readonly number[] = [2]) => {
    const homes = { homeEpochs: [first, epoch(2, 'eu-west', 8n)], written: new Set(written), arriving };
    assertNoOlderHome({ topic: 'bills', partition: 0, from, next }, homes, 'eu-west');
  };

  it('is refused below that offset, whether it goes back or ahead, and names the next step', () => {
    expect(() => move(9n, 7n)).toThrow('Records before 8 are of an older home');
    expect(() => move(2n, 7n)).toThrow('Records before 8 are of an older home');
    expect(() => move(9n, 8n)).not.toThrow();
  });

  it('goes ahead but not back while the home moves here', () => {
    expect(() => move(6n, 5n, true, [])).toThrow('The home is moving here');
    expect(() => move(6n, 7n, true, [])).not.toThrow();
    expect(() => move(6n, 5n, false, [])).not.toThrow();
  });
});
