-- The outbox: what the region's own applications want published, written in the transaction that changed their rows.

create table farshore.outbox (
  id              bigint generated always as identity primary key,
  xid             xid8 not null default pg_current_xact_id(),
  topic           text not null check (topic <> ''),
  partition       integer check (partition >= 0),
  key             bytea,
  value           bytea,
  headers         jsonb not null default '{}' check (jsonb_typeof(headers) = 'object'),
  created_at      timestamptz not null default clock_timestamp(),
  batch           uuid,
  attempts        integer not null default 0,
  next_attempt_at timestamptz,
  last_error      text,
  published_at    timestamptz
);
comment on table farshore.outbox is 'Rows the relay publishes to the regional Kafka once every transaction that began before theirs has ended.';
comment on column farshore.outbox.batch is 'Set before the row is sent: the Kafka transaction that holds the row also commits this name, and a broker''s refusal clears it.';
create index outbox_unpublished on farshore.outbox (id) where published_at is null;
create index outbox_held on farshore.outbox (topic) where published_at is null and next_attempt_at is not null;
create index outbox_published on farshore.outbox (published_at) where published_at is not null;

-- Only a wake-up: one that is lost costs a turn of the relay's timer, no row.
create function farshore.wake_outbox() returns trigger
  language plpgsql volatile set search_path = pg_catalog as $$
begin
  notify farshore_outbox;
  return null;
end $$;
create trigger farshore_wake_outbox after insert on farshore.outbox for each statement execute function farshore.wake_outbox();
comment on function farshore.wake_outbox() is 'Wakes the outbox relay when the transaction commits.';
