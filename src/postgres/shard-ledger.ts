import type { Statement } from '../apply/contracts.ts';
import type { Sharding } from '../mirror/shards.ts';
import type { Database } from './database.ts';
import { integer, text } from './result-values.ts';

const readStatement = (primary: string): Statement => ({
  text: 'select shard_count, function from farshore.shards where primary_name = $1',
  values: [primary],
});

const recordStatement = (primary: string, sharding: Sharding): Statement => ({
  text: `insert into farshore.shards (primary_name, shard_count, function) values ($1, $2, $3)
on conflict (primary_name) do update set shard_count = excluded.shard_count, function = excluded.function, decided_at = clock_timestamp()`,
  values: [primary, sharding.shards, sharding.function],
});

/** How the partitions of a mirror are divided, in farshore.shards (C13). Written by the holder of the lease only. */
export interface ShardLedger {
  read(primary: string, signal: AbortSignal): Promise<Sharding | undefined>;
  record(primary: string, sharding: Sharding, signal: AbortSignal): Promise<void>;
}

export function shardLedger(database: Database): ShardLedger {
  return {
    async read(primary, signal) {
      const { rows } = await database.query(readStatement(primary), signal);
      const [row] = rows;
      return row === undefined ? undefined : { shards: integer(row, 'shard_count'), function: text(row, 'function') };
    },
    async record(primary, sharding, signal) {
      await database.query(recordStatement(primary, sharding), signal);
    },
  };
}
