import { FarshoreError } from '../model/errors.ts';
import type { Sink } from './apply-plan.ts';
import type { RecordDecoder } from './contracts.ts';
import { createTableText } from './create-table.ts';
import type { ApplyDependencies, ApplySettings, ArrayLiteral, TableDescription } from './dependencies.ts';
import type { Folded } from './fold.ts';
import { type Mapped, mapKey, mapTable, type TableKey, type TableMapping } from './mapping.ts';
import { type TableStatements, tableStatements } from './statements.ts';
import { type TableEntry, tableNameOf, tableText } from './table-entry.ts';

interface Known {
  readonly entry: TableEntry;
  readonly table: string;
  readonly mappings: Map<RecordDecoder, TableMapping>;
  /** Null: the table does not exist yet and is created with the first schema. */
  key: TableKey | null | undefined;
}

/** The mappings of all topics, made when a schema is first seen: every writer schema of a topic has its own. */
export class TableCatalog {
  readonly #tables: ApplyDependencies['tables'];
  readonly #schema: ApplySettings['schema'];
  readonly #arrayLiteral: ArrayLiteral;
  readonly #topics = new Map<string, Known>();
  /** By mapping, and apart from those by key alone: a mapping serves as the key of its table too, and its upsert would be lost. */
  readonly #statements = new WeakMap<TableMapping, TableStatements>();
  readonly #keyStatements = new WeakMap<TableKey, TableStatements>();

  constructor(deps: Pick<ApplyDependencies, 'tables' | 'arrayLiteral'>, settings: Pick<ApplySettings, 'entries' | 'schema'>) {
    this.#tables = deps.tables;
    this.#schema = settings.schema;
    this.#arrayLiteral = deps.arrayLiteral;
    for (const entry of settings.entries) {
      this.#topics.set(entry.topic, { entry, table: tableText(tableNameOf(entry)), mappings: new Map(), key: undefined });
    }
  }

  *topics(): Iterable<{ readonly topic: string; readonly table: string }> {
    for (const [topic, { table }] of this.#topics) yield { topic, table };
  }

  tableOf(topic: string): string | undefined {
    return this.#topics.get(topic)?.table;
  }

  sink(topic: string): Sink {
    const known = this.#known(topic);
    return { kind: 'table', mappingOf: (decoder) => known.mappings.get(decoder), keyOf: () => known.key };
  }

  statements(folded: Folded): TableStatements {
    const { mapping, table } = folded;
    const known = mapping === undefined ? this.#keyStatements.get(table) : this.#statements.get(mapping);
    if (known !== undefined) return known;
    const statements = tableStatements(table, mapping, this.#arrayLiteral);
    if (mapping === undefined) this.#keyStatements.set(table, statements);
    else this.#statements.set(mapping, statements);
    return statements;
  }

  /** Maps a schema, creating the table when it may. Throws `table_missing`, `table_mismatch` or `table_unmappable` with all problems in its text. */
  async loadMapping(topic: string, decoder: RecordDecoder, signal: AbortSignal): Promise<void> {
    const known = this.#known(topic);
    let table = await this.#describe(known.entry, signal);
    if (table === undefined && this.#schema === 'create') {
      await this.#tables.execute(createTableText(known.entry, decoder.fields), signal);
      table = await this.#describe(known.entry, signal);
    }
    const mapping = mappedOrThrow(mapTable(known.entry, decoder.fields, table));
    known.mappings.set(decoder, mapping);
    known.key = mapping;
  }

  async loadKey(topic: string, signal: AbortSignal): Promise<void> {
    const known = this.#known(topic);
    const table = await this.#describe(known.entry, signal);
    known.key = table === undefined && this.#schema === 'create' ? null : mappedOrThrow(mapKey(known.entry, table));
  }

  /** The table is looked at again before its next record: it may have been altered. */
  forget(table: string): void {
    for (const known of this.#topics.values()) {
      if (known.table !== table) continue;
      known.mappings.clear();
      known.key = undefined;
    }
  }

  async #describe(entry: TableEntry, signal: AbortSignal): Promise<TableDescription | undefined> {
    const [table] = await this.#tables.describe([tableNameOf(entry)], signal);
    return table;
  }

  #known(topic: string): Known {
    const known = this.#topics.get(topic);
    if (known === undefined) throw new FarshoreError('internal', `Topic ${topic} has no table entry.`);
    return known;
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
