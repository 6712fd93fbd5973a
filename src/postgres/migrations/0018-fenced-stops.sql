-- Stops and pauses are fenced by the lease they are written under: that of the region, or that of one shard.

-- As check_lease(bigint), for a lease by its name. It takes no lock: see there.
create function farshore.check_lease(p_epoch bigint, p_name text) returns void
language plpgsql volatile
as $$
declare
  found_epoch bigint;
begin
  select l.epoch into found_epoch from farshore.lease l where l.name = p_name;
  if found_epoch is distinct from p_epoch then
    raise exception 'lease % is held with epoch %, not %', p_name, found_epoch, p_epoch using errcode = 'FS001';
  end if;
end
$$;
comment on function farshore.check_lease(bigint, text) is 'Raises FS001 when another daemon holds the lease of that name.';
