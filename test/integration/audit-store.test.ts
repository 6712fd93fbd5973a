import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditStore } from '../../src/audit/audit-contracts.ts';
import type { RowLook, Suspect } from '../../src/audit/contracts.ts';
import { auditStore } from '../../src/postgres/audit-store.ts';
import type { Database } from '../../src/postgres/database.ts';
import { readLedger } from '../../src/postgres/read-ledger.ts';
import { freshDatabase } from '../rig/context.ts';
import { migratedDatabase, never, rowsOf } from './postgres-fixtures.ts';

const EPOCH = 4n;
let database: Database;
let store: AuditStore;

beforeAll(async () => {
  database = await migratedDatabase(await freshDatabase());
  await rowsOf(
    database,
    `insert into farshore.lease (name, epoch, holder, expires_at) values ('daemon', ${EPOCH}, 'a', clock_timestamp() + interval '1 hour')`,
  );
  store = auditStore(database, EPOCH);
});

afterAll(async () => {
  await database.close();
});

const look = (digest: string): RowLook => ({ digest, xmin: '7', version: undefined }) as unknown as RowLook;
const filter = (table: string) => ({ ids: undefined, table, state: undefined, triage: undefined });
const figuresOf = async (table: string) => (await store.figures(never)).find((one) => one.table === table);

/** A whole pass over a table that finds one row changed, or otherwise, and confirms it. */
async function confirmedIn(table: string, kind: Suspect['kind'] = 'changed', columns = kind === 'changed' ? ['note'] : []): Promise<void> {
  const key = '1';
  const pass = await store.openPass(table, 'ada', 10, never);
  const suspects = [{ key: [key], kind, columns }];
  await store.step(pass, { cursor: '{}', rows: 10, bytes: 100, unlisted: 0, suspects }, never);
  const open = await store.unchecked(pass, 10, never);
  const one = (id: string) => ({ id, key: [key], state: 'confirmed', kind, columns, primary: look('aa'), region: look('bb') }) as const;
  await store.settled(
    pass,
    open.map(({ id }) => one(id)),
    { lostDeletes: false, bytes: 7 },
    never,
  );
  await store.endPass(pass, undefined, 5, never);
}

async function emptyPass(table: string): Promise<void> {
  await store.endPass(await store.openPass(table, 'ada', 0, never), undefined, 1, never);
}

describe('findings', () => {
  it('count again when they are confirmed again after somebody called them resolved', async () => {
    await confirmedIn('public.again');
    await store.triage(filter('public.again'), 'resolved', 'ada', never);
    expect((await figuresOf('public.again'))?.divergent.changed).toBe(0);
    await confirmedIn('public.again');
    expect(await figuresOf('public.again')).toMatchObject({ divergent: { changed: 1 }, ignored: 0 });
    expect(await store.findings(filter('public.again'), { after: '0', limit: 10 }, never)).toMatchObject([
      { state: 'confirmed', triage: 'new' },
    ]);
  });

  it('stay ignored when they are confirmed again', async () => {
    await confirmedIn('public.ignored');
    await store.triage(filter('public.ignored'), 'ignored', 'ada', never);
    await confirmedIn('public.ignored');
    expect(await figuresOf('public.ignored')).toMatchObject({ divergent: { changed: 0 }, ignored: 1 });
  });

  it('count again where the row is confirmed as something else than what was ignored: gone, or wrong in more columns', async () => {
    await confirmedIn('public.other', 'changed', ['note', 'total']);
    await store.triage(filter('public.other'), 'ignored', 'ada', never);
    await confirmedIn('public.other', 'changed', ['note']);
    expect(await figuresOf('public.other')).toMatchObject({ divergent: { changed: 0 }, ignored: 1 });
    await confirmedIn('public.other', 'changed', ['note', 'paid']);
    expect(await figuresOf('public.other')).toMatchObject({ divergent: { changed: 1 }, ignored: 0 });
    await store.triage(filter('public.other'), 'ignored', 'ada', never);
    await confirmedIn('public.other', 'missing');
    expect(await figuresOf('public.other')).toMatchObject({ divergent: { changed: 0, missing: 1 }, ignored: 0 });
  });

  it('are not ignored by table or all before they are confirmed: nobody can mean what is not known yet', async () => {
    const pass = await store.openPass('public.early', 'ada', 10, never);
    const suspects = [{ key: ['1'], kind: 'changed', columns: ['note'] }] as const;
    await store.step(pass, { cursor: '{}', rows: 10, bytes: 100, unlisted: 0, suspects }, never);
    expect(await store.triage(filter('public.early'), 'ignored', 'ada', never)).toBe(0);
    const [{ id } = { id: '' }] = await store.findings(filter('public.early'), { after: '0', limit: 10 }, never);
    await confirmedIn('public.early');
    expect(await figuresOf('public.early')).toMatchObject({ divergent: { changed: 1 }, ignored: 0 });
    expect(await store.triage({ ...filter('public.early'), ids: [id], table: undefined }, 'ignored', 'ada', never)).toBe(1);
  });
});

