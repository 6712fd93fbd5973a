import type { Statement } from '../apply/contracts.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { withinLimit } from '../model/time-limit.ts';
import type { Database } from './database.ts';
import { nextEpoch } from './lease-statements.ts';
import { bigInteger, text } from './result-values.ts';

/** Of the lease of a shard, beside that of the region. */
export const shardLeaseName = (shard: number): string => `shard-${shard}`;

/**
 * Takes the row of a shard that nobody holds, with an epoch above every other. `for share` makes a change of the division wait for this
 * transaction, and one that comes after the change find no division to take a shard of.
 */
const takeStatement = (shard: number, { holder, ttlMs, primary, shards }: ShardLeaseOptions): Statement => ({
  name: 'farshore_shard_take',
  text: `with division as (
  select 1 from farshore.shards where primary_name = $4 and shard_count = $5 and next_count is null for share
)
insert into farshore.lease as held (name, holder, epoch, expires_at)
select $1, $2, ${nextEpoch}, clock_timestamp() + $3::bigint * interval '1 millisecond' from division
on conflict (name) do update
   set holder = excluded.holder,
       epoch = greatest(held.epoch + 1, excluded.epoch),
       acquired_at = clock_timestamp(),
       renewed_at = clock_timestamp(),
       expires_at = excluded.expires_at
 where held.expires_at <= clock_timestamp()
returning epoch`,
  values: [shardLeaseName(shard), holder, ttlMs, primary, shards],
});

const renewStatement = (holder: string, ttlMs: number, held: readonly HeldShard[]): Statement => ({
  name: 'farshore_shards_renew',
  text: `update farshore.lease l
   set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond'
  from unnest($3::text[], $4::bigint[]) as mine (name, epoch)
 where l.name = mine.name and l.epoch = mine.epoch and l.holder = $1
returning l.name`,
  values: [holder, ttlMs, held.map(({ shard }) => shardLeaseName(shard)), held.map(({ epoch }) => epoch)],
});

const giveUpStatement = (holder: string, shard: number, epoch: bigint): Statement => ({
  name: 'farshore_shard_give_up',
  text: 'update farshore.lease set expires_at = clock_timestamp() where name = $1 and holder = $2 and epoch = $3',
  values: [shardLeaseName(shard), holder, epoch],
});

const holdersStatement: Statement = {
  name: 'farshore_shard_holders',
  text: `select name, holder, epoch, extract(epoch from expires_at - clock_timestamp()) > 0 as valid
  from farshore.lease where name like 'shard-%'`,
  values: [],
};

export interface ShardLeaseOptions {
  readonly holder: string;
  readonly ttlMs: number;
  readonly primary: string;
  /** The division that the shards are of: while another one is recorded, none is taken. */
  readonly shards: number;
}

export interface ShardHolder {
  readonly shard: number;
  readonly holder: string;
  readonly epoch: bigint;
}

/** Who holds which shard now, by the clock of the database. */
export async function shardHolders(database: Pick<Database, 'query'>, signal: AbortSignal): Promise<readonly ShardHolder[]> {
  const { rows } = await database.query(holdersStatement, signal);
  return rows.flatMap((row) =>
    row.valid === 't'
      ? [{ shard: Number(text(row, 'name').slice('shard-'.length)), holder: text(row, 'holder'), epoch: bigInteger(row, 'epoch') }]
      : [],
  );
}

/** The highest epoch that a shard was ever taken with; 0 where none was. */
export async function newestShardEpoch(database: Pick<Database, 'query'>, signal: AbortSignal): Promise<bigint> {
  const text = "select coalesce(max(epoch), 0) as epoch from farshore.lease where name like 'shard-%'";
  const { rows } = await database.query({ name: 'farshore_shards_newest', text, values: [] }, signal);
  return bigInteger(rows[0]!, 'epoch');
}

/** The lease of one shard. `lost` resolves, and never rejects, when it is over without having been released. */
export class HeldShard {
  readonly shard: number;
  readonly epoch: bigint;
  readonly lost: Promise<FarshoreError>;
  readonly #settleLost: (reason: FarshoreError) => void;
  readonly #check: (signal: AbortSignal) => Promise<void>;
  /** Monotonic time up to which the row stands without another renewal, counted from before it was written. */
  validUntilMs: number;
  ended: FarshoreError | undefined;

  constructor(shard: number, epoch: bigint, validUntilMs: number, check: (signal: AbortSignal) => Promise<void>) {
    this.shard = shard;
    this.epoch = epoch;
    this.validUntilMs = validUntilMs;
    this.#check = check;
    const { promise, resolve } = Promise.withResolvers<FarshoreError>();
    this.lost = promise;
    this.#settleLost = resolve;
  }

