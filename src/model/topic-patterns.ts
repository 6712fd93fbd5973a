/**
 * Patterns name topics literally (`billing.plans`) or by a prefix with a trailing star (`billing.*`, `*`).
 * Names that Kafka or Farshore keep for themselves match no pattern, so `*` is safe to write.
 */

/** Why a topic is never mirrored by a pattern, or undefined when it may be. */
export function reservedTopicReason(topic: string): string | undefined {
  if (topic.startsWith('farshore.')) return 'topics farshore.* are kept for Farshore: heartbeats and its own records';
  if (topic.startsWith('__')) return 'topics __* are internal to Kafka and to Farshore';
  if (topic.endsWith('.farshore.rejected')) return 'topics *.farshore.rejected hold records Farshore could not apply';
  return undefined;
}

/** Why a pattern can never match, or undefined when it can. */
export function reservedPatternReason(pattern: string): string | undefined {
  if (!pattern.endsWith('*')) return reservedTopicReason(pattern);
  const prefix = pattern.slice(0, -1);
  return prefix.startsWith('farshore.') || prefix.startsWith('__') ? reservedTopicReason(prefix) : undefined;
}

/** `[a-zA-Z0-9._-]`, at most 249 characters, neither `.` nor `..`: what Kafka takes as a topic name. */
export const isTopicName = (text: string): boolean => /^[a-zA-Z0-9._-]{1,249}$/.test(text) && text !== '.' && text !== '..';

export const isTopicPattern = (text: string): boolean => text === '*' || isTopicName(text) || /^[a-zA-Z0-9._-]{1,249}\*$/.test(text);

const matchesPattern = (pattern: string, topic: string): boolean =>
  pattern.endsWith('*') ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern;

/** Whether a topic is selected: it matches a pattern, no exclusion, and its name is not reserved. */
export const matchesTopics = (patterns: readonly string[], exclude: readonly string[], topic: string): boolean =>
  reservedTopicReason(topic) === undefined &&
  patterns.some((pattern) => matchesPattern(pattern, topic)) &&
  !exclude.some((pattern) => matchesPattern(pattern, topic));
