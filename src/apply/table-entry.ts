import { FarshoreError } from '../model/errors.ts';

/** An entry of `apply.tables`. */
export interface TableEntry {
  /** Regional name of the topic. */
  readonly topic: string;
  /** `schema.table` or `table` (in schema public); left out: the last dot part of the topic, in public. */
  readonly table?: string | undefined;
  /** Key columns; left out: the primary key. */
  readonly key?: readonly string[] | undefined;
  /** Fields that order the states of a row; left out: the order of the log. */
  readonly version?: readonly string[] | undefined;
  /** Column → field, for those whose names differ. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
}

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export function tableNameOf(entry: Pick<TableEntry, 'topic' | 'table'>): TableName {
  const name = entry.table ?? entry.topic.slice(entry.topic.lastIndexOf('.') + 1);
  const dot = name.indexOf('.');
  return dot === -1 ? { schema: 'public', table: name } : { schema: name.slice(0, dot), table: name.slice(dot + 1) };
}

/** `public.invoices`: how output and farshore.tombstones name a table. */
export const tableText = ({ schema, table }: TableName): string => `${schema}.${table}`;

/** A name as SQL writes it: always quoted. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteTable = ({ schema, table }: TableName): string => `${quoteName(schema)}.${quoteName(table)}`;

/**
 * What is wrong between entries: offsets of two topics say nothing about each other, so states of one
 * row that come through several topics need a source version (C1).
 */
export function checkEntries(entries: readonly TableEntry[]): readonly FarshoreError[] {
  const problems: FarshoreError[] = [];
  const byTable = new Map<string, TableEntry[]>();
  const topics = new Set<string>();
  for (const entry of entries) {
    const table = tableText(tableNameOf(entry));
    byTable.set(table, [...(byTable.get(table) ?? []), entry]);
    if (topics.has(entry.topic)) {
      problems.push(
        new FarshoreError('table_unmappable', `Topic ${entry.topic} has two table entries`, {
          place: `topic ${entry.topic}`,
          hint: 'Keep one.',
        }),
      );
    }
    topics.add(entry.topic);
  }
  for (const [table, sharing] of byTable) {
    const without = sharing.filter(({ version }) => version === undefined || version.length === 0);
    if (sharing.length < 2 || without.length === 0) continue;
    problems.push(
      new FarshoreError(
        'table_unmappable',
        `${sharing.length} topics are applied to ${table}, and ${without.map(({ topic }) => topic).join(', ')} without a source version: their order is not known`,
        { place: `table ${table}`, hint: 'Give every entry of the table a `version`, or each topic a table of its own.' },
      ),
    );
  }
  return problems;
}
