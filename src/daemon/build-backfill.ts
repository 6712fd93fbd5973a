import { tableNameOf } from '../apply/table-entry.ts';
import { prepareComparison } from '../audit/compared-table.ts';
import type { Sides } from '../audit/contracts.ts';
import { BackfillStage } from '../backfill/backfill-stage.ts';
import type { BackfilledTable, PreparedTable } from '../backfill/contracts.ts';
import type { SourceKind } from '../backfill/row-version.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { LagSources } from '../lag/contracts.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import { worstLagSeconds } from '../lag/worst-lag.ts';
import { FarshoreError } from '../model/errors.ts';
import { tableText } from '../model/sql-name.ts';
import { PostgresAuditSide } from '../postgres/audit-side.ts';
import { backfillStore } from '../postgres/backfill-store.ts';
import { backfillTable } from '../postgres/backfill-table.ts';
import type { Database } from '../postgres/database.ts';
import { describeTables } from '../postgres/tables.ts';
import type { ActiveParts } from './active-parts.ts';
import { homeOrders, positionsOf, regionPassed } from './backfill-logs.ts';
import { backfillMapping, refusal } from './backfill-prepare.ts';
import { type RecordSources, recordBackfill } from './backfill-records.ts';
import { primaryDatabase } from './database.ts';
import { LoadMeter } from './load-meter.ts';
import { type SchemaViewParts, topicSchemas } from './schema-view.ts';
import { tableSource } from './table-source.ts';

/** A chunk, and looks at tables beside it. */
const PRIMARY_CONNECTIONS = 2;
const PASSED_EVERY_MS = 100;
/** Other tables and an operator's commands wait for so long. */
const PASSED_LIMIT_MS = 5_000;

export interface BackfillSources extends RecordSources {
  readonly lagSources: LagSources;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly schema: SchemaViewParts;
  /** Why the primary's rows are not the right ones now; undefined: they are. */
  readonly homeElsewhere: () => string | undefined;
}

