import { describe, expect, it } from 'vitest';
import type { MirrorDependencies } from '../../../src/mirror/dependencies.ts';
import { lookAround } from '../../../src/mirror/look.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const never = new AbortController().signal;
const rules = { primary: 'us-east', topics: ['*'], exclude: [], prefix: '', heartbeatTopic: undefined, heartbeatsOnly: false };

function around(failing: ReadonlyMap<string, FarshoreError>) {
  const asked: (readonly string[])[] = [];
  const deps = {
    home: {
      listTopics: async () => ['a', 'b', 'c'].map((topic) => ({ topic, topicId: topic, partitions: [] })),
      topicConfigs: async (topics: readonly string[]) => {
        asked.push(topics);
        for (const topic of topics) if (failing.has(topic)) throw failing.get(topic);
        return new Map(topics.map((topic) => [topic, new Map([['retention.ms', '1']])]));
      },
    },
    regional: { listTopics: async () => [] },
    ledger: { load: async () => [] },
    publishedAtHome: { read: async () => new Map() },
  } as unknown as MirrorDependencies;
  return { asked, look: () => lookAround(deps, rules, never) };
}

describe('a look at both clusters', () => {
  it('asks for the configs of all topics at once', async () => {
    const { asked, look } = around(new Map());
    expect([...(await look()).homeConfigs.keys()]).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual([['a', 'b', 'c']]);
  });

  it('names the topic whose configs may not be read, and reads the others', async () => {
    const denied = new FarshoreError('cluster_denied', 'not b');
    const { homeConfigs, unreadable } = await around(new Map([['b', denied]])).look();
    expect([...homeConfigs.keys()]).toEqual(['a', 'c']);
    expect([...unreadable]).toEqual([['b', denied]]);
  });

  it('fails as a whole when home is away', async () => {
    await expect(around(new Map([['b', new FarshoreError('cluster_unreachable', 'away')]])).look()).rejects.toThrow('away');
  });
});
