import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnTypeOf, travelOf } from '../../../src/apply/column-types.ts';
import { Fold } from '../../../src/apply/fold.ts';
import type { TableMapping } from '../../../src/apply/mapping.ts';
import { RowReader } from '../../../src/apply/row-reader.ts';
import { toExactJson } from '../../../src/avro/json.ts';
import { recordDecoder } from '../../../src/avro/record-decoder.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import { arrayLiteral } from '../../../src/postgres/array-literal.ts';
import { TextColumn } from '../../../src/postgres/text-column.ts';
import { encode } from '../avro/avsc-reference.ts';
import { shapes } from '../avro/shapes.ts';

const writers = { arrayText: () => new TextColumn(), arrayLiteral, exactJson: toExactJson };
const order = { homeEpoch: 1, generation: 1 };

interface RecordType {
  readonly fields: readonly { readonly name: string; readonly type: unknown }[];
}

const moment = (logicalType: string) => ({ type: 'long', logicalType });

/** A key and a version in front of the fields of a random record; every field has a column, one has two. */
function tableOf(type: RecordType, at: unknown = 'long') {
  const schema = { ...type, fields: [{ name: 'id', type: 'int' }, { name: 'at', type: ['null', at] }, ...type.fields] };
  const decoder = recordDecoder(JSON.stringify(schema), 'schema 1');
  const columnOf = (field: (typeof decoder.fields)[number], name = field.name) => ({
    column: name,
    field: field.name,
    type: columnTypeOf(field),
    travel: travelOf(columnTypeOf(field), field),
  });
  const columns = [...decoder.fields.map((field) => columnOf(field)), columnOf(decoder.fields.at(-1)!, 'again')];
  const mapping: TableMapping = {
    table: { schema: 'public', table: 't' },
    name: 'public.t',
    key: [columns[0]!],
    hasSource: true,
    columns,
    keyIndexes: [0],
    version: [{ field: 'at', kind: at === 'long' ? 'integer' : 'timestamp' }],
    absentVersion: [],
    notAllowed: [],
  };
  return { schema, decoder, mapping };
}

const rowsOf = (fold: Fold) => {
  const { after, folded, records, ties } = fold.finish();
  const texts = [...(after?.columns ?? []), ...(after === undefined ? [] : [after.versions])];
  return { folded, records, ties, texts: texts.map((text) => (text as TextColumn).literal().toString()) };
};

const codeOf = (work: () => void): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof FarshoreError) return error.code;
    throw error;
  }
};

describe('RowReader', () => {
  it('writes the columns that whole records would give, for random schemas, values and repeated keys', () => {
    const head = fc.record({ id: fc.integer({ min: 0, max: 3 }), at: fc.option(fc.bigInt({ min: 0n, max: 3n })) });
    const cases = shapes.chain((shape) => fc.tuple(fc.constant(shape.type), fc.array(fc.tuple(head, shape.values), { maxLength: 8 })));
    fc.assert(
      fc.property(cases, ([type, rows]) => {
        const { schema, decoder, mapping } = tableOf(type as RecordType);
        const reader = RowReader.of(decoder, mapping)!;
        const [whole, direct] = [new Fold(mapping, mapping, order, writers), new Fold(mapping, mapping, order, writers)];
        for (const [index, [{ id, at }, { sent }]] of rows.entries()) {
          const bytes = encode(schema, { id, at: at === null ? null : { long: at }, ...(sent as object) });
          // A random text may hold a NUL: what one way refuses, the other must refuse and leave nothing of.
          const refused = [
            codeOf(() => whole.add(decoder.decode(bytes, 0, bytes.length), BigInt(index))),
            codeOf(() => direct.read(reader, bytes, 0, bytes.length, BigInt(index))),
          ];
          expect(refused[1]).toBe(refused[0]);
        }
        expect(rowsOf(direct)).toEqual(rowsOf(whole));
      }),
      { numRuns: 300 },
    );
  });

  it.each(['timestamp-millis', 'timestamp-micros', 'timestamp-nanos', 'local-timestamp-millis', 'local-timestamp-micros'])(
    'orders by a %s as whole records do',
    (logical) => {
      // Beyond these the two ways refuse for different reasons: no order, or nothing that the column holds.
      const bound = 250_000_000_000_000_000n;
      const longs = fc
        .tuple(fc.bigInt({ min: -bound, max: bound }), fc.integer({ min: 0, max: 57 }))
        .map(([value, shift]) => value >> BigInt(shift));
      const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.option(longs)), { maxLength: 12 });
      const millis = logical.endsWith('millis');
      fc.assert(
        fc.property(rows, (all) => {
          const { schema, decoder, mapping } = tableOf(
            { type: 'record', name: 'R', fields: [{ name: 'name', type: 'string' }] } as RecordType,
            moment(logical),
          );
          const reader = RowReader.of(decoder, mapping)!;
          const [whole, direct] = [new Fold(mapping, mapping, order, writers), new Fold(mapping, mapping, order, writers)];
          for (const [index, [id, sent]] of all.entries()) {
            const at = sent === null ? null : { long: millis ? sent / 1_000n : sent };
            const bytes = encode(schema, { id, at, name: `${index % 2}` });
            whole.add(decoder.decode(bytes, 0, bytes.length), BigInt(index));
            direct.read(reader, bytes, 0, bytes.length, BigInt(index));
          }
          expect(rowsOf(direct)).toEqual(rowsOf(whole));
        }),
      );
    },
  );

  it('leaves no part of a malformed record behind', () => {
    const { schema, decoder, mapping } = tableOf({ type: 'record', name: 'R', fields: [{ name: 'name', type: 'string' }] } as RecordType);
    const reader = RowReader.of(decoder, mapping)!;
    const fold = new Fold(mapping, mapping, order, writers);
    const body = (id: number, name: string) => encode(schema, { id, at: null, name });
    const good = body(1, 'good');
    fold.read(reader, good, 0, good.length, 1n);
    const cut = body(2, 'cut short');
    expect(() => fold.read(reader, cut, 0, cut.length - 3, 2n)).toThrow(expect.objectContaining({ code: 'record_malformed' }));
    const longer = Buffer.concat([body(3, 'longer'), Buffer.from([0])]);
    expect(() => fold.read(reader, longer, 0, longer.length, 3n)).toThrow(expect.objectContaining({ code: 'record_malformed' }));
    const bad = body(4, 'bad');
    bad[bad.length - 1] = 0xff;
    expect(() => fold.read(reader, bad, 0, bad.length, 4n)).toThrow(expect.objectContaining({ code: 'record_malformed' }));
    expect(rowsOf(fold)).toMatchObject({ records: 1, texts: ['{1}', '{NULL}', '{"good"}', '{"good"}', expect.any(String)] });
  });
});
