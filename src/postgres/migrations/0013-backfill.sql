-- Rows that are read from the primary's database while the stream goes on: where each backfill stands, and the step that moves it.
--
-- The role of the daemon needs what 0002-fence.sql names, on this table too.

create table farshore.backfills (
  id            bigint generated always as identity primary key,
  table_name    text not null,
  by            text not null,
  condition     text,
  state         text not null default 'running' check (state in ('running', 'paused', 'settling', 'done', 'stopped', 'failed')),
  error         jsonb,
  cursor        text,
  rows_read     bigint not null default 0,
  rows_written  bigint not null default 0,
  rows_expected bigint not null default 0,
  positions     jsonb not null,
  started_at    timestamptz not null default clock_timestamp(),
  updated_at    timestamptz not null default clock_timestamp(),
  ended_at      timestamptz,
  check ((ended_at is not null) = (state in ('done', 'stopped')))
);
comment on table farshore.backfills is
  'Backfills, one open one a table. positions: home ends and applied offsets when it began. While one is open no tombstone of its table goes (C4).';
create unique index backfills_open on farshore.backfills (table_name) where ended_at is null;

-- In the transaction that wrote the rows: after a kill the backfill goes on behind the last chunk that was committed, and no other chunk counts twice.
create function farshore.move_backfill(p_id bigint, p_from text, p_to text, p_read bigint, p_written bigint, p_done boolean) returns void
language plpgsql volatile
as $$
begin
  update farshore.backfills b
     set cursor = p_to, rows_read = b.rows_read + p_read, rows_written = b.rows_written + p_written,
         state = case when p_done and b.state = 'running' then 'settling' else b.state end, error = null, updated_at = clock_timestamp()
   where b.id = p_id and b.cursor is not distinct from p_from and b.ended_at is null;
  if not found then
    raise exception 'backfill % does not stand where this chunk began', p_id using errcode = 'FS002';
  end if;
end
$$;
comment on function farshore.move_backfill(bigint, text, text, bigint, bigint, boolean) is 'Moves a backfill behind a chunk; raises FS002 when it does not stand before it.';
