import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import { type RouteRules, selectRoutes } from './routes.ts';

/** What both clusters and the ledger say, read at one time. */
export interface Look {
  readonly home: ReadonlyMap<string, TopicDescription>;
  regional: ReadonlyMap<string, TopicDescription>;
  records: Map<string, TopicRecord>;
  readonly homeConfigs: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly publishedAtHome: ReadonlyMap<string, { readonly home: string; readonly epoch: number }>;
}

export async function lookAround(
  { home, regional, ledger, publishedAtHome }: Pick<MirrorDependencies, 'home' | 'regional' | 'ledger' | 'publishedAtHome'>,
  rules: RouteRules,
  signal: AbortSignal,
): Promise<Look> {
  const byName = (topics: readonly TopicDescription[]) => new Map(topics.map((t) => [t.topic, t]));
  const [homeTopics, regionalTopics, records, published] = await Promise.all([
    home.listTopics(signal),
    regional.listTopics(signal),
    ledger.load(signal),
    publishedAtHome.read(signal),
  ]);
  const wanted = selectRoutes(
    homeTopics.map((t) => t.topic),
    rules,
  );
  return {
    home: byName(homeTopics),
    regional: byName(regionalTopics),
    records: new Map(records.map((r) => [r.topic, r])),
    homeConfigs:
      wanted.length === 0
        ? new Map()
        : await home.topicConfigs(
            wanted.map((r) => r.home),
            signal,
          ),
    publishedAtHome: published,
  };
}