export interface ActiveBackfill {
  readonly stage: BackfillStage;
  renewConnections(): void;
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined where no table is applied. */
export function buildBackfill(active: ActiveParts, sources: BackfillSources): ActiveBackfill | undefined {
  const { current, database, lease, observer, clock } = active;
  const config = current();
  if (config.apply.tables.length === 0) return undefined;
  const hasPrimary = config.primary.database !== undefined;
  const primary = hasPrimary ? primaryDatabase(() => current().primary.database!, PRIMARY_CONNECTIONS, clock) : undefined;
  const ended = new AbortController();
  const meter = new LoadMeter(clock.monotonicMs());
  const parts = { ...sources, active, primary, ending: ended.signal };
  const stage = new BackfillStage(
    {
      tables: [...Map.groupBy(config.apply.tables, (entry) => tableText(tableNameOf(entry)))].map(([name, entries]) =>
        backfilledTable(name, entries, config, parts),
      ),
      store: backfillStore(database, lease.epoch),
      clock,
      observe: observer.observe,
      loadNow: () => ({
        homeElsewhere: sources.homeElsewhere(),
        lagSeconds: worstLagSeconds(sources.lag.snapshot()),
        applyLagSeconds: worstLagSeconds(sources.lag.snapshot(), 'apply'),
        load: meter.load(clock.monotonicMs()),
      }),
    },
    { ...config.backfill, maxRowsPerSecond: config.backfill.maxRowsPerSecond },
  );
  return {
    stage,
    renewConnections: () => void primary?.refresh(),
    run: async (signal) => {
      try {
        await stage.run(signal);
      } finally {
        ended.abort();
        await primary?.close();
      }
    },
  };
}

type Entry = FarshoreConfig['apply']['tables'][number];
type TableParts = BackfillSources & { readonly active: ActiveParts; readonly primary: Database | undefined; readonly ending: AbortSignal };

function backfilledTable(name: string, entries: readonly Entry[], config: FarshoreConfig, parts: TableParts): BackfilledTable {
  const { active, primary, lagSources, ending } = parts;
  const topics = new Set(entries.map(({ topic }) => topic));
  const ends = new EndsPassed(lagSources, { topics, everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS }, active.clock);
  const records = recordBackfill(name, entries, config, { ...parts, database: active.database });
  const needPrimary = (): Database => {
    if (primary !== undefined) return primary;
    throw new FarshoreError('request_invalid', 'There is no primary database to read rows from', {
      place: 'primary.database',
      hint: 'Set it and restart the daemon, or backfill with `--from topic` or `--from-file FILE`.',
    });
  };
  return {
    name,
    prepare: async (source, remembered, signal) =>
      source.from === 'database'
        ? await prepareRows(name, entries, { where: source.where, remembered }, { ...parts, config, primary: needPrimary() }, signal)
        : await records.prepare(source, signal),
    rowsExpected: async (source, signal) =>
      source.from === 'database' ? await rowsAtPrimary(entries[0]!, needPrimary(), signal) : await records.rowsExpected(source, signal),
    positions: (source, signal) => positionsOf(topics, source, lagSources, signal),
    passed: async (source, signal) =>
      source.from === 'database' ? await ends.passed(signal, ending) : await regionPassed(topics, lagSources, signal),
  };
}

async function prepareRows(
  name: string,
  entries: readonly Entry[],
  { where, remembered }: { readonly where: string | undefined; readonly remembered: string | undefined },
  { active, primary, schema, config }: TableParts & { readonly config: FarshoreConfig; readonly primary: Database },
  signal: AbortSignal,
): Promise<PreparedTable> {
  const { database, lease } = active;
  const table = tableNameOf(entries[0]!);
  const topics = new Set(entries.map(({ topic }) => topic));
  const sides: Sides = { primary: new PostgresAuditSide('primary', primary), region: new PostgresAuditSide('region', database) };
  const [region] = await describeTables(database, [table], signal);
  if (region === undefined) {
    throw new FarshoreError('table_missing', `Table ${name} does not exist in the region`, {
      place: `table ${name}`,
      hint: 'Create it there; `apply.schema: create` makes it with the first record.',
    });
  }
  const from = tableSource(name, entries, region, 'backfill_refused');
  if (from.kind === 'refused') throw from.reason;
  const { resolved } = from;
  // By itself: beside the entry's own it might be whole where it is not.
  await sides.primary.checkCondition(resolved.source.table, where, signal).catch((error: unknown) => {
    if (!(error instanceof FarshoreError) || error.code !== 'table_unmappable') throw error;
    throw new FarshoreError('request_invalid', error.message, { cause: error, place: `table ${name}`, hint: 'Mend --where.' });
  });
  const both = [resolved.source.where, where].filter((one) => one !== undefined);
  const condition = both.length === 0 ? undefined : both.map((one) => `(${one}\n)`).join(' and ');
  const wanted = { region: table, source: resolved.source, key: resolved.key, live: undefined, unknown: resolved.unknown };
  const prepared = await prepareComparison(sides, wanted, signal);
  if (prepared.kind === 'refused') throw allOf(name, prepared.reasons);
  const compared = { ...prepared.table, primary: { ...prepared.table.primary, where: condition } };
  const described = await sides.primary.describe(resolved.source.table, signal);
  const known = await topicSchemas(schema, topics, signal);
  const schemas = entries.map(({ topic }) => {
    const { met, newest } = known.get(topic) ?? { met: [], newest: undefined };
    return newest === undefined ? met : [...met, newest];
  });
  const mapped = backfillMapping({
    entries,
    region,
    primary: described!,
    resolved,
    compared,
    schemas,
    kinds: remembered === undefined ? [] : (JSON.parse(remembered) as readonly SourceKind[]),
  });
  const orders = await homeOrders(name, topics, config, database, signal);
  const states = orders.map(({ order, epoch }) => ({ topic: order.topic, homeEpoch: epoch }));
  return backfillTable({ primary, region: database, epoch: lease.epoch, compared, states, regionName: config.region, ...mapped });
}

async function rowsAtPrimary(entry: Entry, primary: Database, signal: AbortSignal): Promise<number> {
  const { schema, table } = tableNameOf({ topic: entry.topic, table: entry.source?.table ?? entry.table });
  const text = `select greatest(c.reltuples, 0)::bigint as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2`;
  const { rows } = await primary.query({ text, values: [schema, table] }, signal);
  return Number(rows[0]?.rows ?? 0);
}

/** One error with all reasons: an operator mends them in one go. */
function allOf(name: string, reasons: readonly FarshoreError[]): FarshoreError {
  const [first] = reasons;
  if (first === undefined || reasons.length === 1) return first ?? refusal(name, 'The table cannot be read', '');
  const message = reasons.map((reason) => reason.message).join('; ');
  const hint = reasons.flatMap((reason) => reason.hint ?? []).join(' ');
  return new FarshoreError(first.code, message, { cause: first, place: `table ${name}`, hint });
}
