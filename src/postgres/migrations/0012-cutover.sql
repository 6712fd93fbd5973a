-- The cutover: where the home of the topics is (C24), who may write, and every step that led there.

create table farshore.cutover (
  only_row     boolean primary key default true check (only_row),
  region       text not null,
  primary_name text not null,
  revision     bigint not null,
  state        text not null check (state in ('observing', 'shadowing', 'ready', 'draining', 'switched', 'completed')),
  since        timestamptz not null,
  reason       text not null,
  epoch        bigint not null,
  home         text not null check (home in ('primary', 'region')),
  open         text not null check (open in ('primary', 'region', 'nobody')),
  hold         jsonb,
  move         jsonb,
  updated_at   timestamptz not null default clock_timestamp(),
  -- Nobody opens at a place that is not the home, whatever a daemon believes.
  check (open = 'nobody' or open = home)
);
comment on table farshore.cutover is 'One row: where the home of the topics is, decided here by compare-and-set on revision and epoch (C24), and the move that is under way.';

create table farshore.cutover_log (
  revision   bigint primary key,
  at         timestamptz not null default clock_timestamp(),
  by         text not null,
  event      text not null,
  from_state text not null,
  to_state   text not null,
  epoch      bigint not null,
  open       text not null,
  step       text,
  reason     text not null,
  gates      jsonb,
  facts      jsonb
);
comment on table farshore.cutover_log is 'Every change of farshore.cutover, written by the statement that changed it, with the gate values that allowed it.';

create table farshore.writer_epoch (
  only_row boolean primary key default true check (only_row),
  epoch    bigint not null,
  open     boolean not null
);
comment on table farshore.writer_epoch is 'Whether writers of this region may write, and the epoch they must name; apart from farshore.cutover, so that they lock nothing a step writes.';
insert into farshore.writer_epoch (epoch, open) values (1, false);

-- Changes the row, its log and the writer epoch together, or nothing. An epoch only rises, and one is never used twice.
create function farshore.change_cutover(
  p_lease    bigint,
  p_revision bigint,
  p_epoch    bigint,
  p_next     jsonb,
  p_entry    jsonb
) returns text
  language plpgsql volatile set search_path = pg_catalog as $$
declare
  seen farshore.cutover;
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
         hold = nullif(p_next -> 'hold', 'null'), move = nullif(p_next -> 'move', 'null'), updated_at = clock_timestamp();
  insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, step, reason, gates, facts)
  values (seen.revision + 1, p_entry ->> 'by', p_entry ->> 'event', seen.state, p_next ->> 'state', (p_next ->> 'epoch')::bigint, p_next ->> 'open',
          p_entry ->> 'step', p_entry ->> 'reason', nullif(p_entry -> 'gates', 'null'), nullif(p_entry -> 'facts', 'null'));
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
comment on function farshore.change_cutover(bigint, bigint, bigint, jsonb, jsonb) is
  'Compare-and-set of farshore.cutover by the holder of the lease, with its log entry and the writer epoch; raises FS001 for another.';

-- For the region's own writers, first in each transaction that writes. Raises FS004 for an epoch that is over and while the region is not open.
-- The share lock makes a change of the epoch wait for this transaction; under repeatable read a change since its snapshot is an error (40001).
create function farshore.assert_writer(p_epoch bigint) returns void
  language plpgsql volatile security definer set search_path = pg_catalog as $$
declare
  now_open farshore.writer_epoch;
begin
  select w.* into now_open from farshore.writer_epoch w for share;
  if not found or not now_open.open or now_open.epoch is distinct from p_epoch then
    raise exception 'writers with epoch % may not write in this region', coalesce(p_epoch::text, '(none)')
      using errcode = 'FS004',
            detail = case when now_open.open then format('The region is open for epoch %s.', now_open.epoch) else 'The region is not open.' end,
            hint = 'GET /cutover/active of the region''s farshore tells whether it is open, and for which epoch.';
  end if;
end $$;
comment on function farshore.assert_writer(bigint) is 'Refuses, with FS004, a writer whose epoch is not the one this region is open for.';

-- The same as a trigger: create trigger farshore_writer before insert or update or delete on TABLE for each statement
--   when (current_user <> 'farshore') execute function farshore.guard_writer();   -- 'farshore': the daemon's own role, which applies
-- Writers name their epoch with: set farshore.writer_epoch = '2';
create function farshore.guard_writer() returns trigger
  language plpgsql volatile set search_path = pg_catalog as $$
begin
  perform farshore.assert_writer(nullif(current_setting('farshore.writer_epoch', true), '')::bigint);
  return null;
end $$;
comment on function farshore.guard_writer() is 'Statement trigger that asserts the epoch in farshore.writer_epoch.';

revoke all on function farshore.assert_writer(bigint) from public;

create table farshore.cutover_hooks (
  revision   bigint not null references farshore.cutover_log (revision),
  hook       text not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,
  result     text check (result in ('done', 'failed')),
  detail     text,
  primary key (revision, hook)
);
comment on table farshore.cutover_hooks is 'Hooks that were run for a change of state: started before they run, so that one whose end is not recorded is run again.';
