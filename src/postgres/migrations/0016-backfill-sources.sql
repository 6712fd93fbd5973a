-- Backfills from a topic's records and from files of records, beside those from the primary's database; and a budget of bytes for the audit.

alter table farshore.backfills
  add column source text not null default 'database' check (source in ('database', 'topic', 'file')),
  add column file   text,
  add column remembered text,
  add check ((file is not null) = (source = 'file')),
  add check (condition is null or source = 'database');
comment on column farshore.backfills.source is 'Where rows come from; file: its name, in the daemon''s backfill.directory.';
comment on column farshore.backfills.remembered is 'How the topics'' records wrote the version when it began: a daemon that met none of them since cannot know.';

alter table farshore.audit_passes
  drop constraint audit_passes_stopped_check,
  add constraint audit_passes_stopped_check check (stopped in ('max_seconds', 'max_rows', 'max_bytes', 'unreachable', 'shutdown', 'refused'));
