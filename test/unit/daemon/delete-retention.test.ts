import { describe, expect, it } from 'vitest';
import { deleteRetention, type ReadConfigs } from '../../../src/daemon/delete-retention.ts';
import { FarshoreError } from '../../../src/model/errors.ts';

const never = new AbortController().signal;
const mirrored = ['a', 'b', 'c'].map((topic) => ({ topic: `copy.${topic}`, homeTopic: topic }));

/** Configs by topic; an error stands for what the broker answers when that topic is asked for. */
const reading =
  (answers: Readonly<Record<string, Readonly<Record<string, string>> | FarshoreError>>): ReadConfigs =>
  async (topics) => {
    const found = new Map<string, ReadonlyMap<string, string>>();
    for (const topic of topics) {
      const answer = answers[topic];
      if (answer instanceof FarshoreError) throw answer;
      if (answer !== undefined) found.set(topic, new Map(Object.entries(answer)));
    }
    return found;
  };
const compacted = { 'cleanup.policy': 'compact', 'delete.retention.ms': '5' };

describe('how long tombstones are kept', () => {
  it('C7: is known of compacted topics, each side for itself', async () => {
    const home = reading({ a: compacted, b: { 'cleanup.policy': 'delete', 'delete.retention.ms': '5' } });
    const regional = reading({ 'copy.a': { ...compacted, 'delete.retention.ms': '9' }, 'copy.b': compacted });
    expect(Object.fromEntries(await deleteRetention(home, regional, mirrored, never))).toEqual({
      'copy.a': { homeMs: 5, regionalMs: 9 },
      'copy.b': { homeMs: undefined, regionalMs: 5 },
      'copy.c': { homeMs: undefined, regionalMs: undefined },
    });
    expect((await deleteRetention(undefined, regional, mirrored, never)).get('copy.a')).toEqual({ homeMs: undefined, regionalMs: 9 });
  });

  it.each(['cluster_denied', 'request_invalid'] as const)('C7: one topic that answers %s does not hide the others', async (code) => {
    const home = reading({ a: new FarshoreError(code, 'no'), b: compacted, c: compacted });
    const found = await deleteRetention(home, reading({}), mirrored, never);
    expect([...found.values()].map(({ homeMs }) => homeMs)).toEqual([undefined, 5, 5]);
  });

  it('C7: a cluster that is away is told, not taken for one without compacted topics', async () => {
    const home = reading({ a: new FarshoreError('cluster_unreachable', 'away') });
    await expect(deleteRetention(home, reading({}), mirrored, never)).rejects.toMatchObject({ code: 'cluster_unreachable' });
  });
});
