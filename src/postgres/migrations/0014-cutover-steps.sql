-- The steps of a cutover are acted on: what a revert needs is kept, and the home of each topic moves with the epoch.

alter table farshore.cutover add column kept jsonb;
comment on column farshore.cutover.kept is 'What a revert needs of the move that brought the home here: the rights that were taken, fromOffsets. Dropped by complete.';

create table farshore.unmirrored_tail (
  topic       text not null,
  partition   integer not null,
  from_offset bigint not null,
  to_offset   bigint not null,
  found_at    timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
);
comment on table farshore.unmirrored_tail is
  'Of a primary that was given up and answered again (C26): what its log holds and the region never had, by offsets of the primary.';

-- As before, and: what is kept, and the home of every topic that moves (C3, C24). The offsets are those that the step from_offsets recorded,
-- by topic and partition of the region: {"billing.invoices": {"0": "812"}}.
create or replace function farshore.change_cutover(
  p_lease    bigint,
  p_revision bigint,
  p_epoch    bigint,
  p_next     jsonb,
  p_entry    jsonb
) returns text
  language plpgsql volatile set search_path = pg_catalog as $$
declare
  seen     farshore.cutover;
  new_home text;
  moving   jsonb;
begin
  select c.* into seen from farshore.cutover c for update;
  if not found or seen.revision <> p_revision or seen.epoch <> p_epoch then return 'changed_meanwhile'; end if;
  if (p_next ->> 'epoch')::bigint not in (seen.epoch, seen.epoch + 1) or ((p_next ->> 'home') <> seen.home) <> ((p_next ->> 'epoch')::bigint > seen.epoch) then
    raise exception 'the home moves with its epoch, one at a time: % at % to % at %', seen.home, seen.epoch, p_next ->> 'home', p_next ->> 'epoch'
      using errcode = 'FS005';
  end if;
  update farshore.cutover c
     set revision = seen.revision + 1, state = p_next ->> 'state', since = (p_next ->> 'since')::timestamptz, reason = p_next ->> 'reason',
         epoch = (p_next ->> 'epoch')::bigint, home = p_next ->> 'home', open = p_next ->> 'open',
         hold = nullif(p_next -> 'hold', 'null'), move = nullif(p_next -> 'move', 'null'), kept = nullif(p_next -> 'kept', 'null'),
         updated_at = clock_timestamp();
  insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, step, reason, gates, facts)
  values (seen.revision + 1, p_entry ->> 'by', p_entry ->> 'event', seen.state, p_next ->> 'state', (p_next ->> 'epoch')::bigint, p_next ->> 'open',
          p_entry ->> 'step', p_entry ->> 'reason', nullif(p_entry -> 'gates', 'null'), nullif(p_entry -> 'facts', 'null'));
  if (p_next ->> 'home') <> seen.home then
    moving := p_next -> 'move' -> 'results' -> 'from_offsets' -> 'regional';
    if moving is null then
      raise exception 'the home cannot move: no offsets were recorded for it to start from' using errcode = 'FS005';
    end if;
    new_home := case when p_next ->> 'home' = 'region' then seen.region else seen.primary_name end;
    update farshore.topics t set home = new_home, home_epoch = (p_next ->> 'epoch')::integer where moving ? t.topic;
    insert into farshore.home_epochs (topic, home_epoch, partition, home, from_offset)
    select t.topic, (p_next ->> 'epoch')::integer, o.key::integer, new_home, o.value::bigint
      from farshore.topics t, jsonb_each_text(moving -> t.topic) o
     where moving ? t.topic;
  end if;
  -- Waits for every transaction that has asserted its epoch and not ended yet; before the lease is locked, whose renewal cannot wait.
  update farshore.writer_epoch w
     set epoch = (p_next ->> 'epoch')::bigint, open = (p_next ->> 'open') = 'region'
   where w.epoch <> (p_next ->> 'epoch')::bigint or w.open <> ((p_next ->> 'open') = 'region');
  perform 1 from farshore.lease l where l.name = 'daemon' and l.epoch = p_lease for share;
  if not found then
    raise exception 'the lease is not held with epoch % any more', p_lease using errcode = 'FS001';
  end if;
  return 'saved';
end $$;
