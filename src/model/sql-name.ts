/** A table by its two names, as the catalog has them: not quoted. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** `public.invoices`: how output and farshore.tombstones name a table. */
export const tableText = ({ schema, table }: TableName): string => `${schema}.${table}`;

/** A name as SQL writes it: always quoted. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteTable = ({ schema, table }: TableName): string => `${quoteName(schema)}.${quoteName(table)}`;
