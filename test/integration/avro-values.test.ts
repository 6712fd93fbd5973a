import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toExactJson } from '../../src/avro/json.ts';
import { recordDecoder } from '../../src/avro/record-decoder.ts';
import type { Database } from '../../src/postgres/database.ts';
import { freshDatabase } from '../rig/context.ts';
import { encode } from '../unit/avro/avsc-reference.ts';
import { openDatabase, rowsOf } from './postgres-fixtures.ts';

let database: Database;

beforeAll(async () => {
  database = openDatabase(await freshDatabase());
});

afterAll(async () => {
  await database.close();
});

/** Values of one Avro type as they are decoded. */
function decoded(type: object | string, values: readonly unknown[]): readonly string[] {
  const schema = { type: 'record', name: 'R', fields: [{ name: 'x', type }] };
  const decoder = recordDecoder(JSON.stringify(schema), 'schema');
  return values.map((x) => {
    const bytes = encode(schema, { x });
    return String(decoder.decode(bytes, 0, bytes.length).x);
  });
}

/** What PostgreSQL makes of the texts: `expression` over `value`, which has the type. */
async function inDatabase(type: string, expression: string, texts: readonly string[]): Promise<readonly unknown[]> {
  const text = `select (${expression})::text as x from unnest($1::text[]) with ordinality as given (text, n), cast(given.text as ${type}) as value order by n`;
  return (await rowsOf(database, text, [texts])).map(({ x }) => x);
}

const sample = <T>(values: fc.Arbitrary<T>, extremes: readonly T[]): readonly T[] => [
  ...extremes,
  ...fc.sample(values, { numRuns: 500, seed: 7 }),
];

// PostgreSQL's range of timestamps: 4713-11-24 BC to the end of 294276.
const FIRST_SECOND = -210_866_803_200n;
const END_SECOND = 9_224_318_016_000n;

const exactMicros = '(extract(epoch from value) * 1000000)::bigint';
/** `extract(epoch …)` rounds the last moments before int64's end; days and times of day do not. */
const microsOf = (timestamp: string): string =>
  `(${timestamp}::date - date '1970-01-01')::numeric * 86400000000 + (extract(epoch from ${timestamp}::time) * 1000000)::bigint`;

describe('decoded values in PostgreSQL', () => {
  it('are the longs that were sent', async () => {
    const longs = sample(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), [
      -(1n << 63n),
      (1n << 63n) - 1n,
      -(1n << 52n) - 1n,
      1n << 53n,
    ]);
    expect(await inDatabase('bigint', 'value', decoded('long', longs))).toEqual(longs.map(String));
  });

  it.each([
    ['timestamp-millis', 'timestamptz', "(value at time zone 'utc')", 1_000n],
    ['timestamp-micros', 'timestamptz', "(value at time zone 'utc')", 1n],
    ['local-timestamp-millis', 'timestamp', 'value', 1_000n],
    ['local-timestamp-micros', 'timestamp', 'value', 1n],
  ])('are the moments that were sent as %s, from 4713 BC to 294276', async (logicalType, type, timestamp, factor) => {
    const first = (FIRST_SECOND * 1_000_000n) / factor;
    const long = (1n << 63n) - 1n;
    const end = (END_SECOND * 1_000_000n) / factor - 1n;
    const last = end < long ? end : long;
    const extremes = [first, last, 0n, -1n, 1n, -62_135_596_800_000_000n / factor, -62_135_596_800_000_000n / factor - 1n];
    const moments = sample(fc.bigInt({ min: first, max: last }), extremes);
    const texts = decoded({ type: 'long', logicalType }, moments);
    expect(await inDatabase(type, microsOf(timestamp), texts)).toEqual(moments.map((moment) => String(moment * factor)));
  });

  it('are refused where PostgreSQL has no such moment, and never another one', async () => {
    const [before, after] = decoded({ type: 'long', logicalType: 'timestamp-millis' }, [(FIRST_SECOND - 1n) * 1_000n, END_SECOND * 1_000n]);
    for (const text of [before!, after!]) {
      await expect(inDatabase('timestamptz', 'value', [text])).rejects.toMatchObject({ message: expect.stringContaining('out of range') });
    }
  });

  it('are the dates that were sent, from 4713 BC', async () => {
    const days = sample(fc.integer({ min: -2_440_588, max: 100_000_000 }), [-2_440_588, -719_163, -719_162, 0, -1, 2_145_031_948]);
    const texts = decoded({ type: 'int', logicalType: 'date' }, days);
    expect(await inDatabase('date', "value - date '1970-01-01'", texts)).toEqual(days.map(String));
  });

  it('are the times of day that were sent', async () => {
    const micros = sample(fc.bigInt({ min: 0n, max: 86_400_000_000n }), [0n, 86_399_999_999n, 86_400_000_000n]);
    expect(await inDatabase('time', exactMicros, decoded({ type: 'long', logicalType: 'time-micros' }, micros))).toEqual(
      micros.map(String),
    );
    const millis = sample(fc.integer({ min: 0, max: 86_400_000 }), [0, 1]);
    expect(await inDatabase('time', exactMicros, decoded({ type: 'int', logicalType: 'time-millis' }, millis))).toEqual(
      millis.map((time) => String(time * 1_000)),
    );
  });

  it('are the decimals that were sent, to the last of a thousand digits', async () => {
    const wide = 10n ** 1000n - 1n;
    const decimals = sample(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), [0n, -1n, wide, -wide, -128n, 1n << 47n]);
    const bytes = decimals.map((value) => {
      let size = 1;
      while (BigInt.asIntN(size * 8, value) !== value) size++;
      return Buffer.from(
        BigInt.asUintN(size * 8, value)
          .toString(16)
          .padStart(size * 2, '0'),
        'hex',
      );
    });
    const texts = decoded({ type: 'bytes', logicalType: 'decimal', precision: 1_000, scale: 30 }, bytes);
    expect(await inDatabase('numeric', '(value * 1e30)::numeric(1000, 0)', texts)).toEqual(decimals.map(String));
  });

  it('are the intervals that were sent', async () => {
    const duration = Buffer.alloc(12);
    duration.writeUInt32LE(14, 0);
    duration.writeUInt32LE(3, 4);
    duration.writeUInt32LE(90_004_005, 8);
    const type = { type: 'fixed', name: 'D', size: 12, logicalType: 'duration' };
    expect(await inDatabase('interval', 'value', decoded(type, [duration, Buffer.alloc(12)]))).toEqual([
      '1 year 2 mons 3 days 25:00:04.005',
      '00:00:00',
    ]);
  });

  it('are exact inside jsonb', async () => {
    const json = toExactJson({ long: -(1n << 63n), wide: 1.7976931348623157e308, text: 'é"\\\u2028', list: [0.1, -0.5e-300] });
    const [row] = await rowsOf(
      database,
      `select x->>'long' as long, (x->'wide')::float8 as wide, x->>'text' as text, (x->'list'->1)::float8 as tiny from cast($1 as jsonb) as x`,
      [json],
    );
    expect(row).toEqual({ long: '-9223372036854775808', wide: '1.7976931348623157e+308', text: 'é"\\\u2028', tiny: '-5e-301' });
  });
});
