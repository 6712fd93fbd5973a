import { mapKey, VERSION_COLUMN } from '../apply/mapping.ts';
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
import { quoteName } from '../model/sql-name.ts';
import type { Database } from '../postgres/database.ts';
import { missingGrants } from '../postgres/grants.ts';
import { checkMigrations, loadMigrations } from '../postgres/migrations.ts';
import { describeTables } from '../postgres/tables.ts';
import { checkRights } from './check-rights.ts';
import { primaryCluster, regionalCluster } from './clusters.ts';
import { warningsOf } from './compatibility.ts';
import { regionalDatabase } from './database.ts';
import { schemaRegistry } from './schemas.ts';

type Area = Finding['area'];

/** What went wrong as a finding; anything that is no FarshoreError is a defect and is thrown. */
function problem(area: Area, error: unknown): Finding {
  const known = findFarshoreError(error);
  if (known === undefined) throw error;
  return {
    area,
    level: 'problem',
    what: known.message,
    ...(known.place === undefined ? {} : { place: known.place }),
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  };
}

/** Looks at everything the configuration names and changes nothing. Each part is looked at even when another is down. */
export async function checkAll(config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const quiet = (): void => undefined;
  const primary = primaryCluster(() => config, systemClock, quiet);
  const regional = regionalCluster(() => config, systemClock, quiet);
  const database = regionalDatabase(() => config.regional.database, 1, systemClock);
  try {
    const [primaryFindings, regionalFindings, databaseFindings, registryFindings] = await Promise.all([
      checkCluster('primary kafka', primary, signal),
      checkCluster('regional kafka', regional, signal),
      checkDatabase(database, config, signal),
      checkRegistry(config, signal),
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
    return [...findings, ...databaseFindings, ...registryFindings];
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

async function checkDatabase(database: Database, config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
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
    findings.push(...(await checkTables(database, config, signal)));
  } catch (error) {
    findings.push(problem(area, error));
  }
  return findings;
}

async function checkTables(database: Database, config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const area = 'tables';
  const findings: Finding[] = [];
  const found = await describeTables(database, config.apply.tables.map(tableNameOf), signal);
  for (const entry of config.apply.tables) {
    const name = tableNameOf(entry);
    const place = `table ${name.schema}.${name.table}`;
    const table = found.find((t) => t.schema === name.schema && t.table === name.table);
    if (table === undefined && config.apply.schema === 'create') {
      findings.push({ area, level: 'ok', what: 'The table does not exist and will be created', place });
      continue;
    }
    const mapped = mapKey(entry, table);
    if (mapped.kind === 'problems') {
      for (const error of mapped.problems) findings.push(problem(area, error));
      continue;
    }
    findings.push({ area, level: 'ok', what: `${entry.topic} fits ${name.schema}.${name.table}`, place });
    if (entry.version === undefined) {
      findings.push({
        area,
        level: 'warning',
        what: 'Without a source version the order of the log decides: a record that is mirrored again counts as a new state',
        place,
        hint: 'Name the field that orders two states under `version`, if there is one; re-mirroring such a topic needs --accept-rewind.',
      });
    }
    if (table?.columns.some(({ name: column }) => column === VERSION_COLUMN)) {
      const text = `select count(*) as rows from ${quoteName(name.schema)}.${quoteName(name.table)} where ${VERSION_COLUMN} is null`;
      const { rows } = await database.query({ text, values: [] }, signal);
      const count = Number(rows[0]?.rows);
      if (count > 0)
        findings.push({ area, level: 'warning', what: `${count} rows have no version: any record that comes replaces them`, place });
    }
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

async function checkRegistry(config: FarshoreConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const area = 'registry';
  const registry = schemaRegistry(
    () => config.primary.registry,
    () => undefined,
  );
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
