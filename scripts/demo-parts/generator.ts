import pg from 'pg';
import { decimalBytes, encoderOf, type Table, tables, topicOf, upsertSql } from './domain.ts';
import { type PoisonKind, poisonKinds } from './poison.ts';
import { Random } from './random.ts';

/** What the application wants; `row` and `record` are undefined for a delete. */
interface Draft {
  readonly table: Table;
  readonly key: string;
  readonly known: boolean;
  readonly row: Readonly<Record<string, unknown>> | undefined;
  readonly record: Readonly<Record<string, unknown>> | undefined;
}

interface Change {
  readonly table: Table;
  /** Of the row. */
  readonly id: string;
  readonly key: string | null;
  /** JSON for the primary's own row; undefined deletes it. */
  readonly row: Readonly<Record<string, unknown>> | undefined;
  readonly value: Buffer | null;
}

const DAY_MS = 86_400_000;
const EPOCH_MS = Date.UTC(2026, 0, 1);
/** One change in so many is spoiled, when there is poison. */
const POISON_EVERY = 100;

/**
 * Writes a billing history to the primary database. Each change is a row and an outbox entry in one
 * transaction, as an application would do it.
 */
export class Generator {
  #client: pg.Client;
  /** Of a writer in the region; undefined at the primary. */
  #writerEpoch: string | undefined;
  readonly #random: Random;
  readonly #encode: Record<Table, ReturnType<typeof encoderOf>>;
  readonly #live: Record<Table, string[]> = { accounts: [], plans: [], subscriptions: [], invoices: [] };
  #nextId = 1;
  #micros = BigInt(Date.now()) * 1000n;
  /** Whether poison is mixed in. */
  poison = false;
  #changes = 0;
  readonly #injected = new Map<PoisonKind, number>();
  /** Whose records are broken in themselves: they are sent again. */
  #spoiled: Draft[] = [];

  constructor(client: pg.Client, seed: number) {
    this.#client = client;
    this.#random = new Random(seed);
    this.#encode = Object.fromEntries(tables.map((table) => [table, encoderOf(table)])) as Record<Table, ReturnType<typeof encoderOf>>;
  }

