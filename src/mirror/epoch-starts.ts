import type { PublishedHome } from './contracts.ts';
import type { Look } from './look.ts';
import type { Route } from './routes.ts';

/** By home topic: where the present epoch begins at home, when a cutover between the two clusters began it. */
export type EpochStarts = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

/**
 * Undefined for the first epoch, and where the topic was created again since: the offsets are of a log that is gone, and by them what the new one
 * holds below would be left out, and nobody be told.
 */
export function offsetsOfEpoch({ fromOffsets, topicId }: Pick<PublishedHome, 'fromOffsets' | 'topicId'>, idNow: string | undefined) {
  return topicId === undefined || topicId === idNow ? fromOffsets : undefined;
}

export function epochStarts(look: Look, routes: readonly Route[], primary: string): EpochStarts {
  const starts = new Map<string, ReadonlyMap<number, bigint>>();
  for (const { home, regional } of routes) {
    const [there, here] = [look.publishedAtHome.get(home), look.publishedInRegion.get(regional)];
    if (there?.home !== primary || here?.home !== primary || here.epoch !== there.epoch) continue;
    const from = offsetsOfEpoch(there, look.home.get(home)?.topicId);
    if (from !== undefined) starts.set(home, from);
  }
  return starts;
}
