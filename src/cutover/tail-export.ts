import type { UnmirroredRange } from '../model/cutover.ts';
import type { KeptTail } from './unmirrored-tail.ts';

/** Where the records are read, and what the mirror puts before the names of topics. */
export interface TailSource {
  readonly brokers: readonly string[];
  readonly prefix: string;
}

/** What Kafka's own consumer writes of bytes with it: text as it is, everything else as \xNN, a line a record. Nothing is lost by it. */
const BYTES = 'org.apache.kafka.common.serialization.BytesDeserializer';
/** Offsets that compaction, aborted transactions or markers took bring no record: the end is then told by silence. */
const SILENT_MS = 30_000;

const shown = ['print.timestamp', 'print.partition', 'print.offset', 'print.headers', 'print.key'];

/**
 * The records themselves are not carried by Farshore: a human decides what becomes of each (C26), and Kafka's own consumer brings them from
 * the primary. The command asks for as many records as the range has offsets. Where some have none it brings what was written behind the
 * range too, which the region does not have either.
 */
export const unmirroredRanges = (tails: readonly KeptTail[], { brokers, prefix }: TailSource): readonly UnmirroredRange[] =>
  tails.map(({ topic, partition, from, to, foundAt }) => {
    const primaryTopic = topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
    const words = [
      ...['kafka-console-consumer.sh', '--bootstrap-server', brokers.join(',')],
      ...['--topic', primaryTopic, '--partition', String(partition), '--offset', String(from), '--max-messages', String(to - from)],
      ...['--timeout-ms', String(SILENT_MS), '--isolation-level', 'read_committed'],
      ...[...shown.map((name) => `${name}=true`), `key.deserializer=${BYTES}`, `value.deserializer=${BYTES}`].flatMap((property) => [
        '--property',
        property,
      ]),
    ];
    const exportCommand = `${words.map(quoted).join(' ')} > ${quoted(`${primaryTopic}-${partition}-${from}.tail`)}`;
    return { topic, primaryTopic, partition, from: String(from), to: String(to), foundAt, exportCommand };
  });

const quoted = (word: string): string => (/^[\w.:,=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
