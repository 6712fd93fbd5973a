import { describeMapping } from '../apply/describe-mapping.ts';
import { presetEntry, takesSchema } from '../apply/entry-view.ts';
import { mapKey, VERSION_COLUMN } from '../apply/mapping.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { findFarshoreError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { quoteTable } from '../model/sql-name.ts';
import type { Database } from '../postgres/database.ts';
import { describeTables } from '../postgres/tables.ts';
import { appliedTopics } from './compatibility.ts';
import { problemFinding } from './finding.ts';
import { newestShape } from './newest-shape.ts';

const area = 'tables';

/** Each entry beside its table, by the newest schema of its topic where the registry tells one. */
export async function checkTables(
  database: Database,
  registry: SchemaRegistry | undefined,
  config: FarshoreConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const found = await describeTables(database, config.apply.tables.map(tableNameOf), signal);
  const homes = new Map(appliedTopics(config).map(({ topic, home }) => [topic, home]));
  let asked = registry;
  for (const entry of config.apply.tables) {
    const name = tableNameOf(entry);
    const place = `table ${name.schema}.${name.table}`;
    const table = found.find((t) => t.schema === name.schema && t.table === name.table);
    const shape = asked === undefined ? undefined : await shapeOrNothing(asked, homes.get(entry.topic)!, signal);
    // That it cannot be asked is told once, where it is looked at itself.
    if (shape === 'no answer') asked = undefined;
    const isKnown = typeof shape === 'object' && 'fields' in shape && takesSchema(entry, shape);
    if (isKnown) {
      const { problems } = describeMapping(entry, shape, table, config.apply.schema);
      for (const { message, hint } of problems) {
        findings.push({ area, level: 'problem', what: message, place, ...(hint === null ? {} : { hint }) });
      }
      if (problems.length > 0) continue;
    }
    if (table === undefined && config.apply.schema === 'create') {
      findings.push({ area, level: 'ok', what: 'The table does not exist and will be created', place });
      continue;
    }
    const mapped = mapKey(entry, table);
    if (mapped.kind === 'problems') {
      for (const error of mapped.problems) findings.push(problemFinding(area, error));
      continue;
    }
    const by = isKnown ? '' : ': its key does; no schema is known to compare the columns with';
    findings.push({ area, level: 'ok', what: `${entry.topic} fits ${name.schema}.${name.table}${by}`, place });
    if ((presetEntry(entry).version?.length ?? 0) === 0) {
      findings.push({
        area,
        level: 'warning',
        what: 'Without a source version the order of the log decides: a record that is mirrored again counts as a new state',
        place,
        hint: 'Name the field that orders two states under `version`, if there is one; re-mirroring such a topic needs --accept-rewind.',
      });
    }
    // Without the right to read it, the grant that is missing says more than a failed count.
    if (table?.columns.some(({ name: column }) => column === VERSION_COLUMN) && table.rights.includes('select')) {
      const text = `select count(*) as rows from ${quoteTable(name)} where ${VERSION_COLUMN} is null`;
      const { rows } = await database.query({ text, values: [] }, signal);
      const count = Number(rows[0]?.rows);
      if (count > 0)
        findings.push({ area, level: 'warning', what: `${count} rows have no version: any record that comes replaces them`, place });
    }
  }
  return findings;
}

async function shapeOrNothing(registry: SchemaRegistry, topic: string, signal: AbortSignal) {
  try {
    return await newestShape(registry, topic, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (findFarshoreError(error) === undefined) throw error;
    return 'no answer' as const;
  }
}
