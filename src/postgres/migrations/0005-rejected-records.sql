-- Records that cannot be applied, kept whole. A record comes in by the transaction that moves the position over it,
-- and goes out by the one that applies it after all, or by an operator who gives it up (farshore.operator_actions tells who).
--
-- The role of the daemon needs what 0002-fence.sql names, on this table and function too.

create table farshore.rejected_records (
  id            bigint generated always as identity primary key,
  topic         text not null,
  partition     integer not null,
  topic_id      uuid not null,
  record_offset bigint not null,
  table_name    text not null,
  home_epoch    integer not null,
  generation    integer not null,
  timestamp_ms  bigint not null,
  key           bytea,
  value         bytea,
  headers       bytea not null,
  header_count  integer not null,
  reason        text not null,
  sql_state     text,
  message       text not null,
  attempts      integer not null default 1,
  first_seen    timestamptz not null default clock_timestamp(),
  last_seen     timestamptz not null default clock_timestamp(),
  unique (topic, partition, topic_id, record_offset)
);
create index rejected_records_of_table on farshore.rejected_records (table_name, id);
comment on table farshore.rejected_records is 'Records that could not be applied, with their bytes and the reason. Headers are as Kafka encodes them; home_epoch, generation and record_offset are their part of the version.';
comment on column farshore.rejected_records.reason is 'Error code of the last attempt.';

-- First statement of a transaction that applies a kept record again: the daemon that does it must hold the partition now. The
-- position itself is not looked at, the record lies behind it. Shared, so that the takeover waits for it, as for any transaction.
create function farshore.check_holder(p_topic text, p_partition integer, p_epoch bigint) returns void
language plpgsql volatile
as $$
declare
  found_epoch bigint;
begin
  select p.epoch into found_epoch
    from farshore.apply_positions p
   where p.topic = p_topic and p.partition = p_partition
     for share;
  if not found then
    raise exception 'no position for %:%', p_topic, p_partition using errcode = 'FS002';
  end if;
  if found_epoch <> p_epoch then
    raise exception 'partition %:% is held with epoch %, not %', p_topic, p_partition, found_epoch, p_epoch
      using errcode = 'FS001';
  end if;
end
$$;
comment on function farshore.check_holder(text, integer, bigint) is
  'Locks a position against takeover and raises FS001 when another epoch holds it.';