  static async connect(url: string, seed: number): Promise<Generator> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    return new Generator(client, seed);
  }

  /** Goes on with the same history elsewhere: in the region, with its outbox and an epoch to name, or at the primary. The client stays the caller's. */
  moveTo(client: pg.Client, writerEpoch: string | undefined): void {
    this.#client = client;
    this.#writerEpoch = writerEpoch;
  }

  /** Spoiled changes so far, by kind. */
  get injected(): ReadonlyMap<PoisonKind, number> {
    return this.#injected;
  }

  /** A row of the table that nothing writes from now on; answers its id. */
  setAside(table: Table): string {
    const [id] = this.#live[table].splice(this.#random.below(this.#live[table].length), 1);
    if (id === undefined) throw new Error(`no row of ${table} is left`);
    return id;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** Writes `count` changes in one transaction. */
  async write(count: number): Promise<void> {
    const changes: Change[] = [];
    const touched = new Set<string>();
    while (changes.length < count) {
      const kind = this.poison && this.#changes % POISON_EVERY === POISON_EVERY - 1 ? this.#nextKind() : undefined;
      const draft = kind === undefined ? this.#draft() : this.#draftFor(kind);
      // One state of a row a statement: PostgreSQL refuses to touch a row twice in one upsert.
      const id = `${draft.table}/${draft.key}`;
      if (touched.has(id)) continue;
      touched.add(id);
      changes.push(kind === undefined ? this.#emit(draft) : this.#spoil(draft, kind));
      this.#changes++;
    }
    await this.#store(changes);
  }

  /** Writes the rows again whose records were broken, each with a good record; answers how many. */
  async sendAgain(): Promise<number> {
    const drafts = this.#spoiled;
    this.#spoiled = [];
    await this.#store(drafts.map((draft) => this.#emit({ ...draft, known: true })));
    return drafts.length;
  }

  async #store(changes: readonly Change[]): Promise<void> {
    await this.#client.query('begin');
    if (this.#writerEpoch !== undefined) await this.#client.query('select farshore.assert_writer($1)', [this.#writerEpoch]);
    for (const table of tables) {
      const rows = changes.filter((c) => c.table === table && c.row !== undefined).map((c) => c.row);
      if (rows.length > 0) await this.#client.query(upsertSql(table), [JSON.stringify(rows)]);
      const gone = changes.filter((c) => c.table === table && c.row === undefined).map((c) => c.id);
      if (gone.length > 0) await this.#client.query(`delete from ${table} where id::text = any($1)`, [gone]);
    }
    const outbox =
      this.#writerEpoch === undefined
        ? 'insert into outbox (topic, key, value) select * from unnest($1::text[], $2::text[], $3::bytea[])'
        : `insert into farshore.outbox (topic, key, value) select topic, convert_to(key, 'UTF8'), value from unnest($1::text[], $2::text[], $3::bytea[]) as t (topic, key, value)`;
    await this.#client.query(outbox, [changes.map((c) => topicOf(c.table)), changes.map((c) => c.key), changes.map((c) => c.value)]);
    await this.#client.query('commit');
  }

  #draft(): Draft {
    const roll = this.#random.next();
    if (this.#live.plans.length < 5) return this.#plan(undefined);
    if (this.#live.accounts.length < 20 || roll < 0.1) return this.#account(undefined);
    if (roll < 0.15) return this.#account(this.#random.pick(this.#live.accounts));
    if (roll < 0.16) return this.#plan(this.#random.pick(this.#live.plans));
    if (this.#live.subscriptions.length < 20 || roll < 0.25) return this.#subscription(undefined);
    if (roll < 0.4) return this.#subscription(this.#random.pick(this.#live.subscriptions));
    if (this.#live.invoices.length < 50 || roll < 0.75) return this.#invoice(undefined);
    if (roll < 0.95) return this.#invoice(this.#random.pick(this.#live.invoices));
    return this.#remove();
  }

  #remove(): Draft {
    const at = this.#random.below(this.#live.invoices.length);
    const [key] = this.#live.invoices.splice(at, 1);
    if (key === undefined) throw new Error('no invoice to delete');
    return { table: 'invoices', key, known: true, row: undefined, record: undefined };
  }

  #nextKind(): PoisonKind | undefined {
    // Rows that can be referred to and deleted come first.
    if (this.#live.invoices.length < 50) return undefined;
    const injected = [...this.#injected.values()].reduce((sum, n) => sum + n, 0);
    return poisonKinds[injected % poisonKinds.length];
  }

  /** A row that nothing else writes: new, or on its way out. */
  #draftFor(kind: PoisonKind): Draft {
    if (kind.delete) return this.#remove();
    if (kind.table === 'accounts') return this.#account(undefined);
    return kind.table === 'subscriptions' ? this.#subscription(undefined) : this.#invoice(undefined);
  }

  #spoil(draft: Draft, kind: PoisonKind): Change {
    this.#injected.set(kind, (this.#injected.get(kind) ?? 0) + 1);
    const { row, record } = draft;
    const written = {
      ...draft,
      known: true,
      row: row && { ...row, ...kind.both?.row },
      record: record && { ...record, ...kind.both?.record },
    };
    if (kind.cause === 'record') this.#spoiled.push(written);
    const change = this.#emit({ ...written, record: written.record && { ...written.record, ...kind.record } });
    const { key, value } = change;
    return {
      ...change,
      key: kind.key === undefined || key === null ? key : kind.key(key),
      value: kind.value === undefined || value === null ? value : kind.value(value),
    };
  }

  #emit({ table, key, known, row, record }: Draft): Change {
    if (row === undefined || record === undefined) return { table, id: key, key, row: undefined, value: null };
    if (!known) this.#live[table].push(key);
    const micros = this.#micros++;
    const value = this.#encode[table]({ ...record, updated_at: micros });
    return { table, id: key, key, row: { ...row, updated_at: isoMicros(micros) }, value };
  }

  #account(known: string | undefined): Draft {
    const id = known ?? this.#uuid();
    const name = `Customer ${this.#random.pick(['Ångström', 'O’Neill', 'Müller', 'Nakamura', 'Okafor'])} ${this.#random.below(10_000)}`;
    const email = this.#random.next() < 0.2 ? null : `c${this.#random.below(1_000_000)}@example.com`;
    const country = this.#random.pick(['PL', 'US', 'JP', 'PT', 'KE']);
    const balance = BigInt(this.#random.below(2_000_000_000)) - 1_000_000_000n;
    const createdMs = EPOCH_MS + this.#random.below(300 * DAY_MS);
    const producer = this.#random.pick(['billing', 'crm', 'support']);
    return {
      table: 'accounts',
      key: id,
      known: known !== undefined,
      row: { id, name, email, country, balance: decimalText(balance, 4), created_at: new Date(createdMs).toISOString(), producer },
      record: { id, name, email, country, balance: decimalBytes(balance), created_at: BigInt(createdMs), producer },
    };
  }

  #plan(known: string | undefined): Draft {
    const id = known === undefined ? this.#nextId++ : Number(known);
    const code = `plan-${id}`;
    const price = BigInt(this.#random.below(100_000));
    const trialDays = this.#random.next() < 0.5 ? null : this.#random.below(60);
    const active = this.#random.next() < 0.9;
    const duration = Buffer.alloc(12);
    duration.writeUInt32LE(trialDays ?? 0, 4);
    return {
      table: 'plans',
      key: String(id),
      known: known !== undefined,
      row: { id, code, price: decimalText(price, 2), trial: trialDays === null ? null : `P${trialDays}D`, active },
      record: { id, code, price: decimalBytes(price), trial: trialDays === null ? null : duration, active },
    };
  }

  #subscription(known: string | undefined): Draft {
    const id = known ?? String(this.#nextId++);
    const accountId = this.#random.pick(this.#live.accounts);
    const planId = Number(this.#random.pick(this.#live.plans));
    const status = this.#random.pick(['trial', 'active', 'past_due', 'cancelled']);
    const seats = 1 + this.#random.below(500);
    const started = 20_000 + this.#random.below(700);
    const ends = status === 'cancelled' ? started + this.#random.below(400) : null;
    const renewsMs = this.#random.next() < 0.5 ? null : this.#random.below(DAY_MS);
    return {
      table: 'subscriptions',
      key: id,
      known: known !== undefined,
      row: {
        id,
        account_id: accountId,
        plan_id: planId,
        status,
        seats,
        started_on: dateText(started),
        ends_on: ends === null ? null : dateText(ends),
        renews_at: renewsMs === null ? null : new Date(renewsMs).toISOString().slice(11, 23),
      },
      record: {
        id: BigInt(id),
        account_id: accountId,
        plan_id: planId,
        status,
        seats,
        started_on: started,
        ends_on: ends,
        renews_at: renewsMs,
      },
    };
  }

  #invoice(known: string | undefined): Draft {
    const id = known ?? String(this.#nextId++);
    const accountId = this.#random.pick(this.#live.accounts);
    const lines = Array.from({ length: 1 + this.#random.below(3) }, () => ({
      sku: `SKU-${this.#random.below(500)}`,
      quantity: BigInt(1 + this.#random.below(20)),
      cents: BigInt(this.#random.below(1_000_000)),
      note: this.#random.next() < 0.7 ? null : 'pro rata',
    }));
    const total = lines.reduce((sum, line) => sum + line.cents, 0n);
    const status = this.#random.pick(['open', 'paid', 'void']);
    const issued = 20_000 + this.#random.below(700);
    const paid = status === 'paid' ? BigInt(issued) * BigInt(DAY_MS) * 1000n + BigInt(this.#random.below(1_000_000_000)) : null;
    const head = {
      account_id: accountId,
      number: `INV-${id.padStart(9, '0')}`,
      currency: this.#random.pick(['EUR', 'USD', 'JPY']),
      status,
    };
    return {
      table: 'invoices',
      key: id,
      known: known !== undefined,
      row: {
        id,
        ...head,
        total: decimalText(total, 2),
        issued_on: dateText(issued),
        paid_at: paid === null ? null : isoMicros(paid),
        lines: lines.map(({ sku, quantity, cents, note }) => ({ sku, quantity: Number(quantity), amount: decimalText(cents, 2), note })),
      },
      record: {
        id: BigInt(id),
        ...head,
        total: decimalBytes(total),
        issued_on: issued,
        paid_at: paid,
        lines: lines.map(({ sku, quantity, cents, note }) => ({ sku, quantity, amount: decimalBytes(cents), note })),
      },
    };
  }

  #uuid(): string {
    const hex = Array.from({ length: 4 }, () => this.#random.below(4_294_967_296).toString(16).padStart(8, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

function decimalText(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${negative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const dateText = (days: number): string => new Date(days * DAY_MS).toISOString().slice(0, 10);

function isoMicros(micros: bigint): string {
  const ms = micros / 1000n;
  return new Date(Number(ms)).toISOString().replace('Z', `${String(micros % 1000n).padStart(3, '0')}Z`);
}
