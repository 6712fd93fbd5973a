import avro from 'avsc';
import pg from 'pg';
import { createTopic, eventually, kafkajsFor } from '../rig/context.ts';
import { startRig } from '../rig/rig.ts';
import { TestDaemon } from '../scenario/daemon.ts';
import { judge, ledgerDdl } from './ledger.ts';
import { seeded, type Trial } from './trial.ts';

const PARTITIONS = 4;
const SEND = 1_000;
const DEADLINE_MS = 600_000;
const SCHEMA_ID = 10;
const KILLS = 2;

const schema = {
  type: 'record',
  name: 'Thing',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'a', type: ['null', 'string'] },
    { name: 'b', type: ['null', 'string'] },
    { name: 'version', type: 'int' },
    { name: 'gone', type: 'boolean' },
    { name: 'changed', type: { type: 'array', items: 'string' } },
  ],
} as const;
const type = avro.Type.forSchema(schema as unknown as avro.Schema, { wrapUnions: 'never' });

interface Event {
  readonly id: number;
  readonly version: number;
  readonly gone: boolean;
  readonly changed: readonly ('a' | 'b')[];
}

const encoded = ({ id, version, gone, changed }: Event): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(SCHEMA_ID, 1);
  return Buffer.concat([
    head,
    type.toBuffer({ id, a: `a ${version}`, b: `b ${version}`, version, gone, changed: [...changed, 'version'] }),
  ]);
};

/** Versions shuffled over the whole history, one record in ten a delete by its version, one in twenty sent again later. */
function history(seed: number, records: number): readonly Event[] {
  const random = seeded(seed);
  const keys = Math.floor(records / 8);
  const changes = [['a'], ['b'], ['a', 'b']] as const;
  const events = Array.from({ length: records }, (_, n): Event => {
    return { id: Math.floor(random() * keys), version: n + 1, gone: random() < 0.1, changed: changes[Math.floor(random() * 3)]! };
  });
  for (let i = events.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [events[i], events[j]] = [events[j]!, events[i]!];
  }
  const again = Array.from({ length: Math.floor(records / 20) }, () => events[Math.floor(random() * events.length)]!);
  return [...events, ...again];
}

interface Row {
  readonly version: number;
  readonly a: string | null;
  readonly b: string | null;
}

/** The records one by one in the order of their versions. */
function model(events: readonly Event[], partial: boolean): ReadonlyMap<number, Row> {
  const rows = new Map<number, Row>();
  for (const { id, version, gone, changed } of [...events].sort((x, y) => x.version - y.version)) {
    if (gone) {
      rows.delete(id);
      continue;
    }
    const before = rows.get(id);
    const sets = (name: 'a' | 'b') => (!partial || changed.includes(name) ? `${name} ${version}` : (before?.[name] ?? null));
    rows.set(id, { version, a: sets('a'), b: sets('b') });
  }
  return rows;
}

interface Case {
  readonly table: string;
  readonly topics: readonly string[];
  readonly entry: string;
  readonly partial?: boolean;
  readonly softDelete?: boolean;
}

const ordered = 'version: version, deleteWhen: { field: gone, in: [true] }';
const cases: readonly Case[] = [
  { table: 'whole', topics: ['whole'], entry: `${ordered}, ignore: [changed]` },
  // Each record through either of two logs.
  { table: 'shared', topics: ['shared.one', 'shared.two'], entry: `${ordered}, ignore: [changed]` },
  { table: 'parts', topics: ['parts'], entry: `${ordered}, partial: { mask: changed }`, partial: true },
  { table: 'kept', topics: ['kept'], entry: `${ordered}, ignore: [changed], softDelete: deleted_at`, softDelete: true },
];

/**
 * F10: versions come shuffled, some records twice, deletes carry versions and updates come late, while the daemon is killed. Every table ends
 * as the records one by one in the order of their versions would have it, and no deleted row is there again.
 */
