import { describe, expect, it } from 'vitest';
import { type ConfirmedFinding, decideRepair, type RowNow } from '../../../src/audit/repair-decision.ts';

const none: RowNow = { present: false, digest: undefined, xmin: undefined, version: undefined };
const primary: RowNow = { present: true, digest: 'p', xmin: '700', version: undefined };
const region: RowNow = { present: true, digest: 'r', xmin: undefined, version: '01' };
const changed: ConfirmedFinding = { kind: 'changed', primaryDigest: 'p', primaryXmin: '700', regionVersion: '01' };
const missing: ConfirmedFinding = { kind: 'missing', primaryDigest: 'p', primaryXmin: '700', regionVersion: undefined };
const extra: ConfirmedFinding = { kind: 'extra', primaryDigest: undefined, primaryXmin: undefined, regionVersion: '01' };

describe('C18: a repair', () => {
  it.each([
    ['changed', changed, region, primary, 'update'],
    ['missing', missing, none, primary, 'insert'],
    ['extra', extra, region, none, 'delete'],
  ] as const)('writes a %s row that both sides still have as it was confirmed', (_, finding, inRegion, atPrimary, write) => {
    expect(decideRepair(finding, inRegion, atPrimary)).toEqual({ do: 'write', write });
  });

  it.each([
    ['the rows are equal now', changed, { ...region, digest: 'p' }, primary, 'healed'],
    ['neither side has the row now', extra, none, none, 'healed'],
    ['the missing row has come', missing, { ...region, digest: 'p' }, primary, 'healed'],
    ['the primary has other content', changed, region, { ...primary, digest: 'q' }, 'primary_changed'],
    ['the primary wrote the same content again', changed, region, { ...primary, xmin: '701' }, 'primary_changed'],
    ['the primary deleted the row', changed, region, none, 'primary_changed'],
    ['the primary has the extra row now', extra, region, primary, 'primary_changed'],
    ['the stream moved the row', changed, { ...region, version: '02' }, primary, 'region_changed'],
    ['the stream took the row away', changed, none, primary, 'region_changed'],
    ['the row came with other content', missing, region, primary, 'region_changed'],
    ['the version was taken away', changed, { ...region, version: undefined }, primary, 'region_changed'],
  ] as const)('leaves a row alone when %s', (_, finding, inRegion, atPrimary, why) => {
    expect(decideRepair(finding, inRegion, atPrimary)).toEqual({ do: 'leave', why });
  });

  it('takes a row without a version for what was seen (C2)', () => {
    const unversioned = { ...region, version: undefined };
    expect(decideRepair({ ...changed, regionVersion: undefined }, unversioned, primary)).toEqual({ do: 'write', write: 'update' });
  });
});
