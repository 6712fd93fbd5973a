import { afterAll, describe, expect, it } from 'vitest';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { GroupMember } from '../../src/kafka/group-member.ts';
import { systemClock } from '../../src/model/clock.ts';
import { findFarshoreError } from '../../src/model/errors.ts';
import { eventually, sharedRig, uniqueTopic } from '../rig/context.ts';
import { never } from './postgres-fixtures.ts';

interface Running {
  readonly assigned: () => string | undefined;
  readonly lost: () => number;
  readonly member: GroupMember;
  stop(): Promise<void>;
}

describe('a member of a group', () => {
  const stops: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  /** Each member is told the names of all, its own first. */
  const start = async (group: string, name: () => string, protocolType = 'farshore-test'): Promise<Running> => {
    const cluster = new KafkaCluster({
      name: 'region',
      brokers: [sharedRig().regional],
      clientId: 'test',
      requestTimeoutMs: 15_000,
      clock: systemClock,
    });
    await cluster.connect(never);
    let assigned: string | undefined;
    let lost = 0;
    const failures: unknown[] = [];
    const member = new GroupMember({
      cluster,
      group,
      protocolType,
      protocol: 'names',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 3_000,
      heartbeatMs: 200,
      metadata: () => Buffer.from(name()),
      assign: (members) => {
        const names = members.map(({ metadata }) => metadata.toString()).sort();
        return new Map(members.map(({ memberId, metadata }) => [memberId, Buffer.from(`${metadata.toString()} of ${names.join(',')}`)]));
      },
      onAssigned: (assignment) => {
        assigned = assignment.toString();
      },
      onLost: () => {
        lost++;
      },
      onFailure: (error) => failures.push(error),
    });
    const stopping = new AbortController();
    const running = member.run(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await running;
      await cluster.close();
      // Of a cluster that is new the coordinator is there a moment later.
      expect(failures.filter((error) => findFarshoreError(error)?.code !== 'broker_request_failed')).toEqual([]);
    };
    stops.push(stop);
    return { assigned: () => assigned, lost: () => lost, member, stop };
  };
  const becomes = (running: Running, text: string): Promise<unknown> =>
    eventually(async () => running.assigned() === text, { deadlineMs: 20_000, what: `${text} (is ${running.assigned()})` });

  it('divides anew when members come, change and go', async () => {
    const group = uniqueTopic('group');
    let first = 'a';
    const a = await start(group, () => first);
    await becomes(a, 'a of a');
    const b = await start(group, () => 'b');
    await Promise.all([becomes(a, 'a of a,b'), becomes(b, 'b of a,b')]);
    first = 'z';
    a.member.rejoin();
    await Promise.all([becomes(a, 'z of b,z'), becomes(b, 'b of b,z')]);
    const startedMs = performance.now();
    await b.stop();
    await becomes(a, 'z of z');
    // It left: nobody waited for its session of 6 s to run out.
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(a.lost()).toBe(0);
  });
});
