-- Rejected records that were published to their topic's own topic; only looked at where that is configured.

alter table farshore.rejected_records add column published_at timestamptz;
create index unpublished_records on farshore.rejected_records (id) where published_at is null and waits_for is null;
comment on column farshore.rejected_records.published_at is 'When it was published to TOPIC.farshore.rejected; null while it was not. A crash in between publishes it again.';
