import { CompressionTypes, type Producer } from 'kafkajs';
import pg from 'pg';

/**
 * The application's small outbox loop: reads entries in the order of their ids, publishes them with
 * kafkajs, deletes what was acknowledged. One writer fills the outbox, so ids are in commit order.
 */
export class Publisher {
  readonly #client: pg.Client;
  readonly #producer: Producer;
  #published = 0;

  constructor(client: pg.Client, producer: Producer) {
    this.#client = client;
    this.#producer = producer;
  }

  static async connect(url: string, producer: Producer): Promise<Publisher> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    await producer.connect();
    return new Publisher(client, producer);
  }

  get published(): number {
    return this.#published;
  }

  /** Publishes one batch; answers how many entries it held. */
  async publish(limit: number): Promise<number> {
    const { rows } = await this.#client.query<{ id: string; topic: string; key: string | null; value: Buffer | null }>(
      'select id, topic, key, value from outbox order by id limit $1',
      [limit],
    );
    if (rows.length === 0) return 0;
    const topics = Map.groupBy(rows, (row) => row.topic);
    await this.#producer.sendBatch({
      acks: -1,
      compression: CompressionTypes.GZIP,
      topicMessages: [...topics].map(([topic, entries]) => ({ topic, messages: entries.map(({ key, value }) => ({ key, value })) })),
    });
    await this.#client.query('delete from outbox where id <= $1', [rows.at(-1)?.id]);
    this.#published += rows.length;
    return rows.length;
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
    await this.#client.end();
  }
}
