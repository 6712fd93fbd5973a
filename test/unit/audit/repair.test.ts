import { describe, expect, it } from 'vitest';
import { type RepairableFinding, type RepairSides, type RepairStore, repairFindings } from '../../../src/audit/repair.ts';
import type { RowNow } from '../../../src/audit/repair-decision.ts';
import { LOWEST_VERSION, type RepairedTable } from '../../../src/audit/repair-statements.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { billsTable } from './compared.ts';

const table: RepairedTable = { compared: billsTable({ total: 'numeric' }), tombstoneKey: ['id'], streamOnly: [] };
const none: RowNow = { present: false, digest: undefined, xmin: undefined, version: undefined };
const atPrimary: RowNow = { present: true, digest: 'p', xmin: '700', version: undefined };
const rogue: RowNow = { present: true, digest: 'r', xmin: undefined, version: '01' };
const finding = (id: string, changes: Partial<RepairableFinding> = {}): RepairableFinding => ({
  id,
  table: 'public.bills',
  key: [id],
  kind: 'changed',
  columns: ['total'],
  primaryDigest: 'p',
  primaryXmin: '700',
  regionVersion: '01',
  ...changes,
});

/** One row on each side; a write makes the region what `afterwards` says. */
function world({
  region = rogue,
  primary = atPrimary,
  afterwards = { ...atPrimary, xmin: undefined, version: '01' } as RowNow,
  written = 1,
} = {}) {
  let now = region;
  const asked: string[] = [];
  const trail: string[] = [];
  const settled: string[] = [];
  const events: FarshoreEvent[] = [];
  const sides: RepairSides = {
    table,
    states: [{ topic: 'bills', homeEpoch: 1 }],
    region: async () => {
      asked.push('region');
      return { seen: { row: now.version, tombstone: undefined }, row: now };
    },
    primary: async () => {
      asked.push('primary');
      return {
        row: primary,
        texts: primary.present
          ? new Map([
              ['id', '7'],
              ['total', '5'],
            ])
          : undefined,
      };
    },
  };
  const store: RepairStore = {
    write: async ({ statements }, entry) => {
      asked.push('write');
      trail.push(`${entry.by} ${entry.write} ${entry.key} ${entry.before ?? 'none'} → ${entry.intended ?? 'none'} (${statements.length})`);
      if (written === 1) now = afterwards;
      return { trail: '1', written };
    },
    finish: async (_, result, after) => void trail.push(`${result} ${after ?? 'none'}`),
    settle: async (id, result) => void settled.push(`${id} ${result}`),
  };
  const repair = async (findings: readonly RepairableFinding[], dryRun = false) =>
    await repairFindings(
      findings,
      async () => sides,
      { store, observe: (event) => events.push(event) },
      { by: 'ada', dryRun },
      AbortSignal.timeout(5_000),
    );
  return { repair, asked, trail, settled, events, store, sides };
}

describe('repairing findings', () => {
  it('looks at the region, then at the primary, writes, looks again, and records who asked and what changed', async () => {
    const { repair, asked, trail, settled, events } = world();
    expect(await repair([finding('7')])).toEqual([
      {
        finding: '7',
        table: 'public.bills',
        key: ['7'],
        kind: 'changed',
        columns: ['total'],
        result: 'repaired',
        write: 'update',
        reason: null,
      },
    ]);
    expect(asked).toEqual(['region', 'primary', 'write', 'region']);
    expect(trail).toEqual(['ada update 7 r → p (2)', 'repaired p']);
    expect(settled).toEqual(['7 repaired']);
    expect(events).toEqual([{ type: 'audit_repair', table: 'public.bills', kind: 'changed', key: '7', result: 'repaired', by: 'ada' }]);
  });

  it('writes and records nothing in a dry run, and says what it would do', async () => {
    const { repair, asked, trail, settled, events } = world();
    expect(await repair([finding('7')], true)).toMatchObject([{ result: 'would_repair', write: 'update' }]);
    expect(asked).toEqual(['region', 'primary']);
    expect([trail, settled, events]).toEqual([[], [], []]);
  });

  it('leaves rows that are not what was compared', async () => {
    const { repair, asked, settled } = world({ primary: { ...atPrimary, xmin: '701' } });
    expect(await repair([finding('7')])).toMatchObject([{ result: 'primary_changed', write: null }]);
    expect(asked).not.toContain('write');
    expect(settled).toEqual(['7 primary_changed']);
  });

  it('says lost when the stream came between look and write', async () => {
    const { repair, trail, settled } = world({ written: 0 });
    expect(await repair([finding('7')])).toMatchObject([{ result: 'lost' }]);
    expect(trail.at(-1)).toBe('lost none');
    expect(settled).toEqual(['7 lost']);
  });

  it.each([
    ['a trigger changes what is written', { ...rogue, version: '01' }, 'not_taken'],
    ['the stream follows at once', { ...rogue, digest: 'next', version: '02' }, 'repaired'],
  ])('tells by the version when %s', async (_, afterwards, result) => {
    const { repair } = world({ afterwards });
    expect(await repair([finding('7')])).toMatchObject([{ result }]);
  });

  it('tells a row it inserted and a trigger changed from one that was taken', async () => {
    const missing = finding('7', { kind: 'missing', regionVersion: undefined });
    expect(await world({ region: none, afterwards: { ...rogue, version: LOWEST_VERSION } }).repair([missing])).toMatchObject([
      { result: 'not_taken', write: 'insert' },
    ]);
    expect(await world({ region: none, afterwards: { ...rogue, digest: 'p', version: LOWEST_VERSION } }).repair([missing])).toMatchObject([
      { result: 'repaired' },
    ]);
  });

  it('takes an extra row away', async () => {
    const extra = finding('7', { kind: 'extra', primaryDigest: undefined, primaryXmin: undefined });
    const { repair, trail } = world({ primary: none, afterwards: none });
    expect(await repair([extra])).toMatchObject([{ result: 'repaired', write: 'delete' }]);
    expect(trail).toEqual(['ada delete 7 r → none (2)', 'repaired none']);
  });

  it('inserts no row whose columns only the stream fills, and says which', async () => {
    const { repair, sides, asked } = world({ region: none });
    Object.assign(sides, { table: { ...table, streamOnly: ['raw'] } });
    const missing = finding('7', { kind: 'missing', regionVersion: undefined });
    expect(await repair([missing])).toMatchObject([{ result: 'refused', reason: expect.stringContaining('only the stream fills raw') }]);
    expect(asked).not.toContain('write');
  });

  it('goes on after a row that the database refuses, and says why', async () => {
    const { repair, store, settled } = world();
    let first = true;
    const { write } = store;
    Object.assign(store, {
      write: async (...given: Parameters<RepairStore['write']>) => {
        if (!first) return await write(...given);
        first = false;
        throw new FarshoreError('row_refused', 'violates foreign key constraint');
      },
    });
    expect(await repair([finding('7'), finding('8')])).toMatchObject([
      { result: 'refused', reason: 'row_refused: violates foreign key constraint' },
      { result: 'repaired' },
    ]);
    expect(settled).toEqual(['7 refused', '8 repaired']);
  });

  it('ends at once where a side is away: nothing else would be true of the rows behind it', async () => {
    const { repair, sides, settled } = world();
    Object.assign(sides, {
      primary: async () => {
        throw new FarshoreError('database_unreachable', 'the primary does not answer');
      },
    });
    await expect(repair([finding('7'), finding('8')])).rejects.toThrow('does not answer');
    expect(settled).toEqual([]);
  });
});
