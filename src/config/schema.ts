import { z } from 'zod';
import { isTopicName, isTopicPattern, reservedPatternReason, reservedTopicReason } from '../model/topic-patterns.ts';
import { cronProblem } from '../schedule/cron.ts';
import { auditSchema } from './audit-schema.ts';
import { backfillSchema } from './backfill-schema.ts';
import { cutover } from './cutover-schema.ts';
import { parseListen } from './listen.ts';
import { outboxSchema } from './outbox-schema.ts';
import { Secret } from './secret.ts';
import { shadowSchema } from './shadow-schema.ts';
import { tableEntryMapping } from './table-entry-schema.ts';

/**
 * Every key of the configuration file, its default and what it means. Types, the JSON Schema, messages and
 * docs/configuration.md come from here. Rules that look at more than one key are in checks.ts.
 */

type Judge = (text: string) => { readonly message: string; readonly suggestion?: string } | undefined;

const text = z.string().min(1);

const judged = (judge: Judge, base: z.ZodString = text) =>
  base.superRefine((value, context) => {
    if (value === '') return;
    const problem = judge(value);
    if (problem) context.addIssue({ code: 'custom', message: problem.message, params: { suggestion: problem.suggestion } });
  });

const secret = text.transform((value) => new Secret(value));
const file = text;
const milliseconds = (least: number) => z.int().min(least);

const name = judged((value) =>
  /^[a-zA-Z0-9_-]{1,63}$/.test(value) ? undefined : { message: 'a name has letters, digits, - and _ only, at most 63 of them' },
);

const topic = judged((value) => {
  if (!isTopicName(value)) return { message: 'this is no topic name', suggestion: 'letters, digits, ".", "_" and "-", at most 249' };
  const reserved = reservedTopicReason(value);
  return reserved === undefined ? undefined : { message: `this topic is reserved: ${reserved}` };
});

const topicPattern = judged((value) => {
  if (!isTopicPattern(value)) {
    return { message: 'this is no topic pattern', suggestion: 'a topic name, or the start of one with a single * at its end' };
  }
  const reserved = reservedPatternReason(value);
  return reserved === undefined ? undefined : { message: `this pattern can never match: ${reserved}`, suggestion: 'remove it' };
});

const heartbeatTopic = judged((value) => {
  if (!isTopicName(value)) return { message: 'this is no topic name', suggestion: 'letters, digits, ".", "_" and "-", at most 249' };
  return value.startsWith('farshore.heartbeat.')
    ? { message: 'farshore.heartbeat.<name> is where the heartbeats of another cluster arrive', suggestion: 'farshore.heartbeat' }
    : undefined;
});

const topicPrefix = judged((value) => {
  if (!/^[a-zA-Z0-9._-]{1,100}$/.test(value)) return { message: 'a prefix has letters, digits, ".", "_" and "-" only, at most 100' };
  const reserved = reservedPatternReason(`${value}*`);
  return reserved === undefined ? undefined : { message: `this prefix is reserved: ${reserved}` };
}, z.string());

const broker = judged((value) =>
  /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/.test(value) && Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535
    ? undefined
    : { message: 'a broker is written host:port', suggestion: 'such as 10.0.0.1:9092 or [::1]:9092' },
);

const httpUrl = judged((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return { message: 'this is no http:// or https:// address' };
  }
  return url.username === '' && url.password === ''
    ? undefined
    : { message: 'the address holds credentials', suggestion: 'write them under username and password or passwordFile' };
});

const listen = judged((value) =>
  parseListen(value) === undefined
    ? { message: 'an address to listen on is written host:port', suggestion: 'such as 127.0.0.1:8320' }
    : undefined,
);

const tableName = judged((value) =>
  /^[^\s.";]{1,63}(\.[^\s.";]{1,63})?$/.test(value) ? undefined : { message: 'a table is written table or schema.table, without quotes' },
);

const schedule = judged((value) => {
  const problem = cronProblem(value);
  return problem === undefined ? undefined : { message: problem, suggestion: 'minute hour day month weekday, such as 17 3 * * *' };
});

