import { type API, createAPI, type Reader, readKnownTaggedFields, Writer } from '@platformatic/kafka';
import type { AbortedTransaction } from './batch/abort-filter.ts';
import type { FetchMemory } from './fetch-memory.ts';

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

export function encodeFetch(version: number, call: FetchCall): Writer {
  const writer = Writer.create();
  if (version < WITHOUT_REPLICA_ID) writer.appendInt32(NO_REPLICA);
  return writer
    .appendInt32(call.maxWaitMs)
    .appendInt32(call.minBytes)
    .appendInt32(call.maxBytes)
    .appendInt8(call.isolation === 'read_committed' ? 1 : 0)
    .appendInt32(NO_SESSION)
    .appendInt32(FULL_FETCH_EPOCH)
    .appendArray(partsByTopic(call.parts), (topicWriter, [topicId, parts]) => {
      topicWriter.appendUUID(topicId).appendArray(parts, (partWriter, part) => {
        partWriter
          .appendInt32(part.partition)
          .appendInt32(part.currentLeaderEpoch)
          .appendInt64(part.offset)
          .appendInt32(part.lastFetchedEpoch)
          .appendInt64(NO_LOG_START)
          .appendInt32(part.maxBytes);
      });
    })
    .appendArray([], () => undefined)
    .appendString(call.rack)
    .appendTaggedFields();
}

export function decodeFetch(reader: Reader, memory: FetchMemory): FetchAnswer {
  const throttleMs = reader.readInt32();
  const code = reader.readInt16();
  reader.readInt32();
  const parts: FetchAnswerPart[] = [];
  reader.readArray((topic) => {
    const topicId = topic.readUUID();
    topic.readArray((part) => parts.push(decodePart(topicId, part, memory)), true, false);
  });
  return { throttleMs, code, parts };
}

function decodePart(topicId: string, reader: Reader, memory: FetchMemory): FetchAnswerPart {
  const fixed = {
    topicId,
    partition: reader.readInt32(),
    code: reader.readInt16(),
    highWatermark: reader.readInt64(),
    lastStableOffset: reader.readInt64(),
    logStartOffset: reader.readInt64(),
    aborted: reader.readArray((entry) => ({ producerId: entry.readInt64(), firstOffset: entry.readInt64() })),
    preferredReadReplica: reader.readInt32(),
  };
  const length = reader.readUnsignedVarInt() - 1;
  const records = length > 0 ? copyRecords(reader, length, memory) : NO_RECORDS;
  let diverging: FetchAnswerPart['diverging'];
  readKnownTaggedFields(reader, {
    0: (tagged) => {
      const epoch = tagged.readInt32();
      diverging = { epoch, endOffset: tagged.readInt64() };
    },
  });
  return { ...fixed, records, diverging };
}

/** The answer lies in the chunks of the socket: this is the one copy. */
function copyRecords(reader: Reader, length: number, memory: FetchMemory): Buffer {
  const records = memory.take(length);
  let at = 0;
  for (const chunk of reader.buffer.subarray(reader.position, reader.position + length).buffers) at += chunk.copy(records, at);
  reader.skip(length);
  return records;
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
