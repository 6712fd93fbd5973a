import { type API, createAPI, type Reader, Writer } from '@platformatic/kafka';
import { byTopic } from './transactions-wire.ts';

/** One partition's batch in a produce request. The bytes are sent as they are. */
export interface ProducePart {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

/** What the leader answered for one partition of a produce request. */
export interface ProduceAnswer {
  readonly topic: string;
  readonly partition: number;
  /** Protocol error number, 0 when the batch is in the log. */
  readonly code: number;
  readonly baseOffset: bigint;
  /** The broker's own words, for people. */
  readonly message: string | undefined;
}

export type ProduceArguments = [transactionalId: string | null, timeoutMs: number, parts: readonly ProducePart[]];

export const PRODUCE_API_KEY = 0;
/** Flexible encoding (Kafka 2.4). */
export const PRODUCE_FLOOR = 9;
/** From here on a transactional request adds its partitions to the transaction by itself (KIP-890). */
export const PRODUCE_ADDS_PARTITIONS = 12;

/*
 * Produce 9 to 12, request => transactional_id acks timeout_ms [topic [partition records]]; the wire is
 * the same in all four. Batches are appended to the request as they are.
 */
export function encodeProduce(...[transactionalId, timeoutMs, parts]: ProduceArguments): Writer {
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(-1)
    .appendInt32(timeoutMs)
    .appendArray([...byTopic(parts)], (topicWriter, [topic, ofTopic]) => {
      topicWriter.appendString(topic).appendArray(ofTopic, (writer, { partition, bytes }) => {
        writer
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes);
      });
    })
    .appendTaggedFields();
}

/* Produce 9 to 12, response => [topic [partition error base_offset append_time log_start [index message] message]] throttle */
export function decodeProduce(_correlationId: number, _key: number, _version: number, reader: Reader): readonly ProduceAnswer[] {
  const answers: ProduceAnswer[] = [];
  reader.readArray((r) => {
    const topic = r.readString();
    r.readArray((p) => {
      const partition = p.readInt32();
      const code = p.readInt16();
      const baseOffset = p.readInt64();
      p.skip(8 + 8);
      const recordErrors = p.readArray((e) => {
        e.skip(4);
        return e.readNullableString();
      });
      const message = p.readNullableString() ?? recordErrors.find((text) => text !== null) ?? undefined;
      answers.push({ topic, partition, code, baseOffset, message });
    });
  });
  return answers;
}

const apis: readonly API<ProduceArguments, readonly ProduceAnswer[]>[] = [9, 10, 11, 12].map((version) =>
  createAPI<ProduceArguments, readonly ProduceAnswer[]>(PRODUCE_API_KEY, version, encodeProduce, decodeProduce),
);

/** The newest Produce up to `most`; `most` is at least PRODUCE_FLOOR. */
export const produceApi = (most: number): API<ProduceArguments, readonly ProduceAnswer[]> =>
  apis[Math.min(most, PRODUCE_ADDS_PARTITIONS) - PRODUCE_FLOOR]!;
