import { setTimeout as delay } from 'node:timers/promises';
import type { IHeaders } from 'kafkajs';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { startRig } from '../rig/rig.ts';
import { TestDaemon } from '../scenario/daemon.ts';
import { judge, ledgerDdl } from './ledger.ts';
import { encoded, type Poison, poisonedSchema, poisonedTable, poisonKinds, SCHEMA_ID } from './poison.ts';
import { seeded, type Trial } from './trial.ts';

const PARTITIONS = 4;
/** One record in a hundred. */
const EVERY = 100;
/** Keys of poison are of nobody else. */
const POISON_KEYS = 1_000_000;
const SEND = 1_000;
const DEADLINE_MS = 600_000;
const LEAST_RATE = 0.5;

interface Message {
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders;
}

interface History {
  readonly messages: readonly Message[];
  /** The highest version of each key. */
  readonly expected: ReadonlyMap<number, number>;
  /** What each poisoned message, named in its header, must be kept as. */
  readonly poison: readonly { readonly kind: Poison; readonly message: Message }[];
}

/** The same good records with and without poison. */
function history(seed: number, records: number, kinds: readonly Poison[]): History {
  const [random, place] = [seeded(seed), seeded(seed + 1)];
  const messages: Message[] = [];
  const expected = new Map<number, number>();
  const poison: { kind: Poison; message: Message }[] = [];
  for (let version = 1; version <= records; version++) {
    const id = Math.floor(random() * (records / 2));
    messages.push({ partition: id % PARTITIONS, key: Buffer.from(String(id)), value: encoded(id, version) });
    expected.set(id, version);
    if (kinds.length === 0 || version % EVERY !== 0) continue;
    const n = poison.length;
    const kind = kinds[n % kinds.length]!;
    const partition = Math.floor(place() * PARTITIONS);
    const message = { partition, ...kind.record(POISON_KEYS + n), headers: { poison: String(n) } };
    poison.push({ kind, message });
    messages.splice(messages.length - Math.floor(place() * EVERY), 0, message);
  }
  return { messages, expected, poison };
}

/**
 * F11: one record in a hundred is poison, of every kind, under keys of its own. Each must be kept, whole, with its reason and its place
 * in the regional log, and every other record applied. The rate is that of a table without the ledger's trigger, from the same backlog with and
 * without poison; it is judged in the full form.
 */
export const f11: Trial = async ({ seed, full, say }) => {
  const records = full ? 200_000 : 12_800;
  const rounds = full ? 2 : 1;
  const databases = poisonKinds.filter(({ reason }) => reason === 'row_refused');
  const others = poisonKinds.filter(({ reason }) => reason !== 'row_refused');
  const plans = [
    { name: 'judged', of: history(seed, records, poisonKinds) },
    ...Array.from({ length: rounds }, (_, n) => [
      { name: `clean_${n}`, of: history(seed + 10 + n, records, []) },
      { name: `poisoned_${n}`, of: history(seed + 10 + n, records, poisonKinds) },
    ]).flat(),
    // What each of the two ways to find poison costs.
    ...(full
      ? [
          { name: 'by_decoding', of: history(seed + 10, records, others) },
          { name: 'by_database', of: history(seed + 10, records, databases) },
        ]
      : []),
  ];
  await using rig = await startRig();
  const url = await rig.database.createDatabase('poison');
  const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  client.on('error', () => undefined);
  await client.query(plans.map(({ name }) => poisonedTable(name)).join(';\n'));
  await client.query(ledgerDdl('judged'));
  for (const { name } of plans) await createTopic(rig.primary.bootstrap, { topic: name, partitions: PARTITIONS });
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: url,
    region: 'poison',
    topics: plans.map(({ name }) => name),
    tables: plans.map(({ name }) => `{ topic: ${name}, table: public.${name}, version: version }`),
    schemas: { [SCHEMA_ID]: JSON.stringify(poisonedSchema) },
  });
  try {
    await daemon.start();
    const rates = new Map<string, number>();
    for (const { name, of } of plans) {
      const rate = await rateOf(daemon, client, rig.primary.bootstrap, name, of.messages);
      rates.set(name, rate);
      say(`${name}: ${of.messages.length} records, ${of.poison.length} of them poison; ${Math.round(rate)} records/s`);
    }
    const sum = (prefix: string) => [...rates].filter(([name]) => name.startsWith(prefix)).reduce((total, [, rate]) => total + 1 / rate, 0);
    const share = sum('clean_') / sum('poisoned_');
    say(`rate with poison: ${(share * 100).toFixed(0)} % of the clean one${full ? '' : ' (judged in the full form only)'}`);

    let [notKept, leftOut] = [0, 0];
    for (const { name, of } of plans) {
      const wrong = await wronglyKept(client, rig.regional.bootstrap, name, of);
      for (const line of wrong.slice(0, 5)) say(`${name}: ${line}`);
      notKept += wrong.length;
      if (name !== 'judged') leftOut += await missing(client, name, of.expected);
    }
    const { lost, duplicated, stale } = await judge(client, 'judged', plans[0]!.of.expected);
    return {
      lost: lost + leftOut,
      duplicated,
      stale,
      cases: plans.reduce((total, { of }) => total + of.poison.length, 0),
      holds: {
        'every kind of poison': new Set(plans[0]!.of.poison.map(({ kind }) => kind.name)).size === poisonKinds.length,
        'each kept with reason, bytes and place': notKept === 0,
        'nothing stopped': (await daemon.status()).partitions.every(({ apply }) => apply?.state === 'running'),
        ...(full ? { 'half the clean rate': share >= LEAST_RATE } : {}),
      },
    };
  } finally {
    await client.end();
  }
};

