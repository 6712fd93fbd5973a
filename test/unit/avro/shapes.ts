import fc from 'fast-check';
import type { DecodedValue } from '../../../src/apply/contracts.ts';

/** A random Avro type with values of it: as avsc takes them, and as they are decoded. */
export interface Shape {
  readonly type: unknown;
  /** The branch name a union wraps it in. */
  readonly branch: string;
  readonly values: fc.Arbitrary<{ readonly sent: unknown; readonly decoded: DecodedValue }>;
}

const same = <T extends DecodedValue>(type: string, values: fc.Arbitrary<T>): Shape => ({
  type,
  branch: type,
  values: values.map((value) => ({ sent: value, decoded: value })),
});

/** A number where it is exact. */
const exactly = (value: bigint): number | bigint => (value >= -(1n << 53n) && value < 1n << 53n ? Number(value) : value);

const scalars: readonly Shape[] = [
  { type: 'null', branch: 'null', values: fc.constant({ sent: null, decoded: null }) },
  same('boolean', fc.boolean()),
  same('int', fc.integer()),
  {
    type: 'long',
    branch: 'long',
    values: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map((sent) => ({ sent, decoded: exactly(sent) })),
  },
  same('float', fc.float()),
  same('double', fc.double()),
  same('string', fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary', maxLength: 600 }))),
  same(
    'bytes',
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
];

const wrapped = (shape: Shape, value: unknown): unknown => (shape.branch === 'null' ? null : { [shape.branch]: value });

function arrayOf(item: Shape): Shape {
  return {
    type: { type: 'array', items: item.type },
    branch: 'array',
    values: fc
      .array(item.values, { maxLength: 5 })
      .map((items) => ({ sent: items.map((one) => one.sent), decoded: items.map((one) => one.decoded) })),
  };
}

function mapOf(value: Shape): Shape {
  const key = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
  return {
    type: { type: 'map', values: value.type },
    branch: 'map',
    values: fc.array(fc.tuple(key, value.values), { maxLength: 5 }).map((entries) => ({
      sent: Object.fromEntries(entries.map(([name, one]) => [name, one.sent])),
      decoded: Object.fromEntries(entries.map(([name, one]) => [name, one.decoded])),
    })),
  };
}

function unionOf(shapes: readonly Shape[]): Shape {
  const branches = [...new Map(shapes.filter(({ type }) => !Array.isArray(type)).map((shape) => [shape.branch, shape])).values()];
  return {
    type: branches.map(({ type }) => type),
    branch: 'union',
    values: fc.oneof(...branches.map((shape) => shape.values.map(({ sent, decoded }) => ({ sent: wrapped(shape, sent), decoded })))),
  };
}

function recordOf(name: string, fields: readonly Shape[]): Shape {
  return {
    type: { type: 'record', name, fields: fields.map(({ type }, i) => ({ name: `f${i}`, type })) },
    branch: name,
    values: fc.tuple(...fields.map(({ values }) => values)).map((values) => ({
      sent: Object.fromEntries(values.map((one, i) => [`f${i}`, one.sent])),
      decoded: Object.fromEntries(values.map((one, i) => [`f${i}`, one.decoded])),
    })),
  };
}

/** Names of one schema must differ: they are numbered from its seed. */
export const shapes: fc.Arbitrary<Shape> = fc.infiniteStream(fc.nat()).chain((random) => {
  let names = 0;
  const pick = (count: number): number => Number(random.next().value) % count;
  const scalar = (): Shape => scalars[pick(scalars.length)]!;
  const some = (depth: number): readonly Shape[] => Array.from({ length: 1 + pick(4) }, () => any(depth));
  const any = (depth: number): Shape => {
    if (depth === 0) return scalar();
    switch (pick(8)) {
      case 0:
        return arrayOf(any(depth - 1));
      case 1:
        return mapOf(any(depth - 1));
      case 2:
        return unionOf([...some(depth - 1), scalar()]);
      case 3:
        return recordOf(`N${names++}`, some(depth - 1));
      case 4: {
        const symbols = ['A', 'B', 'C'].slice(0, 1 + pick(3));
        const name = `N${names++}`;
        return { ...same(name, fc.constantFrom(...symbols)), type: { type: 'enum', name, symbols } };
      }
      case 5: {
        const size = 1 + pick(20);
        const name = `N${names++}`;
        const values = fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes));
        return { ...same(name, values), type: { type: 'fixed', name, size } };
      }
      default:
        return scalar();
    }
  };
  return fc.constant(recordOf('Root', some(4)));
});
