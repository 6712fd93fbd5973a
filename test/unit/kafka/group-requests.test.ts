import { describe, expect, it } from 'vitest';
import type { KafkaCluster } from '../../../src/kafka/cluster.ts';
import { GroupRequests } from '../../../src/kafka/group-requests.ts';

/** A coordinator that answers each request with this number. */
function answering(errorCode: number) {
  const connection = {
    send: (...all: unknown[]) => (all.at(-1) as (error: unknown, answer: unknown) => void)(null, { errorCode, throttleTimeMs: 0 }),
  };
  const rejections: unknown[] = [];
  const cluster = {
    name: 'region',
    withCoordinator: async (_kind: string, _key: string, _purpose: string, call: (connection: unknown) => Promise<unknown>) =>
      await call(connection).catch((error: unknown) => {
        rejections.push(error);
        throw error;
      }),
  } as unknown as KafkaCluster;
  return { rejections, requests: new GroupRequests({ cluster, group: 'shards', protocolType: 'farshore', protocol: 'shards' }) };
}
const membership = { memberId: 'one', generation: 1 };
const never = new AbortController().signal;

describe('requests of a member of a group', () => {
  it.each([15, 16])('reject within the call with %i: else the broker that coordinates no more was asked for ever', async (code) => {
    const { requests, rejections } = answering(code);
    await expect(requests.heartbeat(membership, never)).rejects.toMatchObject({ kind: 'coordinator' });
    expect(rejections).toHaveLength(1);
  });

  it('answer numbers that say what a member does next', async () => {
    for (const code of [0, 22, 25, 27]) expect(await answering(code).requests.heartbeat(membership, never)).toBe(code);
  });
});
