import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import { kafkaErrorKind, protocolError } from './errors.ts';
import { GROUP_CODES, type GroupIds, GroupRequests, type GroupTimes, type JoinedGroup } from './group-requests.ts';

const RETRY_MS = 500;
const LEAVE_LIMIT_MS = 1_000;

export interface GroupMemberOptions extends GroupIds, GroupTimes {
  readonly heartbeatMs: number;
  /** What the leader is told of this member, asked for at each join. */
  readonly metadata: () => Buffer;
  /** Asked of the member that the coordinator made leader. */
  readonly assign: (members: readonly { readonly memberId: string; readonly metadata: Buffer }[]) => ReadonlyMap<string, Buffer>;
  /** What is this member's by the newest division. It stays so while the members join anew, and while no coordinator answers. */
  readonly onAssigned: (assignment: Buffer) => void;
  /** The coordinator dropped this member, or said so of an old one: others may work on what was assigned to it. */
  readonly onLost: () => void;
  /** Told once of each failure until it has joined again. */
  readonly onFailure: (error: unknown) => void;
}

type Membership = Pick<JoinedGroup, 'memberId' | 'generation'>;

/**
 * A member of a Kafka group by the classic protocol, whose members divide among themselves what the group is about: join, let the leader
 * divide, heartbeat, and join again when anybody comes or goes. It needs a cluster of its own: the answer to a join comes when
 * all have joined, and until then the broker answers nothing else on that connection.
 */
export class GroupMember {
  readonly #options: GroupMemberOptions;
  readonly #requests: GroupRequests;
  readonly #clock: Clock;
  #memberId = '';
  #told = false;
  #again = new AbortController();

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.#requests = new GroupRequests(options);
    this.#clock = options.cluster.clock;
  }

  /** What `metadata` answers has changed: the members join again. */
  rejoin(): void {
    this.#again.abort();
  }

  /** Until the signal; then it leaves, so that the others need not wait for its session to run out. Failures are told and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        try {
          const membership = await this.#join(signal);
          if (membership === undefined) continue;
          this.#told = false;
          await this.#beat(membership, signal);
        } catch (error) {
          if (signal.aborted) return;
          const known = findFarshoreError(error);
          if (known === undefined || known.code === 'internal') throw error;
          if (!this.#told) this.#options.onFailure(error);
          this.#told = true;
          await this.#clock.sleep(RETRY_MS, signal).catch(() => undefined);
        }
      }
    } finally {
      await this.#leave();
    }
  }

  /** Undefined where the members have to join once more. */
  async #join(signal: AbortSignal): Promise<Membership | undefined> {
    this.#again = new AbortController();
    const { metadata, assign, onAssigned } = this.#options;
    const joined = await this.#requests.join(this.#memberId, metadata(), this.#options, signal);
    if (joined.code === GROUP_CODES.memberIdRequired) {
      this.#memberId = joined.memberId;
      return undefined;
    }
    if (!this.#goesOn(joined.code, 'joining')) return undefined;
    this.#memberId = joined.memberId;
    const given = joined.leader === joined.memberId ? assign(joined.members) : new Map<string, Buffer>();
    const assignments = [...given].map(([memberId, assignment]) => ({ memberId, assignment }));
    const synced = await this.#requests.sync(joined, assignments, signal);
    if (!this.#goesOn(synced.code, 'dividing')) return undefined;
    onAssigned(synced.assignment);
    return joined;
  }

  async #beat(membership: Membership, signal: AbortSignal): Promise<void> {
    const again = AbortSignal.any([signal, this.#again.signal]);
    for (;;) {
      await this.#clock.sleep(this.#options.heartbeatMs, again).catch(() => undefined);
      if (again.aborted) return;
      if (!this.#goesOn(await this.#requests.heartbeat(membership, signal), 'staying')) return;
    }
  }

  /** False: join again. */
  #goesOn(code: number, doing: string): boolean {
    if (code === 0) return true;
    const { cluster, group } = this.#options;
    switch (code) {
      case GROUP_CODES.rebalance:
        return false;
      case GROUP_CODES.unknownMember:
        this.#memberId = '';
        this.#options.onLost();
        return false;
      case GROUP_CODES.illegalGeneration:
        this.#options.onLost();
        return false;
      default:
        throw protocolError(code, `${cluster.name}: ${doing} in group ${group}`, {
          place: `group ${group}`,
          ...(kafkaErrorKind(code) === 'denied' ? { hint: `Allow Read on group ${group}.` } : {}),
        });
    }
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '') return;
    const limit = new AbortController();
    const over = new AbortController();
    const timer = this.#clock.sleep(LEAVE_LIMIT_MS, over.signal).then(
      () => limit.abort(),
      () => undefined,
    );
    try {
      // Not heard, it is only later that the others notice.
      await this.#requests.leave(this.#memberId, limit.signal).catch(() => undefined);
    } finally {
      this.#memberId = '';
      over.abort();
      await timer;
    }
  }
}
