import type { AuditStore, OpenFinding, OpenPass, TableFigures } from '../audit/audit-contracts.ts';
import type { Suspect } from '../audit/contracts.ts';
import type { RepairableFinding } from '../audit/repair.ts';
import type { Settled } from '../audit/settle.ts';
import type { AuditFinding, AuditPassView, FindingFilter, PassStopped } from '../model/audit.ts';
import type { Database } from './database.ts';
import { integer, json, optionalText, type TextRow, text } from './result-values.ts';

const fence = (epoch: bigint) => ({ text: 'select farshore.check_lease($1)', values: [epoch] });
const time = (column: string): string => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const open = `state in ('suspect', 'confirmed', 'unsettled', 'parked')`;

const openPassText = `with made as (
  insert into farshore.audit_passes (table_name, by, rows_expected) values ($1, $2, $3)
  on conflict (table_name) where ended_at is null do update set stopped = null, updated_at = clock_timestamp()
  returning id, cursor, rows_compared)
select id, cursor, rows_compared from made`;

const openedPass = (table: string, row: TextRow): OpenPass => ({
  id: text(row, 'id'),
  table,
  cursor: optionalText(row, 'cursor'),
  rowsCompared: integer(row, 'rows_compared'),
});

const stepText = `update farshore.audit_passes
   set cursor = $2, rows_compared = rows_compared + $3, bytes = bytes + $4, rows_unlisted = rows_unlisted + $5, updated_at = clock_timestamp()
 where id = $1`;

// What is known already is asked again in its turn; a healed row that differs again is a suspect like any other.
const suspectsText = `insert into farshore.audit_findings as f (table_name, key, kind, columns, state)
select $1, s.key::jsonb, s.kind, array(select jsonb_array_elements_text(s.columns::jsonb)), 'suspect'
  from unnest($2::text[], $3::text[], $4::text[]) as s (key, kind, columns)
on conflict (table_name, key) do update
   set last_seen = clock_timestamp(),
       kind = case when f.${open} then f.kind else excluded.kind end,
       columns = case when f.${open} then f.columns else excluded.columns end,
       first_seen = case when f.${open} then f.first_seen else clock_timestamp() end,
       triage = case when f.${open} then f.triage else 'new' end,
       cause = case when f.${open} then f.cause end,
       state = case when f.${open} then f.state else 'suspect' end,
       checked_pass = case when f.${open} then f.checked_pass end`;

const suspectsStatement = (table: string, suspects: readonly Suspect[]) => ({
  text: suspectsText,
  values: [
    table,
    suspects.map(({ key }) => JSON.stringify(key)),
    suspects.map(({ kind }) => kind),
    suspects.map(({ columns }) => JSON.stringify(columns)),
  ],
});

const uncheckedText = `select id, key, kind, to_json(columns) as columns from farshore.audit_findings
 where table_name = $1 and ${open} and checked_pass is distinct from $2::bigint order by id limit $3`;

// A suspect that heals was never a finding: it goes. What was confirmed once stays to be read, as healed. What somebody called resolved and is
// confirmed again was not resolved: it counts again; what is to be left is called ignored. That is said of what was known then: a row that is
// gone meanwhile, or differs in other columns too, counts again.
const settledText = `with given as (
  select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
    as g (id, state, kind, columns, why, primary_digest, primary_xmin, region_digest, region_version)),
gone as (
  delete from farshore.audit_findings f using given g where f.id = g.id and g.state = 'healed' and f.state = 'suspect')
update farshore.audit_findings f
   set state = g.state, checked_pass = $10, last_seen = clock_timestamp(), why = g.why,
       kind = coalesce(g.kind, f.kind),
       columns = case when g.columns is null then f.columns else array(select jsonb_array_elements_text(g.columns::jsonb)) end,
       cause = case when g.state = 'confirmed' and g.kind = 'extra' and $11 then 'lost_delete' when g.state = 'healed' then null else f.cause end,
       triage = case when g.state = 'healed' and f.triage = 'new' then 'resolved'
                     when g.state = 'confirmed' and f.triage = 'resolved' then 'new'
                     when g.state = 'confirmed' and f.triage = 'ignored'
                          and (g.kind <> f.kind or not array(select jsonb_array_elements_text(g.columns::jsonb)) <@ f.columns) then 'new'
                     else f.triage end,
       primary_digest = g.primary_digest, primary_xmin = g.primary_xmin, region_digest = g.region_digest, region_version = g.region_version
  from given g where f.id = g.id and not (g.state = 'healed' and f.state = 'suspect')`;

