import { setTimeout as delay } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type pg from 'pg';
import { outside, rowKey, rowValue } from './topics.ts';

export const RECORDS_PER_SECOND = 2_000;
const TICK_MS = 10;
const PER_TICK = (RECORDS_PER_SECOND * TICK_MS) / 1000;

/** Sends rows at an even pace and notes when each was acknowledged, by this machine's clock. */
export class SteadyProducer implements AsyncDisposable {
  readonly #producer: Producer;
  readonly #topic: string;
  /** By id. */
  readonly ackedMs: Float64Array;

  private constructor(producer: Producer, topic: string, records: number) {
    this.#producer = producer;
    this.#topic = topic;
    this.ackedMs = new Float64Array(records + 1);
  }

  static async open(bootstrap: string, topic: string, records: number): Promise<SteadyProducer> {
    const producer = outside(bootstrap).producer({ idempotent: true, maxInFlightRequests: 5 });
    await producer.connect();
    return new SteadyProducer(producer, topic, records);
  }

  /** Resolves when all are acknowledged. */
  async send(fromId: number, toId: number): Promise<void> {
    const topic = this.#topic;
    const sends: Promise<void>[] = [];
    const startedMs = performance.now();
    for (let from = fromId, tick = 1; from <= toId; from += PER_TICK, tick++) {
      const ids = Array.from({ length: Math.min(PER_TICK, toId - from + 1) }, (_, i) => from + i);
      const messages = ids.map((id) => ({ key: rowKey(id), value: rowValue(id), partition: id % 4 }));
      sends.push(
        this.#producer.send({ topic, messages, acks: -1 }).then(() => {
          const now = performance.timeOrigin + performance.now();
          for (const id of ids) this.ackedMs[id] = now;
        }),
      );
      const waitMs = startedMs + tick * TICK_MS - performance.now();
      if (waitMs > 0) await delay(waitMs);
    }
    await Promise.all(sends);
  }

  /** Milliseconds from acknowledge to commit, ascending, by the part each row's id belongs to; undefined leaves a row out. */
  async latencies(client: pg.Client, partOf: (id: number) => number | undefined): Promise<ReadonlyMap<number, readonly number[]>> {
    const text = 'select id, extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 as ms from rows';
    const { rows } = await client.query<{ id: string; ms: string }>(text);
    const parts = new Map<number, number[]>();
    for (const { id, ms } of rows) {
      const part = partOf(Number(id));
      if (part === undefined) continue;
      const own = parts.get(part) ?? [];
      parts.set(part, own);
      // An acknowledgement can reach the producer after the row is in.
      own.push(Math.max(0, Number(ms) - this.ackedMs[Number(id)]!));
    }
    for (const own of parts.values()) own.sort((a, b) => a - b);
    return parts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.disconnect();
  }
}

export const percentile = (ascending: readonly number[], share: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))]!;
