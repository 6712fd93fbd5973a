import { heartbeatV4, joinGroupV7, leaveGroupV4, syncGroupV5 } from '@platformatic/kafka';
import type { KafkaCluster } from './cluster.ts';
import type { BrokerCall } from './connection.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';
import { evenWithErrors } from './partial-answer.ts';

/** Numbers of a coordinator's answers that say what a member does next. */
export const GROUP_CODES = { rebalance: 27, memberIdRequired: 79, illegalGeneration: 22, unknownMember: 25 } as const;

export interface GroupIds {
  readonly cluster: KafkaCluster;
  readonly group: string;
  /** Names what the members speak among themselves: a group of another type refuses them. */
  readonly protocolType: string;
  readonly protocol: string;
}

export interface GroupTimes {
  /** Without a heartbeat for this long a member is taken out. */
  readonly sessionTimeoutMs: number;
  /** How long the others wait for a member to join again. */
  readonly rebalanceTimeoutMs: number;
}

export interface JoinedGroup {
  readonly code: number;
  readonly memberId: string;
  readonly generation: number;
  readonly leader: string;
  /** Told to the leader alone. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

/** The four requests of a group's member. They answer error numbers: what one means depends on the step it came in. */
export class GroupRequests {
  readonly #ids: GroupIds;

  constructor(ids: GroupIds) {
    this.#ids = ids;
  }

  async join(memberId: string, metadata: Buffer, times: GroupTimes, signal: AbortSignal): Promise<JoinedGroup> {
    const { group, protocolType, protocol } = this.#ids;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = times;
    const protocols = [{ name: protocol, metadata }];
    const answer = await this.#ask(
      (connection) =>
        evenWithErrors(
          joinGroupV7.api.async(connection, group, sessionTimeoutMs, rebalanceTimeoutMs, memberId, null, protocolType, protocols),
        ),
      signal,
    );
    const { errorCode: code, generationId: generation, leader, members } = answer;
    return { code, memberId: answer.memberId, generation, leader, members };
  }

  /** What the leader assigned to this member; empty with a code that is not 0. */
  async sync(
    { memberId, generation }: Pick<JoinedGroup, 'memberId' | 'generation'>,
    assignments: { memberId: string; assignment: Buffer }[],
    signal: AbortSignal,
  ): Promise<{ readonly code: number; readonly assignment: Buffer }> {
    const { group, protocolType, protocol } = this.#ids;
    const { errorCode: code, assignment } = await this.#ask(
      (connection) =>
        evenWithErrors(syncGroupV5.api.async(connection, group, generation, memberId, null, protocolType, protocol, assignments)),
      signal,
    );
    return { code, assignment };
  }

  async heartbeat({ memberId, generation }: Pick<JoinedGroup, 'memberId' | 'generation'>, signal: AbortSignal): Promise<number> {
    const { group } = this.#ids;
    const answer = await this.#ask(
      (connection) => evenWithErrors(heartbeatV4.api.async(connection, group, generation, memberId, null)),
      signal,
    );
    return answer.errorCode;
  }

  async leave(memberId: string, signal: AbortSignal): Promise<void> {
    const { group } = this.#ids;
    await this.#ask(
      (connection) => evenWithErrors(leaveGroupV4.api.async(connection, group, [{ memberId, groupInstanceId: null }])),
      signal,
    );
  }

  #ask<T extends { readonly errorCode: number }>(call: BrokerCall<T>, signal: AbortSignal): Promise<T> {
    const { cluster, group } = this.#ids;
    const checked: BrokerCall<T> = async (...args) => {
      const answer = await call(...args);
      // Within the call: else the broker that says so would be asked for ever, since who coordinates is forgotten only when a call rejects.
      if (kafkaErrorKind(answer.errorCode) === 'coordinator')
        throw protocolError(answer.errorCode, `${cluster.name}: the broker does not coordinate group ${group}`);
      return answer;
    };
    return cluster.withCoordinator('group', group, 'control', checked, signal);
  }
}