function settledStatement(pass: OpenPass, found: readonly (Settled & { readonly id: string })[], lostDeletes: boolean) {
  const confirmed = found.map((one) => (one.state === 'confirmed' ? one : undefined));
  return {
    text: settledText,
    values: [
      found.map(({ id }) => id),
      found.map(({ state }) => state),
      confirmed.map((one) => one?.kind ?? null),
      confirmed.map((one) => (one === undefined ? null : JSON.stringify(one.columns))),
      found.map((one) => (one.state === 'unsettled' ? one.why : null)),
      confirmed.map((one) => one?.primary.digest ?? null),
      confirmed.map((one) => one?.primary.xmin ?? null),
      confirmed.map((one) => one?.region.digest ?? null),
      confirmed.map((one) => one?.region.version ?? null),
      pass.id,
      lostDeletes,
    ],
  };
}

const endPassText = `update farshore.audit_passes
   set ended_at = case when $2::text is null then clock_timestamp() end, stopped = $2, working_ms = working_ms + $3, updated_at = clock_timestamp()
 where id = $1 returning working_ms`;
// Needed since before the pass began, so that the pass has seen all rows since, and listed all that differ: behind the rest may be lost deletes.
// Of a topic with several tables, once each was compared so.
const servedText = `delete from farshore.full_audits a using farshore.audit_passes p
 where p.id = $1 and p.table_name = any (string_to_array(a.table_name, ', '))
   and not exists (select from unnest(string_to_array(a.table_name, ', ')) as w (name)
                    where not exists (select from farshore.audit_passes s where s.table_name = w.name and s.ended_at is not null and s.started_at >= a.since and s.rows_unlisted = 0))`;

const figuresText = `with passes as (
  select distinct on (table_name, ended_at is null) p.*, extract(epoch from clock_timestamp() - started_at) as age
    from farshore.audit_passes p order by table_name, ended_at is null, id desc),
findings as (
  select table_name,
         count(*) filter (where state = 'confirmed' and triage = 'new' and kind = 'missing') as missing,
         count(*) filter (where state = 'confirmed' and triage = 'new' and kind = 'extra') as extra,
         count(*) filter (where state = 'confirmed' and triage = 'new' and kind = 'changed') as changed,
         count(*) filter (where state = 'suspect') as suspects,
         count(*) filter (where state = 'unsettled') as unsettled,
         count(*) filter (where state = 'parked') as parked,
         count(*) filter (where state = 'confirmed' and triage <> 'new') as ignored
    from farshore.audit_findings where ${open} group by table_name)
select t.table_name, coalesce(f.missing, 0) as missing, coalesce(f.extra, 0) as extra, coalesce(f.changed, 0) as changed,
       coalesce(f.suspects, 0) as suspects, coalesce(f.unsettled, 0) as unsettled, coalesce(f.parked, 0) as parked, coalesce(f.ignored, 0) as ignored,
       l.age as age, ${passJson('l')} as last_pass, ${passJson('o')} as open_pass
  from (select table_name from passes union select table_name from findings) t
  left join findings f using (table_name)
  left join passes l on l.table_name = t.table_name and l.ended_at is not null
  left join passes o on o.table_name = t.table_name and o.ended_at is null
 order by t.table_name`;

