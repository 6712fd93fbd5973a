import type { SchemaRequest } from '../admin/contracts.ts';
import type { ApplyStage } from '../apply/apply-stage.ts';
import type { RecordDecoder, RecordDecoders } from '../apply/contracts.ts';
import type { TableDescription } from '../apply/dependencies.ts';
import { describeMapping, problemView } from '../apply/describe-mapping.ts';
import { takesSchema } from '../apply/entry-view.ts';
import { mapKey } from '../apply/mapping.ts';
import { type TableEntry, tableNameOf } from '../apply/table-entry.ts';
import { valueSubject } from '../avro/compatibility.ts';
import type { SchemaRegistry } from '../avro/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { MappingView, SchemaView, TableView } from '../model/schema-view.ts';
import { tableText } from '../model/sql-name.ts';
import { appliedTopics } from './compatibility.ts';

export interface SchemaViewParts {
  readonly config: FarshoreConfig;
  readonly apply: Pick<ApplyStage, 'metSchemas'>;
  readonly decoders: Pick<RecordDecoders, 'load'>;
  readonly registry: SchemaRegistry | undefined;
  readonly describe: (
    tables: readonly { readonly schema: string; readonly table: string }[],
    signal: AbortSignal,
  ) => Promise<readonly TableDescription[]>;
}

/** The schemas of a topic, and what could not be learned of them. */
interface TopicSchemas {
  readonly met: readonly RecordDecoder[];
  readonly newest: RecordDecoder | undefined;
  readonly unknown: string | null;
}

/** Each table entry asked for, with the schemas its topic's records came with and the newest one that the registry has. */
export async function schemaView(parts: SchemaViewParts, { topic, table }: SchemaRequest, signal: AbortSignal): Promise<SchemaView> {
  const { config, describe } = parts;
  const { tables: entries } = config.apply;
  const asked = entries.filter(
    (entry) => (topic === undefined || entry.topic === topic) && (table === undefined || tableText(tableNameOf(entry)) === table),
  );
  if (asked.length === 0 && (topic !== undefined || table !== undefined)) {
    throw new FarshoreError(
      'request_invalid',
      `No entry of apply.tables is ${[topic, table].filter((one) => one !== undefined).join(' into ')}`,
      {
        hint: 'Topics are named as in the region, tables as schema.table; farshore status lists both.',
      },
    );
  }
  if (asked.length === 0) return { tables: [] };
  const descriptions = await describe(asked.map(tableNameOf), signal);
  const schemas = await topicSchemas(parts, new Set(asked.map((entry) => entry.topic)), signal);
  const tables = asked.map((entry) => {
    const name = tableNameOf(entry);
    const description = descriptions.find((one) => one.schema === name.schema && one.table === name.table);
    return tableView(entry, description, schemas.get(entry.topic)!, config);
  });
  return { tables };
}

function tableView(entry: TableEntry, table: TableDescription | undefined, schemas: TopicSchemas, { apply }: FarshoreConfig): TableView {
  const name = tableText(tableNameOf(entry));
  const sharing = apply.tables.filter((other) => other.topic !== entry.topic && tableText(tableNameOf(other)) === name);
  const views = mappingsOf(entry, table, schemas, apply.schema);
  const keyed = views.length > 0 || (table === undefined && apply.schema === 'create') ? undefined : mapKey(entry, table);
  const problems = keyed?.kind === 'problems' ? keyed.problems.map(problemView) : [];
  const stops = problems.length > 0 || views.some((view) => view.problems.length > 0);
  return {
    topic: entry.topic,
    table: name,
    sharedWith: sharing.map((other) => other.topic),
    stops: stops || (views.length > 0 ? false : null),
    unknown: schemas.unknown,
    schemas: views,
    problems,
  };
}

/** The newest first. Those whose records are not for this entry are left out. */
function mappingsOf(
  entry: TableEntry,
  table: TableDescription | undefined,
  { met, newest }: TopicSchemas,
  mode: FarshoreConfig['apply']['schema'],
): readonly MappingView[] {
  const isNewest = (decoder: RecordDecoder): boolean => newest !== undefined && same(decoder, newest);
  const others = met.filter((decoder) => !isNewest(decoder)).toReversed();
  return [...(newest === undefined ? [] : [newest]), ...others]
    .filter((decoder) => takesSchema(entry, decoder))
    .map((decoder) => ({
      ...describeMapping(entry, decoder, table, mode),
      met: met.some((one) => same(one, decoder)),
      newest: isNewest(decoder),
    }));
}

const same = (a: RecordDecoder, b: RecordDecoder): boolean => a === b || (a.ref !== undefined && a.ref === b.ref);

export async function topicSchemas(
  { config, apply, decoders, registry }: SchemaViewParts,
  asked: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TopicSchemas>> {
  const found = new Map<string, TopicSchemas>();
  let unreachable: string | undefined;
  for (const { topic, home } of appliedTopics(config)) {
    if (!asked.has(topic)) continue;
    const met = apply.metSchemas(topic);
    const subject = valueSubject(home);
    let newest: RecordDecoder | undefined;
    // One that did not answer is not asked for every other topic too.
    let unknown: string | null = unreachable ?? null;
    if (registry === undefined) unknown = 'no registry is configured';
    else if (unreachable === undefined) {
      try {
        const ref = await registry.newest(subject, signal);
        if (ref === 'missing') unknown = `${registry.name} has no subject ${subject}`;
        else newest = await decoders.load(ref, signal);
      } catch (error) {
        signal.throwIfAborted();
        const known = findFarshoreError(error);
        if (known === undefined) throw error;
        unknown = known.message;
        if (known.code === 'registry_unreachable') unreachable = known.message;
      }
    }
    found.set(topic, { met, newest, unknown });
  }
  return found;
}
