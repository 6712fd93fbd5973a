-- Schema farshore: everything the daemon remembers in the regional database.
-- Read docs/decisions/0005-database-schema.md before changing any of it: a binary refuses a database
-- whose schema is newer than it knows, and the version before must still be able to read this one.

create table farshore.lease (
  name        text primary key,
  holder      text not null,
  epoch       bigint not null,
  acquired_at timestamptz not null default clock_timestamp(),
  renewed_at  timestamptz not null default clock_timestamp(),
  expires_at  timestamptz not null
);
comment on table farshore.lease is 'Who may write for this region. Every takeover raises the epoch, which fences the holder before.';

create table farshore.clusters (
  role       text primary key check (role in ('primary', 'regional')),
  name       text not null,
  cluster_id text not null,
  seen_at    timestamptz not null default clock_timestamp()
);
comment on table farshore.clusters is 'Cluster ids seen at first start: a daemon pointed at another cluster by mistake stops instead of mixing logs.';

create table farshore.topics (
  topic             text primary key,
  home              text not null,
  home_epoch        integer not null,
  home_topic_id     uuid not null,
  regional_topic_id uuid not null,
  partitions        integer not null,
  generation        integer not null,
  claimed_at        timestamptz not null default clock_timestamp()
);
comment on table farshore.topics is 'One row a mirrored topic: its home and epoch, topic ids on both sides, newest generation.';

create table farshore.generation_starts (
  topic        text not null references farshore.topics (topic) on delete cascade,
  generation   integer not null,
  partition    integer not null,
  start_offset bigint not null,
  reason       text not null,
  raised_at    timestamptz not null default clock_timestamp(),
  primary key (topic, generation, partition)
);
comment on table farshore.generation_starts is 'First regional offset of each generation, by partition.';

create table farshore.home_epochs (
  topic       text not null references farshore.topics (topic) on delete cascade,
  home_epoch  integer not null,
  partition   integer not null,
  home        text not null,
  from_offset bigint not null,
  primary key (topic, home_epoch, partition)
);
comment on table farshore.home_epochs is 'Where each epoch of the home starts (fromOffsets of a cutover), by partition.';

create table farshore.apply_positions (
  topic        text not null,
  partition    integer not null,
  topic_id     uuid not null,
  next_offset  bigint not null,
  leader_epoch integer not null default -1,
  last_crc     bigint,
  epoch        bigint not null,
  records      bigint not null default 0,
  updated_at   timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
) with (fillfactor = 50);
comment on table farshore.apply_positions is 'Next regional offset to apply, moved by compare-and-set in the transaction of the rows it covers; epoch is the lease epoch that may move it.';

create table farshore.tombstones (
  table_name text not null,
  key        jsonb not null,
  version    bytea not null,
  deleted_at timestamptz not null default clock_timestamp(),
  primary key (table_name, key)
);
comment on table farshore.tombstones is 'Versions of deleted rows, so that a late update cannot revive one.';

create table farshore.schemas (
  registry text not null,
  id       text not null,
  schema   text not null,
  kept_at  timestamptz not null default clock_timestamp(),
  primary key (registry, id)
);
comment on table farshore.schemas is 'Every Avro schema seen, by issuing registry and id (decimal number or GUID), references resolved.';

create table farshore.schema_subjects (
  registry text not null,
  subject  text not null,
  version  integer not null,
  id       text not null,
  kept_at  timestamptz not null default clock_timestamp(),
  primary key (registry, subject, version)
);

create table farshore.partition_stops (
  stage     text not null check (stage in ('mirror', 'apply')),
  topic     text not null,
  partition integer not null,
  state     text not null check (state in ('paused', 'stopped')),
  code      text not null,
  message   text not null,
  hint      text,
  since     timestamptz not null default clock_timestamp(),
  primary key (stage, topic, partition)
);
comment on table farshore.partition_stops is 'Partitions that an operator paused or an error stopped.';

create table farshore.operator_actions (
  id        bigint generated always as identity primary key,
  at        timestamptz not null default clock_timestamp(),
  by        text not null,
  action    text not null,
  stage     text not null,
  topic     text not null,
  partition integer not null,
  code      text,
  lost_from bigint,
  lost_to   bigint,
  options   jsonb not null default '{}'
);
comment on table farshore.operator_actions is 'Who paused or resumed what, and which offsets were given up by it.';

create table farshore.shards (
  primary_name text primary key,
  shard_count  integer not null check (shard_count > 0),
  function     text not null,
  decided_at   timestamptz not null default clock_timestamp()
);
comment on table farshore.shards is 'Partition to shard is a fixed function, recorded here; changing the count fences every old transactional id first.';
