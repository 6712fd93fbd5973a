import { type Connection, createAPI, type Reader, Writer } from '@platformatic/kafka';
import { type Insertion, ProduceSocket } from './produce-socket.ts';
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

type ProduceArguments = [socket: ProduceSocket, transactionalId: string | null, timeoutMs: number, parts: readonly ProducePart[]];

export const PRODUCE_API_KEY = 0;
/** Flexible encoding (Kafka 2.4). */
export const PRODUCE_FLOOR = 9;
/** From here on a transactional request adds its partitions to the transaction by itself (KIP-890). */
export const PRODUCE_ADDS_PARTITIONS = 12;

/*
 * Produce 9 to 12, request => transactional_id acks timeout_ms [topic [partition records]]; the wire is
 * the same in all four. Batches are left out here and put in where the request is written to its socket.
 */
export function encodeProduce(...[socket, transactionalId, timeoutMs, parts]: ProduceArguments): Writer {
  const insertions: Insertion[] = [];
  const request = Writer.create();
  request
    .appendString(transactionalId)
    .appendInt16(-1)
    .appendInt32(timeoutMs)
    .appendArray([...byTopic(parts)], (topicWriter, [topic, ofTopic]) => {
      topicWriter.appendString(topic).appendArray(ofTopic, (writer, { partition, bytes }) => {
        writer.appendInt32(partition).appendUnsignedVarInt(bytes.length + 1);
        insertions.push({ at: writer.length, bytes });
      });
    })
    .appendTaggedFields();
  socket.willWrite(request, insertions);
  return request;
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

/** Sends one Produce request; the batches are sent from where they lie, which must not change before the answer. */
export type SendProduce = (
  connection: Connection,
  transactionalId: string | null,
  timeoutMs: number,
  parts: readonly ProducePart[],
) => Promise<readonly ProduceAnswer[]>;

const senders: readonly SendProduce[] = [9, 10, 11, 12].map((version): SendProduce => {
  const api = createAPI<ProduceArguments, readonly ProduceAnswer[]>(PRODUCE_API_KEY, version, encodeProduce, decodeProduce);
  return (connection, ...call) => api.async(connection, ProduceSocket.of(connection), ...call);
});

/** The newest Produce up to `most`; `most` is at least PRODUCE_FLOOR. */
export const produceApi = (most: number): SendProduce => senders[Math.min(most, PRODUCE_ADDS_PARTITIONS) - PRODUCE_FLOOR]!;
