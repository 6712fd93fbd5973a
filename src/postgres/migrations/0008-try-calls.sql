-- Finds the rows of a batch that are refused, in the transaction that applies the others.

-- Runs each call, an EXECUTE of a statement that the session has prepared, and answers those that are refused for what their rows are: their
-- effects are undone, the others' stay. What is not a row's fault (a lost right, a full disk) ends the transaction as it would without this.
create function farshore.try_calls(calls text[])
  returns table (call integer, sql_state text, message text, schema_name text, table_name text, column_name text, constraint_name text)
  language plpgsql volatile as $$
declare
  one text;
begin
  call := -1;
  foreach one in array calls loop
    call := call + 1;
    begin
      execute one;
    exception when others then
      get stacked diagnostics sql_state = returned_sqlstate, message = message_text, schema_name = schema_name,
                              table_name = table_name, column_name = column_name, constraint_name = constraint_name;
      if left(sql_state, 2) not in ('09', '22', '23', '38', '39', '44', '54', 'P0') and sql_state <> 'FS003' then raise; end if;
      return next;
    end;
  end loop;
end $$;
comment on function farshore.try_calls(text[]) is 'Runs EXECUTEs of prepared statements one by one and answers those that are refused for the fault of a row.';
