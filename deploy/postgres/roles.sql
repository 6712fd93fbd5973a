-- The rights of Farshore's roles, and no more. Run as the owner of schema farshore and of the tables, or as a superuser:
--
--   psql DATABASE -v ON_ERROR_STOP=1 -c "set farshore.role = 'farshore'" \
--     -c "set farshore.tables = 'public.invoices, public.customers'" -f roles.sql
--
--   farshore.role    the role; it must exist: create role farshore login password '…'
--   farshore.tables  the mapped tables, schema.table, separated by commas
--   farshore.side    regional (default): the daemon's role in the region's database; schema farshore must exist, run
--                    `farshore migrate --print` as its owner first. primary: a role that only reads the tables. writer: a role of the
--                    region's own applications, which may assert its writer epoch, may add to the outbox, and gets nothing else
--                    of schema farshore.
--
-- Heartbeats go through Kafka and need no right in a database. The role gets no DDL and should never be superuser, createdb,
-- createrole, replication or bypassrls. Run the file again after a new migration or a new table.
do $$
declare
  role_name text := current_setting('farshore.role');
  side      text := coalesce(nullif(current_setting('farshore.side', true), ''), 'regional');
  entry     text;
  parts     text[];
begin
  if side not in ('regional', 'primary', 'writer') then
    raise exception 'farshore.side is regional, primary or writer, not %', side;
  end if;
  execute format('grant connect on database %I to %I', current_database(), role_name);
  if side = 'regional' then
    execute format('grant usage on schema farshore to %I', role_name);
    execute format('grant select, insert, update, delete on all tables in schema farshore to %I', role_name);
    -- What was migrated is written by whoever migrates.
    execute format('revoke insert, update, delete on farshore.migrations from %I', role_name);
    -- What led to a cutover is only added to.
    execute format('revoke update, delete on farshore.cutover_log from %I', role_name);
    execute format('grant execute on all functions in schema farshore to %I', role_name);
  elsif side = 'primary' and to_regnamespace('farshore') is not null then
    -- Where a daemon carries back into this database: a revert waits until it has applied what came back.
    execute format('grant usage on schema farshore to %I', role_name);
    execute format('grant select on farshore.apply_positions, farshore.rejected_records, farshore.partition_stops to %I', role_name);
  elsif side = 'writer' then
    execute format('grant usage on schema farshore to %I', role_name);
    execute format('grant execute on function farshore.assert_writer(bigint), farshore.guard_writer() to %I', role_name);
    -- Only what a writer says: the transaction number and the state of publishing are not its own to set.
    execute format('grant insert (topic, partition, key, value, headers) on farshore.outbox to %I', role_name);
  end if;
  foreach entry in array string_to_array(coalesce(current_setting('farshore.tables', true), ''), ',') loop
    parts := string_to_array(trim(entry), '.');
    continue when trim(entry) = '';
    if cardinality(parts) <> 2 then
      raise exception '% is not schema.table', entry;
    end if;
    execute format('grant usage on schema %I to %I', parts[1], role_name);
    execute format('grant %s on %I.%I to %I',
                   case side when 'primary' then 'select' else 'select, insert, update, delete' end, parts[1], parts[2], role_name);
  end loop;
end
$$;
