-- What the shadow found: counts by route and hour, and the places at which answers differed. Neither grows with the number of requests:
-- routes and places are bounded, and what is old is deleted.
--
-- The role of the daemon needs what 0002-fence.sql names, on these tables too.

create table farshore.shadow_counts (
  route        text not null,
  hour         timestamptz not null,
  match        bigint not null,
  mismatch     bigint not null,
  noise        bigint not null,
  lag          bigint not null,
  unsettled    bigint not null,
  error        bigint not null,
  shed         bigint not null,
  skipped      bigint not null,
  region_error bigint not null,
  primary key (route, hour)
);
create index shadow_counts_by_hour on farshore.shadow_counts (hour);
comment on table farshore.shadow_counts is 'Comparisons by what they came to. region_error are those of error in which the primary answered and the region did not.';

create table farshore.shadow_differences (
  route      text not null,
  path       text not null,
  kind       text not null,
  result     text not null,
  count      bigint not null,
  weight     double precision not null,
  first_seen timestamptz not null,
  last_seen  timestamptz not null,
  example    jsonb,
  primary key (route, result, kind, path)
);
create index shadow_differences_by_age on farshore.shadow_differences (last_seen);
comment on table farshore.shadow_differences is 'Places that differed between primary and region. example is null unless samples are kept, and redacted by rule.';
