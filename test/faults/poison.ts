/** Records that cannot be applied, by kind, and the table and schema they do not fit. Values are encoded by hand, so that they can be broken by hand. */

export const SCHEMA_ID = 8;
const UNKNOWN_SCHEMA_ID = 99;

export const poisonedSchema = {
  type: 'record',
  name: 'Poisoned',
  namespace: 'com.company.test',
  fields: [
    { name: 'id', type: ['null', 'int'] },
    { name: 'note', type: 'string' },
    { name: 'version', type: ['null', 'int'] },
    { name: 'small', type: 'int' },
    { name: 'amount', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'clock', type: { type: 'long', logicalType: 'time-micros' } },
    { name: 'uid', type: 'string' },
    { name: 'doc', type: 'string' },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['open', 'closed'] } },
    { name: 'opt', type: ['null', 'string'] },
    { name: 'flag', type: 'boolean' },
    { name: 'parts', type: { type: 'array', items: 'string' } },
  ],
} as const;

export const poisonedTable = (name: string): string => `create table ${name} (id integer primary key,
  note varchar(20) not null constraint ${name}_allowed check (note <> 'forbidden'), version integer not null, small smallint not null,
  amount numeric(6,2) not null, at timestamptz not null, day date not null, clock time not null, uid uuid not null, doc jsonb not null,
  state text not null, opt text not null, flag boolean not null, parts text[] not null, farshore_version bytea);
create function ${name}_raise() returns trigger language plpgsql as $$ begin
  if new.note = 'raise' then raise 'no such note'; end if;
  return new;
end $$;
create trigger raising before insert or update on ${name} for each row execute function ${name}_raise();`;

const DAY_MICROS = 86_400_000_000n;

/** Zigzag varint. */
function long(value: bigint | number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const bytes = (content: Buffer): Buffer => Buffer.concat([long(content.length), content]);
const text = (content: string): Buffer => bytes(Buffer.from(content));

function decimal(cents: number): Buffer {
  const content = Buffer.alloc(6);
  content.writeIntBE(cents, 0, 6);
  return bytes(content);
}

type Field = (typeof poisonedSchema.fields)[number]['name'];
type Fields = Partial<Record<Field, Buffer>>;

/** A good value, unless fields are given in other bytes. */
export function encoded(id: number, version: number, fields: Fields = {}, schemaId = SCHEMA_ID): Buffer {
  const good: Record<Field, Buffer> = {
    id: Buffer.concat([long(1), long(id)]),
    note: text(`state ${version}`),
    version: Buffer.concat([long(1), long(version)]),
    small: long(id % 1_000),
    amount: decimal(id % 10_000),
    at: long(20_000n * DAY_MICROS + BigInt(version)),
    day: long(20_000 + (id % 500)),
    clock: long(BigInt(id % 86_400) * 1_000_000n),
    uid: text(`00000000-0000-4000-8000-${id.toString(16).padStart(12, '0')}`),
    doc: text(`{"id":${id}}`),
    state: long(id % 2),
    opt: Buffer.concat([long(1), text('given')]),
    flag: Buffer.from([id % 2]),
    parts: Buffer.concat([long(2), text('a'), text('b'), long(0)]),
  };
  const head = Buffer.alloc(5);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, ...poisonedSchema.fields.map(({ name }) => fields[name] ?? good[name])]);
}

export interface Poison {
  readonly name: string;
  readonly reason: 'record_malformed' | 'record_unmappable' | 'schema_unknown' | 'row_refused';
  readonly sqlState: string | null;
  readonly record: (id: number) => { readonly key: Buffer | null; readonly value: Buffer | null };
}

const keyed = (id: number, value: Buffer | null) => ({ key: Buffer.from(String(id)), value });

const malformed = (name: string, value: (id: number) => Buffer): Poison => ({
  name,
  reason: 'record_malformed',
  sqlState: null,
  record: (id) => keyed(id, value(id)),
});

const refused = (name: string, sqlState: string, fields: Fields, reason: Poison['reason'] = 'row_refused'): Poison => ({
  name,
  reason,
  sqlState,
  record: (id) => keyed(id, encoded(id, 1, fields)),
});

const badDelete = (name: string, key: Buffer | null, reason: Poison['reason'], sqlState: string | null = null): Poison => ({
  name,
  reason,
  sqlState,
  record: () => ({ key, value: null }),
});

/** Each is wrong in its own way. */
export const poisonKinds: readonly Poison[] = [
  malformed('no wire format', () => Buffer.from('hello')),
  malformed('empty', () => Buffer.alloc(0)),
  malformed('nothing after the schema id', (id) => encoded(id, 1).subarray(0, 5)),
  malformed('cut short', (id) => encoded(id, 1).subarray(0, -1)),
  malformed('bytes left over', (id) => Buffer.concat([encoded(id, 1), Buffer.from([0])])),
  malformed('a length beyond the end', (id) => encoded(id, 1, { note: long(1_000_000) })),
  malformed('a length below zero', (id) => encoded(id, 1, { note: long(-3) })),
  malformed('no UTF-8', (id) => encoded(id, 1, { note: bytes(Buffer.from([0x61, 0xff, 0x62])) })),
  malformed('a branch the union has not', (id) => encoded(id, 1, { opt: long(2) })),
  malformed('a symbol the enum has not', (id) => encoded(id, 1, { state: long(2) })),
  malformed('a number without an end', (id) => encoded(id, 1, { small: Buffer.alloc(11, 0xff) })),
  malformed('an int of more than 32 bits', (id) => encoded(id, 1, { small: long(2n ** 40n) })),
  malformed('an array longer than the record', (id) => encoded(id, 1, { parts: long(1_000_000) })),
  {
    name: 'a schema nobody knows',
    reason: 'schema_unknown',
    sqlState: null,
    record: (id) => keyed(id, encoded(id, 1, {}, UNKNOWN_SCHEMA_ID)),
  },
  refused('no version', '23502', { version: long(0) }),
  { name: 'no key', reason: 'record_unmappable', sqlState: null, record: (id) => keyed(id, encoded(id, 1, { id: long(0) })) },
  refused('NUL in a text', '22021', { note: text('nul \u0000') }, 'record_unmappable'),
  refused('too long', '22001', { note: text('longer than twenty characters') }),
  refused('too large for a smallint', '22003', { small: long(70_000) }),
  refused('too large for a numeric', '22003', { amount: decimal(9_999_999) }),
  refused('a time out of range', '22008', { at: long(400_000n * 366n * DAY_MICROS) }),
  refused('a date out of range', '22008', { day: long(2_147_483_647) }),
  refused('no UUID', '22P02', { uid: text('no uuid') }),
  refused('no JSON', '22P02', { doc: text('{"a"') }),
  refused('against a check', '23514', { note: text('forbidden') }),
  refused('null where none may be', '23502', { opt: long(0) }),
  refused('what a trigger refuses', 'P0001', { note: text('raise') }),
  badDelete('a delete by no number', Buffer.from('x'), 'row_refused', '22P02'),
  badDelete('a delete by a number too large', Buffer.from('99999999999'), 'row_refused', '22003'),
  badDelete('a delete without a key', null, 'record_malformed'),
  badDelete('a delete whose key is no UTF-8', Buffer.from([0x61, 0xff]), 'record_malformed'),
  badDelete('a delete whose key has a schema nobody knows', Buffer.from([0, 0, 0, 0, UNKNOWN_SCHEMA_ID, 2]), 'schema_unknown'),
];
