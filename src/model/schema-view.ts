/** How topics, their schemas and their tables meet, as `farshore schema diff` and `farshore schema docs` show it. */
export interface SchemaView {
  readonly tables: readonly TableView[];
}

/** One entry of `apply.tables`. */
export interface TableView {
  readonly topic: string;
  readonly table: string;
  /** Other topics that write the table. */
  readonly sharedWith: readonly string[];
  /** Whether the table, as it is, is stopped by a record of a schema below; null: no schema of the topic is known. */
  readonly stops: boolean | null;
  /** What could not be learned of the topic's schemas. */
  readonly unknown: string | null;
  readonly schemas: readonly MappingView[];
  /** Without any schema: what is wrong with the table itself. */
  readonly problems: readonly ProblemView[];
}

/** One writer schema of the topic, laid on the table. */
export interface MappingView {
  /** Its id or GUID. */
  readonly schema: string | null;
  readonly record: string | null;
  /** Whether records of it came since the daemon became active. */
  readonly met: boolean;
  /** Whether it is the newest of the topic's subject in the registry. */
  readonly newest: boolean;
  readonly attributes: readonly AttributeView[];
  /** Columns of the table that no field fills. */
  readonly unfilled: readonly UnfilledView[];
  /** Everything that stops the table, also what is of no single attribute. */
  readonly problems: readonly ProblemView[];
}

export interface ProblemView {
  readonly code: string;
  readonly message: string;
  /** The statement or step that mends it. */
  readonly hint: string | null;
}

/**
 *     ok            fills its column
 *     added         fills a column that `apply.schema` lets Farshore make
 *     no_column     the table lacks the column, or cannot be written there
 *     type_differs  the column does not hold every value
 *     unusable      the entry asks for what this schema cannot give
 *     absent        the entry names a field that this schema does not have: the column is not written
 *     ignored       left out by `ignore`
 *     not_allowed   left out by `allow`, and counted
 *     signal        says what a record is (`only`, `deleteWhen`, `partial`): no column of its own is missed
 *     version       orders the states of a row, and fills no column
 *     in_document   only in the column that holds the whole record, or in none
 */
export const attributeStates = [
  'ok',
  'added',
  'no_column',
  'type_differs',
  'unusable',
  'absent',
  'ignored',
  'not_allowed',
  'signal',
  'version',
  'in_document',
] as const;
export type AttributeState = (typeof attributeStates)[number];

export interface AttributeView {
  /** A field, or a path into nested records; null for what is no field's. */
  readonly field: string | null;
  readonly source: 'field' | 'value' | 'document' | 'delete_mark';
  /** `long (timestamp-micros)`; null where the schema does not have it. */
  readonly type: string | null;
  readonly nullable: boolean;
  readonly doc: string | null;
  readonly column: string | null;
  /** As the database describes it. */
  readonly columnType: string | null;
  readonly cast: string | null;
  /** Whether it may change a row. */
  readonly allowed: boolean;
  /** `key`, `version`, `group prices`, `version of group prices`. */
  readonly roles: readonly string[];
  readonly state: AttributeState;
  readonly problem: ProblemView | null;
}

export interface UnfilledView {
  readonly column: string;
  readonly columnType: string;
  /** `farshore`: kept by Farshore itself. */
  readonly kept: 'default' | 'null' | 'generated' | 'farshore' | 'nothing';
  readonly problem: ProblemView | null;
}