function passJson(row: string): string {
  return `case when ${row}.id is not null then json_build_object('by', ${row}.by, 'startedAt', ${time(`${row}.started_at`)}, 'endedAt', ${time(`${row}.ended_at`)},
         'stopped', ${row}.stopped, 'rowsCompared', ${row}.rows_compared, 'rowsExpected', ${row}.rows_expected, 'rowsUnlisted', ${row}.rows_unlisted,
         'bytes', ${row}.bytes, 'workingSeconds', ${row}.working_ms / 1000.0) end`;
}

const meant = `($1::bigint[] is null or f.id = any ($1::bigint[])) and ($2::text is null or f.table_name = $2)
   and ($3::text is null or f.state = $3) and ($4::text is null or f.triage = $4)`;
const filterValues = ({ ids, table, state, triage }: FindingFilter): readonly unknown[] => [
  ids === undefined ? null : `{${ids.join(',')}}`,
  table ?? null,
  state ?? null,
  triage ?? null,
];

const findingsText = `select f.id, f.table_name, f.key, f.kind, to_json(f.columns) as columns, f.state, f.triage, f.cause, f.why,
       ${time('f.first_seen')} as first_seen, ${time('f.last_seen')} as last_seen, f.primary_digest, f.primary_xmin, f.region_version
  from farshore.audit_findings f where ${meant} and f.id > $5::bigint`;

const finding = (row: TextRow): AuditFinding => ({
  id: text(row, 'id'),
  table: text(row, 'table_name'),
  key: json(row, 'key') as readonly string[],
  kind: text(row, 'kind') as AuditFinding['kind'],
  columns: json(row, 'columns') as readonly string[],
  state: text(row, 'state') as AuditFinding['state'],
  triage: text(row, 'triage') as AuditFinding['triage'],
  cause: (optionalText(row, 'cause') as AuditFinding['cause'] | undefined) ?? null,
  why: optionalText(row, 'why') ?? null,
  firstSeen: text(row, 'first_seen'),
  lastSeen: text(row, 'last_seen'),
});

const repairable = (row: TextRow): RepairableFinding => {
  const { id, table, key, kind, columns } = finding(row);
  return {
    ...{ id, table, key, kind, columns },
    primaryDigest: optionalText(row, 'primary_digest'),
    primaryXmin: optionalText(row, 'primary_xmin'),
    regionVersion: optionalText(row, 'region_version'),
  };
};

