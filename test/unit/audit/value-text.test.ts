import { describe, expect, it } from 'vitest';
import { canonicalClass } from '../../../src/audit/canonical.ts';
import type { ComparedTable } from '../../../src/audit/contracts.ts';
import { textsStatement } from '../../../src/audit/repair-statements.ts';
import { rowTextsStatement } from '../../../src/audit/statements.ts';
import { billsTable } from './compared.ts';
import { columnType } from './types.ts';

/** public.bills with a column `v` of these types. */
function table(primary: string, region: string): ComparedTable {
  const bills = billsTable({});
  const types = { primary: columnType(primary), region: columnType(region) };
  const as = canonicalClass(types);
  if (typeof as === 'object') throw new Error(as.why);
  const v = { name: 'v', as, primary: { name: 'v', type: types.primary }, region: { name: 'v', type: types.region } };
  return { ...bills, columns: [...bills.columns, v] };
}

describe('values of the primary that a backfill and a repair write', () => {
  it.each([
    ['float4', 'float8', '(t."v"::float8)::text'],
    ['float4', 'numeric', '(t."v"::float8)::text'],
    ['float4', 'float4', '(t."v"::float8)::text'],
    ['float4[]', 'float8[]', '(t."v"::float8[])::text'],
    ['float8', 'float8', 't."v"::text'],
    ['int4', 'float8', 't."v"::text'],
    ['text', 'text', 't."v"::text'],
  ])(
    'are, of %s beside %s, what the stream brings: a real was written as another double, which no repair mended',
    (primary, region, text) => {
      const compared = table(primary, region);
      expect(rowTextsStatement(compared, { after: undefined, upTo: undefined }, 10, []).text).toContain(`, ${text} as v1\n`);
      expect(textsStatement({ compared, tombstoneKey: ['id'], streamOnly: [] }, ['7']).text).toContain(`, ${text} as v1\n`);
    },
  );

  it('are read by a real as they were: every text of the double is nearest to that real', () => {
    const bits = new DataView(new ArrayBuffer(4));
    for (const one of [0x3dcccccd, 1, 0x7f7fffff, 0x00800000, 0x4b800001, 0xbeaaaaab]) {
      bits.setUint32(0, one);
      expect(Math.fround(Number(String(bits.getFloat32(0))))).toBe(bits.getFloat32(0));
    }
  });
});
