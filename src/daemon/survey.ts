import type { SchemaShape } from '../apply/entry-view.ts';
import { sourceTableOf } from '../apply/source-table.ts';
import { prepareComparison } from '../audit/compared-table.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { listTopics, type TopicDescription } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { partitionEnds } from '../kafka/offsets.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { missingTopicRights } from '../kafka/rights.ts';
import { systemClock } from '../model/clock.ts';
import { concurrently } from '../model/concurrently.ts';
import { FarshoreError } from '../model/errors.ts';
import type { TableName } from '../model/sql-name.ts';
import type { Obstacle, ProposedTable, Survey, SurveyedTopic } from '../model/survey.ts';
import { reservedTopicReason } from '../model/topic-patterns.ts';
import { PostgresAuditSide } from '../postgres/audit-side.ts';
import type { Database } from '../postgres/database.ts';
import { describeTables, listTables } from '../postgres/tables.ts';
import { grantCommand } from './check-rights.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { primaryDatabase, regionalDatabase } from './database.ts';
import { newestShape, type Shape } from './newest-shape.ts';
import { proposeTable, tableOfTopic, withoutSharing } from './propose-table.ts';
import { schemaRegistry } from './schemas.ts';

const SCHEMAS_AT_ONCE = 4;
const quiet = (): void => undefined;

/** Asks everything the configuration has an address of, and changes nothing. Rejects with what did not answer. */
export async function survey(config: FarshoreConfig, asks: { readonly database: boolean }, signal: AbortSignal): Promise<Survey> {
  const primary = primaryCluster(() => config, systemClock, quiet);
  const regional = regionalCluster(() => config, systemClock, quiet);
  const region = asks.database ? regionalDatabase(() => config.regional.database, 1, systemClock) : undefined;
  const source = config.primary.database && primaryDatabase(() => config.primary.database!, 1, systemClock);
  const registry = schemaRegistry(
    () => config.primary.registry,
    () => undefined,
  );
  try {
    await Promise.all([primary.connect(signal), regional.connect(signal), region?.checkServer(signal), source?.checkServer(signal)]);
    if (primary.clusterId === regional.clusterId) {
      throw new FarshoreError('cluster_wrong', `Primary and regional brokers are the same cluster, ${primary.clusterId}`, {
        hint: 'Give the brokers of two clusters: one cannot be mirrored into itself.',
      });
    }
    const topics = (await listTopics(primary, signal)).filter(({ topic }) => reservedTopicReason(topic) === undefined);
    topics.sort((a, b) => (a.topic < b.topic ? -1 : 1));
    const obstacles = await topicObstacles(config.primary.name, topics, primary, regional, signal);
    const shapes = await newestShapes(registry, topics, signal);
    const { tables, without } = await proposals({ topics, shapes, region, source, registryAsked: registry !== undefined }, signal);
    const { heartbeat } = config.primary;
    const missing = await missingTopicRights(primary, new Map([[heartbeat.topic, ['Read', 'Write', 'Create', 'Describe']]]), signal);
    const [lacking] = missing;
    return {
      topics: topics.map(
        ({ topic, partitions }): SurveyedTopic => ({
          topic,
          partitions: partitions.length,
          obstacle: obstacles.get(topic),
          noTable: without.get(topic),
        }),
      ),
      tables: tables.filter(({ topic }) => !obstacles.has(topic)),
      heartbeatGrant: lacking && grantCommand(config.primary.kafka, lacking),
      databaseAsked: region !== undefined,
      registryAsked: registry !== undefined,
    };
  } finally {
    await Promise.all([primary.close(), regional.close(), region?.close(), source?.close()]);
  }
}

