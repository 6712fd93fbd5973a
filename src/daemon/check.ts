import { tableNameOf } from '../apply/table-entry.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { listTopics } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { publishedHomes } from '../kafka/published-homes.ts';
import { missingTopics, selectRoutes } from '../mirror/routes.ts';
import { systemClock } from '../model/clock.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import type { Database } from '../postgres/database.ts';
import { missingGrants } from '../postgres/grants.ts';
import { checkMigrations, loadMigrations } from '../postgres/migrations.ts';
import { checkCutoverDatabase } from './check-cutover-database.ts';
import { checkPrimaryDatabase } from './check-primary-database.ts';
import { checkRights } from './check-rights.ts';
import { checkTables } from './check-tables.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { warningsOf } from './compatibility.ts';
import { regionalDatabase } from './database.ts';
import { problemFinding as problem } from './finding.ts';
import { schemaRegistry } from './schemas.ts';

type Area = Finding['area'];

/** Looks at everything the configuration names and changes nothing. Each part is looked at even when another is down. */
export async function checkAll(config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const quiet = (): void => undefined;
  const primary = primaryCluster(() => config, systemClock, quiet);
  const regional = regionalCluster(() => config, systemClock, quiet);
  const database = regionalDatabase(() => config.regional.database, 1, systemClock);
  const registry = schemaRegistry(
    () => config.primary.registry,
    () => undefined,
  );
  try {
    const [primaryFindings, regionalFindings, databaseFindings, sourceFindings, cutoverFindings, ...registryFindings] = await Promise.all([
      checkCluster('primary kafka', primary, signal),
      checkCluster('regional kafka', regional, signal),
      checkDatabase(database, registry, config, signal),
      checkPrimaryDatabase(database, config, signal),
      checkCutoverDatabase(config, signal),
      checkRegistry(registry, config, signal),
      checkRegionalRegistry(config, signal),
    ]);
    const findings = [...primaryFindings, ...regionalFindings];
    const up = (found: readonly Finding[]): boolean => found.every(({ level }) => level === 'ok');
    if (up(primaryFindings) && up(regionalFindings) && primary.clusterId === regional.clusterId) {
      findings.push({
        area: 'regional kafka',
        level: 'problem',
        what: `Primary and regional brokers are the same cluster, ${primary.clusterId}`,
        place: 'regional.kafka.brokers',
        hint: 'Correct the brokers: a cluster cannot be mirrored into itself.',
      });
    }
    if (up(primaryFindings)) findings.push(...(await checkTopics(primary, config, signal)));
    if (up(primaryFindings) && up(regionalFindings)) findings.push(...(await checkKafkaRights(config, primary, regional, signal)));
    return [...findings, ...databaseFindings, ...sourceFindings, ...cutoverFindings, ...registryFindings.flat()];
  } finally {
    await Promise.all([primary.close(), regional.close(), database.close()]);
  }
}

async function checkCluster(area: Area, cluster: KafkaCluster, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    await cluster.connect(signal);
    return [
      {
        area,
        level: 'ok',
        what: `${cluster.name} answers as cluster ${cluster.clusterId}, transaction.version ${cluster.transactionVersion}`,
      },
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [problem(area, error)];
  }
}

async function checkKafkaRights(
  config: FarshoreConfig,
  primary: KafkaCluster,
  regional: KafkaCluster,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    const names = (await listTopics(primary, signal)).map(({ topic }) => topic);
    return await checkRights(config, primary, regional, selectRoutes(names, mirrorRules(config), new Map()), signal);
  } catch (error) {
    signal.throwIfAborted();
    return [problem('regional kafka', error)];
  }
}

const mirrorRules = (config: FarshoreConfig) => ({
  primary: config.primary.name,
  topics: config.mirror.topics,
  exclude: config.mirror.exclude,
  prefix: config.mirror.prefix,
  heartbeatTopic: undefined,
  heartbeatsOnly: config.mirror.standby,
});

