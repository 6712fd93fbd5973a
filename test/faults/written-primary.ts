import { setTimeout as delay } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { rowTable, rowValue } from '../scenario/daemon.ts';

export const TABLE = 'public.orders';
const SEND_DEADLINE_MS = 120_000;
/** A server that answers nothing must end in an error: a trial that waits for ever has no verdict. */
const LIMITS = { connectionTimeoutMillis: 15_000, query_timeout: 30_000 };
const GOODBYE_MS = 5_000;
const BETWEEN_WRITES_MS = 25;
/** A writer that is refused tries again that soon. Each try is a session of its own: every 15 ms they took half a core from what is tried here. */
const SHUT_MS = 100;
const RELAY_MS = 50;
const UPSERT = `insert into ${TABLE} values ($1, $2, $3) on conflict (id) do update set note = excluded.note, version = excluded.version`;

/** Who was told that a write is committed, in the order of the telling. */
export type Acknowledged = 'primary' | 'region';

export interface PrimaryPlace {
  readonly bootstrap: string;
  readonly homeUrl: string;
  readonly regionUrl: string;
  readonly topic: string;
  readonly partitions: number;
  readonly keys: number;
  readonly role: string;
}

/**
 * An application that writes rows and their outbox in one transaction wherever it is let, a relay that publishes them from the primary, and
 * what each writer was told.
 */
export class WrittenPrimary implements AsyncDisposable {
  readonly home: pg.Pool;
  readonly copy: pg.Pool;
  /** By id: what was acknowledged last, on whichever side. */
  readonly rows = new Map<number, string>();
  /** Each time another side acknowledged than the time before. */
  readonly sides: Acknowledged[] = [];
  /** Writes that the region acknowledged. */
  regionWrites = 0;
  primaryWrites = 0;
  readonly #place: PrimaryPlace;
  readonly #producer: Producer;
  readonly #ended = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #version = 0;
  #writing = 0;
  #relayStands = false;
  #paused = false;

  private constructor(place: PrimaryPlace) {
    this.#place = place;
    this.home = quietPool(place.homeUrl, 3);
    this.copy = quietPool(place.regionUrl, 2);
    this.#producer = kafkajsFor(place.bootstrap).producer({ idempotent: true });
  }

