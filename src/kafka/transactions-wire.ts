import { type API, createAPI, type Reader, Writer } from '@platformatic/kafka';

/*
 * The requests of a transaction. The client's own stop at TxnOffsetCommit 4 and EndTxn 4 and throw on
 * an error number; these answer it, because what a number means depends on the step it came in.
 */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface CodedIdentity extends ProducerIdentity {
  readonly code: number;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface PartitionCode {
  readonly topic: string;
  readonly partition: number;
  readonly code: number;
}

export const INIT_PRODUCER_ID = { key: 22, floor: 3, most: 5 } as const;
export const ADD_PARTITIONS_TO_TXN = { key: 24, floor: 3, most: 3 } as const;
export const ADD_OFFSETS_TO_TXN = { key: 25, floor: 3, most: 4 } as const;
export const END_TXN = { key: 26, floor: 3, most: 5, mostBeforeVersion2: 4 } as const;
export const TXN_OFFSET_COMMIT = { key: 28, floor: 3, most: 5, mostBeforeVersion2: 4 } as const;
export const OFFSET_FETCH = { key: 9, floor: 8, most: 9 } as const;

/** APIs of one kind whose wire differs at most by what the version decides inside. */
function versions<Arguments extends unknown[], Answer>(
  { key, floor, most }: { readonly key: number; readonly floor: number; readonly most: number },
  encode: (version: number, ...args: Arguments) => Writer,
  decode: (reader: Reader, version: number) => Answer,
): (version: number) => API<Arguments, Answer> {
  const apis: API<Arguments, Answer>[] = [];
  for (let version = floor; version <= most; version++) {
    apis.push(
      createAPI<Arguments, Answer>(
        key,
        version,
        (...args: Arguments) => encode(version, ...args),
        (_correlationId, _key, _version, reader) => decode(reader, version),
      ),
    );
  }
  return (version) => apis[Math.min(version, most) - floor]!;
}

const THROTTLE_BYTES = 4;

/* InitProducerId 3 to 5: transactional_id timeout_ms producer_id epoch → throttle error producer_id epoch */
export const initProducerIdApi = versions(
  INIT_PRODUCER_ID,
  (_version, transactionalId: string, timeoutMs: number, known: ProducerIdentity) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt32(timeoutMs)
      .appendInt64(known.producerId)
      .appendInt16(known.producerEpoch)
      .appendTaggedFields(),
  (reader): CodedIdentity => ({
    code: reader.skip(THROTTLE_BYTES).readInt16(),
    producerId: reader.readInt64(),
    producerEpoch: reader.readInt16(),
  }),
);

const start = (transactionalId: string, identity: ProducerIdentity): Writer =>
  Writer.create().appendString(transactionalId).appendInt64(identity.producerId).appendInt16(identity.producerEpoch);

/* AddPartitionsToTxn 3 (4 and on are for brokers): … [topic [partition]] → throttle [topic [partition error]] */
export const addPartitionsApi = versions(
  ADD_PARTITIONS_TO_TXN,
  (_version, transactionalId: string, identity: ProducerIdentity, topics: readonly TopicPartitions[]) =>
    start(transactionalId, identity)
      .appendArray([...topics], (w, { topic, partitions }) => {
        w.appendString(topic).appendArray([...partitions], (p, partition) => p.appendInt32(partition), true, false);
      })
      .appendTaggedFields(),
  readPartitionCodes,
);

/* AddOffsetsToTxn 3 and 4: … group → throttle error */
export const addOffsetsApi = versions(
  ADD_OFFSETS_TO_TXN,
  (_version, transactionalId: string, identity: ProducerIdentity, group: string) =>
    start(transactionalId, identity).appendString(group).appendTaggedFields(),
  (reader): number => reader.skip(THROTTLE_BYTES).readInt16(),
);

/* EndTxn 3 to 5: … committed → throttle error, and from 5 on the identity of the next transaction */
export const endTxnApi = versions(
  END_TXN,
  (_version, transactionalId: string, identity: ProducerIdentity, commit: boolean) =>
    start(transactionalId, identity).appendBoolean(commit).appendTaggedFields(),
  (reader, version): CodedIdentity => {
    const code = reader.skip(THROTTLE_BYTES).readInt16();
    if (version < 5) return { code, producerId: -1n, producerEpoch: -1 };
    return { code, producerId: reader.readInt64(), producerEpoch: reader.readInt16() };
  },
);

/* TxnOffsetCommit 3 to 5: … generation member instance [topic [partition offset epoch metadata]] → throttle [topic [partition error]] */
export const txnOffsetCommitApi = versions(
  TXN_OFFSET_COMMIT,
  (_version, transactionalId: string, group: string, identity: ProducerIdentity, offsets: readonly CommittedOffset[]) =>
    Writer.create()
      .appendString(transactionalId)
      .appendString(group)
      .appendInt64(identity.producerId)
      .appendInt16(identity.producerEpoch)
      .appendInt32(-1)
      .appendString('')
      .appendString(null)
      .appendArray([...byTopic(offsets)], (w, [topic, ofTopic]) => {
        w.appendString(topic).appendArray(ofTopic, (p, { partition, offset, leaderEpoch, metadata }) => {
          p.appendInt32(partition).appendInt64(offset).appendInt32(leaderEpoch).appendString(metadata);
        });
      })
      .appendTaggedFields(),
  readPartitionCodes,
);

export interface FetchedOffsets {
  /** Error number of the whole group. */
  readonly code: number;
  readonly offsets: readonly (Omit<CommittedOffset, 'metadata'> & { readonly code: number; readonly metadata: string | null })[];
}

/* OffsetFetch 8 and 9 of one group with require_stable: [group (member epoch from 9) [topic [partition]]] stable → throttle [group …] */
export const offsetFetchApi = versions(
  OFFSET_FETCH,
  (version, group: string, topics: readonly TopicPartitions[], requireStable: boolean) =>
    Writer.create()
      .appendArray([group], (w) => {
        w.appendString(group);
        if (version >= 9) w.appendString(null).appendInt32(-1);
        w.appendArray([...topics], (t, { topic, partitions }) => {
          t.appendString(topic).appendArray([...partitions], (p, partition) => p.appendInt32(partition), true, false);
        });
      })
      .appendBoolean(requireStable)
      .appendTaggedFields(),
  (reader): FetchedOffsets => {
    const offsets: FetchedOffsets['offsets'][number][] = [];
    const codes = reader.skip(THROTTLE_BYTES).readArray((g) => {
      g.readString();
      g.readArray((t) => {
        const topic = t.readString();
        t.readArray((p) => {
          const partition = p.readInt32();
          const offset = p.readInt64();
          const leaderEpoch = p.readInt32();
          const metadata = p.readNullableString();
          offsets.push({ topic, partition, offset, leaderEpoch, metadata, code: p.readInt16() });
        });
      });
      return g.readInt16();
    });
    return { code: codes[0] ?? 0, offsets };
  },
);

function readPartitionCodes(reader: Reader): readonly PartitionCode[] {
  const codes: PartitionCode[] = [];
  reader.skip(THROTTLE_BYTES).readArray((t) => {
    const topic = t.readString();
    t.readArray((p) => {
      const partition = p.readInt32();
      codes.push({ topic, partition, code: p.readInt16() });
    });
  });
  return codes;
}

export function byTopic<T extends { readonly topic: string }>(items: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>();
  for (const item of items) {
    const sameTopic = topics.get(item.topic);
    if (sameTopic === undefined) topics.set(item.topic, [item]);
    else sameTopic.push(item);
  }
  return topics;
}
