import { setTimeout as delay } from 'node:timers/promises';
import avro from 'avsc';
import type { Producer } from 'kafkajs';
import type pg from 'pg';
import { decimalBytes } from '../../scripts/demo-parts/domain.ts';

export const AUDITED_SCHEMA_ID = 8;
export const auditedSchema = {
  type: 'record',
  name: 'Audited',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'note', type: ['null', 'string'] },
    { name: 'amount', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 }] },
    { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'flag', type: 'boolean' },
    { name: 'ratio', type: 'double' },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'blob', type: 'bytes' },
    { name: 'version', type: 'long' },
  ],
} as const;

export const auditedTable = (
  name: string,
  more = '',
): string => `create table ${name} (id integer primary key, note text, amount numeric(12,2),
  at timestamptz, day date not null, flag boolean not null, ratio double precision not null, tags text[], blob bytea not null, version bigint not null${more})`;

/** avsc has no logical types of its own: the bytes are those of the plain types. */
const type = avro.Type.forSchema(
  {
    ...auditedSchema,
    fields: auditedSchema.fields.map(({ name, type: of }) => ({
      name,
      type: JSON.parse(
        JSON.stringify(of, (key, value: unknown) => (key === 'logicalType' || key === 'precision' || key === 'scale' ? undefined : value)),
      ) as avro.Schema,
    })),
  } as avro.Schema,
  { wrapUnions: 'never' },
);

interface Row {
  readonly id: number;
  readonly version: number;
}

const texts = ['plain', 'Größe', 'a,b "c"', "o'clock", '\\', 'ñandú', '日本', 'x'.repeat(200)];

/** All values follow from key and version. */
function valuesOf({ id, version }: Row) {
  const n = id * 31 + version;
  return {
    note: n % 11 === 0 ? null : `${texts[n % texts.length]} ${version}`,
    cents: n % 7 === 0 ? null : BigInt(n % 1_000_000) - 500_000n,
    micros: n % 13 === 0 ? null : 1_700_000_000_000_000 + n * 1_001,
    day: 18_000 + (n % 3_000),
    flag: n % 2 === 0,
    ratio: n / 7,
    tags: n % 5 === 0 ? [] : [`t${n % 9}`, 'b', '"q"'],
    blob: Buffer.from([n & 255, 0, 255]),
  };
}

export function auditedValue(row: Row): Buffer {
  const { cents, micros, ...same } = valuesOf(row);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(AUDITED_SCHEMA_ID, 1);
  return Buffer.concat([head, type.toBuffer({ ...row, ...same, amount: cents === null ? null : decimalBytes(cents), at: micros })]);
}

const upsert = `insert into audited (id, note, amount, at, day, flag, ratio, tags, blob, version)
select id, note, cents / 100.0, 'epoch'::timestamptz + micros * interval '1 microsecond', date '1970-01-01' + day, flag, ratio,
       array(select jsonb_array_elements_text(tags)), decode(blob, 'hex'), version
  from jsonb_to_recordset($1::jsonb) as r (id int, note text, cents bigint, micros bigint, day int, flag boolean, ratio double precision, tags jsonb, blob text, version bigint)
on conflict (id) do update set note = excluded.note, amount = excluded.amount, at = excluded.at, day = excluded.day, flag = excluded.flag,
  ratio = excluded.ratio, tags = excluded.tags, blob = excluded.blob, version = excluded.version`;

export async function storeAtHome(home: pg.Pool, rows: readonly Row[]): Promise<void> {
  const given = rows.map((row) => {
    const { cents, blob, ...values } = valuesOf(row);
    return { ...row, ...values, cents: cents === null ? null : Number(cents), blob: blob.toString('hex') };
  });
  await home.query(upsert, [JSON.stringify(given)]);
}

/** As many rows at once as the trial needs, by the server itself: rows that no record tells of. */
export const seedText = `insert into audited (id, note, amount, at, day, flag, ratio, tags, blob, version)
select n, case when n % 11 > 0 then 'seed ' || n || case when n % 3 = 0 then ' Größe' else ' "q", ' end end,
       case when n % 7 > 0 then (n % 1000000 - 500000) / 100.0 end,
       case when n % 13 > 0 then 'epoch'::timestamptz + (1700000000000000 + n * 1001::bigint) * interval '1 microsecond' end,
       date '1970-01-01' + (18000 + n % 3000), n % 2 = 0, n / 7.0, case when n % 5 > 0 then array['t' || n % 9, 'b', '"q"'] else '{}' end,
       decode(lpad(to_hex(n % 256), 2, '0') || '00ff', 'hex'), 1
  from generate_series($1::int, $2::int) as n`;

/** Records in the order of their commits, as an outbox sends them. */
export async function publish(producer: Producer, topic: string, partitions: number, rows: readonly Row[]): Promise<void> {
  const messages = rows.map((row) => ({ key: String(row.id), value: auditedValue(row), partition: row.id % partitions }));
  await producer.send({ topic, messages });
}

const LATE_MS = 500;
/** Batches in one send. */
const MOST_AT_ONCE = 50;

/**
 * Writes at the primary at a rate, and publishes each batch up to `delayMs` later, in order, until the signal; then the rest. Answers how late the
 * latest was, from before its commit until it was in Kafka.
 */
