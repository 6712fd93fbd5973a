import { describe, expect, it } from 'vitest';
import { type ErrorCode, FarshoreError } from '../../../src/model/errors.ts';
import type { RejectedDetail, RejectedFilter, RejectedRecord } from '../../../src/model/rejected.ts';
import type { RejectedStore } from '../../../src/rejected/contracts.ts';
import { retryRejected } from '../../../src/rejected/retry.ts';

const never = new AbortController().signal;
const filter: RejectedFilter = { ids: undefined, table: undefined, reason: 'schema_unknown', since: undefined, parked: false };

function setUp(code: ErrorCode) {
  const tables = ['public.stopped', 'public.other', 'public.stopped', 'public.other'];
  const store = {
    list: async (_filter: RejectedFilter, { after }: { readonly after: string }) =>
      tables.map((_, i) => ({ id: String(i + 1) }) as RejectedRecord).filter(({ id }) => Number(id) > Number(after)),
    get: async (id: string) => ({ id, table: tables[Number(id) - 1] }) as RejectedDetail,
  } as unknown as RejectedStore;
  const applied: string[] = [];
  const applyKept = async ({ id, table }: RejectedDetail) => {
    if (table === 'public.stopped') throw new FarshoreError(code, 'it does not fit');
    applied.push(id);
    return 'applied' as const;
  };
  return { store, applied, applyKept };
}

describe('a retry of kept records', () => {
  it('that nobody asked for tries those of other tables where one does not fit', async () => {
    const { store, applied, applyKept } = setUp('table_mismatch');
    const over: string[] = [];
    const counts = await retryRejected(filter, { store, applyKept, passedOver: ({ code }) => void over.push(code) }, never);
    expect([applied, over, counts.applied]).toEqual([['2', '4'], ['table_mismatch', 'table_mismatch'], 2]);
  });

  it('that somebody asked for ends at the first table that does not fit, and says so', async () => {
    const { store, applied, applyKept } = setUp('table_mismatch');
    await expect(retryRejected(filter, { store, applyKept }, never)).rejects.toMatchObject({ code: 'table_mismatch' });
    expect(applied).toEqual([]);
  });

  it.each<ErrorCode>(['database_unreachable', 'fenced'])('ends at %s, which is of no table', async (code) => {
    const { store, applied, applyKept } = setUp(code);
    await expect(retryRejected(filter, { store, applyKept, passedOver: () => undefined }, never)).rejects.toMatchObject({ code });
    expect(applied).toEqual([]);
  });
});