const tls = z
  .strictObject({
    caFile: file.optional().describe('PEM file of the certificate authorities to trust; left out: those of the system.'),
    certFile: file.optional().describe('PEM file of the client certificate.'),
    keyFile: file.optional().describe('PEM file of the key to it.'),
    serverName: text.optional().describe('Name the server certificate must carry when it is not the host.'),
  })
  .meta({ id: 'tls', description: 'TLS; `{}` trusts the authorities of the system. The server is always verified.' });

const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']),
    username: text.optional().describe('Needed by every mechanism but `oauthbearer`.'),
    password: secret.optional().describe('The password; not for `oauthbearer`.'),
    passwordFile: file.optional().describe('File that holds it.'),
    tokenFile: file.optional().describe('For `oauthbearer`: file that holds the token, read at every login.'),
    tokenCommand: z
      .array(text)
      .min(1)
      .optional()
      .describe('For `oauthbearer`: program and arguments that print the token, run at every login, without a shell.'),
  })
  .meta({ id: 'sasl', description: 'Login at the brokers.' });

const kafka = z
  .strictObject({
    brokers: z.array(broker).min(1).describe('Where to start: `host:port`, any brokers of the cluster.'),
    tls: tls.optional(),
    sasl: sasl.optional(),
    clientId: text.default('farshore').describe('Name shown in the brokers’ logs and quotas.'),
    rack: text
      .optional()
      .describe(
        'Where this daemon runs, as the brokers name it in `broker.rack`: partitions are read from a replica there, if the brokers allow it.',
      ),
    requestTimeoutMs: milliseconds(100).default(10_000).describe('Longest wait for one answer.'),
  })
  .meta({ id: 'kafka', description: 'A Kafka cluster.' });

const registry = z
  .strictObject({
    url: httpUrl.optional().describe('Schema registry with the Confluent API.'),
    username: text.optional().describe('User name for basic authentication.'),
    password: secret.optional().describe('Password for basic authentication.'),
    passwordFile: file.optional().describe('File that holds it.'),
    caFile: file.optional().describe('PEM file of the certificate authorities to trust; left out: those of the system.'),
    directory: file.optional().describe('Folder of `.avsc` files by subject and version, instead of a registry.'),
  })
  .meta({ id: 'registry', description: 'Where Avro schemas are found: `url` or `directory`.' });

const database = z
  .strictObject({
    url: secret.optional().describe('`postgres://user[:password]@host[:port]/database`.'),
    urlFile: file.optional().describe('File that holds the address.'),
    tls: tls.optional(),
    maxConnections: z.int().min(1).optional().describe('Most connections to open; left out: what the configured work needs.'),
    statementTimeoutMs: milliseconds(100).default(30_000).describe('The server ends a statement that takes longer.'),
    lockTimeoutMs: milliseconds(10).default(5_000).describe('The server ends a statement that waits longer for a lock.'),
  })
  .meta({ id: 'database', description: 'A PostgreSQL database: `url` or `urlFile`.' });

const heartbeat = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Off where the daemon may not write to the primary; end-to-end latency is unknown then.'),
    topic: heartbeatTopic.default('farshore.heartbeat').describe('Topic of the primary that heartbeats are written to.'),
    // The liveness probe looks at the turns of the loop that writes them, and alerts at an age of a minute.
    intervalMs: milliseconds(100).max(30_000).default(1_000).describe('Time between two heartbeats, at most 30 s.'),
  })
  .meta({ description: 'Records written to the primary and seen coming back: lag by one clock.' });

