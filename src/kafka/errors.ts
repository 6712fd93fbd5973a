import { type ErrorCode, type ErrorDetails, FarshoreError } from '../model/errors.ts';

/**
 * What an answer of a broker (or the lack of one) means for the caller:
 *
 *     retriable        not done, nothing changed: ask again after a back-off
 *     leadership       asked the wrong broker or with an old epoch: metadata is refreshed, ask again
 *     coordinator      asked the wrong coordinator, or it is loading: it is looked up again, ask again
 *     concurrent       the coordinator still finishes the last transaction: not taken, ask again soon
 *     unreachable      no connection: the request was never sent
 *     unknown_outcome  the request may or may not have been carried out
 *     fenced           a newer owner of the transactional id exists
 *     abortable        the transaction can only be aborted
 *     denied · auth    a right is missing · the credentials were refused
 *     unknown_topic · out_of_range · refused (a batch) · exists · unsupported · invalid
 */
export type KafkaErrorKind =
  | 'retriable'
  | 'leadership'
  | 'coordinator'
  | 'concurrent'
  | 'unreachable'
  | 'unknown_outcome'
  | 'fenced'
  | 'abortable'
  | 'denied'
  | 'auth'
  | 'unknown_topic'
  | 'out_of_range'
  | 'refused'
  | 'exists'
  | 'unsupported'
  | 'invalid';

/** Protocol error numbers Farshore can meet, with their names in Kafka's `Errors` and what they mean here. */
const table = {
  [-1]: ['UNKNOWN_SERVER_ERROR', 'unknown_outcome'],
  1: ['OFFSET_OUT_OF_RANGE', 'out_of_range'],
  2: ['CORRUPT_MESSAGE', 'refused'],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', 'unknown_topic'],
  5: ['LEADER_NOT_AVAILABLE', 'leadership'],
  6: ['NOT_LEADER_OR_FOLLOWER', 'leadership'],
  7: ['REQUEST_TIMED_OUT', 'unknown_outcome'],
  8: ['BROKER_NOT_AVAILABLE', 'leadership'],
  9: ['REPLICA_NOT_AVAILABLE', 'leadership'],
  10: ['MESSAGE_TOO_LARGE', 'refused'],
  12: ['OFFSET_METADATA_TOO_LARGE', 'invalid'],
  13: ['NETWORK_EXCEPTION', 'unknown_outcome'],
  14: ['COORDINATOR_LOAD_IN_PROGRESS', 'coordinator'],
  15: ['COORDINATOR_NOT_AVAILABLE', 'coordinator'],
  16: ['NOT_COORDINATOR', 'coordinator'],
  17: ['INVALID_TOPIC_EXCEPTION', 'invalid'],
  18: ['RECORD_LIST_TOO_LARGE', 'refused'],
  19: ['NOT_ENOUGH_REPLICAS', 'retriable'],
  20: ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unknown_outcome'],
  21: ['INVALID_REQUIRED_ACKS', 'invalid'],
  22: ['ILLEGAL_GENERATION', 'fenced'],
  24: ['INVALID_GROUP_ID', 'invalid'],
  25: ['UNKNOWN_MEMBER_ID', 'fenced'],
  28: ['INVALID_COMMIT_OFFSET_SIZE', 'invalid'],
  29: ['TOPIC_AUTHORIZATION_FAILED', 'denied'],
  30: ['GROUP_AUTHORIZATION_FAILED', 'denied'],
  31: ['CLUSTER_AUTHORIZATION_FAILED', 'denied'],
  32: ['INVALID_TIMESTAMP', 'refused'],
  33: ['UNSUPPORTED_SASL_MECHANISM', 'auth'],
  34: ['ILLEGAL_SASL_STATE', 'auth'],
  35: ['UNSUPPORTED_VERSION', 'unsupported'],
  36: ['TOPIC_ALREADY_EXISTS', 'exists'],
  37: ['INVALID_PARTITIONS', 'invalid'],
  38: ['INVALID_REPLICATION_FACTOR', 'invalid'],
  39: ['INVALID_REPLICA_ASSIGNMENT', 'invalid'],
  40: ['INVALID_CONFIG', 'invalid'],
  41: ['NOT_CONTROLLER', 'retriable'],
  42: ['INVALID_REQUEST', 'invalid'],
  43: ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'refused'],
  44: ['POLICY_VIOLATION', 'invalid'],
  45: ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'abortable'],
  46: ['DUPLICATE_SEQUENCE_NUMBER', 'abortable'],
  47: ['INVALID_PRODUCER_EPOCH', 'fenced'],
  48: ['INVALID_TXN_STATE', 'abortable'],
  49: ['INVALID_PRODUCER_ID_MAPPING', 'abortable'],
  50: ['INVALID_TRANSACTION_TIMEOUT', 'invalid'],
  51: ['CONCURRENT_TRANSACTIONS', 'concurrent'],
  52: ['TRANSACTION_COORDINATOR_FENCED', 'coordinator'],
  53: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'denied'],
  54: ['SECURITY_DISABLED', 'unsupported'],
  55: ['OPERATION_NOT_ATTEMPTED', 'abortable'],
  56: ['KAFKA_STORAGE_ERROR', 'leadership'],
  58: ['SASL_AUTHENTICATION_FAILED', 'auth'],
  59: ['UNKNOWN_PRODUCER_ID', 'abortable'],
  60: ['REASSIGNMENT_IN_PROGRESS', 'retriable'],
  72: ['LISTENER_NOT_FOUND', 'leadership'],
  74: ['FENCED_LEADER_EPOCH', 'leadership'],
  75: ['UNKNOWN_LEADER_EPOCH', 'leadership'],
  76: ['UNSUPPORTED_COMPRESSION_TYPE', 'refused'],
  78: ['OFFSET_NOT_AVAILABLE', 'leadership'],
  87: ['INVALID_RECORD', 'refused'],
  88: ['UNSTABLE_OFFSET_COMMIT', 'retriable'],
  89: ['THROTTLING_QUOTA_EXCEEDED', 'retriable'],
  90: ['PRODUCER_FENCED', 'fenced'],
  91: ['RESOURCE_NOT_FOUND', 'unknown_topic'],
  100: ['UNKNOWN_TOPIC_ID', 'unknown_topic'],
  103: ['INCONSISTENT_TOPIC_ID', 'unknown_topic'],
  105: ['TRANSACTIONAL_ID_NOT_FOUND', 'invalid'],
  107: ['INELIGIBLE_REPLICA', 'retriable'],
  108: ['NEW_LEADER_ELECTED', 'leadership'],
  109: ['OFFSET_MOVED_TO_TIERED_STORAGE', 'out_of_range'],
  110: ['FENCED_MEMBER_EPOCH', 'fenced'],
  113: ['STALE_MEMBER_EPOCH', 'fenced'],
  120: ['TRANSACTION_ABORTABLE', 'abortable'],
} as const satisfies Record<number, readonly [string, KafkaErrorKind]>;

