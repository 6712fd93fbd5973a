-- Header values are texts. Not a check constraint, also none that is `not valid`: it would be asked at each update of a row, so that a row that was
-- written before could neither be claimed nor released nor marked, and would hold up the whole outbox. This is asked only where headers are written;
-- rows that are there already are refused by the relay, one by one.
create function farshore.refuse_outbox_headers() returns trigger
  language plpgsql volatile set search_path = pg_catalog as $$
begin
  raise exception 'a header value of farshore.outbox is no text' using
    errcode = 'check_violation', schema = 'farshore', table = 'outbox', column = 'headers',
    hint = 'Write each value of headers as a JSON string.';
end $$;
-- Strict: a lax path looks into arrays. Silent: what is no object the column's own check refuses.
create trigger farshore_outbox_headers before insert or update of headers on farshore.outbox for each row
  when (jsonb_path_exists(new.headers, 'strict $.* ? (@.type() != "string")', '{}', true))
  execute function farshore.refuse_outbox_headers();
comment on function farshore.refuse_outbox_headers() is 'Refuses a row of the outbox with a header value that is no text, in the transaction that writes it.';