const mirror = z
  .strictObject({
    topics: z.array(topicPattern).min(1).describe('What to mirror: topic names, or the start of names with a trailing `*`.'),
    exclude: z.array(topicPattern).default([]).describe('What of it not to mirror, written the same way.'),
    prefix: topicPrefix.default('').describe('Put in front of the name in the region; empty: the same names.'),
    refreshSeconds: z.int().min(1).default(30).describe('How often to look for new topics, partitions, configs and schemas.'),
    shards: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'Parts that the partitions are divided among. With more than one all daemons of the region share the work, and must have the same number here.',
      ),
    minRetentionSeconds: z
      .int()
      .min(1)
      .max(3_153_600_000)
      .default(604_800)
      .describe(
        'How long the region keeps the records, and the tombstones of compacted topics, of a topic that is applied: shorter retention.ms and delete.retention.ms are raised to it.',
      ),
    recommitSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(43_200)
      .describe(
        'How long a position may stand before it is committed again. Keep it well below the regional brokers’ offsets.retention.minutes: offsets expire one by one.',
      ),
    standby: z.boolean().default(false).describe('Carry heartbeats only: the reverse path before a switch.'),
    onTruncated: z
      .enum(['stop', 'earliest'])
      .default('stop')
      .describe('Records were deleted at home before they were mirrored: stop the partition, or go on at what is left.'),
    onRecreated: z
      .enum(['stop', 'restart'])
      .default('stop')
      .describe('A topic was deleted and created again at home: stop it, or mirror the new one from its start.'),
    transactionTimeoutMs: milliseconds(1_000)
      .max(900_000)
      .default(15_000)
      .describe('After a crash without a successor the region’s last stable offset stands still that long.'),
    maxCycleBytes: z
      .int()
      .min(65_536)
      .default(16_777_216)
      .describe('Most bytes of one round of fetches. A Kafka transaction holds one, or under a backlog those of a quarter of a second.'),
    maxPartitionFetchBytes: z.int().min(1_024).default(8_388_608).describe('Most bytes to fetch from one partition at once.'),
    fetchMaxWaitMs: z.int().min(1).max(30_000).default(1_000).describe('How long a broker may wait for records before it answers.'),
    replicationFactor: z.int().min(1).max(32_767).optional().describe('Of topics created in the region; left out: the broker’s default.'),
    configExclude: z.array(text).default([]).describe('Topic configs not to copy, beside those that are never copied.'),
  })
  .meta({ description: 'Primary Kafka → regional Kafka.' });

const tableEntry = z
  .strictObject({
    topic: topic.describe('The topic, as it is named in the region.'),
    table: tableName.optional().describe('`table` or `schema.table`; left out: the last part of the topic’s name, in schema public.'),
    key: z.array(text).min(1).optional().describe('Columns that identify a row; left out: the primary key.'),
    version: z
      .union([text.transform((field) => [field]), z.array(text).min(1)])
      .optional()
      .describe('Field, or list of fields, that orders two states of a row; left out: the order of the log.'),
    ...tableEntryMapping,
  })
  .meta({ id: 'table', description: 'One topic and the table it is applied to.' });

const apply = z
  .strictObject({
    schema: z
      .enum(['validate', 'evolve', 'create'])
      .default('validate')
      .describe(
        '`validate` changes no table; `create` makes missing ones; `evolve` adds missing columns, nullable, waiting two seconds at most for their table’s lock at a time.',
      ),
    tables: z.array(tableEntry).default([]).describe('A topic without an entry is mirrored only.'),
    connections: z.int().min(1).max(64).default(4).describe('Database connections, and so partitions applied at the same time.'),
    maxBatchRecords: z.int().min(1).default(5_000).describe('Most records in one database transaction.'),
    maxBatchBytes: z.int().min(1_024).default(8_388_608).describe('Most bytes of records in one database transaction.'),
    readBack: z
      .strictObject({
        rows: z.int().min(0).max(10_000).default(20).describe('Rows of a table in one turn; 0 turns it off.'),
        everySeconds: z
          .int()
          .min(1)
          .max(86_400)
          .default(5)
          .describe('Time between two turns; a row is looked at one to two turns after it was written.'),
      })
      .meta({
        description:
          'A sample of freshly applied rows is read back and compared with what was written: it finds what others write behind the daemon.',
      })
      .prefault({}),
  })
  .meta({ description: 'Regional Kafka → regional PostgreSQL.' });

