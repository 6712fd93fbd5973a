import type { Statement } from '../apply/contracts.ts';
import type { Grant, PrimaryWriters, WriterRights } from '../cutover/step-contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { quoteName, quoteTable, type TableName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import { cutoverLock } from './locks.ts';
import { json, text } from './result-values.ts';

export interface FrozenWriters {
  readonly roles: readonly string[];
  /** May write on. */
  readonly keep: readonly string[];
  readonly tables: readonly TableName[];
}

/** What a refused write is answered with: no right, or a server that takes no writes. */
const REFUSED: ReadonlySet<string> = new Set(['42501', '25006']);

/** A freeze whose answer was lost may still be under way on the server: whoever changes rights next waits for its end. */
const oneAtATime: Statement = {
  text: `select pg_advisory_xact_lock(${cutoverLock.classId}, ${cutoverLock.objectId})`,
  values: [],
};

const tableNames = (tables: readonly TableName[]): readonly string[] => tables.map(quoteTable);

const rightsStatement = ({ roles, tables }: FrozenWriters): Statement => ({
  text: `with named as (
  select r.oid, r.rolname, r.rolcanlogin, r.rolsuper from pg_roles r where r.rolname = any ($1::text[])
), held as (
  select n.nspname, c.relname, null as column_name, c.relacl as acl, acldefault('r', c.relowner) as otherwise
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any ($2::regclass[])
  union all
  select n.nspname, c.relname, a.attname, a.attacl, null
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
   where c.oid = any ($2::regclass[]) and a.attacl is not null and not a.attisdropped
)
select (select coalesce(json_agg(json_build_object('role', d.rolname, 'login', d.rolcanlogin, 'super', d.rolsuper) order by d.rolname), '[]')
          from named d) as roles,
       (select coalesce(json_agg(json_build_object('role', d.rolname, 'schema', h.nspname, 'table', h.relname, 'column', h.column_name,
                                                   'privilege', x.privilege_type, 'grantable', x.is_grantable)
                                 order by d.rolname, h.nspname, h.relname, h.column_name nulls first, x.privilege_type), '[]')
          from held h, aclexplode(coalesce(h.acl, h.otherwise)) x join named d on d.oid = x.grantee
         where x.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')) as grants`,
  values: [roles, tableNames(tables)],
});

/** Roles with a login, by themselves or as members, that may write; a superuser is kept from nothing. */
const writersStatement = ({ tables, keep }: FrozenWriters, without: readonly string[]): Statement => ({
  text: `select r.rolname as name from pg_roles r
 where r.rolcanlogin and not r.rolsuper and r.rolname <> all ($2::text[]) and r.rolname <> current_user
   and not exists (select 1 from pg_roles m where m.rolname = any ($3::text[]) and pg_has_role(r.oid, m.oid, 'member'))
   and exists (select 1 from unnest($1::regclass[]) t
                where has_table_privilege(r.oid, t, 'INSERT, UPDATE, DELETE, TRUNCATE') or has_any_column_privilege(r.oid, t, 'INSERT, UPDATE'))
 order by r.rolname`,
  values: [tableNames(tables), keep, without],
});

/** Of the frozen roles and of those that may take their place. */
const sessions = `from pg_stat_activity a
 where a.datname = current_database() and a.pid <> pg_backend_pid()
   and exists (select 1 from pg_roles m where m.rolname = any ($1::text[]) and a.usesysid is not null
                  and (a.usesysid = m.oid or (pg_has_role(a.usesysid, m.oid, 'member')
                       and not exists (select 1 from pg_roles s where s.oid = a.usesysid and (s.rolsuper or s.rolname = any ($2::text[]))))))`;

const endSessionsStatement = ({ roles, keep }: FrozenWriters): Statement => ({
  text: `select count(pg_terminate_backend(a.pid)) as ended ${sessions}`,
  values: [roles, keep],
});

const leftStatement = ({ roles, keep, tables }: FrozenWriters): Statement => ({
  text: `select (select count(*) ${sessions}) as sessions,
       (select coalesce(json_agg(p.gid order by p.gid), '[]') from pg_prepared_xacts p where p.database = current_database()) as prepared,
       (select count(distinct l.virtualtransaction) from pg_locks l
         where l.relation = any ($3::regclass[]) and l.granted and l.pid is distinct from pg_backend_pid()
           and l.database = (select d.oid from pg_database d where d.datname = current_database())
           and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) as writing`,
  values: [roles, keep, tableNames(tables)],
});

const grantStatement = ({ role, schema, table, column, privilege, grantable }: Grant): Statement => ({
  text: `grant ${privilege}${column === null ? '' : ` (${quoteName(column)})`} on ${quoteTable({ schema, table })} to ${quoteName(role)}${grantable ? ' with grant option' : ''}`,
  values: [],
});

/** Each changes nothing where it is not refused, and needs no right but the one it tries. */
const probes = (table: TableName, column: string): readonly string[] => [
  `delete from ${quoteTable(table)} where false`,
  `insert into ${quoteTable(table)} (${quoteName(column)}) select null where false`,
  `update ${quoteTable(table)} set ${quoteName(column)} = default where false`,
];