  static async start(place: PrimaryPlace): Promise<WrittenPrimary> {
    const { bootstrap, topic, partitions, role } = place;
    const made = new WrittenPrimary(place);
    const { home, copy } = made;
    // With the column of the way back, which guards rows here as in the region.
    await home.query(rowTable(TABLE));
    await home.query(
      'create table public.outbox (n bigserial primary key, row_id int, note text, version int, published boolean not null default false)',
    );
    await home.query(
      `create role ${role} login; grant usage on schema public to ${role}; grant select, insert, update on ${TABLE} to ${role};
       grant insert on public.outbox to ${role}; grant usage on sequence public.outbox_n_seq to ${role}`,
    );
    await copy.query(rowTable(TABLE));
    await Promise.all([made.#producer.connect(), createTopic(bootstrap, { topic, partitions })]);
    return made;
  }

  /** Writes everywhere it is let, and publishes, until this is disposed of. */
  begin(): void {
    const loops = [this.#writeAtHome(), this.#writeInRegion(), this.#relay()];
    // What one ended with is told when this is disposed of.
    for (const loop of loops) loop.catch(() => undefined);
    this.#loops.push(...loops);
  }

  asApplication(): pg.Client {
    const address = new URL(this.#place.homeUrl);
    address.username = this.#place.role;
    const client = new pg.Client({ connectionString: address.href, ...LIMITS });
    client.on('error', () => undefined);
    return client;
  }

  /** What is committed at the primary from now on is not published. */
  stopRelay(): void {
    this.#relayStands = true;
  }

  async #writeAtHome(): Promise<void> {
    const { keys } = this.#place;
    await this.#again(
      () => this.asApplication(),
      async (client) => {
        const version = ++this.#version;
        const id = version % keys;
        const note = `state ${version}`;
        await client.query('begin');
        await client.query(UPSERT, [id, note, version]);
        await client.query('insert into public.outbox (row_id, note, version) values ($1, $2, $3)', [id, note, version]);
        await client.query('commit');
        this.rows.set(id, `${id}:${note}:${version}`);
        this.primaryWrites++;
        this.#tell('primary');
      },
    );
  }

  /** As a service of the region does: it asks for the epoch, and names it in each transaction. */
  async #writeInRegion(): Promise<void> {
    const { topic, partitions, keys } = this.#place;
    await this.#again(
      () => new pg.Client({ connectionString: this.#place.regionUrl, ...LIMITS }),
      async (client) => {
        const { rows } = await client.query<{ epoch: string; open: boolean }>('select epoch, open from farshore.writer_epoch');
        if (rows[0]?.open !== true) {
          await delay(SHUT_MS);
          return;
        }
        await client.query('begin');
        await client.query('select farshore.assert_writer($1)', [rows[0].epoch]);
        const version = ++this.#version;
        const id = version % keys;
        const note = `state ${version}`;
        await client.query(UPSERT, [id, note, version]);
        await client.query('insert into farshore.outbox (topic, partition, key, value) values ($1, $2, $3, $4)', [
          topic,
          id % partitions,
          Buffer.from(String(id)),
          rowValue(id, note, version),
        ]);
        await client.query('commit');
        this.rows.set(id, `${id}:${note}:${version}`);
        this.regionWrites++;
        this.#tell('region');
      },
    );
  }

  /** While `work` is done nobody writes: what was acknowledged can be compared. */
  async quietly<T>(work: () => Promise<T>): Promise<T> {
    this.#paused = true;
    try {
      await eventually(() => Promise.resolve(this.#writing === 0), { what: 'the writers being quiet' });
      return await work();
    } finally {
      this.#paused = false;
    }
  }

  #tell(side: Acknowledged): void {
    if (this.sides.at(-1) !== side) this.sides.push(side);
  }

  /** Logs in again after each error: a writer that gives up would prove nothing. */
  async #again(connect: () => pg.Client, turn: (client: pg.Client) => Promise<void>): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const client = connect();
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!signal.aborted) {
          if (!this.#paused) {
            this.#writing++;
            try {
              await turn(client);
            } finally {
              this.#writing--;
            }
          }
          await delay(BETWEEN_WRITES_MS);
        }
      } catch {
        await delay(SHUT_MS);
      } finally {
        await goodbye(client);
      }
    }
  }

  async #relay(): Promise<void> {
    const { topic, partitions } = this.#place;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await delay(RELAY_MS);
      if (this.#relayStands) continue;
      const { rows } = await this.home
        .query('select * from public.outbox where not published order by n limit 200')
        .catch(() => ({ rows: [] }));
      if (rows.length === 0) continue;
      const messages = rows.map(({ row_id, note, version }) => ({
        key: String(row_id),
        value: rowValue(row_id, note, version),
        partition: row_id % partitions,
      }));
      await eventually(() => this.#producer.send({ topic, acks: -1, messages }), { deadlineMs: SEND_DEADLINE_MS, what: 'a send' });
      await eventually(() => this.home.query('update public.outbox set published = true where n = any ($1)', [rows.map(({ n }) => n)]), {
        what: 'the outbox',
      });
    }
  }

  /** Rows of a side, as `id:note:version`, in the order of their ids. */
  async rowsOf(side: 'home' | 'copy'): Promise<readonly string[]> {
    const { rows } = await this[side].query<{ row: string }>(`select id || ':' || note || ':' || version as row from ${TABLE} order by id`);
    return rows.map(({ row }) => row);
  }

  get expected(): readonly string[] {
    return [...this.rows].toSorted(([a], [b]) => a - b).map(([, row]) => row);
  }

  /** Whether the application may log in at the primary. */
  async homeIsOpen(): Promise<boolean> {
    const { rows } = await this.home.query('select rolcanlogin from pg_roles where rolname = $1', [this.#place.role]);
    return rows[0].rolcanlogin;
  }

  /** Whether the region's database lets a writer of the present epoch in. */
  async regionIsOpen(): Promise<boolean> {
    return (await this.copy.query('select open from farshore.writer_epoch')).rows[0].open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    const ends = await Promise.allSettled(this.#loops);
    await this.home.query(`drop owned by ${this.#place.role}; drop role ${this.#place.role}`).catch(() => undefined);
    await Promise.all([this.home.end(), this.copy.end(), this.#producer.disconnect()]);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** A session whose server is gone may never say that it ended. */
async function goodbye(client: pg.Client): Promise<void> {
  const late = new AbortController();
  await Promise.race([client.end().catch(() => undefined), delay(GOODBYE_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
  late.abort();
}

function quietPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max, ...LIMITS });
  pool.on('error', () => undefined);
  return pool;
}