async function checkTopics(primary: KafkaCluster, config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const area = 'topics';
  try {
    const names = (await listTopics(primary, signal)).map(({ topic }) => topic);
    const rules = mirrorRules(config);
    const routes = selectRoutes(names, rules, new Map());
    const homes = await publishedHomes(primary).read(signal);
    const findings: Finding[] = [
      { area, level: routes.length === 0 ? 'warning' : 'ok', what: `${routes.length} topics at home match mirror.topics` },
    ];
    for (const topic of missingTopics(names, rules)) {
      findings.push({
        area,
        level: 'problem',
        what: 'The topic does not exist at home',
        place: topic,
        hint: 'Create it, or take it out of mirror.topics.',
      });
    }
    for (const { home, regional } of routes) {
      const elsewhere = homes.get(home)?.home;
      if (elsewhere !== undefined && elsewhere !== config.primary.name) {
        findings.push({
          area,
          level: 'problem',
          what: `The topic has its home in ${elsewhere}`,
          place: regional,
          hint: 'Exclude it under mirror.exclude.',
        });
      }
    }
    const mirrored = new Set(routes.map(({ regional }) => regional));
    for (const { topic } of config.apply.tables) {
      if (!mirrored.has(topic)) {
        findings.push({
          area,
          level: 'problem',
          what: 'A table entry names a topic that home does not have',
          place: topic,
          hint: 'Create the topic, or correct apply.tables.',
        });
      }
    }
    return findings;
  } catch (error) {
    signal.throwIfAborted();
    return [problem(area, error)];
  }
}

async function checkDatabase(
  database: Database,
  registry: SchemaRegistry | undefined,
  config: FarshoreConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const area = 'regional database';
  const findings: Finding[] = [];
  try {
    await database.checkServer(signal);
    findings.push({ area, level: 'ok', what: 'The database answers' });
  } catch (error) {
    signal.throwIfAborted();
    return [problem(area, error)];
  }
  try {
    const pending = await checkMigrations(database, await loadMigrations(), signal);
    findings.push(
      pending.length === 0
        ? { area, level: 'ok', what: 'Schema farshore is up to date' }
        : {
            area,
            level: 'warning',
            what: `Schema farshore lacks ${pending.length} migrations`,
            hint: 'farshore run applies them; or let a DBA run the output of: farshore migrate --print',
          },
    );
  } catch (error) {
    findings.push(problem(area, error));
  }
  try {
    const tables = config.apply.tables.map(tableNameOf);
    for (const { object, right, role, grant } of await missingGrants(database, tables, signal)) {
      findings.push({ area, level: 'problem', what: `Role ${role} lacks ${right} on ${object}`, place: object, hint: grant });
    }
    findings.push(...(await checkTables(database, registry, config, signal)));
  } catch (error) {
    findings.push(problem(area, error));
  }
  return findings;
}

/** That its modes cannot be read says nothing against a registry. */
async function checkModes(registry: SchemaRegistry, config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    return (await warningsOf(registry, config, signal)).map(({ subject, mode, meaning }) => ({
      area: 'registry',
      level: 'warning',
      what: `Compatibility mode ${mode}: ${meaning}`,
      place: subject,
    }));
  } catch (error) {
    signal.throwIfAborted();
    if (findFarshoreError(error) === undefined) throw error;
    return [];
  }
}

async function checkRegistry(
  registry: SchemaRegistry | undefined,
  config: FarshoreConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const area = 'registry';
  if (registry === undefined) {
    const level = config.apply.tables.length === 0 ? 'ok' : 'problem';
    return [
      {
        area,
        level,
        what: 'No registry is configured',
        place: 'primary.registry',
        ...(level === 'problem' ? { hint: 'apply needs the schemas of its topics.' } : {}),
      },
    ];
  }
  try {
    const count = (await registry.refs(signal)).length;
    return [{ area, level: 'ok', what: `${registry.name} answers with ${count} schemas` }, ...(await checkModes(registry, config, signal))];
  } catch (error) {
    signal.throwIfAborted();
    return [problem(area, error)];
  }
}

/** Where the region has one of its own: schemas are registered there, so it has to answer. */
async function checkRegionalRegistry(config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const area = 'registry';
  const registry = schemaRegistry(
    () => config.regional.registry,
    () => undefined,
  );
  if (registry === undefined) return [];
  try {
    return [{ area, level: 'ok', what: `${registry.name} of the region answers with ${(await registry.refs(signal)).length} schemas` }];
  } catch (error) {
    signal.throwIfAborted();
    return [problem(area, error)];
  }
}
