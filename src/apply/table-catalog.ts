import { FarshoreError } from '../model/errors.ts';
import { tableText } from '../model/sql-name.ts';
import type { Sink } from './apply-plan.ts';
import type { RecordDecoder } from './contracts.ts';
import { createTableText } from './create-table.ts';
import type { ApplyDependencies, ApplySettings, TableDescription } from './dependencies.ts';
import { takesSchema } from './entry-view.ts';
import { evolveTableText } from './evolve-table.ts';
import type { Folded } from './folded.ts';
import { type Mapped, mapKey, mapTable, type TableKey, type TableMapping, VERSION_COLUMN } from './mapping.ts';
import { MetSchemas } from './met-schemas.ts';
import { RowReader } from './row-reader.ts';
import { type TableEntry, tableNameOf } from './table-entry.ts';
import { type TableStatements, tableStatements } from './table-statements.ts';

interface Known {
  readonly entry: TableEntry;
  readonly table: string;
  /** Null: records of the schema are not for this table. */
  readonly mappings: Map<RecordDecoder, TableMapping | null>;
  /** Null: the table does not exist yet and is created with the first schema. */
  key: TableKey | null | undefined;
}

export interface CatalogSettings extends Pick<ApplySettings, 'entries' | 'schema'> {
  /** Where `entries` are only some: all there are. What else is made of a topic says what its records can mean. */
  readonly all?: readonly TableEntry[] | undefined;
}

/** The mappings of all topics, made when a schema is first seen: every writer schema of a topic has its own. */
export class TableCatalog {
  readonly #tables: ApplyDependencies['tables'];
  readonly #schema: ApplySettings['schema'];
  readonly #all: readonly TableEntry[];
  readonly #topics = new Map<string, Known[]>();
  readonly met = new MetSchemas();
  /** By mapping, and apart from those by key alone: a mapping serves as the key of its table too, and its upsert would be lost. */
  readonly #statements = new WeakMap<TableMapping, TableStatements>();
  readonly #keyStatements = new WeakMap<TableKey, TableStatements>();

  constructor(deps: Pick<ApplyDependencies, 'tables'>, settings: CatalogSettings) {
    this.#tables = deps.tables;
    this.#all = settings.all ?? settings.entries;
    this.#schema = settings.schema;
    for (const entry of settings.entries) {
      const known = { entry, table: tableText(tableNameOf(entry)), mappings: new Map(), key: undefined };
      this.#topics.set(entry.topic, [...(this.#topics.get(entry.topic) ?? []), known]);
    }
  }

  /** Each topic with each of its tables. */
  *topics(): Iterable<{ readonly topic: string; readonly table: string }> {
    for (const [topic, entries] of this.#topics) for (const { table } of entries) yield { topic, table };
  }

  tablesOf(topic: string): readonly string[] {
    return this.#topics.get(topic)?.map(({ table }) => table) ?? [];
  }

  sink(topic: string): Sink {
    const topicsOf = (table: string) => new Set([...this.topics()].flatMap((one) => (one.table === table ? [one.topic] : [])));
    const onTopic = this.#all.filter((entry) => entry.topic === topic);
    return {
      kind: 'table',
      divided: onTopic.length > 1 && onTopic.some(({ only }) => only !== undefined),
      routes: this.#entries(topic).map((known) => ({
        table: known.table,
        mappingOf: (decoder) => known.mappings.get(decoder),
        keyOf: () => known.key,
        shared: topicsOf(known.table).size > 1,
      })),
    };
  }

  statements(folded: Folded): TableStatements {
    const { mapping, table } = folded;
    const known = mapping === undefined ? this.#keyStatements.get(table) : this.#statements.get(mapping);
    if (known !== undefined) return known;
    const statements = tableStatements(table, mapping);
    if (mapping === undefined) this.#keyStatements.set(table, statements);
    else this.#statements.set(mapping, statements);
    return statements;
  }

  /** Maps a schema, creating the table when it may. Throws `table_missing`, `table_mismatch` or `table_unmappable` with all problems in its text. */
  async loadMapping(topic: string, route: number, decoder: RecordDecoder, signal: AbortSignal): Promise<void> {
    const known = this.#entries(topic)[route]!;
    this.met.note(topic, decoder);
    if (!takesSchema(known.entry, decoder)) {
      known.mappings.set(decoder, null);
      return;
    }
    let table = await this.#describe(known.entry, signal);
    if (table === undefined && this.#schema === 'create') {
      await this.#tables.create(tableNameOf(known.entry), createTableText(known.entry, decoder), signal);
      table = await this.#describe(known.entry, signal);
    }
    let mapped = mapTable(known.entry, decoder, table);
    if (mapped.kind === 'problems' && table !== undefined && this.#schema === 'evolve') {
      const statements = evolveTableText(known.entry, decoder, table);
      if (statements.length > 0) {
        await this.#tables.execute(statements, signal);
        mapped = mapTable(known.entry, decoder, await this.#describe(known.entry, signal));
      }
    }
    const mapping = mappedOrThrow(mapped);
    known.mappings.set(decoder, { ...mapping, reader: RowReader.of(decoder, mapping) });
    known.key = mapping;
  }

  async loadKey(topic: string, route: number, signal: AbortSignal): Promise<void> {
    const known = this.#entries(topic)[route]!;
    let table = await this.#describe(known.entry, signal);
    // A delete compares versions: also before the first record with a value the table must have the column.
    if (table !== undefined && this.#schema === 'evolve' && !table.columns.some(({ name }) => name === VERSION_COLUMN)) {
      await this.#tables.execute(evolveTableText(known.entry, { fields: [] }, table), signal);
      table = await this.#describe(known.entry, signal);
    }
    known.key = table === undefined && this.#schema === 'create' ? null : mappedOrThrow(mapKey(known.entry, table));
  }

  /** The table is looked at again before its next record: it may have been altered. */
  forget(table: string): void {
    for (const known of [...this.#topics.values()].flat()) {
      if (known.table !== table) continue;
      known.mappings.clear();
      known.key = undefined;
    }
  }

  async #describe(entry: TableEntry, signal: AbortSignal): Promise<TableDescription | undefined> {
    const [table] = await this.#tables.describe([tableNameOf(entry)], signal);
    return table;
  }

  #entries(topic: string): readonly Known[] {
    const entries = this.#topics.get(topic);
    if (entries === undefined) throw new FarshoreError('internal', `Topic ${topic} has no table entry.`);
    return entries;
  }
}

function mappedOrThrow<T>(mapped: Mapped<T>): T {
  if (mapped.kind === 'mapped') return mapped.mapping;
  const [first] = mapped.problems;
  if (first === undefined) throw new FarshoreError('internal', 'A mapping failed without a problem.');
  const hints = mapped.problems.map(({ hint }) => hint).filter((hint) => hint !== undefined);
  throw new FarshoreError(first.code, mapped.problems.map(({ message }) => message).join('; '), {
    ...(first.place === undefined ? {} : { place: first.place }),
    hint: [...new Set(hints)].join(' '),
  });
}
