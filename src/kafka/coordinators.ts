import { findCoordinatorV4 } from '@platformatic/kafka';
import type { BrokerAddress } from './broker-address.ts';
import type { BrokerCall } from './connection.ts';
import { KafkaError, protocolError } from './errors.ts';
import { evenWithErrors } from './partial-answer.ts';

export type CoordinatorKind = 'group' | 'transaction';

/** What finding a coordinator needs of its cluster. */
export interface CoordinatorSource {
  /** For messages: `primary us-east`. */
  readonly name: string;
  /** Asks any broker. */
  ask<T>(call: BrokerCall<T>, signal: AbortSignal): Promise<T>;
  /** Told of the broker that was named: it may be one the cluster had not shown yet. */
  found(brokerId: number, address: BrokerAddress): void;
}

const types = { group: 0, transaction: 1 } as const;
const forgets: ReadonlySet<string> = new Set(['coordinator', 'unreachable', 'unknown_outcome', 'leadership']);

/** Which broker coordinates a group or a transactional id: asked once, and forgotten when a call to it says that it may be another. */
export class Coordinators {
  readonly #source: CoordinatorSource;
  readonly #known = new Map<string, number>();

  constructor(source: CoordinatorSource) {
    this.#source = source;
  }

  /** Runs one call at the coordinator; never repeats it. */
  async run<T>(kind: CoordinatorKind, key: string, call: (brokerId: number) => Promise<T>, signal: AbortSignal): Promise<T> {
    const name = `${kind} ${key}`;
    try {
      let brokerId = this.#known.get(name);
      if (brokerId === undefined) {
        brokerId = await this.#find(kind, key, signal);
        this.#known.set(name, brokerId);
      }
      return await call(brokerId);
    } catch (error) {
      if (error instanceof KafkaError && forgets.has(error.kind)) this.#known.delete(name);
      throw error;
    }
  }

  async #find(kind: CoordinatorKind, key: string, signal: AbortSignal): Promise<number> {
    const { name } = this.#source;
    const answer = await this.#source.ask(
      (connection) => evenWithErrors(findCoordinatorV4.api.async(connection, types[kind], [key])),
      signal,
    );
    const found = answer.coordinators[0];
    if (found === undefined) {
      throw new KafkaError('coordinator', 'COORDINATOR_NOT_AVAILABLE', `${name}: no answer names the coordinator of ${kind} ${key}`);
    }
    if (found.errorCode !== 0) {
      throw protocolError(found.errorCode, `${name}: the coordinator of ${kind} ${key} cannot be found`, {
        hint: kind === 'group' ? `Allow Describe on group ${key}.` : `Allow Describe on transactional id ${key}.`,
      });
    }
    this.#source.found(found.nodeId, { host: found.host, port: found.port });
    return found.nodeId;
  }
}