/** What the client met without a broker's error number. */
type OwnErrorName = 'NO_CONNECTION' | 'NO_ANSWER' | 'NO_LEADER' | 'CREDENTIALS_REFUSED' | 'UNLISTED_ERROR' | 'UNREADABLE_ANSWER';

export type KafkaErrorName = (typeof table)[keyof typeof table][0] | OwnErrorName;

const byCode: ReadonlyMap<number, readonly [KafkaErrorName, KafkaErrorKind]> = new Map(
  Object.entries(table).map(([code, entry]) => [Number(code), entry]),
);

export const kafkaErrorName = (code: number): KafkaErrorName => byCode.get(code)?.[0] ?? 'UNLISTED_ERROR';

/** A number that is not in the table has an unknown outcome: that is the reading no data is lost by. */
export const kafkaErrorKind = (code: number): KafkaErrorKind => byCode.get(code)?.[1] ?? 'unknown_outcome';

const farshoreCodes: Readonly<Record<KafkaErrorKind, ErrorCode>> = {
  retriable: 'broker_request_failed',
  leadership: 'broker_request_failed',
  coordinator: 'broker_request_failed',
  concurrent: 'broker_request_failed',
  unreachable: 'cluster_unreachable',
  unknown_outcome: 'broker_request_failed',
  fenced: 'fenced',
  abortable: 'broker_request_failed',
  denied: 'cluster_denied',
  auth: 'cluster_auth_failed',
  unknown_topic: 'topic_missing',
  out_of_range: 'broker_request_failed',
  refused: 'batch_refused',
  exists: 'request_invalid',
  unsupported: 'cluster_unsupported',
  invalid: 'request_invalid',
};

export interface KafkaErrorDetails extends ErrorDetails {
  /** Number of the protocol error, when a broker answered one. */
  readonly protocolCode?: number;
}

/** A failed request to a cluster. `kind` tells what may be done next, `kafkaError` what the broker called it. */
export class KafkaError extends FarshoreError {
  readonly kind: KafkaErrorKind;
  readonly kafkaError: KafkaErrorName;

  constructor(kind: KafkaErrorKind, kafkaError: KafkaErrorName, message: string, details: KafkaErrorDetails = {}) {
    const { protocolCode, ...rest } = details;
    super(farshoreCodes[kind], message, {
      ...rest,
      facts: { ...rest.facts, kafkaError, ...(protocolCode === undefined ? {} : { kafkaCode: protocolCode }) },
    });
    this.kind = kind;
    this.kafkaError = kafkaError;
  }
}

/** The error for a protocol error number; `doing` says where and what failed. */
export function protocolError(code: number, doing: string, details: ErrorDetails = {}): KafkaError {
  const name = kafkaErrorName(code);
  return new KafkaError(kafkaErrorKind(code), name, `${doing}: the broker answered ${name} (${code})`, { ...details, protocolCode: code });
}
