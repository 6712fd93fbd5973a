/** The rows of the benches: 11 columns, 193 to 195 bytes of Avro each, a function of the id alone. */
export const KEY_SCHEMA_ID = 1;
export const VALUE_SCHEMA_ID = 2;

export const keySchema = { type: 'record', name: 'RowKey', namespace: 'peers', fields: [{ name: 'id', type: 'long' }] };

export const valueSchema = {
  type: 'record',
  name: 'Row',
  namespace: 'peers',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'name', type: 'string' },
    { name: 'email', type: 'string' },
    { name: 'city', type: 'string' },
    { name: 'status', type: 'string' },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
    { name: 'active', type: 'boolean' },
    { name: 'qty', type: 'int' },
    { name: 'created_at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'updated_at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'note', type: 'string' },
  ],
};

/** `extra`: further column definitions, with a comma in front. */
export const ddl = (table: string, extra = ''): string => `create table ${table} (id bigint primary key, name text not null,
  email text not null, city text not null, status text not null, price numeric(12,2) not null, active boolean not null, qty int not null,
  created_at timestamptz not null, updated_at timestamptz not null, note text not null${extra})`;

const CITIES = ['Warsaw', 'Lisbon', 'Osaka', 'Toronto', 'Nairobi', 'Lima', 'Oslo', 'Perth'];
const STATUS = ['new', 'paid', 'packed', 'shipped', 'returned'];
const WORDS = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et'.split(' ');
/** 2026-01-01T00:00:00Z */
export const T0 = 1_767_225_600_000;

function mix(value: number): number {
  let n = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  n = Math.imul(n ^ (n >>> 16), 0x45d9f3b);
  return (n ^ (n >>> 16)) >>> 0;
}

/** Row `id` from 1 on, in its revision `rev`; the price is in cents. */
export function row(id: number, rev = 0) {
  const h = mix(id + rev * 7919);
  let note = '';
  for (let k = 0; note.length < 110; k++) note += `${WORDS[mix(h + k) & 15]} `;
  return {
    id,
    name: `customer ${id}`,
    email: `c${id}.${h % 9973}@example.com`,
    city: CITIES[h & 7],
    status: STATUS[h % 5],
    cents: h % 10_000_000,
    active: (h & 1) === 0,
    qty: h % 1000,
    created_at: T0 + id * 37,
    updated_at: T0 + id * 37 + (h % 86_400_000) + rev * 86_400_000,
    note: note.slice(0, 110),
  };
}

/** An Avro decimal: two's complement, big-endian, shortest. */
export function decimalBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  let start = 0;
  while (start < 7 && ((bytes[start] === 0 && (bytes[start + 1]! & 0x80) === 0) || (bytes[start] === 255 && bytes[start + 1]! & 0x80)))
    start++;
  return bytes.subarray(start);
}
