import type { Table } from './domain.ts';

/** Why a record is refused: its bytes or values are broken, or the region's table or the registry are not ready for it. */
export type PoisonCause = 'record' | 'table' | 'registry';

/** One way to spoil a change. What is not named stays as the application wrote it. */
export interface PoisonKind {
  readonly name: string;
  readonly table: Table;
  readonly cause: PoisonCause;
  /** The row is deleted instead of written. */
  readonly delete?: true;
  /** Other fields in the record alone: the primary has the good row. */
  readonly record?: Readonly<Record<string, unknown>>;
  /** Other columns of the row, and their fields in the record: both sides agree, the region's table does not. */
  readonly both?: { readonly row: Readonly<Record<string, unknown>>; readonly record: Readonly<Record<string, unknown>> };
  readonly value?: (value: Buffer) => Buffer;
  readonly key?: (key: string) => string | null;
}

/** Known to the registry only once it is mended. */
export const LATE_SCHEMA_ID = 201;

/** The region's tables as somebody forgot to widen them. */
export const narrowDdl = `alter table accounts alter name type varchar(40);
alter table subscriptions alter seats type smallint;
alter table invoices alter total type numeric(10,2);
alter table invoices add constraint known_currency check (currency in ('EUR', 'USD', 'JPY'));`;

export const mendDdl = [
  'alter table accounts alter name type text',
  'alter table subscriptions alter seats type integer',
  'alter table invoices alter total type numeric(18,2)',
  'alter table invoices drop constraint known_currency',
] as const;

const LONG_NAME = 'Widespread Consolidated Holdings of the Northern Isles';

/** `plans` has too few records to have its share. */
export const poisonKinds: readonly PoisonKind[] = [
  { name: 'no wire format', table: 'accounts', cause: 'record', value: () => Buffer.from('hello') },
  { name: 'a text that is no UTF-8', table: 'accounts', cause: 'record', value: withBadByte },
  { name: 'a NUL in a text', table: 'accounts', cause: 'record', record: { name: 'Customer \u0000' } },
  { name: 'a timestamp out of range', table: 'accounts', cause: 'record', record: { created_at: 10n ** 16n } },
  { name: 'cut short', table: 'subscriptions', cause: 'record', value: (value) => value.subarray(0, -1) },
  { name: 'bytes left over', table: 'subscriptions', cause: 'record', value: (value) => Buffer.concat([value, Buffer.from([0])]) },
  { name: 'a date out of range', table: 'subscriptions', cause: 'record', record: { started_on: 2_147_483_647 } },
  { name: 'a reference that is no UUID', table: 'subscriptions', cause: 'record', record: { account_id: 'nobody' } },
  { name: 'an empty value', table: 'invoices', cause: 'record', value: () => Buffer.alloc(0) },
  { name: 'a length beyond the end', table: 'invoices', cause: 'record', value: withBadLength },
  { name: 'a delete without a key', table: 'invoices', cause: 'record', delete: true, key: () => null },
  { name: 'a delete by no number', table: 'invoices', cause: 'record', delete: true, key: (key) => `INV-${key}` },
  { name: 'a text too long', table: 'accounts', cause: 'table', both: { row: { name: LONG_NAME }, record: { name: LONG_NAME } } },
  { name: 'a number too large', table: 'subscriptions', cause: 'table', both: { row: { seats: 70_000 }, record: { seats: 70_000 } } },
  {
    name: 'a decimal too large',
    table: 'invoices',
    cause: 'table',
    both: { row: { total: '1000000000.00' }, record: { total: Buffer.from('174876e800', 'hex') } },
  },
  { name: 'against a check', table: 'invoices', cause: 'table', both: { row: { currency: 'CHF' }, record: { currency: 'CHF' } } },
  { name: 'a schema nobody knows', table: 'accounts', cause: 'registry', value: withLateSchema },
];

function withBadByte(value: Buffer): Buffer {
  const broken = Buffer.from(value);
  broken[broken.indexOf('Customer')] = 0xff;
  return broken;
}

function withBadLength(value: Buffer): Buffer {
  // After the id comes the length of account_id.
  const broken = Buffer.from(value);
  let at = 5;
  while ((broken[at]! & 0x80) !== 0) at++;
  broken[at + 1] = 0xff;
  broken[at + 2] = 0x7f;
  return broken;
}

function withLateSchema(value: Buffer): Buffer {
  const late = Buffer.from(value);
  late.writeUInt32BE(LATE_SCHEMA_ID, 1);
  return late;
}