export async function writeLate(
  { home, producer, topic, partitions }: { home: pg.Pool; producer: Producer; topic: string; partitions: number },
  pace: { readonly live: number; readonly perSecond: number; readonly delayMs: number; readonly random: () => number },
  stop: AbortSignal,
): Promise<{ readonly written: number; readonly latestMs: number }> {
  const BATCH = Math.max(1, Math.round(pace.perSecond / 20));
  const backlog: { readonly rows: readonly Row[]; readonly writtenMs: number; readonly dueMs: number }[] = [];
  let version = 1;
  let written = 0;
  let latestMs = 0;
  const writer = (async () => {
    const startedMs = performance.now();
    while (!stop.aborted) {
      const oldest = backlog[0]?.writtenMs;
      if (oldest !== undefined && performance.now() - oldest > pace.delayMs + LATE_MS) {
        // The publisher falls behind what the audit was told of it: a fault of this machine, not of the audit.
        await delay(5);
        continue;
      }
      version++;
      const writtenMs = performance.now();
      const first = Math.floor(pace.random() * pace.live);
      const rows = Array.from({ length: Math.min(BATCH, pace.live) }, (_, i) => ({ id: (first + i) % pace.live, version }));
      await storeAtHome(home, rows);
      // Mostly quick, now and then as late as it may be.
      const lateMs = pace.random() < 0.2 ? pace.delayMs * pace.random() : 50 * pace.random();
      backlog.push({ rows, writtenMs, dueMs: writtenMs + lateMs });
      written += rows.length;
      const aheadMs = (written / pace.perSecond) * 1_000 - (performance.now() - startedMs);
      if (aheadMs > 0) await delay(aheadMs, undefined, { signal: stop }).catch(() => undefined);
    }
  })();
  const publisher = (async () => {
    while (!stop.aborted || backlog.length > 0) {
      const [next] = backlog;
      if (next === undefined || (next.dueMs > performance.now() && !stop.aborted)) {
        await delay(5);
        continue;
      }
      // What waited behind a late one goes with it: one by one it would be later still.
      const isDue = ({ dueMs }: { readonly dueMs: number }) => stop.aborted || dueMs <= performance.now();
      const firstLate = backlog.findIndex((one) => !isDue(one));
      const due = backlog.slice(0, Math.min(MOST_AT_ONCE, firstLate === -1 ? backlog.length : firstLate));
      await publish(
        producer,
        topic,
        partitions,
        due.flatMap(({ rows }) => rows),
      );
      latestMs = Math.max(latestMs, performance.now() - due[0]!.writtenMs);
      backlog.splice(0, due.length);
    }
  })();
  await Promise.all([writer, publisher]);
  return { written, latestMs };
}

export interface Planting {
  readonly what: string;
  readonly kind: 'missing' | 'extra' | 'changed';
  readonly columns: readonly string[];
  /** `$1` is the key. */
  readonly sql: string;
}

const set = (what: string, column: string, value: string): Planting => ({
  what,
  kind: 'changed',
  columns: [column],
  sql: `update audited set ${column} = ${value} where id = $1`,
});

/** Ways in which a copy goes wrong. */
export const plantings: readonly Planting[] = [
  set('a blank at the end', 'note', `coalesce(note, '') || ' '`),
  set('another text', 'note', `'rogue'`),
  set('an empty text for null, null for a text', 'note', `case when note is null then '' end`),
  set('another letter case', 'note', `coalesce(nullif(upper(note), note), lower(note) || 'X', 'X')`),
  set('a cent', 'amount', 'coalesce(amount, 0) + 0.01'),
  set('another sign', 'amount', '-coalesce(nullif(amount, 0), 1)'),
  set('an amount that is gone, or came', 'amount', 'case when amount is null then 0 end'),
  set('a microsecond', 'at', `coalesce(at, now()) + interval '1 microsecond'`),
  set('a time that is gone, or came', 'at', 'case when at is null then now() end'),
  set('infinity', 'at', `'infinity'`),
  set('a day', 'day', 'day + 1'),
  set('a day before Christ', 'day', `date '0044-03-15 BC'`),
  set('the other truth', 'flag', 'not flag'),
  set('the next double', 'ratio', 'ratio + abs(ratio) * 2.3e-16 + 1e-300'),
  set('no number', 'ratio', `'NaN'`),
  set('one more element', 'tags', `tags || 'rogue'::text`),
  set('elements in another order', 'tags', `array['"q"', 'b', 'zz']`),
  set('no array', 'tags', 'null'),
  set('one byte', 'blob', `set_byte(blob, 1, 1)`),
  set('no bytes', 'blob', `''`),
  set('a version', 'version', 'version + 1'),
  {
    what: 'two columns at once',
    kind: 'changed',
    columns: ['flag', 'note'],
    sql: `update audited set flag = not flag, note = 'two' where id = $1`,
  },
  { what: 'a row that is gone', kind: 'missing', columns: [], sql: 'delete from audited where id = $1' },
  {
    what: 'a row too many',
    kind: 'extra',
    columns: [],
    sql: `insert into audited (id, note, day, flag, ratio, blob, version) values ($1, 'extra', '2020-01-01', true, 1, '', 1)`,
  },
];
