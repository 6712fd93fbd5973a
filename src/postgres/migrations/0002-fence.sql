-- The fence of apply: who may move a position, and from where. Both functions run with the rights of
-- the caller, name everything in full and raise SQLSTATEs of class FS, which no PostgreSQL uses:
--
--   FS001  another daemon holds the partition (its lease epoch is not the caller's)
--   FS002  the position is not where the caller left it, or there is none
--
-- Rights. The role that migrates owns schema farshore and needs CREATE on the database once. The role
-- of the daemon needs no DDL: USAGE on schema farshore, SELECT, INSERT, UPDATE and DELETE on its tables
-- (locking a row needs UPDATE), EXECUTE on these functions, and SELECT, INSERT, UPDATE and DELETE on
-- the mapped tables; nothing else. Never superuser, createdb, createrole, replication or bypassrls.
--
--   grant usage on schema farshore to ROLE;
--   grant select, insert, update, delete on all tables in schema farshore to ROLE;
--   grant execute on all functions in schema farshore to ROLE;

-- First statement of every apply transaction. The row stays locked to the end of it, so that of two
-- daemons, or of a daemon and its own lost transaction, one waits for the other and then sees its move:
--
--   zombie:   check_fence(epoch 7) ok ........ rows ... move_position ... commit
--   new one:        take(epoch 8) waits for the row lock ................. reads the moved position
--
-- and the other way round the zombie waits, then reads epoch 8 and gets FS001 before it wrote a row.
create function farshore.check_fence(
  p_topic         text,
  p_partition     integer,
  p_topic_id      uuid,
  p_expected_next bigint,
  p_epoch         bigint
) returns void
language plpgsql volatile
as $$
declare
  found_topic_id uuid;
  found_next     bigint;
  found_epoch    bigint;
begin
  select p.topic_id, p.next_offset, p.epoch
    into found_topic_id, found_next, found_epoch
    from farshore.apply_positions p
   where p.topic = p_topic and p.partition = p_partition
     for update;
  if not found then
    raise exception 'no position for %:%', p_topic, p_partition using errcode = 'FS002';
  end if;
  if found_epoch <> p_epoch then
    raise exception 'partition %:% is held with epoch %, not %', p_topic, p_partition, found_epoch, p_epoch
      using errcode = 'FS001';
  end if;
  if found_topic_id <> p_topic_id then
    raise exception 'position of %:% belongs to topic id %, not %', p_topic, p_partition, found_topic_id, p_topic_id
      using errcode = 'FS002';
  end if;
  if found_next <> p_expected_next then
    raise exception 'position of %:% is %, not %', p_topic, p_partition, found_next, p_expected_next
      using errcode = 'FS002';
  end if;
end
$$;
comment on function farshore.check_fence(text, integer, uuid, bigint, bigint) is
  'Locks a position and raises FS001 (held by another epoch) or FS002 (not at the expected offset).';

-- Last statement before commit, after the rows and `set constraints all immediate`. It is a
-- compare-and-set by itself too, so that a caller that forgot the fence still cannot move a position that
-- is not its own. A null leader epoch or checksum keeps the old one: a gap was passed, no batch was read.
create function farshore.move_position(
  p_topic         text,
  p_partition     integer,
  p_expected_next bigint,
  p_next          bigint,
  p_leader_epoch  integer,
  p_last_crc      bigint,
  p_records       bigint,
  p_epoch         bigint
) returns void
language plpgsql volatile
as $$
begin
  if p_next < p_expected_next then
    raise exception 'position of %:% would move back from % to %', p_topic, p_partition, p_expected_next, p_next
      using errcode = 'FS002';
  end if;
  update farshore.apply_positions p
     set next_offset  = p_next,
         leader_epoch = coalesce(p_leader_epoch, p.leader_epoch),
         last_crc     = coalesce(p_last_crc, p.last_crc),
         records      = p.records + p_records,
         updated_at   = clock_timestamp()
   where p.topic = p_topic and p.partition = p_partition
     and p.next_offset = p_expected_next and p.epoch = p_epoch;
  if not found then
    raise exception 'position of %:% is not at % with epoch %', p_topic, p_partition, p_expected_next, p_epoch
      using errcode = 'FS002';
  end if;
end
$$;
comment on function farshore.move_position(text, integer, bigint, bigint, integer, bigint, bigint, bigint) is
  'Moves a position forward by compare-and-set on offset and epoch; raises FS002.';
