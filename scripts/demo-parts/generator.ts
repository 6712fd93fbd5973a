import pg from 'pg';
import { decimalBytes, encoderOf, type Table, tables, topicOf, upsertSql } from './domain.ts';
import { Random } from './random.ts';

interface Change {
  readonly table: Table;
  readonly key: string;
  /** JSON for the primary's own row; undefined deletes it. */
  readonly row: Readonly<Record<string, unknown>> | undefined;
  readonly value: Buffer | null;
}

const DAY_MS = 86_400_000;
const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * Writes a billing history to the primary database. Each change is a row and an outbox entry in one
 * transaction, as an application would do it.
 */
export class Generator {
  readonly #client: pg.Client;
  readonly #random: Random;
  readonly #encode: Record<Table, ReturnType<typeof encoderOf>>;
  readonly #live: Record<Table, string[]> = { accounts: [], plans: [], subscriptions: [], invoices: [] };
  #nextId = 1;
  #micros = BigInt(Date.now()) * 1000n;

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

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** Writes `count` changes in one transaction. */
  async write(count: number): Promise<void> {
    const changes: Change[] = [];
    const touched = new Set<string>();
    while (changes.length < count) {
      const change = this.#change();
      // One state of a row a statement: PostgreSQL refuses to touch a row twice in one upsert.
      const id = `${change.table}/${change.key}`;
      if (touched.has(id)) continue;
      touched.add(id);
      changes.push(change);
    }
    await this.#client.query('begin');
    for (const table of tables) {
      const rows = changes.filter((c) => c.table === table && c.row !== undefined).map((c) => c.row);
      if (rows.length > 0) await this.#client.query(upsertSql(table), [JSON.stringify(rows)]);
      const gone = changes.filter((c) => c.table === table && c.row === undefined).map((c) => c.key);
      if (gone.length > 0) await this.#client.query(`delete from ${table} where id::text = any($1)`, [gone]);
    }
    await this.#client.query('insert into outbox (topic, key, value) select * from unnest($1::text[], $2::text[], $3::bytea[])', [
      changes.map((c) => topicOf(c.table)),
      changes.map((c) => c.key),
      changes.map((c) => c.value),
    ]);
    await this.#client.query('commit');
  }

  #change(): Change {
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

  #remove(): Change {
    const at = this.#random.below(this.#live.invoices.length);
    const [key] = this.#live.invoices.splice(at, 1);
    if (key === undefined) throw new Error('no invoice to delete');
    return { table: 'invoices', key, row: undefined, value: null };
  }

  #emit(table: Table, key: string, known: boolean, row: Record<string, unknown>, record: Record<string, unknown>): Change {
    if (!known) this.#live[table].push(key);
    const micros = this.#micros++;
    return { table, key, row: { ...row, updated_at: isoMicros(micros) }, value: this.#encode[table]({ ...record, updated_at: micros }) };
  }

  #account(known: string | undefined): Change {
    const id = known ?? this.#uuid();
    const name = `Customer ${this.#random.pick(['Ångström', 'O’Neill', 'Müller', 'Nakamura', 'Okafor'])} ${this.#random.below(10_000)}`;
    const email = this.#random.next() < 0.2 ? null : `c${this.#random.below(1_000_000)}@example.com`;
    const country = this.#random.pick(['PL', 'US', 'JP', 'PT', 'KE']);
    const balance = BigInt(this.#random.below(2_000_000_000)) - 1_000_000_000n;
    const createdMs = EPOCH_MS + this.#random.below(300 * DAY_MS);
    const producer = this.#random.pick(['billing', 'crm', 'support']);
    return this.#emit(
      'accounts',
      id,
      known !== undefined,
      { id, name, email, country, balance: decimalText(balance, 4), created_at: new Date(createdMs).toISOString(), producer },
      { id, name, email, country, balance: decimalBytes(balance), created_at: BigInt(createdMs), producer },
    );
  }

  #plan(known: string | undefined): Change {
    const id = known === undefined ? this.#nextId++ : Number(known);
    const code = `plan-${id}`;
    const price = BigInt(this.#random.below(100_000));
    const trialDays = this.#random.next() < 0.5 ? null : this.#random.below(60);
    const active = this.#random.next() < 0.9;
    const duration = Buffer.alloc(12);
    duration.writeUInt32LE(trialDays ?? 0, 4);
    return this.#emit(
      'plans',
      String(id),
      known !== undefined,
      { id, code, price: decimalText(price, 2), trial: trialDays === null ? null : `P${trialDays}D`, active },
      { id, code, price: decimalBytes(price), trial: trialDays === null ? null : duration, active },
    );
  }

  #subscription(known: string | undefined): Change {
    const id = known ?? String(this.#nextId++);
    const accountId = this.#random.pick(this.#live.accounts);
    const planId = Number(this.#random.pick(this.#live.plans));
    const status = this.#random.pick(['trial', 'active', 'past_due', 'cancelled']);
    const seats = 1 + this.#random.below(500);
    const started = 20_000 + this.#random.below(700);
    const ends = status === 'cancelled' ? started + this.#random.below(400) : null;
    const renewsMs = this.#random.next() < 0.5 ? null : this.#random.below(DAY_MS);
    return this.#emit(
      'subscriptions',
      id,
      known !== undefined,
      {
        id,
        account_id: accountId,
        plan_id: planId,
        status,
        seats,
        started_on: dateText(started),
        ends_on: ends === null ? null : dateText(ends),
        renews_at: renewsMs === null ? null : new Date(renewsMs).toISOString().slice(11, 23),
      },
      { id: BigInt(id), account_id: accountId, plan_id: planId, status, seats, started_on: started, ends_on: ends, renews_at: renewsMs },
    );
  }

  #invoice(known: string | undefined): Change {
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
    return this.#emit(
      'invoices',
      id,
      known !== undefined,
      {
        id,
        ...head,
        total: decimalText(total, 2),
        issued_on: dateText(issued),
        paid_at: paid === null ? null : isoMicros(paid),
        lines: lines.map(({ sku, quantity, cents, note }) => ({ sku, quantity: Number(quantity), amount: decimalText(cents, 2), note })),
      },
      {
        id: BigInt(id),
        ...head,
        total: decimalBytes(total),
        issued_on: issued,
        paid_at: paid,
        lines: lines.map(({ sku, quantity, cents, note }) => ({ sku, quantity, amount: decimalBytes(cents), note })),
      },
    );
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
