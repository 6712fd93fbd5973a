import fc from 'fast-check';
import type { DecodedRecord, FieldShape } from '../../../src/apply/contracts.ts';
import type { TableEntry } from '../../../src/apply/table-entry.ts';
import { field } from './log-double.ts';

/** Histories of one row whose columns `g` and `h` are a group with a version of its own, for all who ask what folding makes of them. */
export interface GroupRecord {
  readonly op: 'state' | 'null' | 'deleted';
  readonly at: number | null;
  readonly groupAt: number | null;
  readonly sets: readonly GroupColumn[];
  /** Of the second one, `b` and the group's version are not there yet. */
  readonly schema: '1' | '2';
}

export const groupColumns = ['a', 'b', 'g', 'h'] as const;
export type GroupColumn = (typeof groupColumns)[number];

const text = (name: string): FieldShape => field(name, 'string', { nullable: true });
const long = (name: string): FieldShape => field(name, 'long', { nullable: true });
const older = [field('id', 'long'), text('a'), text('g'), text('h'), long('at'), field('gone', 'boolean'), field('changed', 'array')];
export const groupSchemas = { 1: [...older, text('b'), long('g_at')], 2: older };

const base: TableEntry = {
  topic: 'things',
  version: ['at'],
  deleteWhen: { field: 'gone', in: [true] },
  ignore: ['g_at', 'changed'],
  groups: { pair: { fields: ['g', 'h'], version: 'g_at' } },
};
const { version: _, ...unversioned } = base;
export const groupEntries = {
  groups: base,
  parts: { ...base, partial: { mask: 'changed' } },
  log: { ...unversioned, partial: { mask: 'changed' } },
} satisfies Record<string, TableEntry>;
export type GroupKind = keyof typeof groupEntries;

export const textOf = (column: GroupColumn, n: number): string => `${column}${n}`;

/** The record at place `n`. */
export function recordValue({ op, at, groupAt, sets, schema }: GroupRecord, n: number): DecodedRecord {
  const long = (value: number | null) => (value === null ? null : BigInt(value));
  const known = { id: 1n, a: textOf('a', n), g: textOf('g', n), h: textOf('h', n), at: long(at), gone: op === 'deleted' };
  const newer = schema === '1' ? { b: textOf('b', n), g_at: long(groupAt) } : {};
  return { ...known, ...newer, changed: ['id', ...sets] as unknown as null };
}

const record = fc
  .record({
    op: fc.constantFrom<GroupRecord['op'][]>('state', 'state', 'state', 'state', 'state', 'null', 'deleted', 'deleted'),
    at: fc.option(fc.nat({ max: 5 }), { freq: 8 }),
    groupAt: fc.option(fc.nat({ max: 4 }), { freq: 6 }),
    sets: fc.subarray([...groupColumns]),
    schema: fc.constantFrom<GroupRecord['schema'][]>('1', '1', '1', '1', '2'),
  })
  // A delete takes the columns that its own schema has (docs/limits.md).
  .map((one): GroupRecord => (one.op === 'deleted' ? { ...one, schema: '1' } : one));

/** Six records are enough for a delete between parts that came before and after it, and few enough for every cut. */
export const groupHistories = fc.array(record, { minLength: 2, maxLength: 6 });
