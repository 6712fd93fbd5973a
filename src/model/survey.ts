/** What `farshore init` learned of the clusters, the registry and the database, before anything is configured. */
export interface Survey {
  /** In order of their names. */
  readonly topics: readonly SurveyedTopic[];
  /** One a topic that has a table, in order of the topics. */
  readonly tables: readonly ProposedTable[];
  /** The command that gives the right to write heartbeats; undefined: the login has it. */
  readonly heartbeatGrant: string | undefined;
  /** Whether the region's database was asked; without it no table is known. */
  readonly databaseAsked: boolean;
  readonly registryAsked: boolean;
}

export interface SurveyedTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Why it cannot be mirrored as things are. */
  readonly obstacle: Obstacle | undefined;
  /** Why no table is proposed for it, or undefined where one is. */
  readonly noTable: string | undefined;
}

/** An entry of `apply.tables`, as it could be. */
export interface ProposedTable {
  readonly topic: string;
  /** `schema.table`. */
  readonly table: string;
  /** The table's primary key, or the unique index that takes its place. */
  readonly key: readonly string[];
  /** False where `key` has to be named: there is no primary key. */
  readonly keyIsPrimary: boolean;
  /** Field that may order two states of a row. */
  readonly version: { readonly field: string; readonly type: string } | undefined;
  readonly preset: 'debezium' | undefined;
  /** What keeps the entry from being applied as things are; none: it can be. */
  readonly obstacles: readonly Obstacle[];
  /** Why the audit could not compare it with the primary's database; undefined where it can, or was not asked. */
  readonly unaudited: string | undefined;
}

export interface Obstacle {
  readonly why: string;
  /** A statement to paste, or a sentence. */
  readonly next: string | undefined;
}
