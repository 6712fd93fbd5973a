import type { Look } from './look.ts';
import type { Route } from './routes.ts';

/** By home topic: where the present epoch begins at home, when a cutover between the two clusters began it. */
export type EpochStarts = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

export function epochStarts(look: Look, routes: readonly Route[], primary: string): EpochStarts {
  const starts = new Map<string, ReadonlyMap<number, bigint>>();
  for (const { home, regional } of routes) {
    const [there, here] = [look.publishedAtHome.get(home), look.publishedInRegion.get(regional)];
    if (there?.fromOffsets === undefined || there.home !== primary || here?.home !== primary || here.epoch !== there.epoch) continue;
    starts.set(home, there.fromOffsets);
  }
  return starts;
}
