import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';

/**
 * The demo's billing domain: four tables at the primary, one topic each, Avro by the schemas in `schemas/`.
 * Both databases get the same tables; the region's also has the version column that Farshore guards by.
 */
export const tables = ['accounts', 'plans', 'subscriptions', 'invoices'] as const;
export type Table = (typeof tables)[number];

export const topicOf = (table: Table): string => `billing.${table}`;

const columns: Record<Table, readonly string[]> = {
  accounts: [
    'id uuid primary key',
    'name text not null',
    'email text',
    'country text not null',
    'balance numeric(18,4) not null',
    'created_at timestamptz not null',
    'updated_at timestamptz not null',
    'producer text not null',
  ],
  plans: [
    'id integer primary key',
    'code text not null',
    'price numeric(12,2) not null',
    'trial interval',
    'active boolean not null',
    'updated_at timestamptz not null',
  ],
  subscriptions: [
    'id bigint primary key',
    'account_id uuid not null',
    'plan_id integer not null',
    'status text not null',
    'seats integer not null',
    'started_on date not null',
    'ends_on date',
    'renews_at time',
    'updated_at timestamptz not null',
  ],
  invoices: [
    'id bigint primary key',
    'account_id uuid not null',
    'number text not null',
    'currency text not null',
    'total numeric(18,2) not null',
    'status text not null',
    'issued_on date not null',
    'paid_at timestamptz',
    'lines jsonb not null',
    'updated_at timestamptz not null',
  ],
};

export const columnNames = (table: Table): readonly string[] => columns[table].map((column) => column.split(' ')[0] ?? '');
const columnTypes = (table: Table): readonly string[] => columns[table].map((column) => column.split(' ')[1] ?? '');

export const primaryDdl = `${tables.map((table) => `create table ${table} (${columns[table].join(', ')});`).join('\n')}
create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text,
  value bytea,
  created_at timestamptz not null default clock_timestamp()
);`;

export const regionDdl = tables.map((table) => `create table ${table} (${columns[table].join(', ')}, farshore_version bytea);`).join('\n');

/** Upserts rows given as JSON text; columns keep their types. */
export const upsertSql = (table: Table): string => {
  const names = columnNames(table);
  const typed = names.map((name, i) => `${name} ${columnTypes(table)[i]}`).join(', ');
  return `insert into ${table} (${names.join(', ')}) select ${names.join(', ')} from jsonb_to_recordset($1::jsonb) as r (${typed})
    on conflict (id) do update set ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`;
};

const schemaFile = (table: Table): string => join(import.meta.dirname, `../../schemas/billing.${table}-value/1.avsc`);
const ids = JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas/ids.json'), 'utf8')) as Record<string, number>;

/** avsc takes our long only where the schema says plain `"long"`; the bytes are the same with and without a logical type. */
function withoutLogicalTypes(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutLogicalTypes);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { logicalType, ...rest } = schema as Record<string, unknown>;
  if (logicalType !== undefined && rest.type !== 'fixed') return rest.type;
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, withoutLogicalTypes(value)]));
}

/** One encoder a table: Confluent's wire format, magic 0 and the schema's id. */
export function encoderOf(table: Table): (record: Readonly<Record<string, unknown>>) => Buffer {
  const longs = avro.types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(value);
      return bytes;
    },
    fromJSON: BigInt,
    toJSON: String,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
  });
  const type = avro.Type.forSchema(withoutLogicalTypes(JSON.parse(readFileSync(schemaFile(table), 'utf8'))) as avro.Schema, {
    registry: { long: longs },
    wrapUnions: 'never',
  });
  const id = ids[`billing.${table}-value/1`];
  if (id === undefined) throw new Error(`schemas/ids.json has no id for billing.${table}-value/1`);
  return (record) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(id, 1);
    return Buffer.concat([head, type.toBuffer(record)]);
  };
}

/** Shortest two's complement of an unscaled decimal. */
export function decimalBytes(unscaled: bigint): Buffer {
  let size = 1;
  while (BigInt.asIntN(size * 8, unscaled) !== unscaled) size++;
  return Buffer.from(
    BigInt.asUintN(size * 8, unscaled)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  );
}
