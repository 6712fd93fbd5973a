import { matchesTopics } from '../model/topic-patterns.ts';
import type { PublishedHome } from './contracts.ts';

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

/** Topics the configuration names literally and the cluster does not have. */
export function missingTopics(homeTopics: readonly string[], rules: RouteRules): readonly string[] {
  const present = new Set(homeTopics);
  return rules.topics.filter((pattern) => !pattern.endsWith('*') && !present.has(pattern));
}
