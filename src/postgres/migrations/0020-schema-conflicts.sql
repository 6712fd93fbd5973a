-- An id that was found to stand for two texts stays refused over restarts and takeovers, until somebody has decided which one its records mean.
alter table farshore.schemas add column conflicts_with text;
comment on column farshore.schemas.conflicts_with is
  'Another text that the registry gave for the id: while it stands here, nothing is decoded with either. Null: none was found, or somebody settled it.';
