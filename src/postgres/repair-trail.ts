import { homeFence, homeMoved } from '../apply/home-fence.ts';
import type { RepairResult, RepairStore, RepairTrailEntry } from '../audit/repair.ts';
import type { RepairTrailView } from '../model/audit-repair.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from './database.ts';
import { integer, json, optionalText, type TextRow, text } from './result-values.ts';

const fence = (epoch: bigint) => ({ text: 'select farshore.check_lease($1)', values: [epoch] });

const trailStatement = ({ by, finding, table, key, kind, columns, write, before, intended }: RepairTrailEntry) => ({
  text: `insert into farshore.audit_repairs (by, finding, table_name, key, kind, columns, write, before, intended)
values ($1, $2, $3, $4::jsonb, $5, array(select jsonb_array_elements_text($6::jsonb)), $7, $8, $9) returning id`,
  values: [by, finding, table, JSON.stringify(key), kind, JSON.stringify(columns), write, before ?? null, intended ?? null],
});

/** farshore.audit_repairs: written in the transaction of the row it tells of. */
export const repairTrail = (database: Database, epoch: bigint, region: string): RepairStore => ({
  async write({ statements, states }, trail, signal) {
    const results = await database.conversation(
      [
        () => [fence(epoch), ...homeFence(states, region)],
        (answers) => {
          const since = homeMoved(answers.at(-1));
          if (since !== undefined) {
            throw new FarshoreError(
              'request_invalid',
              `Rows are not repaired from the primary now: this region ${since} since they were read`,
              {
                hint: 'farshore cutover plan shows where the home is. What was not done yet stays as it was.',
              },
            );
          }
          return [...statements, trailStatement(trail)];
        },
      ],
      signal,
    );
    // Before the answer of COMMIT.
    const [written, entry] = [results.at(-3)?.rows[0], results.at(-2)?.rows[0]];
    return { trail: text(entry!, 'id'), written: integer(written!, 'written') };
  },
  async finish(trail: string, result: RepairResult, after: string | undefined, signal: AbortSignal) {
    await database.query(
      { text: 'update farshore.audit_repairs set result = $2, after = $3 where id = $1', values: [trail, result, after ?? null] },
      signal,
    );
  },
  async settle(finding, result, signal) {
    const { state, triage, why } = afterRepair(result);
    await database.transaction(
      [
        fence(epoch),
        {
          text: `update farshore.audit_findings
   set state = coalesce($2, state), triage = coalesce($3, triage), why = $4, last_seen = clock_timestamp(),
       checked_pass = case when $2 = 'suspect' then null else checked_pass end
 where id = $1`,
          values: [finding, state ?? null, triage ?? null, why ?? null],
        },
      ],
      signal,
    );
  },
});

/** What changed meanwhile is asked again by the next pass; what was refused or not taken stays confirmed, with the reason. */
function afterRepair(result: RepairResult): { readonly state?: string; readonly triage?: string; readonly why?: string } {
  switch (result) {
    case 'repaired':
      return { state: 'repaired', triage: 'resolved' };
    case 'healed':
      return { state: 'healed', triage: 'resolved' };
    case 'primary_changed':
    case 'region_changed':
    case 'lost':
      return { state: 'suspect', why: result };
    case 'not_taken':
    case 'refused':
      return { why: result };
    case 'would_repair':
      return {};
  }
}

const view = (row: TextRow): RepairTrailView => ({
  at: text(row, 'at'),
  by: text(row, 'by'),
  finding: text(row, 'finding'),
  table: text(row, 'table_name'),
  key: json(row, 'key') as readonly string[],
  kind: text(row, 'kind') as RepairTrailView['kind'],
  columns: json(row, 'columns') as readonly string[],
  write: text(row, 'write') as RepairTrailView['write'],
  before: optionalText(row, 'before') ?? null,
  intended: optionalText(row, 'intended') ?? null,
  after: optionalText(row, 'after') ?? null,
  result: (optionalText(row, 'result') as RepairTrailView['result'] | undefined) ?? null,
});

/** The newest first. */
export async function repairsDone(
  database: Database,
  { table, limit }: { readonly table: string | undefined; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly RepairTrailView[]> {
  const { rows } = await database.query(
    {
      text: `select to_char(r.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, r.by, r.finding, r.table_name, r.key, r.kind,
       to_json(r.columns) as columns, r.write, r.before, r.intended, r.after, r.result
  from farshore.audit_repairs r where $1::text is null or r.table_name = $1 order by r.id desc limit $2`,
      values: [table ?? null, limit],
    },
    signal,
  );
  return rows.map(view);
}
