import avro from 'avsc';

/** avsc with longs as bigint: without it avsc is wrong below -2^52. */
const longType = avro.types.LongType.__with({
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

// With a logical type the name of the base type is not looked up in avsc's registry.
const isLong = (schema: unknown): boolean =>
  schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long');

/** Branches of unions are wrapped in their name: `{ int: 3 }`. */
const avscType = (schema: unknown): avro.Type =>
  avro.Type.forSchema(schema as avro.Schema, {
    wrapUnions: 'always',
    typeHook: (inner) => (isLong(inner) ? longType : undefined),
  });

export const encode = (schema: unknown, value: unknown): Buffer => avscType(schema).toBuffer(value);

export const record = (...fields: readonly object[]) => ({ type: 'record', name: 'R', fields });

export const long = (value: bigint): Buffer => encode('long', value);
