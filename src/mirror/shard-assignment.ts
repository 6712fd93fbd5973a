/** A daemon that may work on shards, as the group tells of it. */
export interface ShardMember {
  readonly id: string;
  /** What it works on now. */
  readonly held: readonly number[];
}

/**
 * Which member is to try which shards: every shard has one member, no two members differ by more than one, and as few shards move as that
 * allows. The same for the same members in whatever order they come. It only says who should try: a shard is worked under its own lease.
 */
export function assignShards(members: readonly ShardMember[], shards: number): ReadonlyMap<string, readonly number[]> {
  const claimed = claims(members, shards);
  // Those that hold most keep the larger shares: every one that goes to a member with less would be a shard moved for nothing.
  const order = [...claimed.keys()].sort((a, b) => claimed.get(b)!.length - claimed.get(a)!.length || (a < b ? -1 : 1));
  const least = Math.floor(shards / Math.max(1, order.length));
  const larger = shards - least * order.length;
  const given = new Map(order.map((id, at) => [id, claimed.get(id)!.slice(0, least + (at < larger ? 1 : 0))]));
  const kept = new Set([...given.values()].flat());
  const free = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => !kept.has(shard));
  for (const [at, id] of order.entries()) {
    const own = given.get(id)!;
    own.push(...free.splice(0, least + (at < larger ? 1 : 0) - own.length));
    own.sort((a, b) => a - b);
  }
  return given;
}

/** By member, the shards it holds and no member before it does: after a split two may believe to hold the same one. */
function claims(members: readonly ShardMember[], shards: number): Map<string, number[]> {
  const taken = new Set<number>();
  const byId = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  return new Map(
    byId.map(({ id, held }) => {
      const own = [...new Set(held)].filter((shard) => shard >= 0 && shard < shards && !taken.has(shard)).sort((a, b) => a - b);
      for (const shard of own) taken.add(shard);
      return [id, own];
    }),
  );
}
