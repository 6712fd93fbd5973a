import type { DeleteRetention } from '../lag/lost-deletes-loop.ts';
import { isCompacted } from '../mirror/topic-configs.ts';
import { askByTopic } from '../model/by-topic.ts';

type ConfigsByTopic = ReadonlyMap<string, ReadonlyMap<string, string>>;
export type ReadConfigs = (topics: readonly string[], signal: AbortSignal) => Promise<ConfigsByTopic>;

/** How long both sides keep the tombstones of mirrored topics. While the primary is away its side is not known, and not judged. */
export async function deleteRetention(
  readHome: ReadConfigs | undefined,
  readRegional: ReadConfigs,
  mirrored: Iterable<{ readonly topic: string; readonly homeTopic: string }>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, DeleteRetention>> {
  const homeTopics = new Map([...mirrored].map(({ topic, homeTopic }) => [topic, homeTopic]));
  const [home, regional] = await Promise.all([
    readHome === undefined ? new Map() : readable(readHome, [...new Set(homeTopics.values())], signal),
    readable(readRegional, [...homeTopics.keys()], signal),
  ]);
  return new Map(
    [...homeTopics].map(([topic, homeTopic]) => [topic, { homeMs: keptMs(home.get(homeTopic)), regionalMs: keptMs(regional.get(topic)) }]),
  );
}

/** One topic that may not be described, or has no name the region takes, is stopped by mirror; it must not hide the others. */
export async function readable(read: ReadConfigs, topics: readonly string[], signal: AbortSignal): Promise<ConfigsByTopic> {
  const { answers } = await askByTopic((some) => read(some, signal), topics);
  return new Map(answers.flatMap((configs) => [...configs]));
}

function keptMs(configs: ReadonlyMap<string, string> | undefined): number | undefined {
  const kept = configs?.get('delete.retention.ms');
  return configs === undefined || kept === undefined || !isCompacted(configs) ? undefined : Number(kept);
}
