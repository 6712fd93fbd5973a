/** The table at the primary whose rows a regional table holds. */
export interface SourceTable {
  readonly table: { readonly schema: string; readonly table: string };
  /** Region column → primary column; columns that are not here have nothing at the primary to be compared with. */
  readonly columns: ReadonlyMap<string, string>;
  /** SQL condition on the primary's table: the rows that are in the region too. Undefined: all. */
  readonly where: string | undefined;
}

/** Key `source` of a table entry. */
export interface SourceEntry {
  /** `schema.table` or `table` (in schema public). */
  readonly table?: string | undefined;
  /** Region column → primary column. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  /** Region columns that have nothing at the primary. */
  readonly omit?: readonly string[] | undefined;
  readonly where?: string | undefined;
}