/** Records a second, of a backlog that is there before apply begins. */
async function rateOf(daemon: TestDaemon, client: pg.Pool, home: string, topic: string, messages: readonly Message[]): Promise<number> {
  const all = (state: string) => async (): Promise<boolean> => {
    const partitions = (await daemon.status()).partitions.filter((one) => one.topic === topic);
    return partitions.length === PARTITIONS && partitions.every(({ apply }) => apply?.state === state);
  };
  await eventually(all('running'), { what: `${topic} being read` });
  await change(daemon, 'pause', topic);
  await eventually(all('paused'), { what: `${topic} being paused` });
  const producer = kafkajsFor(home).producer();
  await producer.connect();
  try {
    for (let at = 0; at < messages.length; at += SEND) await producer.send({ topic, messages: messages.slice(at, at + SEND) });
  } finally {
    await producer.disconnect();
  }
  await eventually(
    async () => {
      const { partitions } = await daemon.status();
      const mirrored = partitions.filter((one) => one.topic === topic).reduce((total, { mirror }) => total + Number(mirror?.next ?? 0), 0);
      return mirrored === messages.length;
    },
    { deadlineMs: DEADLINE_MS, what: `${topic} being mirrored` },
  );
  const startedMs = performance.now();
  await change(daemon, 'resume', topic);
  for (;;) {
    const { rows } = await client.query<{ n: string }>(
      'select coalesce(sum(records), 0) n from farshore.apply_positions where topic = $1',
      [topic],
    );
    if (Number(rows[0]?.n) >= messages.length) break;
    if (performance.now() - startedMs > DEADLINE_MS) throw new Error(`${topic}: ${rows[0]?.n} of ${messages.length} records were applied`);
    await delay(20);
  }
  return messages.length / ((performance.now() - startedMs) / 1000);
}

/** As `farshore partition` does, without the time a process takes to start. */
async function change(daemon: TestDaemon, what: 'pause' | 'resume', topic: string): Promise<void> {
  const answer = await fetch(`${daemon.url}/api/partitions/${what}`, {
    method: 'POST',
    headers: { authorization: 'Bearer scenario-token', 'content-type': 'application/json' },
    body: JSON.stringify({ topic, stage: 'apply', by: 'trial' }),
  });
  if (!answer.ok) throw new Error(`${what} of ${topic}: ${answer.status} ${await answer.text()}`);
}

/** Where the poison of a topic lies in the region, as kafkajs reads it: by its number. */
async function places(bootstrap: string, topic: string, count: number): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  if (count === 0) return found;
  const consumer = kafkajsFor(bootstrap).consumer({ groupId: `places.${topic}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { offset, headers } }) => {
        const number = headers?.poison;
        if (number !== undefined) found.set(Number(String(number)), `${partition}@${offset}`);
      },
    });
    await eventually(() => found.size === count, { deadlineMs: 120_000, what: `${count} poisoned records of ${topic} being read` });
  } finally {
    await consumer.disconnect();
  }
  return found;
}

interface Kept {
  readonly place: string;
  readonly reason: string;
  readonly sql_state: string | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer;
  readonly message: string;
}

/** One line for each record that is kept otherwise than it must be, is not kept, or is kept and was good. */
async function wronglyKept(client: pg.Pool, regional: string, topic: string, { poison }: History): Promise<readonly string[]> {
  const { rows } = await client.query<Kept>(
    `select partition || '@' || record_offset as place, reason, sql_state, key, value, headers, message
       from farshore.rejected_records where topic = $1`,
    [topic],
  );
  const kept = new Map(rows.map((row) => [row.place, row]));
  const wrong: string[] = [];
  for (const [n, place] of await places(regional, topic, poison.length)) {
    const { kind, message } = poison[n]!;
    const row = kept.get(place);
    kept.delete(place);
    if (row === undefined) wrong.push(`${kind.name}: not kept`);
    else if (row.reason !== kind.reason || row.sql_state !== kind.sqlState) {
      wrong.push(`${kind.name}: kept as ${row.reason} ${row.sql_state}, not ${kind.reason} ${kind.sqlState}: ${row.message}`);
    } else if (!same(row.key, message.key) || !same(row.value, message.value) || !row.headers.includes('poison')) {
      wrong.push(`${kind.name}: not kept as it was`);
    } else if (!place.startsWith(`${message.partition}@`) || row.message === '') wrong.push(`${kind.name}: kept at ${place}`);
  }
  for (const { place, reason, message } of kept.values()) wrong.push(`${place} is kept and was good: ${reason} ${message}`);
  return wrong;
}

const same = (one: Buffer | null, other: Buffer | null): boolean => (one === null || other === null ? one === other : one.equals(other));

/** Rows that are not as they must be. */
async function missing(client: pg.Pool, table: string, expected: ReadonlyMap<number, number>): Promise<number> {
  const { rows } = await client.query<{ id: number; version: number }>(`select id, version from ${table}`);
  const wrong = rows.filter(({ id, version }) => expected.get(id) !== version).length;
  return wrong + Math.max(0, expected.size - (rows.length - wrong));
}
