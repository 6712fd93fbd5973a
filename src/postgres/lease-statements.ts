import type { Statement } from '../apply/contracts.ts';
import { leaseLock } from './locks.ts';

const { classId, objectId } = leaseLock;

/** Of the lease of the region. */
export const REGION_LEASE = 'daemon';

/** Tries the lock (kept by this session when `locked`), reads the row, and names the session that has the lock. */
export const lookStatement: Statement = {
  name: 'farshore_lease_look',
  text: `with tried as materialized (select pg_try_advisory_lock(${classId}, ${objectId}) as locked)
select tried.locked, held.holder, held.epoch,
       extract(epoch from held.expires_at - clock_timestamp()) * 1000 as expires_in_ms,
       (select l.pid from pg_locks l
         where l.locktype = 'advisory' and l.classid = ${classId} and l.objid = ${objectId} and l.objsubid = 2 and l.granted
           and l.database = (select d.oid from pg_database d where d.datname = current_database())
         limit 1) as lock_pid
  from tried left join farshore.lease held on held.name = 'daemon'`,
  values: [],
};

/** Above every epoch that a position or a lease, also one of a shard, ever had. */
export const nextEpoch =
  '(select 1 + greatest((select coalesce(max(epoch), 0) from farshore.apply_positions), (select coalesce(max(epoch), 0) from farshore.lease)))';

/**
 * Writes the row with the next epoch if it is still the one that was seen (epoch 0: none). An epoch is
 * never used twice, also when the row was lost: positions remember the highest one. Two standbys may both
 * get here (one by the lock, one by force); the row lock lets one through, the other updates nothing.
 */
export const takeStatement = (holder: string, ttlMs: number, seenEpoch: bigint): Statement => ({
  name: 'farshore_lease_take',
  text: `insert into farshore.lease as held (name, holder, epoch, expires_at)
values ('daemon', $1, ${nextEpoch}, clock_timestamp() + $2::bigint * interval '1 millisecond')
on conflict (name) do update
   set holder = excluded.holder,
       epoch = greatest(held.epoch + 1, excluded.epoch),
       acquired_at = clock_timestamp(),
       renewed_at = clock_timestamp(),
       expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond'
 where held.epoch = $3
returning epoch`,
  values: [holder, ttlMs, seenEpoch],
});

/** Updates one row while the lease is still ours, none once it is somebody else's. */
export const renewStatement = (holder: string, ttlMs: number, epoch: bigint): Statement => ({
  name: 'farshore_lease_renew',
  text: `update farshore.lease
   set renewed_at = clock_timestamp(), expires_at = clock_timestamp() + $3::bigint * interval '1 millisecond'
 where name = 'daemon' and holder = $1 and epoch = $2`,
  values: [holder, epoch, ttlMs],
});

/** The lock again, after the session that had it was lost. Not to get it is no harm: the row decides. */
export const relockStatement: Statement = {
  name: 'farshore_lease_relock',
  text: `select pg_try_advisory_lock(${classId}, ${objectId}) as locked`,
  values: [],
};

/** Lets the row expire now, so that a standby need not guess. */
export const giveUpStatement = (holder: string, epoch: bigint): Statement => ({
  name: 'farshore_lease_give_up',
  text: `update farshore.lease set expires_at = clock_timestamp() where name = 'daemon' and holder = $1 and epoch = $2`,
  values: [holder, epoch],
});

/** Allowed for sessions of the same role and for members of pg_signal_backend. */
export const terminateStatement = (pid: number): Statement => ({
  name: 'farshore_lease_terminate',
  text: 'select pg_terminate_backend($1) as terminated',
  values: [pid],
});
