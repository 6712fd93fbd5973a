-- Records that wait for another row: a parent, a unique value that is held, or the row that they are a part of. They are kept like rejected
-- ones, and become such when they have waited too long.

alter table farshore.rejected_records add column waits_for text;
create index parked_records on farshore.rejected_records (waits_for, id) where waits_for is not null;
comment on column farshore.rejected_records.waits_for is 'Set for a parked record: the table that it waits for. Null for a rejected one.';
