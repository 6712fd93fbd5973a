import type { Statement } from '../apply/contracts.ts';
import type { CutoverStore, SaveOutcome } from '../cutover/contracts.ts';
import type { Cutover, LogEntry } from '../cutover/state.ts';
import { type CutoverLogEntry, type CutoverState, cutoverStates, type Home } from '../model/cutover.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Database } from './database.ts';
import { bigInteger, json, optionalText, type TextRow, text } from './result-values.ts';

const utc = (column: string): string => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const loadStatement: Statement = {
  text: `select c.region, c.primary_name, c.revision, c.state, ${utc('c.since')} as since, c.reason, c.epoch, c.home, c.open, c.hold, c.move, c.kept
  from farshore.cutover c`,
  values: [],
};

const ensureStatement = (first: Cutover): Statement => ({
  text: `with made as (
  insert into farshore.cutover (region, primary_name, revision, state, since, reason, epoch, home, open)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing
  returning *
)
insert into farshore.cutover_log (revision, by, event, from_state, to_state, epoch, open, reason)
select m.revision, 'farshore', 'made', m.state, m.state, m.epoch, m.open, m.reason from made m`,
  values: [first.region, first.primary, first.revision, first.state, first.since, first.reason, first.epoch, first.home, first.open],
});

const saveStatement = (lease: bigint, seen: Cutover, next: Cutover, entry: LogEntry): Statement => {
  const { state, since, reason, epoch, home, open, hold, move, kept } = next;
  return {
    text: 'select farshore.change_cutover($1, $2, $3, $4::jsonb, $5::jsonb) as outcome',
    values: [lease, seen.revision, seen.epoch, plain({ state, since, reason, epoch, home, open, hold, move, kept }), plain(entry)],
  };
};

/** bigint has no JSON form; in JSON it is decimal text everywhere. */
const plain = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part));

function cutover(row: TextRow): Cutover {
  const optionalJson = (column: string): unknown => (optionalText(row, column) === undefined ? null : json(row, column));
  return {
    region: text(row, 'region'),
    primary: text(row, 'primary_name'),
    revision: bigInteger(row, 'revision'),
    state: known(text(row, 'state')),
    since: text(row, 'since'),
    reason: text(row, 'reason'),
    epoch: bigInteger(row, 'epoch'),
    home: text(row, 'home') as Home,
    open: text(row, 'open') as Cutover['open'],
    hold: optionalJson('hold') as Cutover['hold'],
    move: optionalJson('move') as Cutover['move'],
    kept: optionalJson('kept') as Cutover['kept'],
  };
}

/** A state of a later version must not be taken for one of this: nothing is decided on it. */
function known(state: string): CutoverState {
  const found = cutoverStates.find((one) => one === state);
  if (found === undefined) throw new FarshoreError('database_newer', `farshore.cutover is ${state}, which this Farshore does not know.`);
  return found;
}

const logStatement = (limit: number): Statement => ({
  text: `select l.revision, ${utc('l.at')} as at, l.by, l.event, l.from_state, l.to_state, l.epoch, l.open, l.step, l.reason,
       coalesce(l.gates, 'null') as gates, coalesce(l.facts, 'null') as facts,
       (select coalesce(json_agg(json_build_object('hook', h.hook, 'result', h.result, 'detail', h.detail) order by h.started_at), '[]')
          from farshore.cutover_hooks h where h.revision = l.revision) as hooks
  from farshore.cutover_log l order by l.revision desc limit $1`,
  values: [limit],
});

const logEntry = (row: TextRow): CutoverLogEntry => ({
  revision: text(row, 'revision'),
  at: text(row, 'at'),
  by: text(row, 'by'),
  event: text(row, 'event'),
  from: known(text(row, 'from_state')),
  to: known(text(row, 'to_state')),
  epoch: text(row, 'epoch'),
  open: text(row, 'open') as CutoverLogEntry['open'],
  step: (optionalText(row, 'step') ?? null) as CutoverLogEntry['step'],
  reason: text(row, 'reason'),
  gates: json(row, 'gates') as CutoverLogEntry['gates'],
  facts: json(row, 'facts'),
  hooks: json(row, 'hooks') as CutoverLogEntry['hooks'],
});

/** What a daemon that stands by may do: read. */
export function cutoverReader(database: Database): Pick<CutoverStore, 'load' | 'log'> {
  return {
    async load(signal) {
      const { rows } = await database.query(loadStatement, signal);
      return rows[0] === undefined ? undefined : cutover(rows[0]);
    },
    async log(limit, signal) {
      return (await database.query(logStatement(limit), signal)).rows.map(logEntry);
    },
  };
}

/** The store of the daemon that holds the lease with `lease` as its epoch. */
export function cutoverStore(database: Database, lease: bigint): CutoverStore {
  const reader = cutoverReader(database);
  return {
    ...reader,
    async ensure(first, signal) {
      await database.query(ensureStatement(first), signal);
      const stored = await reader.load(signal);
      if (stored === undefined) throw new FarshoreError('internal', 'farshore.cutover lost its row.');
      return stored;
    },
    async save(seen, next, entry, signal) {
      const [answer] = await database.transaction([saveStatement(lease, seen, next, entry)], signal);
      const row = answer?.rows[0];
      if (row === undefined) throw new FarshoreError('internal', 'farshore.change_cutover answered nothing.');
      return text(row, 'outcome') as SaveOutcome;
    },
  };
}