  /** Asks the database now whether it is still ours (C10). Rejects with `fenced`, `lease_lost`, or the database's error. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.ended !== undefined) throw this.ended;
    try {
      await this.#check(signal);
    } catch (error) {
      throw this.ended ?? error;
    }
    if (this.ended !== undefined) throw this.ended;
  }

  lose(reason: FarshoreError): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.#settleLost(reason);
  }
}

/**
 * The leases of the shards that this daemon works on, renewed together in one statement. They are rows alone, without a session
 * lock: an epoch that a takeover raises is what fences, and what Kafka's group tells says when to try.
 */
export class ShardLeases {
  readonly #database: Pick<Database, 'query'>;
  readonly #clock: Clock;
  readonly #options: ShardLeaseOptions;
  readonly #held = new Map<number, HeldShard>();
  #renewing: Promise<void> = Promise.resolve();

  constructor(database: Pick<Database, 'query'>, clock: Clock, options: ShardLeaseOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#options = options;
  }

  /** Undefined while another daemon holds it, or while the division is another one. */
  async take(shard: number, signal: AbortSignal): Promise<HeldShard | undefined> {
    const startedMs = this.#clock.monotonicMs();
    const { rows } = await this.#database.query(takeStatement(shard, this.#options), signal);
    const [row] = rows;
    if (row === undefined) return undefined;
    const held = new HeldShard(shard, bigInteger(row, 'epoch'), startedMs + this.#options.ttlMs, (stop) =>
      this.#renewInTime(held.validUntilMs, stop),
    );
    this.#held.set(shard, held);
    return held;
  }

  /** Lets the next daemon in at once. The row of one that was lost is left as it is. */
  async release(held: HeldShard, signal: AbortSignal): Promise<void> {
    if (this.#held.get(held.shard) === held) this.#held.delete(held.shard);
    held.ended ??= new FarshoreError('lease_lost', `Shard ${held.shard} was released.`);
    await this.#database.query(giveUpStatement(this.#options.holder, held.shard, held.epoch), signal);
  }

  /** Renews until the signal. A lease that no renewal answered for is lost by our own monotonic clock. */
  async run(signal: AbortSignal): Promise<void> {
    const { ttlMs } = this.#options;
    let waitMs = ttlMs / 3;
    while (!signal.aborted) {
      await this.#clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted || this.#held.size === 0) continue;
      const soonestMs = Math.min(...[...this.#held.values()].map(({ validUntilMs }) => validUntilMs));
      try {
        await this.#renewInTime(soonestMs, signal);
        waitMs = ttlMs / 3;
      } catch (error) {
        if (signal.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        this.#expire(known);
        waitMs = ttlMs / 10;
      }
    }
  }

  /** Waiting for the turn included: one that no answer comes to must not keep the others from being lost in time. */
  async #renewInTime(validUntilMs: number, signal: AbortSignal): Promise<void> {
    const limitMs = Math.max(validUntilMs - this.#clock.monotonicMs(), this.#options.ttlMs / 10);
    const late = (): never => {
      throw new FarshoreError('database_unreachable', 'The leases of the shards were not renewed in time.');
    };
    await withinLimit((limited) => this.#renew(limited), limitMs, late, this.#clock, signal);
  }

  /** One renewal at a time; who comes while one is under way gets the next, whose question is put later. */
  async #renew(signal: AbortSignal): Promise<void> {
    const turn = this.#renewing.then(
      () => this.#renewNow(signal),
      () => this.#renewNow(signal),
    );
    this.#renewing = turn;
    await turn;
  }

  async #renewNow(signal: AbortSignal): Promise<void> {
    // Given up while it waited for its turn.
    signal.throwIfAborted();
    const asked = [...this.#held.values()];
    if (asked.length === 0) return;
    const { holder, ttlMs } = this.#options;
    const startedMs = this.#clock.monotonicMs();
    const { rows } = await this.#database.query(renewStatement(holder, ttlMs, asked), signal);
    const renewed = new Set(rows.map((row) => text(row, 'name')));
    for (const held of asked) {
      if (renewed.has(shardLeaseName(held.shard))) held.validUntilMs = startedMs + ttlMs;
      else if (held.ended === undefined)
        this.#lose(held, new FarshoreError('fenced', `Another daemon took over shard ${held.shard} from epoch ${held.epoch}.`));
    }
  }

  #expire(cause: FarshoreError): void {
    const nowMs = this.#clock.monotonicMs();
    for (const held of [...this.#held.values()]) {
      if (nowMs < held.validUntilMs) continue;
      const message = `The lease of shard ${held.shard} could not be renewed for ${this.#options.ttlMs} ms: ${cause.message}`;
      this.#lose(held, new FarshoreError('lease_lost', message, { cause }));
    }
  }

  #lose(held: HeldShard, reason: FarshoreError): void {
    this.#held.delete(held.shard);
    held.lose(reason);
  }
}
