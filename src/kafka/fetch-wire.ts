import { type API, createAPI, type Reader, Writer } from '@platformatic/kafka';
import type { AbortedTransaction } from './batch/abort-filter.ts';
import type { FetchMemory } from './fetch-memory.ts';
import { arrayLength, skipTags, type WireReader, wireReader } from './flat-reader.ts';
import { FlatWriter } from './flat-writer.ts';

export type Isolation = 'read_uncommitted' | 'read_committed';

/** One partition of a Fetch request. */
export interface FetchPart {
  readonly topicId: string;
  readonly partition: number;
  /** Leader epoch the client knows: the broker refuses a stale leader as well as a stale client. */
  readonly currentLeaderEpoch: number;
  readonly offset: bigint;
  /** Epoch of the last batch before `offset`, -1 for none: a log that was cut answers `diverging` (C6). */
  readonly lastFetchedEpoch: number;
  readonly maxBytes: number;
}

export interface FetchCall {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: Isolation;
  /** Where the reader is, as the brokers name their racks: the leader then names a replica there. Empty: nowhere, and the leader answers itself. */
  readonly rack: string;
  readonly parts: readonly FetchPart[];
}

/** One partition of a Fetch answer, its records as they lay on the wire. */
export interface FetchAnswerPart {
  readonly topicId: string;
  readonly partition: number;
  /** Protocol error number. */
  readonly code: number;
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly logStartOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  /** Broker id of a nearer replica, -1 for none. */
  readonly preferredReadReplica: number;
  readonly diverging: { readonly epoch: number; readonly endOffset: bigint } | undefined;
  readonly records: Buffer;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly code: number;
  readonly parts: readonly FetchAnswerPart[];
}

const FETCH_API_KEY = 1;
/** By topic id from here on (Kafka 3.1): a topic that was made anew answers an error instead of its records. */
const FLOOR = 13;
const NEWEST = 17;
/** From here on the request has no replica id in front. */
const WITHOUT_REPLICA_ID = 15;
const NO_REPLICA = -1;
const NO_SESSION = 0;
/** Every request stands alone: a session would have the broker remember what was asked before. */
const FULL_FETCH_EPOCH = -1;
const NO_LOG_START = -1n;
const NO_RECORDS = Buffer.alloc(0);
const NONE_ABORTED: readonly AbortedTransaction[] = [];
/** Where a cut log leaves the one that was read: epoch and end offset. */
const [DIVERGING_TAG, DIVERGING_BYTES] = [0, 12] as const;

/** Most that the fields outside of topics and the rack take, what a topic's take, and what a partition's take, in bytes. */
const [FIXED_BYTES, TOPIC_BYTES, PART_BYTES] = [45, 22, 33] as const;

export function encodeFetch(version: number, call: FetchCall): Writer {
  const topics = partsByTopic(call.parts);
  const room = FIXED_BYTES + Buffer.byteLength(call.rack) + topics.length * TOPIC_BYTES + call.parts.length * PART_BYTES;
  const writer = new FlatWriter(room);
  if (version < WITHOUT_REPLICA_ID) writer.int32(NO_REPLICA);
  writer
    .int32(call.maxWaitMs)
    .int32(call.minBytes)
    .int32(call.maxBytes)
    .int8(call.isolation === 'read_committed' ? 1 : 0)
    .int32(NO_SESSION)
    .int32(FULL_FETCH_EPOCH)
    .unsignedVarInt(topics.length + 1);
  for (const [topicId, parts] of topics) {
    writer.uuid(topicId).unsignedVarInt(parts.length + 1);
    for (const part of parts) {
      writer
        .int32(part.partition)
        .int32(part.currentLeaderEpoch)
        .int64(part.offset)
        .int32(part.lastFetchedEpoch)
        .int64(NO_LOG_START)
        .int32(part.maxBytes)
        .untagged();
    }
    writer.untagged();
  }
  // No topics that a session would forget.
  writer.unsignedVarInt(1).string(call.rack).untagged();
  return Writer.create().append(writer.written);
}

export function decodeFetch(from: Reader, memory: FetchMemory): FetchAnswer {
  const reader = wireReader(from);
  const throttleMs = reader.int32();
  const code = reader.int16();
  reader.int32();
  const parts: FetchAnswerPart[] = [];
  for (let topics = arrayLength(reader); topics > 0; topics--) {
    const topicId = reader.uuid();
    for (let left = arrayLength(reader); left > 0; left--) parts.push(decodePart(topicId, reader, memory));
    skipTags(reader);
  }
  return { throttleMs, code, parts };
}

function decodePart(topicId: string, reader: WireReader, memory: FetchMemory): FetchAnswerPart {
  const partition = reader.int32();
  const code = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStartOffset = reader.int64();
  const aborted = decodeAborted(reader);
  const preferredReadReplica = reader.int32();
  const length = reader.unsignedVarInt() - 1;
  const records = length > 0 ? memory.take(length) : NO_RECORDS;
  // The answer lies in the chunks of the socket: this is the one copy.
  if (length > 0) reader.copy(records);
  let diverging: FetchAnswerPart['diverging'];
  skipTags(reader, (tag) => {
    if (tag !== DIVERGING_TAG) return 0;
    diverging = { epoch: reader.int32(), endOffset: reader.int64() };
    return DIVERGING_BYTES;
  });
  return { topicId, partition, code, highWatermark, lastStableOffset, logStartOffset, aborted, preferredReadReplica, records, diverging };
}

function decodeAborted(reader: WireReader): readonly AbortedTransaction[] {
  const length = arrayLength(reader);
  if (length === 0) return NONE_ABORTED;
  const aborted: AbortedTransaction[] = [];
  for (let left = length; left > 0; left--) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() });
    skipTags(reader);
  }
  return aborted;
}

/** Finds what a partition answered, given its place in the request: a broker answers in the order asked, as a rule, and then nothing is looked up. */
export function partsOf(
  parts: readonly FetchAnswerPart[],
): (index: number, asked: Pick<FetchPart, 'topicId' | 'partition'>) => FetchAnswerPart | undefined {
  let byPlace: ReadonlyMap<string, FetchAnswerPart> | undefined;
  return (index, { topicId, partition }) => {
    const there = parts[index];
    if (there?.partition === partition && there.topicId === topicId) return there;
    byPlace ??= new Map(parts.map((part) => [`${part.topicId}:${part.partition}`, part]));
    return byPlace.get(`${topicId}:${partition}`);
  };
}

/** Topics in the order of their first part: the order decides who is served first when the byte limit is short. */
function partsByTopic(parts: readonly FetchPart[]): [string, FetchPart[]][] {
  const topics = new Map<string, FetchPart[]>();
  for (const part of parts) {
    const known = topics.get(part.topicId);
    if (known === undefined) topics.set(part.topicId, [part]);
    else known.push(part);
  }
  return [...topics];
}

export type FetchApi = API<[call: FetchCall], FetchAnswer>;

/** Fetch in every version spoken, its records copied into `memory`: the newest that both sides speak; at least 13. */
export function fetchApis(memory: FetchMemory): (maxVersion: number) => FetchApi {
  const apis = Array.from({ length: NEWEST - FLOOR + 1 }, (_, index) =>
    createAPI<[call: FetchCall], FetchAnswer>(
      FETCH_API_KEY,
      FLOOR + index,
      (call: FetchCall) => encodeFetch(FLOOR + index, call),
      (_correlationId, _apiKey, _version, reader) => decodeFetch(reader, memory),
    ),
  );
  return (maxVersion) => apis[Math.min(maxVersion, NEWEST) - FLOOR]!;
}
