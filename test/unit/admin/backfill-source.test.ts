import { describe, expect, it } from 'vitest';
import { sourceOf } from '../../../src/admin/backfill-routes.ts';

describe('where a backfill is told to read', () => {
  it('is the database where nothing is said, with its condition', () => {
    expect(sourceOf({})).toEqual({ from: 'database', where: undefined });
    expect(sourceOf({ where: 'id < 5' })).toEqual({ from: 'database', where: 'id < 5' });
    expect(sourceOf({ from: 'topic' })).toEqual({ from: 'topic' });
    expect(sourceOf({ from: 'file', file: 'a.avro' })).toEqual({ from: 'file', file: 'a.avro' });
  });

  it.each([
    [{ from: 'topic', where: 'true' }, 'A condition is one on the primary'],
    [{ from: 'file', file: 'a.avro', where: 'true' }, 'A condition is one on the primary'],
    [{ from: 'file' }, 'no file named'],
    [{ from: 'topic', file: 'a.avro' }, 'rows come from the topic'],
    [{ file: 'a.avro' }, 'rows come from the database'],
  ] as const)('refuses %j', (asked, message) => {
    expect(() => sourceOf(asked)).toThrow(message);
  });
});
