import type { Statement } from '../apply/contracts.ts';
import type { RecordedSharding, Sharding } from '../mirror/shards.ts';
import type { Database } from './database.ts';
import { integer, optionalText, text } from './result-values.ts';

const readStatement = (primary: string): Statement => ({
  name: 'farshore_shards_read',
  text: 'select shard_count, function, next_count from farshore.shards where primary_name = $1',
  values: [primary],
});

const announceStatement = (primary: string, shards: number): Statement => ({
  text: 'update farshore.shards set next_count = $2 where primary_name = $1',
  values: [primary, shards],
});

const recordStatement = (primary: string, sharding: Sharding): Statement => ({
  text: `insert into farshore.shards (primary_name, shard_count, function) values ($1, $2, $3)
on conflict (primary_name) do update
   set shard_count = excluded.shard_count, function = excluded.function, next_count = null, decided_at = clock_timestamp()`,
  values: [primary, sharding.shards, sharding.function],
});

/** How the partitions of a mirror are divided, in farshore.shards (C13). Written by the holder of the daemon's lease only. */
export interface ShardLedger {
  read(primary: string, signal: AbortSignal): Promise<RecordedSharding | undefined>;
  /** From now on nobody takes a shard, or writes for one whose producer it opens: before the old ones are fenced. */
  announce(primary: string, shards: number, signal: AbortSignal): Promise<void>;
  record(primary: string, sharding: Sharding, signal: AbortSignal): Promise<void>;
}

export function shardLedger(database: Database): ShardLedger {
  return {
    async read(primary, signal) {
      const { rows } = await database.query(readStatement(primary), signal);
      const [row] = rows;
      if (row === undefined) return undefined;
      const next = optionalText(row, 'next_count');
      return { shards: integer(row, 'shard_count'), function: text(row, 'function'), next: next === undefined ? undefined : Number(next) };
    },
    async announce(primary, shards, signal) {
      await database.query(announceStatement(primary, shards), signal);
    },
    async record(primary, sharding, signal) {
      await database.query(recordStatement(primary, sharding), signal);
    },
  };
}