const invalid = (message: string, hint: string): FarshoreError =>
  new FarshoreError('request_invalid', message, { place: 'cutover.freeze', hint });

/** The writers of the primary, by a connection of a role that may change their rights. */
export function primaryWriters(database: Database, writers: FrozenWriters): PrimaryWriters {
  const { roles, tables } = writers;

  const rights = async (signal: AbortSignal) => {
    const [row] = (await database.query(rightsStatement(writers), signal)).rows;
    const found = json(row!, 'roles') as readonly { readonly role: string; readonly login: boolean; readonly super: boolean }[];
    const grants = json(row!, 'grants') as readonly Grant[];
    return { found, taken: { logins: found.filter(({ login }) => login).map(({ role }) => role), grants } satisfies WriterRights };
  };

  const probesNotRefused = async (signal: AbortSignal): Promise<readonly string[]> => {
    const columns = `select n.nspname as schema, c.relname as "table",
       (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
         order by a.attidentity = 'a', a.attnum limit 1) as column
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any ($1::regclass[])`;
    const { rows } = await database.query({ text: columns, values: [tableNames(tables)] }, signal);
    const open: string[] = [];
    for (const role of roles) {
      for (const row of rows) {
        const table = { schema: text(row, 'schema'), table: text(row, 'table') };
        for (const probe of probes(table, text(row, 'column'))) {
          try {
            const asRole = { text: `set local role ${quoteName(role)}`, values: [] };
            await database.transaction([asRole, { text: probe, values: [] }], signal);
            open.push(`${role} may still write: ${probe}`);
          } catch (error) {
            if (!(error instanceof FarshoreError) || !REFUSED.has(String(error.facts.sqlState ?? ''))) throw error;
          }
        }
      }
    }
    return open;
  };

  return {
    async rights(signal) {
      const { found, taken } = await rights(signal);
      const missing = roles.filter((role) => !found.some((one) => one.role === role));
      if (missing.length > 0) throw invalid(`The primary has no role ${missing.join(', ')}.`, 'Mend cutover.freeze.roles.');
      const supers = found.filter((one) => one.super).map(({ role }) => role);
      if (supers.length > 0) {
        throw invalid(
          `${supers.join(', ')} is a superuser at the primary, whom no right keeps from writing.`,
          'Let writers use roles of their own.',
        );
      }
      const others = (await database.query(writersStatement(writers, roles), signal)).rows.map((row) => text(row, 'name'));
      if (others.length > 0) {
        const hint = 'Name them under cutover.freeze.roles, or under cutover.freeze.keep if they may go on.';
        throw invalid(`Other roles may write to what is frozen: ${others.join(', ')}.`, hint);
      }
      return taken;
    },

    async freeze({ logins }, signal) {
      const take: Statement[] = [
        ...logins.map((role) => ({ text: `alter role ${quoteName(role)} nologin`, values: [] })),
        ...roles.flatMap((role) =>
          tables.map((table) => ({
            text: `revoke insert, update, delete, truncate on ${quoteTable(table)} from ${quoteName(role)}`,
            values: [],
          })),
        ),
      ];
      await database.transaction([oneAtATime, ...take], signal);
      await database.query(endSessionsStatement(writers), signal);
    },

    async notFrozen(signal) {
      // One that had logged in before it could not any more, and shows only now.
      await database.query(endSessionsStatement(writers), signal);
      const [row] = (await database.query(leftStatement(writers), signal)).rows;
      const prepared = json(row!, 'prepared') as readonly string[];
      const [sessionsLeft, writing] = [Number(text(row!, 'sessions')), Number(text(row!, 'writing'))];
      const obstacles: string[] = [];
      if (sessionsLeft > 0) obstacles.push(`${sessionsLeft} sessions of frozen roles have not ended`);
      if (prepared.length > 0) obstacles.push(`prepared transactions are left: ${prepared.slice(0, 5).join(', ')}`);
      if (writing > 0) obstacles.push(`${writing} transactions still write to the tables`);
      const others = (await database.query(writersStatement(writers, []), signal)).rows.map((one) => text(one, 'name'));
      if (others.length > 0) obstacles.push(`roles that may still write: ${others.join(', ')}`);
      return [...obstacles, ...(await probesNotRefused(signal))];
    },

    async giveBack(taken, signal) {
      const give = [
        ...taken.grants.map(grantStatement),
        ...taken.logins.map((role) => ({ text: `alter role ${quoteName(role)} login`, values: [] })),
      ];
      await database.transaction([oneAtATime, ...give], signal);
      const now = (await rights(signal)).taken;
      const key = (grant: Grant): string => JSON.stringify(Object.entries(grant).sort());
      const held = new Set(now.grants.map(key));
      const logins = new Set(now.logins);
      const missing = [
        ...taken.logins.filter((role) => !logins.has(role)),
        ...taken.grants.filter((grant) => !held.has(key(grant))).map(({ role, privilege, table }) => `${privilege} on ${table} of ${role}`),
      ];
      if (missing.length > 0) {
        throw new FarshoreError('database_denied', `Not given back at the primary: ${missing.join(', ')}.`, {
          hint: 'farshore cutover log -o json has the rights as they were: give them back by hand; it is tried again.',
        });
      }
    },
  };
}