/** farshore.audit_passes and farshore.audit_findings. */
export function auditStore(database: Database, epoch: bigint): AuditStore {
  const write = async (statements: readonly { readonly text: string; readonly values: readonly unknown[] }[], signal: AbortSignal) =>
    (await database.transaction([fence(epoch), ...statements], signal)).slice(1);
  return {
    async openPass(table, by, rowsExpected, signal) {
      const [made] = await write([{ text: openPassText, values: [table, by, BigInt(Math.round(rowsExpected))] }], signal);
      return openedPass(table, made!.rows[0]!);
    },
    async restartPass({ id, table }, by, rowsExpected, signal) {
      const gone = { text: 'delete from farshore.audit_passes where id = $1 and ended_at is null', values: [id] };
      const [, made] = await write([gone, { text: openPassText, values: [table, by, BigInt(Math.round(rowsExpected))] }], signal);
      return openedPass(table, made!.rows[0]!);
    },
    async step(pass, { cursor, rows, bytes, unlisted, suspects }, signal) {
      const moved = { text: stepText, values: [pass.id, cursor, BigInt(rows), BigInt(bytes), BigInt(unlisted)] };
      await write(suspects.length === 0 ? [moved] : [moved, suspectsStatement(pass.table, suspects)], signal);
    },
    async noteRogueWrites(table, suspects, signal) {
      const caused = {
        text: `update farshore.audit_findings f set cause = 'rogue_write', checked_pass = null
  from unnest($2::text[]) as s (key) where f.table_name = $1 and f.key = s.key::jsonb and f.${open}`,
        values: [table, suspects.map(({ key }) => JSON.stringify(key))],
      };
      if (suspects.length > 0) await write([suspectsStatement(table, suspects), caused], signal);
    },
    async unchecked(pass, limit, signal) {
      const { rows } = await database.query({ text: uncheckedText, values: [pass.table, pass.id, limit] }, signal);
      return rows.map(
        (row): OpenFinding => ({
          id: text(row, 'id'),
          key: json(row, 'key') as readonly string[],
          kind: text(row, 'kind') as OpenFinding['kind'],
          columns: json(row, 'columns') as readonly string[],
        }),
      );
    },
    async settled(pass, found, { lostDeletes, bytes }, signal) {
      const received = { text: 'update farshore.audit_passes set bytes = bytes + $2 where id = $1', values: [pass.id, BigInt(bytes)] };
      if (found.length > 0) await write([settledStatement(pass, found, lostDeletes), received], signal);
    },
    async endPass(pass, stopped: PassStopped | undefined, workingMs, signal) {
      const end = { text: endPassText, values: [pass.id, stopped ?? null, BigInt(Math.round(workingMs))] };
      const [ended] = await write(stopped === undefined ? [end, { text: servedText, values: [pass.id] }] : [end], signal);
      return integer(ended!.rows[0]!, 'working_ms');
    },
    async needsFullAudit(signal) {
      const { rows } = await database.query(
        {
          text: "select distinct unnest(string_to_array(table_name, ', ')) as table_name from farshore.full_audits where table_name is not null",
          values: [],
        },
        signal,
      );
      return new Set(rows.map((row) => text(row, 'table_name')));
    },
    async figures(signal) {
      const { rows } = await database.query({ text: figuresText, values: [] }, signal);
      return rows.map(
        (row): TableFigures => ({
          table: text(row, 'table_name'),
          divergent: { missing: integer(row, 'missing'), extra: integer(row, 'extra'), changed: integer(row, 'changed') },
          suspects: integer(row, 'suspects'),
          unsettled: integer(row, 'unsettled'),
          parked: integer(row, 'parked'),
          ignored: integer(row, 'ignored'),
          lastPass: optionalText(row, 'last_pass') === undefined ? null : (json(row, 'last_pass') as AuditPassView),
          openPass: optionalText(row, 'open_pass') === undefined ? null : (json(row, 'open_pass') as AuditPassView),
          passAgeSeconds: optionalText(row, 'age') === undefined ? null : Number(text(row, 'age')),
        }),
      );
    },
    async findings(filter, { after, limit }, signal) {
      const { rows } = await database.query(
        { text: `${findingsText} order by f.id limit $6`, values: [...filterValues(filter), after, limit] },
        signal,
      );
      return rows.map(finding);
    },
    async repairable(filter, { after, limit }, signal) {
      const { rows } = await database.query(
        {
          text: `${findingsText} and f.state = 'confirmed' and f.triage <> 'ignored' order by f.id limit $6`,
          values: [...filterValues(filter), after, limit],
        },
        signal,
      );
      return rows.map(repairable);
    },
    async triage(filter, to, by, signal) {
      const [done] = await write(
        [
          {
            // By table or all: an ignored suspect would never count, whatever it is confirmed to be. By its id it was looked at.
            text: `update farshore.audit_findings f set triage = $5::text, triaged_by = $6
 where ${meant} and ($5::text <> 'ignored' or $1::bigint[] is not null or f.state = 'confirmed')`,
            values: [...filterValues(filter), to, by],
          },
        ],
        signal,
      );
      return done!.rowCount;
    },
    async expire(days, signal) {
      const old = `clock_timestamp() - make_interval(days => $1::integer)`;
      const [findings] = await write(
        [
          {
            text: `delete from farshore.audit_findings where last_seen < ${old} and (state in ('healed', 'repaired') or (state = 'confirmed' and triage = 'resolved'))`,
            values: [days],
          },
          {
            text: `delete from farshore.audit_passes p where ended_at < ${old}
   and exists (select 1 from farshore.audit_passes n where n.table_name = p.table_name and n.ended_at is not null and n.id > p.id)`,
            values: [days],
          },
        ],
        signal,
      );
      return findings!.rowCount;
    },
  };
}
