import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { ConfigProblems } from '../../../src/config/problems.ts';
import { filesOf } from './read-file.ts';

const good = `region: eu-west
primary:
  name: us-east
  kafka: { brokers: ["10.0.0.1:9092"] }
  registry: { directory: ./schemas }
regional:
  kafka: { brokers: ["10.1.0.1:9092"] }
  database: { url: "postgres://farshore@10.1.0.9/app" }
mirror:
  topics: ["billing.*"]
apply:
  tables:
    - topic: billing.invoices
`;

function problemsOf(text: string): readonly string[] {
  try {
    parseConfig(text, { file: '/etc/c.yaml', env: { EMPTY: '' }, readFile: filesOf({ '/etc/token': 't\n', '/etc/blank': ' \n' }) });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigProblems);
    return (error as ConfigProblems).lines.map((line) => line.replace('/etc/c.yaml:', ''));
  }
  return [];
}

const changed = (from: string, to: string): string => {
  expect(good).toContain(from);
  return good.replace(from, to);
};

const prefix = (extra: string): string => changed('  topics: ["billing.*"]', `  topics: ["billing.*"]\n${extra}`);

const cases: readonly (readonly [name: string, yaml: string, expected: readonly string[]])[] = [
  ['an empty file', '', ['1:1: the configuration is empty (farshore init prints one to start from)']],
  ['a file of comments', '# nothing\n', ['1:1: the configuration is empty (farshore init prints one to start from)']],
  ['a list instead of keys', '- a\n', ['1:1: the configuration must be a map of keys']],
  ['a key written twice', `${good}region: b\n`, ['14:1: this key is written twice (keep one of them)']],
  ['two documents', `${good}---\na: 1\n`, ['14:1: there is more than one document in the file (keep one; remove the ---)']],
  [
    'a key with a typing error',
    changed('mirror:', 'mirorr:'),
    ['1:1: mirror is missing', '9:1: unknown key mirorr (did you mean mirror?)'],
  ],
  [
    'a nested key with a typing error',
    prefix('  refresh_seconds: 5'),
    ['11:3: unknown key refresh_seconds (did you mean refreshSeconds?)'],
  ],
  ['a key of a table entry with a typing error', `${good}      verison: a\n`, ['14:7: unknown key verison (did you mean version?)']],
  ['a key nobody knows', `${good}colour: red\n`, ['14:1: unknown key colour']],
  ['a preset there is not', `${good}      preset: maxwell\n`, ['14:15: apply.tables.0.preset must be one of plain, dionysus, debezium']],
  [
    'a schedule that is none',
    `${good}rejected: { retention: { schedule: "17 25 * * *" } }\n`,
    ['14:36: rejected.retention.schedule: 25 is no hour (minute hour day month weekday, such as 17 3 * * *)'],
  ],
  ['a key without a value', `${good}log:\n`, ['14:1: this key has no value (give it one or remove the key)']],
  ['a missing key', changed('  name: us-east\n', ''), ['2:1: primary.name is missing']],
  ['text where a number belongs', prefix('  refreshSeconds: soon'), ['11:19: mirror.refreshSeconds must be a number']],
  ['a fraction where a whole number belongs', prefix('  refreshSeconds: 1.5'), ['11:19: mirror.refreshSeconds must be a whole number']],
  ['a number below its least value', prefix('  refreshSeconds: 0'), ['11:19: mirror.refreshSeconds must be at least 1']],
  [
    'a number where text belongs',
    changed('region: eu-west', 'region: 5'),
    ['1:9: region must be a text (write numbers, true and false in quotes)'],
  ],
  [
    'a word that is not one of the allowed ones',
    prefix('  onTruncated: earlyest'),
    ['11:16: mirror.onTruncated must be one of stop, earliest (did you mean earliest?)'],
  ],
  ['no topic', changed('["billing.*"]', '[]'), ['10:11: mirror.topics needs at least one entry']],
  [
    'a star in the middle of a pattern',
    changed('["billing.*"]', '["billing.*", "a*b"]'),
    ['10:25: mirror.topics.1: this is no topic pattern (a topic name, or the start of one with a single * at its end)'],
  ],
  [
    'a reserved name in a pattern',
    changed('["billing.*"]', '["billing.*", "__consumer_offsets", farshore.*, a.farshore.rejected]'),
    [
      '10:25: mirror.topics.1: this pattern can never match: topics __* are internal to Kafka and to Farshore (remove it)',
      '10:47: mirror.topics.2: this pattern can never match: topics farshore.* are kept for Farshore: heartbeats and its own records (remove it)',
      '10:59: mirror.topics.3: this pattern can never match: topics *.farshore.rejected hold records Farshore could not apply (remove it)',
    ],
  ],
  [
    'a broker without a port',
    changed('"10.0.0.1:9092"', '"10.0.0.1"'),
    ['4:22: primary.kafka.brokers.0: a broker is written host:port (such as 10.0.0.1:9092 or [::1]:9092)'],
  ],
  [
    'one name for both data centers',
    changed('region: eu-west', 'region: us-east'),
    ['1:9: region and primary.name are the same (each data center has a name of its own)'],
  ],
  [
    'a dot in a name',
    changed('region: eu-west', 'region: eu.west'),
    ['1:9: region: a name has letters, digits, - and _ only, at most 63 of them'],
  ],
  ['a table whose topic is not mirrored', `${good}    - topic: other\n`, ['14:14: topic other is not mirrored (add it to mirror.topics)']],
  [
    'a table whose topic is excluded',
    prefix('  exclude: [billing.invoices]'),
    ['14:14: topic billing.invoices is excluded by mirror.exclude (remove the exclusion or this entry)'],
  ],
  [
    'a table that names its topic without the prefix',
    prefix('  prefix: "us."'),
    ['14:14: topic billing.invoices has another name in the region (with mirror.prefix it is us.billing.invoices)'],
  ],
  [
    'a topic with two entries',
    `${good}    - topic: billing.invoices\n      table: invoices\n`,
    ['15:14: topic billing.invoices has two entries for table public.invoices (keep one of them)'],
  ],
  [
    'C1: two topics on one table without a source version',
    `${good}    - topic: billing.old\n      table: invoices\n`,
    [
      '15:14: table public.invoices is already that of topic billing.invoices: without a version nothing orders the records of two topics (give both entries a version, or name another table)',
    ],
  ],
  [
    'a column with two sources, and a cast of none',
    `${good}      columns:\n        a: { field: x, value: 1 }\n        b: { value: 1, cast: text }\n`,
    [
      '15:12: columns.a has more than one of field, value, document (write exactly one of them)',
      '16:30: cast is for a field (remove it, or name the field)',
    ],
  ],
  [
    'a partial entry that does not say how',
    `${good}      partial: { cleared: gone }\n`,
    [
      '14:16: partial has none of mask, absent, nulls (write exactly one of them)',
      '14:27: cleared is for nulls: absent (remove it, or add nulls: absent)',
    ],
  ],
  [
    'a filter of records that names a field and no value',
    `${good}      only: { field: kind }\n`,
    ['14:13: only.field needs only.in (add in)'],
  ],
  ['a version that is no field', `${good}      version: 5\n`, ['14:16: apply.tables.0.version must be a text or a list of texts']],
  [
    'tables without a registry',
    changed('  registry: { directory: ./schemas }\n', ''),
    ['2:1: primary.registry is missing (tables are applied by their Avro schemas; give a url or a directory)'],
  ],
  [
    'a registry with two sources',
    changed('directory: ./schemas', 'directory: ./schemas, url: "http://r"'),
    ['5:15: url and directory are both given (keep one of them)'],
  ],
  [
    'a directory where schemas are to be registered',
    changed('regional:\n', 'regional:\n  registry: { directory: ./own }\n'),
    ['7:15: schemas cannot be registered in a directory (give the url of the region’s registry, or leave it out)'],
  ],
  [
    'a registry address with credentials',
    changed('directory: ./schemas', 'url: "http://u:canary@r"'),
    ['5:20: primary.registry.url: the address holds credentials (write them under username and password or passwordFile)'],
  ],
  [
    'a secret twice',
    changed(
      'kafka: { brokers: ["10.0.0.1:9092"] }',
      'kafka: { brokers: ["a:1"], sasl: { mechanism: plain, username: u, password: p, passwordFile: token } }',
    ),
    ['4:82: password and passwordFile are both given (keep one of them)'],
  ],
  [
    'a login without a secret',
    changed('kafka: { brokers: ["10.0.0.1:9092"] }', 'kafka: { brokers: ["a:1"], sasl: { mechanism: plain, username: u } }'),
    ['4:30: primary.kafka.sasl needs password or passwordFile'],
  ],
  [
    'a login without a user',
    changed('kafka: { brokers: ["10.0.0.1:9092"] }', 'kafka: { brokers: ["a:1"], sasl: { mechanism: plain, passwordFile: token } }'),
    ['4:30: primary.kafka.sasl.username is missing'],
  ],
  [
    'a certificate without its key',
    changed('kafka: { brokers: ["10.0.0.1:9092"] }', 'kafka: { brokers: ["a:1"], tls: { certFile: token } }'),
    ['4:37: certFile and keyFile go together (give both or neither)'],
  ],
  [
    'a secret file that does not exist',
    changed('url: "postgres://farshore@10.1.0.9/app"', 'urlFile: none'),
    ['8:24: regional.database.urlFile: the file none cannot be read: it does not exist (it must exist and be readable by this user)'],
  ],
  ['an empty secret file', `${good}admin: { tokenFile: blank }\n`, ['14:21: admin.tokenFile: the file blank is empty']],
  [
    'an address of another kind of database',
    changed('postgres://', 'mysql://'),
    ['8:20: the database address does not start with postgres:// (write it as postgres://user@host:5432/database)'],
  ],
  [
    'a database address without a user',
    changed('farshore@', ''),
    ['8:20: the database address names no user (write it as postgres://user@host:5432/database)'],
  ],
  [
    'a database address that asks for less than a verified server',
    changed('/app"', '/app?sslmode=require"'),
    [
      '8:20: sslmode="require" of the database address is not supported (use verify-full (with the CA under tls) or disable; modes that do not verify the server are not offered)',
    ],
  ],
  [
    'an address for cutovers, which only the active daemon connects with',
    `${good}cutover: { primaryDatabase: { url: "postgres://admin@10.0.0.9/app?user=x" } }\n`,
    ['14:36: the database address has an unknown parameter "user" (only sslmode and host are read)'],
  ],
  [
    'credentials in the address of a hook',
    `${good}cutover: { hooks: [{ on: ready, url: "https://user:secret@hooks.example/" }] }\n`,
    ['14:38: cutover.hooks.0.url: the address holds credentials: run a command that reads them from a file'],
  ],
  [
    'an address for cutovers in a file',
    `${good}cutover: { primaryDatabase: { urlFile: token } }\n`,
    ['14:40: the database address is not a URL (write it as postgres://user@host:5432/database)'],
  ],
  [
    'certificates of an address for cutovers that wants no TLS',
    `${good}cutover: { primaryDatabase: { url: "postgres://admin@10.0.0.9/app?sslmode=disable", tls: {} } }\n`,
    ['14:36: the database address says sslmode=disable, and tls is set (remove one of the two)'],
  ],
  [
    'a lock that may wait longer than its statement',
    changed('/app" }', '/app", lockTimeoutMs: 60000 }'),
    ['8:71: lockTimeoutMs must be below statementTimeoutMs (else the server never says that it waited for a lock)'],
  ],
  [
    'buffers that do not hold two cycles',
    `${good}limits: { bufferBytes: 16777216 }\n`,
    ['14:24: limits.bufferBytes must hold two cycles of mirror.maxCycleBytes (at least 33554432)'],
  ],
  [
    'others reaching the API without a token',
    `${good}admin: { listen: "0.0.0.0:8320" }\n`,
    ['14:18: an address that others can reach needs admin.tokenFile (or listen on 127.0.0.1)'],
  ],
  [
    'a variable that is not set',
    changed('eu-west', `\${NONE}`),
    [`1:9: the variable NONE is not set (set it, or write \${NONE:-default})`],
  ],
  ['a variable that is empty', changed('eu-west', `\${EMPTY}`), ['1:9: region is empty']],
  [
    'a referred file that does not exist',
    changed('eu-west', `\${file:none}`),
    ['1:9: the file none cannot be read: it does not exist (it must exist and be readable by this user)'],
  ],
  [
    'a reference that is not closed',
    changed('eu-west', `\${NAME`),
    [`1:9: a \${ is not closed (write \${NAME}, or $\${ for a literal \${)`],
  ],
  [
    'a heartbeat topic that belongs to another cluster',
    changed('  registry:', '  heartbeat: { topic: farshore.heartbeat.x }\n  registry:'),
    ['5:23: primary.heartbeat.topic: farshore.heartbeat.<name> is where the heartbeats of another cluster arrive (farshore.heartbeat)'],
  ],
  [
    'heartbeats so far apart that the daemon would be taken for one that hangs',
    changed('  registry:', '  heartbeat: { intervalMs: 30001 }\n  registry:'),
    ['5:28: primary.heartbeat.intervalMs must be at most 30000'],
  ],
  ['C13: too many shards', prefix('  shards: 65'), ['11:11: mirror.shards must be at most 64']],
  [
    'C1: shards that would begin anew',
    prefix('  shards: 2\n  onRecreated: restart'),
    ['12:16: onRecreated: restart needs mirror.shards: 1 (stop)'],
  ],
  ['shards of a way back', prefix('  shards: 2\n  standby: true'), ['12:12: standby: true needs mirror.shards: 1 (shards: 1)']],
  [
    'an alias to a value it is part of',
    `${good}log: &log\n  level: *log\n`,
    ['15:10: an alias stands for nothing, or for a value it is part of (values that start with * are written in quotes)'],
  ],
];

describe('problems of a configuration', () => {
  it('are none in a good one', () => {
    expect(problemsOf(good)).toEqual([]);
  });

  it.each(cases)('%s', (_name, yaml, expected) => {
    expect(problemsOf(yaml)).toEqual(expected);
  });

  it('are all told at once, in the order of the file', () => {
    const yaml = prefix('  refreshSeconds: soon\noutbox: 1')
      .replace('name: us-east', 'nmae: us-east')
      .replace('eu-west', `\${NONE}`)
      .replace('topic: billing.invoices', 'topic: other');
    expect(problemsOf(yaml)).toEqual([
      `1:9: the variable NONE is not set (set it, or write \${NONE:-default})`,
      '2:1: primary.name is missing',
      '3:3: unknown key nmae (did you mean name?)',
      '11:19: mirror.refreshSeconds must be a number',
      '12:9: outbox must be a map of keys',
      '15:14: topic other is not mirrored (add it to mirror.topics)',
    ]);
  });
});