/** What would stop the mirror at its first look at a topic. */
async function topicObstacles(
  primaryName: string,
  topics: readonly TopicDescription[],
  primary: KafkaCluster,
  regional: KafkaCluster,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Obstacle>> {
  const [homes, known, there] = await Promise.all([
    publishedHomes(primary).read(signal),
    publishedHomes(regional).read(signal),
    listTopics(regional, signal),
  ]);
  const inRegion = new Map(there.map((one) => [one.topic, one]));
  const unclaimed = topics.flatMap(({ topic }) =>
    known.has(topic) ? [] : (inRegion.get(topic)?.partitions ?? []).map((p) => ({ topic, ...p })),
  );
  const held = new Set(
    (await partitionEnds(regional, unclaimed, signal)).filter(({ start, end }) => end > start).map(({ topic }) => topic),
  );
  const found = new Map<string, Obstacle>();
  for (const { topic, partitions } of topics) {
    const home = homes.get(topic)?.home;
    const mirror = inRegion.get(topic);
    if (home !== undefined && home !== primaryName) {
      found.set(topic, { why: `its home is ${home}, not ${primaryName}`, next: undefined });
    } else if (held.has(topic)) {
      const next = 'Delete or empty that topic, or leave this one out.';
      found.set(topic, { why: 'the region has a topic of this name, with records of somebody else', next });
    } else if ((mirror?.partitions.length ?? 0) > partitions.length) {
      const why = `the region has a topic of this name with ${mirror?.partitions.length} partitions, here are ${partitions.length}`;
      found.set(topic, { why, next: 'Delete that topic.' });
    }
  }
  return found;
}

async function newestShapes(
  registry: SchemaRegistry | undefined,
  topics: readonly TopicDescription[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Shape>> {
  if (registry === undefined) return new Map();
  const shapes = await concurrently(
    topics,
    SCHEMAS_AT_ONCE,
    async ({ topic }) => [topic, await newestShape(registry, topic, signal)] as const,
  );
  return new Map(shapes);
}

interface Known {
  readonly topics: readonly TopicDescription[];
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly region: Database | undefined;
  readonly source: Database | undefined;
  readonly registryAsked: boolean;
}

async function proposals({ topics, shapes, region, source, registryAsked }: Known, signal: AbortSignal) {
  const without = new Map<string, string>();
  const chosen: { readonly topic: string; readonly shape: SchemaShape; readonly table: TableName }[] = [];
  const names = region === undefined ? [] : await listTables(region, signal);
  for (const { topic } of topics) {
    const shape = shapes.get(topic);
    const record = shape !== undefined && 'fields' in shape ? shape.recordName : undefined;
    const found = tableOfTopic(topic, record, names);
    if (region === undefined) without.set(topic, 'no database was asked');
    else if (found.kind === 'none') without.set(topic, 'no table of this name in the region');
    else if (found.kind === 'several') without.set(topic, `${found.tables.join(' or ')} may be meant`);
    else if (!registryAsked) without.set(topic, `no registry was asked: ${found.table.schema}.${found.table.table} cannot be mapped`);
    else if (shape === undefined || 'why' in shape) without.set(topic, shape?.why ?? 'it has no schema');
    else chosen.push({ topic, shape, table: found.table });
  }
  if (region === undefined || chosen.length === 0) return { tables: [] as readonly ProposedTable[], without };
  const described = await describeTables(
    region,
    chosen.map(({ table }) => table),
    signal,
  );
  const proposed: ProposedTable[] = [];
  for (const { topic, shape, table } of chosen) {
    const description = described.find((one) => one.schema === table.schema && one.table === table.table);
    if (description === undefined) without.set(topic, 'its table went away while it was looked at');
    else {
      const one = proposeTable(topic, shape, description);
      proposed.push(source === undefined ? one : { ...one, unaudited: await unaudited(one, source, region, description, signal) });
    }
  }
  return { tables: withoutSharing(proposed), without };
}

/** Why the audit would leave the table out. */
async function unaudited(
  { topic, table, key, keyIsPrimary, preset }: ProposedTable,
  source: Database,
  region: Database,
  description: Parameters<typeof sourceTableOf>[1] & TableName,
  signal: AbortSignal,
): Promise<string | undefined> {
  const resolved = sourceTableOf({ topic, table, preset, ...(keyIsPrimary ? {} : { key }) }, description);
  const sides = { primary: new PostgresAuditSide('primary', source), region: new PostgresAuditSide('region', region) };
  const wanted = { region: description, source: resolved.source, key: resolved.key, live: resolved.live, unknown: resolved.unknown };
  const outcome = await prepareComparison(sides, wanted, signal);
  return outcome.kind === 'compared' ? undefined : outcome.reasons.map(({ message, hint }) => `${message}. ${hint ?? ''}`.trim()).join(' ');
}
