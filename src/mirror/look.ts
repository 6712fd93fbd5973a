import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
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

/** All at once; where a right is missing for one of them one by one, so that it stops that topic and no other. */
async function readConfigs(
  home: Pick<MirrorDependencies['home'], 'topicConfigs'>,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<Pick<Look, 'homeConfigs' | 'unreadable'>> {
  const unreadable = new Map<string, FarshoreError>();
  if (topics.length === 0) return { homeConfigs: new Map(), unreadable };
  try {
    return { homeConfigs: await home.topicConfigs(topics, signal), unreadable };
  } catch (error) {
    if (findFarshoreError(error)?.action !== 'stop') throw error;
  }
  const homeConfigs = new Map<string, ReadonlyMap<string, string>>();
  for (const topic of topics) {
    try {
      for (const [name, configs] of await home.topicConfigs([topic], signal)) homeConfigs.set(name, configs);
    } catch (error) {
      const known = findFarshoreError(error);
      if (known?.action !== 'stop') throw error;
      unreadable.set(topic, known);
    }
  }
  return { homeConfigs, unreadable };
}
