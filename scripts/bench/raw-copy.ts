import { parseArgs } from 'node:util';
import { crcChange } from '../../src/kafka/batch/crc-shift.ts';
import { batchReader } from '../../src/kafka/batch/read.ts';
import { KafkaCluster } from '../../src/kafka/cluster.ts';
import { RawFetcher } from '../../src/kafka/fetch.ts';
import { produceAll } from '../../src/kafka/produce.ts';
import { PRODUCE_ADDS_PARTITIONS } from '../../src/kafka/produce-wire.ts';
import { batchCrc } from '../../src/model/batch.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { FetchedPartition, FetchTarget } from '../../src/model/fetch.ts';

/*
 * The same copy of raw batches without transactions and without positions: what the mirror could do at most (P4). Run as a process of its own:
 * `raw-copy.ts --from HOST:PORT --to HOST:PORT --topic TOPIC --records N`; the topic must exist at both ends.
 */
const { values } = parseArgs({
  options: { from: { type: 'string' }, to: { type: 'string' }, topic: { type: 'string' }, records: { type: 'string' } },
});
const { from = '', to = '', topic = '', records = '0' } = values;
const never = new AbortController().signal;
const MAX_PARTITION_BYTES = 8 << 20;
const MAX_BYTES = 32 << 20;
const TIMEOUT_MS = 30_000;

const cluster = (name: string, bootstrap: string): KafkaCluster =>
  new KafkaCluster({ name, brokers: [bootstrap], clientId: 'raw-copy', requestTimeoutMs: TIMEOUT_MS, clock: systemClock });

const HEADER_FROM = 21;
const HEADER_TO = 61;

/** A batch of no producer, outside any transaction. */
function unstamp(bytes: Buffer): void {
  const before = Buffer.from(bytes.subarray(HEADER_FROM, HEADER_TO));
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt16BE(bytes.readInt16BE(21) & ~0x10, 21);
  bytes.writeBigInt64BE(-1n, 43);
  bytes.writeInt16BE(-1, 51);
  bytes.writeInt32BE(-1, 53);
  const after = bytes.subarray(HEADER_FROM, HEADER_TO);
  bytes.writeUInt32BE((batchCrc(bytes) ^ crcChange(before, after, bytes.length - HEADER_TO)) >>> 0, 17);
}

const source = cluster('source', from);
const target = cluster('target', to);
await Promise.all([source.connect(never), target.connect(never)]);
const fetcher = new RawFetcher(source, batchReader(MAX_BYTES));
const [described] = await source.topics([topic], never);
if (described === undefined) throw new Error(`no topic ${topic} at ${from}`);
const offsets = new Map(described.partitions.map(({ partition }) => [partition, 0n]));

function fetchNext(): Promise<readonly FetchedPartition[]> {
  const targets: FetchTarget[] = [...offsets].map(([partition, offset]) => ({
    topic,
    topicId: described!.topicId,
    partition,
    offset,
    lastFetchedEpoch: -1,
    maxBytes: MAX_PARTITION_BYTES,
  }));
  return fetcher.fetch(targets, { maxWaitMs: 500, maxBytes: MAX_BYTES }, never);
}

let copied = 0;
let fetching = fetchNext();
while (copied < Number(records)) {
  const answers = await fetching;
  const writes = [];
  for (const answer of answers) {
    if (answer.kind !== 'batches') throw new Error(`${topic}:${answer.partition} answered ${answer.kind}`);
    offsets.set(answer.partition, answer.nextOffset);
    for (const batch of answer.batches) {
      unstamp(batch.bytes);
      copied += batch.recordCount;
    }
    if (answer.batches.length > 0) writes.push({ topic, partition: answer.partition, batches: answer.batches });
  }
  fetching = fetchNext();
  const options = { transactionalId: null, version: PRODUCE_ADDS_PARTITIONS - 1, timeoutMs: TIMEOUT_MS, backOff: () => Promise.resolve() };
  await produceAll(target, writes, options, never);
  for (const answer of answers) if (answer.kind === 'batches') answer.release?.();
}
// Until whoever started it has read its CPU time.
process.stdin.resume().on('end', () => process.exit(0));
