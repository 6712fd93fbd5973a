import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PrimaryWriters } from '../../src/cutover/step-contracts.ts';
import type { Database } from '../../src/postgres/database.ts';
import { primaryWriters } from '../../src/postgres/primary-writers.ts';
import { eventually, freshDatabase } from '../rig/context.ts';
import { never, openDatabase, rejectionOf, rowsOf } from './postgres-fixtures.ts';

const table = { schema: 'public', table: 'Orders' };
let url: string;
let database: Database;
let role: string;
let group: string;
let writers: PrimaryWriters;
const clients: pg.Client[] = [];

beforeAll(async () => {
  url = await freshDatabase();
  database = openDatabase(url);
});

afterAll(async () => await database.close());

beforeEach(async () => {
  role = `app "${randomBytes(4).toString('hex')}`;
  group = `group_${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(role);
  for (const text of [
    `create role ${quoted} login`,
    `create role ${group}`,
    'create table public."Orders" (id integer primary key, note text not null, made integer generated always as (id * 2) stored)',
    `grant select, insert, delete on public."Orders" to ${quoted}`,
    `grant insert on public."Orders" to ${quoted} with grant option`,
    `grant update (note) on public."Orders" to ${quoted}`,
  ])
    await rowsOf(database, text);
  writers = primaryWriters(database, { roles: [role], keep: [], tables: [table] });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  for (const one of [role, group]) {
    await rowsOf(database, `drop owned by ${pg.escapeIdentifier(one)}`);
    await rowsOf(database, `drop role ${pg.escapeIdentifier(one)}`);
  }
  await rowsOf(database, 'drop table public."Orders"');
});

const application = async (name = role): Promise<pg.Client> => {
  const address = new URL(url);
  address.username = encodeURIComponent(name);
  const client = new pg.Client({ connectionString: address.href });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
};
const rights = async (): Promise<unknown> =>
  (
    await rowsOf(
      database,
      `select (select relacl::text from pg_class where oid = 'public."Orders"'::regclass) as acl,
              (select attacl::text from pg_attribute where attrelid = 'public."Orders"'::regclass and attname = 'note') as note,
              (select rolcanlogin from pg_roles where rolname = $1) as login`,
      [role],
    )
  )[0];

describe('the writers of a primary', () => {
  it('C25: are frozen with their sessions ended and probes refused, twice over, and get exactly their rights back', async () => {
    const before = await rights();
    const session = await application();
    await session.query('begin');
    await session.query(`insert into public."Orders" values (1, 'half')`);
    const taken = await writers.rights(never);
    expect(taken.logins).toEqual([role]);
    expect(taken.grants.map(({ column, privilege, grantable }) => [column, privilege, grantable])).toEqual([
      [null, 'DELETE', false],
      [null, 'INSERT', true],
      ['note', 'UPDATE', false],
    ]);
    expect((await writers.notFrozen(never)).join('; ')).toMatch(/roles that may still write: .*; .* may still write: delete from/);
    await writers.freeze(taken, never);
    await eventually(async () => (await writers.notFrozen(never)).length === 0, { what: 'the freeze being proven' });
    await expect(session.query('commit')).rejects.toThrow();
    await expect(application()).rejects.toMatchObject({ code: '28000' });
    expect(await rowsOf(database, 'select * from public."Orders"')).toEqual([]);
    // A daemon that was killed does it again with what was recorded.
    await writers.freeze(taken, never);
    await writers.giveBack(taken, never);
    await writers.giveBack(taken, never);
    expect(await rights()).toEqual(before);
    await (await application()).query(`insert into public."Orders" values (1, 'again')`);
  });

  it('C25: are not frozen while a prepared transaction or a lock of another’s writing is left', async () => {
    const owner = await application(new URL(url).username);
    await owner.query('begin');
    await owner.query(`insert into public."Orders" values (7, 'slow')`);
    const taken = await writers.rights(never);
    await writers.freeze(taken, never);
    expect(await writers.notFrozen(never)).toEqual(['1 transactions still write to the tables']);
    const [setting] = await rowsOf(database, "select current_setting('max_prepared_transactions') as n");
    if (setting?.n !== '0') {
      await owner.query("prepare transaction 'left over'");
      expect((await writers.notFrozen(never)).join()).toContain('prepared transactions are left: left over');
      await owner.query("rollback prepared 'left over'");
    } else await owner.query('rollback');
    expect(await writers.notFrozen(never)).toEqual([]);
    await writers.giveBack(taken, never);
  });

  it('C25: are refused where somebody else may write too, by a grant to all or as a member, unless that is configured', async () => {
    const other = `other_${randomBytes(4).toString('hex')}`;
    await rowsOf(database, `create role ${other} login`);
    try {
      await rowsOf(database, `grant update on public."Orders" to ${group}`);
      await rowsOf(database, `grant ${group} to ${other}`);
      expect(await rejectionOf(writers.rights(never))).toMatchObject({
        code: 'request_invalid',
        message: `Other roles may write to what is frozen: ${other}.`,
      });
      const kept = primaryWriters(database, { roles: [role], keep: [other], tables: [table] });
      const taken = await kept.rights(never);
      await kept.freeze(taken, never);
      expect(await kept.notFrozen(never)).toEqual([]);
      await kept.giveBack(taken, never);
      // Members of a role that is frozen write by its rights: with those taken they cannot.
      const both = primaryWriters(database, { roles: [role, group], keep: [], tables: [table] });
      const all = await both.rights(never);
      await both.freeze(all, never);
      expect(await both.notFrozen(never)).toEqual([]);
      await both.giveBack(all, never);
    } finally {
      await rowsOf(database, `drop owned by ${other}`);
      await rowsOf(database, `drop role ${other}`);
    }
  });

  it('are refused with a role that does not exist, and with a superuser whom no right keeps from writing', async () => {
    const missing = primaryWriters(database, { roles: [role, 'nobody_here'], keep: [], tables: [table] });
    expect(await rejectionOf(missing.rights(never))).toMatchObject({ message: 'The primary has no role nobody_here.' });
    const root = primaryWriters(database, { roles: [decodeURIComponent(new URL(url).username)], keep: [role], tables: [table] });
    expect(await rejectionOf(root.rights(never))).toMatchObject({ message: expect.stringContaining('is a superuser') });
  });
});
