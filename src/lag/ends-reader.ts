import type { Clock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import { type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import { withinLimit } from '../model/time-limit.ts';
import type { LogEnds, PartitionEnds } from './contracts.ts';

export type EndsRead =
  | { readonly kind: 'read'; readonly ends: ReadonlyMap<TopicPartitionKey, PartitionEnds> }
  | { readonly kind: 'missed'; readonly reason: string };

/**
 * Reads the ends of one cluster within a time limit: a cluster that hangs is a missed read, not a loop that
 * stands still. One read at a time, so that a cluster that ignores the limit cannot pile them up.
 */
export class EndsReader {
  readonly #log: LogEnds;
  readonly #limitMs: number;
  readonly #clock: Clock;
  #underWay = false;

  constructor(log: LogEnds, limitMs: number, clock: Clock) {
    this.#log = log;
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  /** Rejects when the signal is aborted, and for errors that halt the daemon. */
  async read(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<EndsRead> {
    if (this.#underWay) return { kind: 'missed', reason: 'the read before has not ended' };
    return await withinLimit(
      (limited) => this.#start(partitions, limited),
      this.#limitMs,
      (): EndsRead => ({ kind: 'missed', reason: `no answer within ${this.#limitMs} ms` }),
      this.#clock,
      signal,
    );
  }

  async #start(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<EndsRead> {
    this.#underWay = true;
    try {
      const ends = await this.#log.ends(partitions, signal);
      return { kind: 'read', ends: new Map(ends.map((end) => [topicPartitionKey(end.topic, end.partition), end])) };
    } catch (error) {
      // Too late for the race: the outcome was a missed read already.
      if (signal.aborted) return { kind: 'missed', reason: 'stopped' };
      const known = findFarshoreError(error);
      if (known === undefined || known.action === 'halt') throw error;
      return { kind: 'missed', reason: known.message };
    } finally {
      this.#underWay = false;
    }
  }
}
