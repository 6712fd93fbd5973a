import type { RegionWriters } from '../cutover/step-contracts.ts';
import { FarshoreError } from '../model/errors.ts';
import { quoteTable, type TableName } from '../model/sql-name.ts';
import type { Database } from './database.ts';
import { json, text } from './result-values.ts';

/** Refused by farshore.assert_writer. */
const CLOSED = 'FS004';

/** The writers of the region, which farshore.writer_epoch closes out: proves that it does, and that nobody's writing is left over. */
export const regionWriters = (database: Database, tables: readonly TableName[]): RegionWriters => ({
  async notClosed(epoch, signal) {
    const obstacles: string[] = [];
    try {
      await database.query({ text: 'select farshore.assert_writer($1)', values: [epoch] }, signal);
      obstacles.push(`writers with epoch ${epoch} are still let in`);
    } catch (error) {
      if (!(error instanceof FarshoreError) || error.facts.sqlState !== CLOSED) throw error;
    }
    const { rows } = await database.query(
      {
        text: `select (select coalesce(json_agg(p.gid order by p.gid), '[]') from pg_prepared_xacts p where p.database = current_database()) as prepared,
       (select count(distinct l.virtualtransaction) from pg_locks l join pg_stat_activity a on a.pid = l.pid
         where l.relation in (select to_regclass(t) from unnest($1::text[]) t) and l.granted and a.usename <> current_user
           and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) as writing`,
        values: [tables.map(quoteTable)],
      },
      signal,
    );
    const prepared = json(rows[0]!, 'prepared') as readonly string[];
    const writing = Number(text(rows[0]!, 'writing'));
    if (prepared.length > 0) obstacles.push(`prepared transactions are left: ${prepared.slice(0, 5).join(', ')}`);
    if (writing > 0) obstacles.push(`${writing} transactions still write to the tables`);
    return obstacles;
  },
});
