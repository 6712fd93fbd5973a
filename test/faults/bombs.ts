import avro from 'avsc';

/** What a record of the trial looks like: a part of every kind that a few bytes can make large. */
export const BOMB_SCHEMA_ID = 8;
const tree = { type: 'record', name: 'Tree', fields: [{ name: 'in', type: { type: 'array', items: 'Tree' } }] };
export const bombSchema = {
  type: 'record',
  name: 'Bomb',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'note', type: 'string' },
    { name: 'version', type: 'int' },
    { name: 'nulls', type: { type: 'array', items: 'null' } },
    { name: 'lists', type: { type: 'array', items: { type: 'array', items: 'null' } } },
    { name: 'attrs', type: { type: 'map', values: 'int' } },
    { name: 'tree', type: tree },
    { name: 'amount', type: { type: 'bytes', logicalType: 'decimal', precision: 1_000, scale: 2 } },
  ],
} as const;

export const bombTable = (name: string): string =>
  `create table ${name} (id integer primary key, note text not null, version integer not null, nulls jsonb not null, lists jsonb not null,
  attrs jsonb not null, tree jsonb not null, amount numeric not null, farshore_version bytea)`;

const recordType = avro.Type.forSchema(bombSchema as unknown as avro.Schema);
const varint = (value: number | bigint): Buffer => {
  let left = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
};
const string = (text: string): Buffer => Buffer.concat([varint(Buffer.byteLength(text)), Buffer.from(text)]);
const none = Buffer.from([0]);
const head = (() => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(BOMB_SCHEMA_ID, 1);
  return bytes;
})();

/** A record that is as it should be. */
export const goodValue = (id: number, note: string, version: number, attrs: Readonly<Record<string, number>> = {}): Buffer =>
  Buffer.concat([
    head,
    recordType.toBuffer({ id, note, version, nulls: [], lists: [], attrs, tree: { in: [] }, amount: Buffer.from([1]) }),
  ]);

type Part = 'note' | 'nulls' | 'lists' | 'attrs' | 'tree' | 'amount';
/** A record with some of its parts written by hand. */
const value = (id: number, parts: Partial<Readonly<Record<Part, Buffer>>>): Buffer => {
  const { note = string('bomb'), nulls = none, lists = none, attrs = none, tree: deep = none, amount = Buffer.from([2, 1]) } = parts;
  return Buffer.concat([head, varint(id), note, varint(1), nulls, lists, attrs, deep, amount]);
};

export interface Bomb {
  readonly name: string;
  /** What it must be kept with. */
  readonly reason: 'record_malformed' | 'record_unmappable';
  /** Part of what its error must say. */
  readonly says: string;
  readonly valueOf: (id: number) => Buffer;
}

const malformed = (name: string, says: string, parts: () => Partial<Readonly<Record<Part, Buffer>>>): Bomb => ({
  name,
  reason: 'record_malformed',
  says,
  valueOf: (id) => value(id, parts()),
});

const MEBIBYTE = 1 << 20;
/** Few bytes that stand for much, many that stand for more, and lengths that lie. */
export const bombs: readonly Bomb[] = [
  malformed('two thousand million nulls', 'items', () => ({ nulls: Buffer.concat([varint(2 ** 31 - 1), none]) })),
  malformed('a count of 2^63', 'items', () => ({ nulls: Buffer.concat([varint(-(2n ** 63n)), none, none]) })),
  malformed('nulls in a thousand arrays', 'without a byte', () => ({
    lists: Buffer.concat([varint(1_000), ...Array.from({ length: 1_000 }, () => Buffer.concat([varint(900), none])), none]),
  })),
  malformed('two million empty arrays', 'items', () => ({ lists: Buffer.concat([varint(2_000_000), Buffer.alloc(2_000_001)]) })),
  malformed('a tree without end', 'nested deeper', () => ({ tree: Buffer.alloc(100_000, 2) })),
  malformed('ten megabytes of a tree', 'nested deeper', () => ({ tree: Buffer.alloc(10 * MEBIBYTE, 2) })),
  malformed('a decimal of five megabytes', 'a decimal has more than', () => ({
    amount: Buffer.concat([varint(5 * MEBIBYTE), Buffer.alloc(5 * MEBIBYTE, 0x7f)]),
  })),
  malformed('a text of two gigabytes', 'ends before', () => ({ note: varint(2 ** 31 - 1) })),
  malformed('a text that is not UTF-8', 'UTF-8', () => ({ note: Buffer.from([4, 0xff, 0xfe]) })),
  malformed('a block that lies about its size', 'ends before', () => ({ nulls: Buffer.concat([varint(-3), varint(1_000_000), none]) })),
  malformed('bytes behind the record', 'follow', () => ({ amount: Buffer.from([2, 1, 0, 0, 0]) })),
  { name: 'a text with a NUL', reason: 'record_unmappable', says: 'NUL', valueOf: (id) => value(id, { note: string('nul\0') }) },
];
