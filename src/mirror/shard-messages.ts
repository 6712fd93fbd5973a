import { assignShards } from './shard-assignment.ts';

/** What a daemon tells the others of itself when it joins. */
export interface ShardIntroduction {
  /** Its mirror.shards: with another number it is given nothing. */
  readonly shards: number;
  readonly held: readonly number[];
}

export const introduction = (told: ShardIntroduction): Buffer => Buffer.from(JSON.stringify(told), 'utf8');

/** The shards that were assigned; none where the bytes are not of this form. */
export function assignedShards(assignment: Buffer): readonly number[] {
  const parsed = parse(assignment);
  return Array.isArray(parsed) ? parsed.filter((shard) => Number.isSafeInteger(shard)) : [];
}

/** As the leader of the group divides `shards` among those that introduced themselves with the same number. */
export function divide(
  members: readonly { readonly memberId: string; readonly metadata: Buffer }[],
  shards: number,
): ReadonlyMap<string, Buffer> {
  const told = members.flatMap(({ memberId, metadata }) => {
    const one = parse(metadata);
    if (typeof one !== 'object' || one === null || Reflect.get(one, 'shards') !== shards) return [];
    const held: unknown = Reflect.get(one, 'held');
    return [{ id: memberId, held: Array.isArray(held) ? held.filter((shard) => Number.isSafeInteger(shard)) : [] }];
  });
  const given = assignShards(told, shards);
  return new Map(members.map(({ memberId }) => [memberId, Buffer.from(JSON.stringify(given.get(memberId) ?? []), 'utf8')]));
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
