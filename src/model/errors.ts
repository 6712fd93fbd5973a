/**
 * Every failure Farshore names. `action` is what the caller does with it: `retry` the same work after
 * a back-off, `reject` the one record, `stop` the partition or table it belongs to until an operator
 * resumes it, `halt` the daemon (or the stage) because going on could lose or invent data.
 *
 * Declared once: logs, metrics labels, the API and docs/errors.md are generated from or tested against it.
 */
export const errorCodes = {
  // configuration and start
  config_invalid: { action: 'halt', summary: 'The configuration file has problems.' },
  cluster_unreachable: { action: 'retry', summary: 'No broker of the cluster answered.' },
  cluster_wrong: {
    action: 'halt',
    summary: 'The cluster is not the one this daemon worked with before, or both ends are the same cluster.',
  },
  cluster_unsupported: { action: 'halt', summary: 'The cluster does not speak a protocol version Farshore needs.' },
  cluster_denied: { action: 'stop', triedAgain: true, summary: 'A right (ACL) is missing on a cluster.' },
  cluster_auth_failed: { action: 'retry', summary: 'The cluster refused the credentials.' },
  database_unreachable: { action: 'retry', summary: 'The database did not answer.' },
  database_denied: { action: 'stop', triedAgain: true, summary: 'A grant is missing in the database.' },
  database_auth_failed: { action: 'retry', summary: 'The database refused the credentials.' },
  database_newer: { action: 'halt', summary: 'Schema farshore was migrated by a newer Farshore.' },
  database_unsupported: {
    action: 'halt',
    summary: 'The database is older than Farshore supports, or is reached through a connection pooler.',
  },
  // ownership
  fenced: { action: 'halt', summary: 'Another daemon of this region has taken over.' },
  lease_lost: { action: 'halt', summary: 'The lease could not be renewed in time.' },
  shards_unknown: { action: 'halt', summary: 'The partitions were divided among shards in a way this version does not know.' },
  // mirror
  transaction_unknown: {
    action: 'retry',
    summary: 'The outcome of a Kafka transaction is not known; it is rebuilt from the committed positions.',
  },
  broker_request_failed: { action: 'retry', summary: 'A request to a broker failed or timed out.' },
  topic_missing: { action: 'stop', triedAgain: true, summary: 'A topic named in the configuration does not exist.' },
  source_truncated: {
    action: 'stop',
    summary: 'The log at home starts after the position: records were deleted before they were mirrored.',
  },
  source_recreated: { action: 'stop', summary: 'The topic at home was deleted and created again.' },
  source_diverged: {
    action: 'stop',
    summary: 'The log at home is not the one the position was taken in: it was cut, or cut and refilled.',
  },
  region_recreated: { action: 'stop', summary: 'The regional topic was deleted and created again.' },
  region_truncated: { action: 'stop', summary: 'The regional log ends before, or starts after, a recorded position.' },
  region_diverged: { action: 'stop', summary: 'The regional log is not the one the position was taken in.' },
  position_missing: {
    action: 'stop',
    triedAgain: true,
    summary: 'The regional topic already holds mirrored records but the position is gone, or an old one is answered.',
  },
  partitions_shrunk: { action: 'stop', summary: 'The topic at home has fewer partitions than its mirror.' },
  home_elsewhere: { action: 'stop', summary: 'The topic has its home in another cluster; mirroring it would make a loop.' },
  home_older: {
    action: 'stop',
    summary: 'What comes next in the partition is of an older home than the one whose applications have written in this region since.',
  },
  home_unknown: { action: 'stop', summary: 'The regional topic holds records and nothing says where its home is.' },
  topic_refused: { action: 'stop', summary: 'The region refuses to create a topic, or to give it a config the mirror needs.' },
  batch_refused: { action: 'stop', summary: 'The regional broker refused a batch that was sent in every allowed form.' },
  batch_corrupt: { action: 'stop', triedAgain: true, summary: 'A record batch does not match its checksum or cannot be read.' },
  batch_null_key: { action: 'stop', summary: 'A record without a key in a topic that is compacted in the region.' },
  // schemas and records
  schema_unknown: { action: 'reject', summary: 'The registry does not know the schema id of a record.' },
  schema_conflict: { action: 'stop', summary: 'One schema id stands for two different schemas.' },
  schema_unusable: { action: 'stop', summary: 'A schema cannot be used as it is written or mapped.' },
  registry_unreachable: { action: 'retry', summary: 'The schema registry did not answer.' },
  record_malformed: { action: 'reject', summary: 'A record cannot be decoded with its schema.' },
  record_unmappable: { action: 'reject', summary: 'A record lacks a key, version or column value that the mapping needs.' },
  // apply
  table_missing: { action: 'stop', triedAgain: true, summary: 'A mapped table does not exist.' },
  table_mismatch: { action: 'stop', triedAgain: true, summary: 'A table does not fit its mapping.' },
  table_unmappable: { action: 'stop', summary: 'A table entry of the configuration cannot be applied.' },
  table_incomparable: { action: 'stop', triedAgain: true, summary: 'A table cannot be compared with that of the primary as they are.' },
  backfill_refused: { action: 'stop', summary: 'A table cannot be backfilled as its entry or its schemas are.' },
  row_refused: { action: 'stop', summary: 'The database refused a row.' },
  row_unknown: { action: 'reject', summary: 'A partial record is of a row that does not exist, and its table entry does not insert such.' },
  rejected_flood: {
    action: 'stop',
    summary: 'So many records of a table are rejected that something other than the records must be wrong.',
  },
  position_moved: { action: 'halt', summary: 'The position in the database is not where this daemon left it.' },
  memory_limit: {
    action: 'stop',
    summary: 'A single batch is larger than the buffer limit, or than `limits.maxDecompressedBytes` when it is decompressed.',
  },
  // operator
  partition_paused: { action: 'stop', summary: 'An operator paused the partition.' },
  request_invalid: { action: 'reject', summary: 'The request cannot be carried out as it was asked.' },
  internal: { action: 'halt', summary: 'A state that should be impossible; please report it.' },
} as const satisfies Record<string, { action: ErrorAction; summary: string; triedAgain?: true }>;

export type ErrorAction = 'retry' | 'reject' | 'stop' | 'halt';
export type ErrorCode = keyof typeof errorCodes;

/** Stops whose cause is mended outside the daemon: it looks again at each refresh, and goes on by itself where it was. */
export const isTriedAgain = (code: ErrorCode): boolean => 'triedAgain' in errorCodes[code];

export interface ErrorDetails {
  /** Where it happened: `billing.invoices:3@812`, `config.yaml:12:5`, `table public.invoices`. */
  readonly place?: string;
  /** The operator's next step, as a sentence or a command to paste. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for the log line and the API; never record values or secrets. */
  readonly facts?: Readonly<Record<string, string | number | boolean | null>>;
}

export class FarshoreError extends Error {
  override readonly name = 'FarshoreError';
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.place = details.place;
    this.hint = details.hint;
    this.facts = details.facts ?? {};
  }

  get action(): ErrorAction {
    return errorCodes[this.code].action;
  }
}

/** The first FarshoreError in a chain of causes. */
export function findFarshoreError(error: unknown): FarshoreError | undefined {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 10; current = current.cause, depth++) {
    if (current instanceof FarshoreError) return current;
  }
  return undefined;
}