describe('old findings', () => {
  it('go once they are resolved, and stay while they count or are ignored', async () => {
    for (const table of ['public.old_new', 'public.old_ignored', 'public.old_resolved']) await confirmedIn(table);
    await store.triage(filter('public.old_ignored'), 'ignored', 'ada', never);
    await store.triage(filter('public.old_resolved'), 'resolved', 'ada', never);
    await rowsOf(
      database,
      "update farshore.audit_findings set last_seen = last_seen - interval '100 days' where table_name like 'public.old%'",
    );
    expect(await store.expire(90, never)).toBe(1);
    const kept = await store.findings({ ...filter('x'), table: undefined }, { after: '0', limit: 100 }, never);
    expect(kept.map(({ table }) => table).filter((table) => table.startsWith('public.old'))).toEqual([
      'public.old_new',
      'public.old_ignored',
    ]);
  });
});

describe('a pass', () => {
  it('counts the bytes and the time of all its runs', async () => {
    await confirmedIn('public.counted');
    expect((await figuresOf('public.counted'))?.lastPass?.bytes).toBe(107);
    const pass = await store.openPass('public.nights', 'ada', 10, never);
    expect(await store.endPass(pass, 'max_seconds', 14_400_000, never)).toBe(14_400_000);
    const same = await store.openPass('public.nights', 'ada', 10, never);
    expect(await store.endPass(same, undefined, 3_600_000, never)).toBe(18_000_000);
  });

  it('is as old as its beginning: the row it read first was not looked at since', async () => {
    const pass = await store.openPass('public.long', 'ada', 10, never);
    await rowsOf(database, "update farshore.audit_passes set started_at = started_at - interval '2 days' where id = $1", [pass.id]);
    await store.endPass(pass, undefined, 5, never);
    expect((await figuresOf('public.long'))?.passAgeSeconds).toBeGreaterThanOrEqual(2 * 86_400);
  });
});

describe('a pass that begins anew', () => {
  it('is another one: with the time of its own, nothing compared, and findings that it has not asked', async () => {
    const pass = await store.openPass('public.rekeyed', 'ada', 10, never);
    await rowsOf(database, "update farshore.audit_passes set started_at = started_at - interval '2 days' where id = $1", [pass.id]);
    const suspects = [{ key: ['1'], kind: 'changed', columns: [] }] as const;
    await store.step(pass, { cursor: '{"of":[]}', rows: 10, bytes: 100, unlisted: 3, suspects }, never);
    const [finding] = await store.unchecked(pass, 10, never);
    await store.settled(
      pass,
      [{ id: finding!.id, key: ['1'], state: 'unsettled', why: 'moving' }],
      { lostDeletes: false, bytes: 0 },
      never,
    );
    const anew = await store.restartPass(pass, 'bob', 20, never);
    expect(anew).toMatchObject({ table: 'public.rekeyed', cursor: undefined, rowsCompared: 0 });
    expect((await figuresOf('public.rekeyed'))?.openPass).toMatchObject({ by: 'bob', rowsCompared: 0, rowsUnlisted: 0, rowsExpected: 20 });
    expect(await store.unchecked(anew, 10, never)).toMatchObject([{ key: ['1'] }]);
    await store.endPass(anew, undefined, 5, never);
    expect((await figuresOf('public.rekeyed'))?.passAgeSeconds).toBeLessThan(3_600);
  });
});

describe('C7: tables that need a full audit', () => {
  const need = async (topic: string, table: string) =>
    await readLedger(database).need({ topic, stage: 'apply', partition: 0, table, unreadMs: 2, retentionMs: 1 }, never);

  it('are served one by one where a topic goes to several, and the topic once all were compared', async () => {
    expect(await need('split', 'public.left, public.right')).toBe(true);
    expect(await store.needsFullAudit(never)).toEqual(new Set(['public.left', 'public.right']));
    await emptyPass('public.left');
    expect((await readLedger(database).needed(never)).map(({ topic }) => topic)).toContain('split');
    await emptyPass('public.right');
    expect((await readLedger(database).needed(never)).map(({ topic }) => topic)).not.toContain('split');
  });

  it('still need it when deletes were lost again while the pass ran', async () => {
    expect(await need('twice', 'public.twice')).toBe(true);
    const pass = await store.openPass('public.twice', 'ada', 0, never);
    expect(await need('twice', 'public.twice')).toBe(false);
    await store.endPass(pass, undefined, 1, never);
    expect(await store.needsFullAudit(never)).toContain('public.twice');
    await emptyPass('public.twice');
    expect(await store.needsFullAudit(never)).not.toContain('public.twice');
  });

  it('still need it when more rows differ than were listed: those were not looked at', async () => {
    await need('emptied', 'public.emptied');
    const pass = await store.openPass('public.emptied', 'ada', 1_000, never);
    await store.step(pass, { cursor: '{}', rows: 1_000, bytes: 1, unlisted: 800, suspects: [] }, never);
    await store.endPass(pass, undefined, 1, never);
    expect(await store.needsFullAudit(never)).toContain('public.emptied');
    await emptyPass('public.emptied');
    expect(await store.needsFullAudit(never)).not.toContain('public.emptied');
  });
});
