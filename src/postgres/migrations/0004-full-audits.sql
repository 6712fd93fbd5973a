-- A compacted log forgets deletes: a tombstone may be removed delete.retention.ms after it was written. A stage
-- that did not read for longer may have missed some, and only a comparison of all rows can find them.

create table farshore.read_marks (
  stage      text not null check (stage in ('mirror', 'apply')),
  topic      text not null,
  partition  integer not null,
  read_until timestamptz not null,
  primary key (stage, topic, partition)
);
comment on table farshore.read_marks is 'Compacted topics: everything that was written before this time has been read. Saved about once a minute.';

create table farshore.full_audits (
  topic          text not null,
  stage          text not null check (stage in ('mirror', 'apply')),
  partition      integer not null,
  table_name     text,
  unread_ms      bigint not null,
  retention_ms   bigint not null,
  since          timestamptz not null default clock_timestamp(),
  primary key (topic, stage)
);
comment on table farshore.full_audits is 'Tables that may hold rows whose delete was never seen: they need a full audit, whose end removes the row.';
