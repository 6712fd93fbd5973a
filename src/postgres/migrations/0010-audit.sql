-- What the audit compared, found and repaired, and the fence of whoever writes outside of apply.

-- Raises FS001 when the lease is another daemon's. It takes no lock: a writer that is frozen behind it must not hold a successor up, and what it
-- writes when it thaws is conditional on the versions it saw.
create function farshore.check_lease(p_epoch bigint) returns void
language plpgsql volatile
as $$
declare
  found_epoch bigint;
begin
  select l.epoch into found_epoch from farshore.lease l where l.name = 'daemon';
  if found_epoch is distinct from p_epoch then
    raise exception 'the lease is held with epoch %, not %', found_epoch, p_epoch using errcode = 'FS001';
  end if;
end
$$;
comment on function farshore.check_lease(bigint) is 'Raises FS001 when another daemon holds the lease.';

create table farshore.audit_passes (
  id            bigint generated always as identity primary key,
  table_name    text not null,
  by            text not null,
  started_at    timestamptz not null default clock_timestamp(),
  ended_at      timestamptz,
  stopped       text check (stopped in ('max_seconds', 'max_rows', 'unreachable', 'shutdown', 'refused')),
  cursor        text,
  rows_compared bigint not null default 0,
  rows_expected bigint not null default 0,
  rows_unlisted bigint not null default 0,
  bytes         bigint not null default 0,
  working_ms    bigint not null default 0,
  updated_at    timestamptz not null default clock_timestamp()
);
comment on table farshore.audit_passes is
  'Comparisons of whole tables. One without an end goes on at its cursor; stopped says why it stands. rows_unlisted: rows in ranges with more differences than are listed.';
create unique index audit_passes_open on farshore.audit_passes (table_name) where ended_at is null;
create index audit_passes_table on farshore.audit_passes (table_name, id);

create table farshore.audit_findings (
  id             bigint generated always as identity primary key,
  table_name     text not null,
  key            jsonb not null,
  kind           text not null check (kind in ('missing', 'extra', 'changed')),
  columns        text[] not null,
  state          text not null check (state in ('suspect', 'confirmed', 'unsettled', 'parked', 'healed', 'repaired')),
  triage         text not null default 'new' check (triage in ('new', 'ignored', 'resolved')),
  cause          text check (cause in ('rogue_write', 'lost_delete')),
  why            text,
  first_seen     timestamptz not null default clock_timestamp(),
  last_seen      timestamptz not null default clock_timestamp(),
  checked_pass   bigint,
  primary_digest text,
  primary_xmin   text,
  region_digest  text,
  region_version text,
  triaged_by     text,
  unique (table_name, key)
);
comment on table farshore.audit_findings is
  'Rows that differ between primary and region, by key: digests only. A suspect is asked again until it is confirmed, healed, parked or unsettled.';
create index audit_findings_open on farshore.audit_findings (table_name, id) where state in ('suspect', 'confirmed', 'unsettled', 'parked');

create table farshore.audit_repairs (
  id         bigint generated always as identity primary key,
  at         timestamptz not null default clock_timestamp(),
  by         text not null,
  finding    bigint not null,
  table_name text not null,
  key        jsonb not null,
  kind       text not null check (kind in ('missing', 'extra', 'changed')),
  columns    text[] not null,
  write      text not null check (write in ('insert', 'update', 'delete')),
  before     text,
  intended   text,
  after      text,
  result     text check (result in ('repaired', 'lost', 'not_taken'))
);
comment on table farshore.audit_repairs is
  'Audit trail of repairs: who asked, which row, and its digest before, as it was to be and after; none where there was no row. No result: the daemon was stopped before it looked again.';
create index audit_repairs_finding on farshore.audit_repairs (finding);
