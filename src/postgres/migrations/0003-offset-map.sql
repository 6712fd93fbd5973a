-- Where a record of the home log lies in the regional log, for consumers that change from one to the other.
-- Each pair of array elements is one point: all records below the home offset came to lie below the regional
-- one, all others at it or after it. Thinned towards the start; written by a timer, after the fact.

create table farshore.offset_map (
  topic             text not null,
  partition         integer not null,
  home_topic_id     uuid not null,
  regional_topic_id uuid not null,
  home_offsets      bigint[] not null,
  regional_offsets  bigint[] not null,
  epoch             bigint not null,
  updated_at        timestamptz not null default clock_timestamp(),
  primary key (topic, partition),
  check (cardinality(home_offsets) = cardinality(regional_offsets))
);
comment on table farshore.offset_map is 'Home offsets and the regional offsets they came to lie at, thinned; epoch is the lease epoch that wrote them.';