export const f10: Trial = async ({ seed, full, say }) => {
  const records = full ? 100_000 : 6_000;
  await using rig = await startRig();
  const url = await rig.database.createDatabase('ordered');
  const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  client.on('error', () => undefined);
  for (const { table, topics, partial, softDelete } of cases) {
    await client.query(`create schema of_${table}; create table of_${table}.${table} (id integer primary key, a text, b text, version integer,
      farshore_version bytea${softDelete === true ? ', deleted_at timestamptz' : ''}${partial === true ? ', farshore_units jsonb' : ''}); ${ledgerDdl(table, `of_${table}`)}`);
    for (const topic of topics) await createTopic(rig.primary.bootstrap, { topic, partitions: PARTITIONS });
  }
  await using daemon = await TestDaemon.create({
    primary: rig.primary.bootstrap,
    regional: rig.regional.bootstrap,
    database: url,
    region: 'ordered',
    topics: cases.flatMap(({ topics }) => topics),
    tables: cases.flatMap(({ table, topics, entry }) =>
      topics.map((topic) => `{ topic: ${topic}, table: of_${table}.${table}, ${entry} }`),
    ),
    schemas: { [SCHEMA_ID]: JSON.stringify(schema) },
  });
  try {
    await daemon.start();
    const plans = cases.map((one, n) => ({ ...one, events: history(seed + n, records) }));
    const sent = (async () => {
      const producer = kafkajsFor(rig.primary.bootstrap).producer();
      await producer.connect();
      try {
        for (let at = 0; at < records * 1.05; at += SEND) {
          for (const { topics, events } of plans) {
            for (const [t, topic] of topics.entries()) {
              const messages = events.slice(at, at + SEND).flatMap((event, i) => {
                if (i % topics.length !== t) return [];
                return [{ key: String(event.id), value: encoded(event), partition: event.id % PARTITIONS }];
              });
              if (messages.length > 0) await producer.send({ topic, messages });
            }
          }
        }
      } finally {
        await producer.disconnect();
      }
    })();
    sent.catch(() => undefined);
    const total = plans.reduce((sum, { events }) => sum + events.length, 0);
    const applied = async () => Number((await client.query('select coalesce(sum(records), 0) n from farshore.apply_positions')).rows[0]?.n);
    for (let kill = 1; kill <= KILLS; kill++) {
      await eventually(async () => (await applied()) >= (total * kill) / (KILLS + 2), {
        deadlineMs: DEADLINE_MS,
        what: 'a part being applied',
      });
      await daemon.kill();
      await daemon.start();
    }
    await sent;
    await eventually(async () => (await applied()) === total, { deadlineMs: DEADLINE_MS, what: `${total} records being applied` });

    const sum = { lost: 0, duplicated: 0, stale: 0 };
    let [resurrected, deletes] = [0, 0];
    for (const { table, events, partial, softDelete } of plans) {
      const expected = model(events, partial === true);
      deletes += events.filter(({ gone }) => gone).length;
      const live = softDelete === true ? ' where deleted_at is null' : '';
      const { rows } = await client.query<Row & { id: number }>(`select id, version, a, b from of_${table}.${table}${live}`);
      const held = new Map(rows.map((row) => [row.id, row]));
      let wrong = 0;
      for (const [id, row] of expected) {
        const found = held.get(id);
        if (found?.version !== row.version || found.a !== row.a || found.b !== row.b) wrong++;
      }
      const back = [...held.keys()].filter((id) => !expected.has(id)).length;
      // A column that is set later under its own version writes the row again under the row's: only whole rows are counted so.
      const ledger = await judge(client, table, new Map([...expected].map(([id, { version }]) => [id, version])), `of_${table}`);
      say(`${table}: ${events.length} records, ${expected.size} rows left; ${wrong} wrong, ${back} resurrected`);
      sum.lost += wrong;
      resurrected += back;
      if (partial !== true) sum.duplicated += ledger.duplicated;
      if (partial !== true && softDelete !== true) sum.stale += ledger.stale;
    }
    sum.stale += resurrected;
    const skipped = await (await fetch(`${daemon.url}/metrics`)).text();
    return {
      ...sum,
      cases: deletes,
      holds: {
        'nothing resurrected': resurrected === 0,
        'stale records were met and counted': /farshore_records_skipped_total\{[^}]*reason="stale"[^}]*\} [1-9]/.test(skipped),
        'nothing rejected': (await client.query('select 1 from farshore.rejected_records')).rowCount === 0,
      },
    };
  } finally {
    await client.end();
  }
};
