import { describe, expect, it } from 'vitest';
import type { HomeLog } from '../../../src/mirror/contracts.ts';
import { schemasFirst } from '../../../src/mirror/schemas-first.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FetchedPartition } from '../../../src/model/fetch.ts';

const never = new AbortController().signal;

function answered(topic: string, batches: number, did: string[]): FetchedPartition {
  return {
    ...{ kind: 'batches', topic, partition: 0, nextOffset: 1n, empty: batches === 0, highWatermark: 1n, lastStableOffset: 1n },
    ...{ logStartOffset: 0n, lastBatch: undefined, droppedAborted: 0, droppedControl: 0 },
    batches: Array.from({ length: batches }, () => ({}) as never),
    release: () => did.push(`release ${topic}`),
  };
}

function home(topics: readonly [topic: string, batches: number][], carried: () => Promise<void>) {
  const did: string[] = [];
  const log = {
    fetch: async () => {
      did.push('fetch');
      return topics.map(([topic, batches]) => answered(topic, batches, did));
    },
  } as unknown as HomeLog;
  const wrapped = schemasFirst(log, {
    carry: async () => {
      did.push('carry');
      await carried();
    },
    needsSchemas: (topic) => topic !== 'beats',
    pause: async () => void did.push('pause'),
  });
  return { did, fetch: async () => await wrapped.fetch([], { maxWaitMs: 0, maxBytes: 1 }, never) };
}

describe('records after their schemas', () => {
  it('C22: carries what the registry holds after the records were read, before they are handed on', async () => {
    const { did, fetch } = home([['orders', 1]], async () => undefined);
    expect((await fetch()).map(({ kind }) => kind)).toEqual(['batches']);
    expect(did).toEqual(['fetch', 'carry']);
  });

  it('asks no registry for heartbeats, and for nothing', async () => {
    const topics: [string, number][] = [
      ['beats', 3],
      ['orders', 0],
    ];
    const { did, fetch } = home(topics, async () => undefined);
    await fetch();
    expect(did).toEqual(['fetch']);
  });

  it('hands no record on whose schema could not be carried, lets heartbeats through, and gives the memory back', async () => {
    const topics: [string, number][] = [
      ['beats', 1],
      ['orders', 1],
    ];
    const { did, fetch } = home(topics, async () => {
      throw new FarshoreError('registry_unreachable', 'away');
    });
    expect(await fetch()).toMatchObject([
      { kind: 'batches', topic: 'beats' },
      { kind: 'retry', topic: 'orders', partition: 0, reason: expect.stringContaining('away') },
    ]);
    expect(did).toEqual(['fetch', 'carry', 'pause', 'release orders']);
  });

  it('does not hide an error that nobody named', async () => {
    const { fetch } = home([['orders', 1]], async () => {
      throw new TypeError('a mistake');
    });
    await expect(fetch()).rejects.toThrow('a mistake');
  });
});
