import type { OutboxRow, OutboxStore } from '../outbox/contracts.ts';
import type { Database } from './database.ts';
import { outboxLock } from './locks.ts';
import { integer, json, optionalText, text } from './result-values.ts';

/*
 * Which rows are due, and in which order. A row is due when its transaction is below the snapshot's xmin: then every transaction with a
 * lower number has ended, so that no row can appear behind the relay. Order is by id, not by transaction number:
 *
 *     T1 gets xid 10 by an unrelated write
 *     T2, xid 11, updates account A, writes its outbox row (id 1), commits
 *     T1 updates account A, which waited for T2, writes its outbox row (id 2), commits
 *
 * By xid, T1's state of A would go out before T2's older one. By id the lock on A orders them; both are due only after both have ended.
 *
 * A row that came with a dump or by logical replication has the number of another server's transaction. Where that is not below the snapshot's xmax,
 * no transaction of this server can have written a row that is seen: it is due, and would else wait until this server has counted so far. Neither
 * condition is asked of an index: rows that are not published are walked by id until there are enough.
 *
 * A topic with a refused row waits for it as a whole: the rows behind it may have its key. Rows of a topic whose home is elsewhere wait until it is
 * here (C24). A batch that was named and not settled when the home moved waits with them: a drain lets no home move before it is settled.
 */
const homeIsHere = (of: string, region: string) =>
  `exists (select from farshore.topics t where t.topic = ${of}.topic and t.home = ${region})`;

const claimText = `with named as materialized (select gen_random_uuid() as batch),
ready as (
  select o.id, sum(coalesce(octet_length(o.key), 0) + coalesce(octet_length(o.value), 0)) over (order by o.id) as bytes,
         row_number() over (order by o.id) as nth
    from (select * from farshore.outbox o
   where ${homeIsHere('o', '$2')} and o.published_at is null
     and (o.xid < pg_snapshot_xmin(pg_current_snapshot()) or o.xid >= pg_snapshot_xmax(pg_current_snapshot()))
     and not exists (select from farshore.outbox h
                      where h.topic = o.topic and h.published_at is null and h.next_attempt_at > clock_timestamp())
     and not exists (select from farshore.outbox b where b.published_at is null and b.batch is not null)
   order by o.id limit $1) o
),
due as materialized (select id from ready where nth = 1 or bytes <= $3)
update farshore.outbox o
   set batch = named.batch
  from due, named where o.id = due.id`;

const openText = `select o.batch, o.id, o.topic, o.partition, encode(o.key, 'base64') as key, encode(o.value, 'base64') as value, o.headers, o.attempts
  from farshore.outbox o where o.published_at is null and o.batch is not null
   and not exists (select from farshore.outbox e where e.published_at is null and e.batch is not null and not ${homeIsHere('e', '$1')})
 order by o.id`;

const bytes = (base64: string | undefined): Buffer | null => (base64 === undefined ? null : Buffer.from(base64, 'base64'));

/** `region`: the name its own topics have for a home. */
export function outboxStore(database: Database, epoch: bigint, region: string, maxBatchBytes: number): OutboxStore {
  const fence = { text: 'select farshore.check_lease($1)', values: [epoch] };
  // Before the fence: a relay whose lease ends during its claim is waited for, and its batch is then the open one.
  const turn = { text: 'select pg_advisory_xact_lock($1, $2)', values: [outboxLock.classId, outboxLock.objectId] };
  return {
    async claim(limit, signal) {
      const open = { text: openText, values: [region] };
      const { rows } = (
        await database.transaction([turn, fence, { text: claimText, values: [limit, region, BigInt(maxBatchBytes)] }, open], signal)
      )[3]!;
      if (rows[0] === undefined) return undefined;
      return {
        name: text(rows[0], 'batch'),
        rows: rows.map((row): OutboxRow => {
          const partition = optionalText(row, 'partition');
          return {
            id: BigInt(text(row, 'id')),
            topic: text(row, 'topic'),
            partition: partition === undefined ? undefined : Number(partition),
            key: bytes(optionalText(row, 'key')),
            value: bytes(optionalText(row, 'value')),
            headers: json(row, 'headers') as OutboxRow['headers'],
            attempts: integer(row, 'attempts'),
          };
        }),
      };
    },
    async published(batch, signal) {
      const mark = `update farshore.outbox set published_at = clock_timestamp(), next_attempt_at = null, last_error = null
 where batch = $1 and published_at is null`;
      await database.transaction([fence, { text: mark, values: [batch] }], signal);
    },
    async release(batch, refused, signal) {
      const hold = `update farshore.outbox set attempts = attempts + 1, last_error = $3, next_attempt_at = clock_timestamp() + make_interval(secs => $4::double precision / 1000)
 where batch = $1 and id = $2 and published_at is null`;
      const held = refused === undefined ? [] : [{ text: hold, values: [batch, refused.id, refused.error, refused.holdMs] }];
      const free = { text: 'update farshore.outbox set batch = null where batch = $1 and published_at is null', values: [batch] };
      await database.transaction([fence, ...held, free], signal);
    },
    async prune(keepMs, limit, signal) {
      const remove = `delete from farshore.outbox where id in (
  select id from farshore.outbox where published_at < clock_timestamp() - make_interval(secs => $1::double precision / 1000) order by published_at limit $2)`;
      return (await database.transaction([fence, { text: remove, values: [keepMs, limit] }], signal))[1]!.rowCount;
    },
    async backlog(signal) {
      const count = `select count(*) as unpublished, count(*) filter (where not ${homeIsHere('o', '$1')}) as held, extract(epoch from clock_timestamp() - min(o.created_at))::text as oldest
  from farshore.outbox o where o.published_at is null`;
      const row = (await database.query({ text: count, values: [region] }, signal)).rows[0]!;
      const oldest = optionalText(row, 'oldest');
      return {
        unpublished: integer(row, 'unpublished'),
        held: integer(row, 'held'),
        oldestSeconds: oldest === undefined ? undefined : Math.max(0, Number(oldest)),
      };
    },
  };
}