const rejected = z
  .strictObject({
    publish: z
      .boolean()
      .default(false)
      .describe('Also write them to `TOPIC.farshore.rejected` in the region, with the headers that Kafka Connect writes.'),
    lateSchemas: z.boolean().default(true).describe('Try records of an unknown schema again by themselves once the registry knows it.'),
    budget: z
      .strictObject({
        share: z.number().min(0).max(1).default(0.05).describe('Most of a table’s records that may be rejected, as a part of 1.'),
        perMinute: z.int().min(0).default(100).describe('So many a minute are no flood, whatever their share.'),
      })
      .meta({ description: 'A table that exceeds both within a minute stops: then something other than the records is wrong.' })
      .prefault({}),
    retention: z
      .strictObject({
        days: z.int().min(1).max(36_500).default(30).describe('How long a record is kept after it was last seen, first or by a retry.'),
        schedule: schedule.default('17 3 * * *').describe('When older ones are deleted: a cron expression of five fields, in UTC.'),
      })
      .meta({ description: 'What nobody tried again for so long is deleted, and counted.' })
      .prefault({}),
  })
  .meta({ description: 'Records that cannot be applied are kept whole in farshore.rejected_records; the others go on.' });

const parked = z
  .strictObject({
    limit: z.int().min(0).default(10_000).describe('Most records of one table that may wait; what comes above it is rejected.'),
    maxAgeSeconds: z.int().min(1).max(31_536_000).default(86_400).describe('A record that has waited longer is rejected.'),
  })
  .meta({ description: 'Records that wait for another row: a parent, a unique value, or the row they are a part of.' });

const admin = z
  .strictObject({
    listen: listen.default('127.0.0.1:8320').describe('`host:port` of the HTTP server: health, metrics, API, status page.'),
    tokenFile: file.optional().describe('File with the token that changes need; without it nothing can be changed.'),
  })
  .meta({ description: 'The HTTP server of the daemon.' });

export const configSchema = z.strictObject({
  region: name.describe('Name of this region.'),
  primary: z
    .strictObject({
      name: name.describe('Name of the primary.'),
      kafka: kafka.describe('The primary’s Kafka cluster.'),
      registry: registry.optional().describe('The primary’s schemas; needed when tables are applied.'),
      database: database.optional().describe('Read only: the audit compares with it, and repairs from it.'),
      heartbeat: heartbeat.prefault({}),
    })
    .meta({ description: 'The data center that owns the truth.' }),
  regional: z
    .strictObject({
      kafka: kafka.describe('The region’s Kafka cluster.'),
      registry: registry.optional().describe('When given, schemas are registered there too, with the same ids.'),
      database: database.describe('The region’s database; also holds schema `farshore`.'),
    })
    .meta({ description: 'The region that holds the copy.' }),
  mirror,
  apply: apply.prefault({}),
  rejected: rejected.prefault({}),
  parked: parked.prefault({}),
  audit: auditSchema.prefault({}),
  backfill: backfillSchema.prefault({}),
  outbox: outboxSchema.prefault({}),
  shadow: shadowSchema.optional(),
  cutover: cutover(database).prefault({}),
  limits: z
    .strictObject({
      bufferBytes: z.int().min(1_048_576).default(67_108_864).describe('Most bytes of records in all buffers together.'),
      maxDecompressedBytes: z
        .int()
        .min(1_048_576)
        .max(1_073_741_824)
        .default(67_108_864)
        .describe('Most bytes of one record batch when it is decompressed; a partition stops before a larger one.'),
    })
    .meta({ description: 'Bounds of the whole daemon.' })
    .prefault({}),
  admin: admin.prefault({}),
  lease: z
    .strictObject({
      ttlMs: milliseconds(1_000).default(10_000).describe('A daemon that cannot renew its lease for this long has lost it.'),
    })
    .meta({ description: 'Who works for the region, or for a shard of it: one daemon at a time.' })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info').describe('Least level that is written.'),
    })
    .meta({ description: 'One JSON line an event, to stdout.' })
    .prefault({}),
});

export const adminSchema = admin;

/** The file as it is written, with defaults filled in and files still unread. */
export type ConfigDocument = z.output<typeof configSchema>;
export type AdminDocument = z.output<typeof adminSchema>;

/** The JSON Schema (draft 2020-12) of the configuration file, for editors. */
export const configJsonSchema = (): Record<string, unknown> => ({
  title: 'Farshore configuration',
  ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }),
});
