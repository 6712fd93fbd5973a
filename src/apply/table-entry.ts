import type { SourceEntry } from '../model/source-table.ts';
import type { TableName } from '../model/sql-name.ts';
import type { Cast } from './casts.ts';

/** Where a column's value comes from. A plain text is a field. */
export type ColumnSource =
  | string
  /** `address.city` goes into nested records. */
  | { readonly field: string; readonly cast?: Cast | undefined }
  | { readonly value: string | number | boolean | null }
  /** The whole record, as JSON. */
  | { readonly document: true };

/** Which records of a topic an entry takes: those of a record name, or those whose field has one of the values. */
export type RecordFilter = { readonly record: string } | { readonly field: string; readonly in: readonly (string | number | boolean)[] };

/** How a record says which fields it sets. */
export type PartialBy =
  /** An array field names them. */
  | { readonly mask: string }
  /** A union branch `Absent` says that a field is not set. */
  | { readonly absent: true }
  /** Null says so; an array field, if any, names those that are to be null. */
  | { readonly nulls: 'absent'; readonly cleared?: string | undefined }
  /** This text in place of a value says so. */
  | { readonly placeholder: string };

export type PartialEntry = PartialBy & {
  /** What becomes of a record that sets a part of a row that does not exist. Default `insert`: what it does not set takes the column's default. */
  readonly unknownRow?: 'insert' | 'park' | 'reject' | undefined;
};

export interface GroupEntry {
  readonly fields: readonly string[];
  /** The field that orders the group's states. */
  readonly version: string;
}

export type Preset = 'plain' | 'dionysus' | 'debezium';

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
  /** Column → field, for those whose names differ, or another source. */
  readonly columns?: Readonly<Record<string, ColumnSource>> | undefined;
  readonly preset?: Preset | undefined;
  /** Fields that may change a row; any other is counted and left out. Left out: all. */
  readonly allow?: readonly string[] | undefined;
  /** Fields that have no column on purpose. */
  readonly ignore?: readonly string[] | undefined;
  readonly only?: RecordFilter | undefined;
  /** Records that say their row is deleted; their version orders the delete. */
  readonly deleteWhen?: { readonly field: string; readonly in: readonly (string | number | boolean)[] } | undefined;
  /** Column that a delete sets instead of taking the row away: a timestamp or a boolean. */
  readonly softDelete?: string | undefined;
  readonly partial?: PartialEntry | undefined;
  readonly groups?: Readonly<Record<string, GroupEntry>> | undefined;
  /** The primary's table, where audit, backfill and repair cannot take it from the rest of the entry. */
  readonly source?: SourceEntry | undefined;
}

export function tableNameOf(entry: Pick<TableEntry, 'topic' | 'table'>): TableName {
  const name = entry.table ?? entry.topic.slice(entry.topic.lastIndexOf('.') + 1);
  const dot = name.indexOf('.');
  return dot === -1 ? { schema: 'public', table: name } : { schema: name.slice(0, dot), table: name.slice(dot + 1) };
}
