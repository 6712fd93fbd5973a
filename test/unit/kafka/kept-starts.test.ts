import { describe, expect, it } from 'vitest';
import { KeptStarts } from '../../../src/kafka/kept-starts.ts';
import { partitionKey, type TopicPartition } from '../../../src/kafka/offsets.ts';

const signal = new AbortController().signal;
const [a, b] = [0, 1].map((partition): TopicPartition => ({ topic: 't', partition })) as [TopicPartition, TopicPartition];

/** A log whose start and end rise by one with each read. */
function log() {
  const asked: string[] = [];
  let [nowMs, at] = [0, 0n];
  const silent = new Set<string>();
  const answers = (partitions: readonly TopicPartition[]) =>
    partitions.filter((one) => !silent.has(partitionKey(one.topic, one.partition)));
  const kept = new KeptStarts(
    {
      all: async (partitions) => {
        asked.push('all');
        at++;
        return answers(partitions).map((one) => ({ ...one, start: at, end: at + 100n, highWatermark: at + 101n }));
      },
      stable: async (partitions) => {
        asked.push('stable');
        at++;
        return new Map(answers(partitions).map(({ topic, partition }) => [partitionKey(topic, partition), at + 100n]));
      },
      high: async (partitions) => new Map(answers(partitions).map(({ topic, partition }) => [partitionKey(topic, partition), at + 101n])),
    },
    { monotonicMs: () => nowMs },
  );
  return {
    asked,
    silent,
    wait: (ms: number) => {
      nowMs += ms;
    },
    ends: (...partitions: readonly TopicPartition[]) => kept.ends(partitions, signal),
  };
}

describe('ends for who asks each second', () => {
  it('reads every end anew, and starts every ten seconds', async () => {
    const { asked, ends, wait } = log();
    expect(await ends(a)).toEqual([{ ...a, start: 1n, end: 101n, highWatermark: 102n }]);
    for (let second = 1; second < 10; second++) {
      wait(1_000);
      expect(await ends(a)).toEqual([{ ...a, start: 1n, end: 101n + BigInt(second), highWatermark: 102n + BigInt(second) }]);
    }
    wait(1_000);
    expect(await ends(a)).toEqual([{ ...a, start: 11n, end: 111n, highWatermark: 112n }]);
    expect(asked).toEqual(['all', ...Array.from({ length: 9 }, () => 'stable'), 'all']);
  });

  it('reads both where a partition is new', async () => {
    const { asked, ends } = log();
    await ends(a);
    expect((await ends(a, b)).map(({ start }) => start)).toEqual([2n, 2n]);
    expect(asked).toEqual(['all', 'all']);
  });

  it('leaves out what did not answer, and asks for its start again', async () => {
    const { asked, ends, silent } = log();
    await ends(a, b);
    silent.add('t:1');
    expect((await ends(a, b)).map(({ partition }) => partition)).toEqual([0]);
    const other = log();
    other.silent.add('t:1');
    await other.ends(a, b);
    await other.ends(a, b);
    expect([asked, other.asked]).toEqual([
      ['all', 'stable'],
      ['all', 'all'],
    ]);
  });

  it('asks for high watermarks now and then where it is told to, and each time while a last stable offset stands below its own', async () => {
    let [nowMs, high, asked] = [0, 100n, 0];
    const reads = {
      all: async () => [{ ...a, start: 0n, end: 100n, highWatermark: high }],
      stable: async () => new Map([['t:0', 100n]]),
      high: async () => {
        asked++;
        return new Map([['t:0', high]]);
      },
    };
    const kept = new KeptStarts(reads, { monotonicMs: () => nowMs }, 3_000);
    const highs: (bigint | undefined)[] = [];
    const askedAt: number[] = [];
    for (; nowMs < 9_000; nowMs += 1_000) {
      if (nowMs === 2_000) high = 107n;
      if (nowMs === 6_000) high = 100n;
      const before = asked;
      highs.push((await kept.ends([a], signal))[0]?.highWatermark);
      if (asked > before) askedAt.push(nowMs);
    }
    expect(highs).toEqual([100n, 100n, 100n, 107n, 107n, 107n, 100n, 100n, 100n]);
    expect(askedAt).toEqual([3_000, 4_000, 5_000, 6_000]);
  });
});
