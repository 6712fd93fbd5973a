import { decideShards, SHARD_FUNCTION } from '../mirror/shards.ts';
import type { Observe } from '../model/events.ts';
import type { ShardLedger } from '../postgres/shard-ledger.ts';

export interface ShardsChange {
  readonly primary: string;
  readonly shards: number;
  readonly ledger: ShardLedger;
  readonly fence: (shards: readonly number[], signal: AbortSignal) => Promise<void>;
  readonly observe: Observe;
}

/**
 * Makes the configured division the recorded one, before the first shard starts (C13). Every old shard is fenced
 * before the record changes, so a crash in between fences them again; a shard that nobody fenced would go on
 * committing positions of partitions that another one has by then. It is announced before that: another daemon may be alive
 * and open its shard again, and what it reads then keeps it from writing.
 */
export async function settleShards({ primary, shards, ledger, fence, observe }: ShardsChange, signal: AbortSignal): Promise<void> {
  const recorded = await ledger.read(primary, signal);
  const decision = decideShards(recorded, shards, primary);
  if (decision.kind === 'keep') return;
  if (recorded !== undefined) await ledger.announce(primary, shards, signal);
  await fence(decision.fence, signal);
  await ledger.record(primary, { shards, function: SHARD_FUNCTION }, signal);
  observe({ type: 'shards_changed', primary, from: recorded?.shards, to: shards });
}
