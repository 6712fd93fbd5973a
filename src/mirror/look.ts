import { askByTopic } from '../model/by-topic.ts';
import type { FarshoreError } from '../model/errors.ts';
import type { PublishedHome, TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies } from './dependencies.ts';
import { type RouteRules, selectRoutes } from './routes.ts';

type ConfigsByTopic = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What both clusters and the ledger say, read at one time. */
export interface Look {
  readonly home: ReadonlyMap<string, TopicDescription>;
  regional: ReadonlyMap<string, TopicDescription>;
  records: Map<string, TopicRecord>;
  readonly homeConfigs: ConfigsByTopic;
  /** Why the configs of a topic at home cannot be read: it is not mirrored without them. */
  readonly unreadable: ReadonlyMap<string, FarshoreError>;
  readonly publishedAtHome: ReadonlyMap<string, PublishedHome>;
  /** Read only where the home tells of an epoch after the first. */
  readonly publishedInRegion: ReadonlyMap<string, PublishedHome>;
}

export async function lookAround(
  {
    home,
    regional,
    ledger,
    publishedAtHome,
    publishedInRegion,
  }: Pick<MirrorDependencies, 'home' | 'regional' | 'ledger' | 'publishedAtHome' | 'publishedInRegion'>,
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
    published,
  );
  const hasMoved = [...published.values()].some(({ epoch }) => epoch > 1);
  return {
    home: byName(homeTopics),
    regional: byName(regionalTopics),
    records: new Map(records.map((r) => [r.topic, r])),
    ...(await readConfigs(
      home,
      wanted.map((route) => route.home),
      signal,
    )),
    publishedAtHome: published,
    publishedInRegion: hasMoved ? await publishedInRegion.read(signal) : new Map(),
  };
}

/** Where a right is missing for one of them, that topic is stopped for it, and no other. */
async function readConfigs(
  home: Pick<MirrorDependencies['home'], 'topicConfigs'>,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<Pick<Look, 'homeConfigs' | 'unreadable'>> {
  if (topics.length === 0) return { homeConfigs: new Map(), unreadable: new Map() };
  const { answers, refused } = await askByTopic((some) => home.topicConfigs(some, signal), topics);
  return { homeConfigs: new Map(answers.flatMap((configs) => [...configs])), unreadable: refused };
}
