import { type API, createAPI, type Reader, Writer } from '@platformatic/kafka';
import type { Isolation } from './fetch-wire.ts';
import { arrayLength, skipTags, wireReader } from './flat-reader.ts';
import { FlatWriter } from './flat-writer.ts';

/** One partition of a ListOffsets request. */
export interface OffsetPart {
  readonly topic: string;
  readonly partition: number;
  /** Leader epoch the client knows. */
  readonly leaderEpoch: number;
}

export interface OffsetCall {
  readonly isolation: Isolation;
  /** Of records, or one of the protocol's names for places, which are below 0. */
  readonly timestamp: bigint;
  readonly parts: readonly OffsetPart[];
}

export interface OffsetAnswer {
  readonly topic: string;
  readonly partition: number;
  /** Protocol error number. */
  readonly code: number;
  readonly offset: bigint;
}

export type ListOffsetsApi = API<[call: OffsetCall], readonly OffsetAnswer[]>;

const LIST_OFFSETS_KEY = 2;
const CONSUMER = -1;
/** What the fields outside of topics take at most, what a topic's take beside its name, and what a partition's take, in bytes. */
const [FIXED_BYTES, TOPIC_BYTES, PART_BYTES] = [11, 11, 17] as const;

/* ListOffsets 7 and 8: replica isolation [topic [partition leader_epoch timestamp]] */
export function encodeListOffsets({ isolation, timestamp, parts }: OffsetCall): Writer {
  const topics = Map.groupBy(parts, ({ topic }) => topic);
  let room = FIXED_BYTES + parts.length * PART_BYTES;
  for (const topic of topics.keys()) room += TOPIC_BYTES + Buffer.byteLength(topic);
  const writer = new FlatWriter(room)
    .int32(CONSUMER)
    .int8(isolation === 'read_committed' ? 1 : 0)
    .unsignedVarInt(topics.size + 1);
  for (const [topic, ofTopic] of topics) {
    writer.string(topic).unsignedVarInt(ofTopic.length + 1);
    for (const { partition, leaderEpoch } of ofTopic) writer.int32(partition).int32(leaderEpoch).int64(timestamp).untagged();
    writer.untagged();
  }
  return Writer.create().append(writer.untagged().written);
}

const THROTTLE_BYTES = 4;
const TIMESTAMP_BYTES = 8;
const LEADER_EPOCH_BYTES = 4;

/* → throttle [topic [partition error timestamp offset leader_epoch]] */
export function decodeListOffsets(from: Reader): readonly OffsetAnswer[] {
  const reader = wireReader(from);
  reader.skip(THROTTLE_BYTES);
  const answers: OffsetAnswer[] = [];
  for (let topics = arrayLength(reader); topics > 0; topics--) {
    const topic = reader.string();
    for (let left = arrayLength(reader); left > 0; left--) {
      const partition = reader.int32();
      const code = reader.int16();
      reader.skip(TIMESTAMP_BYTES);
      const offset = reader.int64();
      reader.skip(LEADER_EPOCH_BYTES);
      skipTags(reader);
      answers.push({ topic, partition, code, offset });
    }
    skipTags(reader);
  }
  return answers;
}

const apis = [7, 8].map((version) =>
  createAPI<[call: OffsetCall], readonly OffsetAnswer[]>(
    LIST_OFFSETS_KEY,
    version,
    encodeListOffsets,
    (_correlationId, _key, _version, reader) => decodeListOffsets(reader),
  ),
);

/** ListOffsets 8 is the first that knows where the part of a log begins that lies on its broker. */
export const listOffsetsApi = (version: 7 | 8): ListOffsetsApi => apis[version - 7]!;
