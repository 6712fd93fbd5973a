-- Rows that are set in part: versions of their units, and the refusal of parts of rows that do not exist.

-- What `farshore_units` holds after a row (`had`, with its version) takes what is given: of each unit the highest. Null where all columns have
-- the row's own version. Keys: a column, `@group`, or "" for every column that is not named; `!column` marks what a group leaves as it is.
create function farshore.merge_units(had jsonb, had_version bytea, given jsonb, given_version bytea) returns jsonb
  language plpgsql immutable parallel safe set search_path = pg_catalog as $$
declare
  highest text collate "C" := encode(greatest(had_version, given_version), 'hex');
  base    text collate "C" := coalesce(had ->> '', encode(had_version, 'hex'), '');
  result  jsonb := coalesce(had, '{}') - '';
  unit    text;
  version text collate "C";
  alone   boolean := true;
begin
  if given is null then
    base := greatest(base, encode(given_version, 'hex') collate "C");
  else
    base := greatest(base, coalesce(given ->> '', '') collate "C");
    for unit, version in select e.key, e.value from jsonb_each_text(given) as e where left(e.key, 1) <> '!' and e.key <> '' loop
      if left(unit, 1) = '@' then
        if version > coalesce(result ->> unit, '') then result := result || jsonb_build_object(unit, version); end if;
      elsif version > coalesce(result ->> unit, base) then
        result := result || jsonb_build_object(unit, version);
      end if;
    end loop;
  end if;
  for unit, version in select e.key, e.value from jsonb_each_text(result) as e loop
    if left(unit, 1) = '@' then continue; end if;
    if version <= base then result := result - unit; else alone := false; end if;
  end loop;
  if not alone or base is distinct from coalesce(highest, '') then result := result || jsonb_build_object('', base); end if;
  return nullif(result, '{}');
end $$;

create function farshore.refuse_unknown_row(table_name text) returns void
  language plpgsql volatile set search_path = pg_catalog as $$
begin
  raise exception 'A record sets a part of a row of % that does not exist', table_name using errcode = 'FS003';
end $$;

grant execute on function farshore.merge_units(jsonb, bytea, jsonb, bytea), farshore.refuse_unknown_row(text) to public;
