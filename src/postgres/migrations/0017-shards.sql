-- Several daemons share a region by shards. Each shard has a row of its own in farshore.lease, named shard-0, shard-1, …, beside the one of
-- the daemon that does what exists once a region.
--
-- A change of the division is announced before the old shards are fenced: a daemon that opens a shard's producer again afterwards reads
-- the announcement before it writes, and none takes the lease of a shard while one stands.
--
--   leader:   next_count = 4 ── fences shards 0 to 5 ── shard_count = 4, next_count = null
--   another:                                      opens shard 3 again ── reads next_count: writes nothing
alter table farshore.shards add column next_count integer check (next_count > 0);
comment on column farshore.shards.next_count is 'The count it is being changed to: nobody works on a shard until the old ones are fenced and it is recorded.';
comment on table farshore.lease is
  'Who may write for this region: daemon is what exists once a region, shard-N the partitions of a shard. Every takeover raises the epoch, which fences the holder before.';
