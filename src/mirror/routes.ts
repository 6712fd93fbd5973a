import { matchesTopics } from '../model/topic-patterns.ts';
import type { PublishedHome, TopicRecord } from './contracts.ts';

/** Which topic at home is copied into which topic of the region. */
export interface Route {
  readonly home: string;
  readonly regional: string;
}

export interface RouteRules {
  readonly primary: string;
  readonly topics: readonly string[];
  readonly exclude: readonly string[];
  /** Put in front of the regional name; empty for identity names. */
  readonly prefix: string;
  /** The heartbeat topic at home, or undefined when heartbeats are off. */
  readonly heartbeatTopic: string | undefined;
  /** `mirror.standby`: carry heartbeats only, and topics whose home a cutover has moved to the primary of this mirror. */
  readonly heartbeatsOnly: boolean;
}

/** The name under which heartbeats of a cluster arrive elsewhere. Topics of that form are never mirrored on (C23). */
export const heartbeatRoute = (heartbeatTopic: string, primary: string): Route => ({
  home: heartbeatTopic,
  regional: `farshore.heartbeat.${primary}`,
});

/**
 * The routes for the topics a cluster lists. Patterns never match names that Farshore or Kafka keep for
 * themselves, so a mirror cannot carry its own bookkeeping or the heartbeats of a third cluster in circles.
 */
export function selectRoutes(
  homeTopics: readonly string[],
  rules: RouteRules,
  published: ReadonlyMap<string, Pick<PublishedHome, 'home' | 'epoch'>>,
): readonly Route[] {
  const isCarried = (topic: string): boolean => {
    const { home, epoch = 0 } = published.get(topic) ?? {};
    return !rules.heartbeatsOnly || (home === rules.primary && epoch > 1);
  };
  const routes: Route[] = [];
  for (const topic of homeTopics) {
    if (topic === rules.heartbeatTopic) routes.push(heartbeatRoute(topic, rules.primary));
    else if (isCarried(topic) && matchesTopics(rules.topics, rules.exclude, topic)) {
      routes.push({ home: topic, regional: rules.prefix + topic });
    }
  }
  return routes;
}

/** Whether the configuration still has the topic mirrored, listed at home or not. */
export const isWanted = (homeTopic: string, rules: Pick<RouteRules, 'topics' | 'exclude' | 'heartbeatTopic'>): boolean =>
  homeTopic === rules.heartbeatTopic || matchesTopics(rules.topics, rules.exclude, homeTopic);

/**
 * Topics that the ledger knows from this primary, that are to be mirrored, and that the cluster does not list: deleted there, or not to be seen any
 * more. What a mirror that has just started does not find, it cannot miss otherwise. One that was taken out of the configuration is not among them.
 */
export function vanishedRoutes(
  records: Iterable<Pick<TopicRecord, 'topic' | 'home'>>,
  routes: readonly Route[],
  rules: RouteRules,
): readonly Route[] {
  // The way back carries by what is published: a topic that is not there has its home here.
  if (rules.heartbeatsOnly) return [];
  const routed = new Set(routes.map(({ regional }) => regional));
  const heartbeats = rules.heartbeatTopic === undefined ? undefined : heartbeatRoute(rules.heartbeatTopic, rules.primary);
  const vanished: Route[] = [];
  for (const { topic, home } of records) {
    if (home !== rules.primary || routed.has(topic)) continue;
    if (topic === heartbeats?.regional) vanished.push(heartbeats);
    else if (topic.startsWith(rules.prefix)) {
      const route = { home: topic.slice(rules.prefix.length), regional: topic };
      if (route.home !== rules.heartbeatTopic && isWanted(route.home, rules)) vanished.push(route);
    }
  }
  return vanished;
}

/** Topics the configuration names literally and the cluster does not have. */
export function missingTopics(homeTopics: readonly string[], rules: RouteRules): readonly string[] {
  const present = new Set(homeTopics);
  return rules.topics.filter((pattern) => !pattern.endsWith('*') && !present.has(pattern));
}
