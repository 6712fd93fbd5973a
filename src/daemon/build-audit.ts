import type { ApplyStage } from '../apply/apply-stage.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import type { AuditedTable } from '../audit/audit-parts.ts';
import { AuditStage } from '../audit/audit-stage.ts';
import { prepareComparison } from '../audit/compared-table.ts';
import type { ComparedTable, Key, Sides } from '../audit/contracts.ts';
import { comparedKeysStatement } from '../audit/held-keys.ts';
import type { RepairedTable } from '../audit/repair-statements.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { LagSources } from '../lag/contracts.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import { worstLagSeconds } from '../lag/worst-lag.ts';
import { FarshoreError } from '../model/errors.ts';
import type { HomeState } from '../model/home-state.ts';
import { tableText } from '../model/sql-name.ts';
import { PostgresAuditSide } from '../postgres/audit-side.ts';
import { auditStore } from '../postgres/audit-store.ts';
import type { Database } from '../postgres/database.ts';
import { repairSides } from '../postgres/repair-sides.ts';
import { repairTrail } from '../postgres/repair-trail.ts';
import { describeTables } from '../postgres/tables.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import type { ActiveParts } from './active-parts.ts';
import { primaryDatabase } from './database.ts';
import { keptRecord } from './kept-records.ts';
import { LoadMeter } from './load-meter.ts';
import { tableSource } from './table-source.ts';

/** Statements of a pass, of a repair and of a look, side by side. */
const PRIMARY_CONNECTIONS = 3;
const PASSED_EVERY_MS = 100;
const PASSED_LIMIT_MS = 120_000;
/** So many kept records of a table are decoded to know their rows; of a table with more, every difference waits for them. */
const HELD_LIMIT = 500;

export interface AuditSources {
  readonly lagSources: LagSources;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly apply: Pick<ApplyStage, 'keysOfKept'>;
  readonly rejected: Pick<RejectedStore, 'list' | 'get'>;
  /** Why the primary's rows are not the right ones now; undefined: they are. */
  readonly homeElsewhere: () => string | undefined;
}

export interface ActiveAudit {
  readonly stage: AuditStage;
  readonly tables: readonly AuditedTable[];
  readonly sides: Sides;
  /** Of the primary: nothing is asked of it but to read. */
  readonly primary: Database;
  renewConnections(): void;
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined where nothing can be compared: the audit is off, or the primary's database is not configured. */
export function buildAudit(active: ActiveParts, sources: AuditSources): ActiveAudit | undefined {
  const { current, database, lease, observer, clock } = active;
  const config = current();
  const { audit } = config;
  if (!audit.enabled || config.primary.database === undefined || config.apply.tables.length === 0) return undefined;
  const primary = primaryDatabase(() => current().primary.database!, PRIMARY_CONNECTIONS, clock);
  const sides: Sides = { primary: new PostgresAuditSide('primary', primary), region: new PostgresAuditSide('region', database) };
  const ended = new AbortController();
  const meter = new LoadMeter(clock.monotonicMs());
  const tables = auditedTables(config, { ...sources, active, sides, ending: ended.signal });
  const stage = new AuditStage(
    {
      tables,
      sides,
      store: auditStore(database, lease.epoch),
      repairStore: repairTrail(database, lease.epoch, config.region),
      repairSides: async (name, table, signal) => {
        const why = sources.homeElsewhere();
        if (why === undefined) return repairSides({ primary, region: database }, table, await statesOf(name, config, database, signal));
        // What the region's own writers wrote does not raise the version: a repair from the old home would take it back.
        throw new FarshoreError('request_invalid', `Rows are not repaired from the primary now: ${why}`, {
          hint: 'farshore cutover plan shows where the home is.',
        });
      },
      clock,
      observe: observer.observe,
      lagSeconds: () => worstLagSeconds(sources.lag.snapshot()),
      load: () => meter.load(clock.monotonicMs()),
    },
    {
      rowsPerRange: audit.rowsPerRange,
      settle: { publishAllowanceMs: audit.publishAllowanceSeconds * 1_000, tries: audit.tries, againMs: audit.againSeconds * 1_000 },
      policy: audit.policy,
      policyRepairs: audit.policyRepairs,
      maxSeconds: audit.maxSeconds,
      maxRows: audit.maxRows,
      maxBytes: audit.maxBytes,
      maxRowsPerSecond: audit.maxRowsPerSecond,
      pauseAboveLagSeconds: audit.pauseAboveLagSeconds,
      pauseAboveLoad: audit.pauseAboveLoad,
    },
  );
  return {
    stage,
    tables,
    sides,
    primary,
    renewConnections: () => void primary.refresh(),
    run: async (signal) => {
      try {
        await stage.run(signal);
      } finally {
        ended.abort();
        await primary.close();
      }
    },
  };
}

/** The homes of the table's topics as they are now. One that nobody claimed has no epoch yet. */
async function statesOf(name: string, config: FarshoreConfig, database: Database, signal: AbortSignal): Promise<readonly HomeState[]> {
  const topics = config.apply.tables.filter((entry) => tableText(tableNameOf(entry)) === name).map(({ topic }) => topic);
  const orders = await topicOrders(database, config.region).load(topics, signal);
  return [...new Set(topics)].map((topic) => {
    const epochs = orders.find((order) => order.topic === topic)?.homeEpochs ?? [];
    return { topic, homeEpoch: Math.max(0, ...epochs.map(({ epoch }) => epoch)) };
  });
}

type TableParts = AuditSources & { readonly active: ActiveParts; readonly sides: Sides; readonly ending: AbortSignal };
type Entry = FarshoreConfig['apply']['tables'][number];

const auditedTables = (config: FarshoreConfig, parts: TableParts): readonly AuditedTable[] =>
  [...Map.groupBy(config.apply.tables, (entry) => tableText(tableNameOf(entry)))].map(([name, entries]) =>
    auditedTable(name, entries, config, parts),
  );

function auditedTable(name: string, entries: readonly Entry[], { apply: applied }: FarshoreConfig, parts: TableParts): AuditedTable {
  const { active, sides, lagSources, ending, apply, rejected } = parts;
  const { database, clock } = active;
  const entry = entries[0]!;
  const table = tableNameOf(entry);
  const topics = new Set(entries.map(({ topic }) => topic));
  const ends = new EndsPassed(lagSources, { topics, everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS }, clock);
  // A record is kept under the one table that could not take it, and out of the others of its topic too.
  const keptUnder = new Set(applied.tables.filter(({ topic }) => topics.has(topic)).map((one) => tableText(tableNameOf(one))));
  /** Of the key's columns in apply's order, once the region was looked at. */
  let order: readonly string[] = entry.key ?? [];
  return {
    name,
    keysOf: async (compared, printed, signal) => await comparedKeys(database, compared, order, printed, signal),
    prepare: async (signal) => {
      const [region] = await describeTables(database, [table], signal);
      if (region === undefined) {
        const missing = new FarshoreError('table_missing', `Table ${name} does not exist in the region`, { place: `table ${name}` });
        return { kind: 'refused', reasons: [missing] };
      }
      const from = tableSource(name, entries, region, 'table_incomparable');
      if (from.kind === 'refused') return { kind: 'refused', reasons: [from.reason] };
      const { resolved } = from;
      const { softDelete } = resolved;
      order = resolved.key;
      const wanted = { region: table, source: resolved.source, key: resolved.key, live: resolved.live, unknown: resolved.unknown };
      const prepared = await prepareComparison(sides, wanted, signal);
      if (prepared.kind === 'refused') return prepared;
      const streamOnly = [...resolved.omitted].flatMap(([column, why]) =>
        why === 'constant' || why === 'document' || why === 'nested field' ? [column] : [],
      );
      const repaired: RepairedTable = {
        compared: prepared.table,
        tombstoneKey: order,
        streamOnly,
        softDelete:
          softDelete === undefined
            ? undefined
            : { column: softDelete.column, type: softDelete.sets === 'true' ? 'boolean' : softDelete.type },
      };
      return { kind: 'compared', table: prepared.table, repaired };
    },
    rowsExpected: async (signal) => {
      const text = `select greatest(c.reltuples, 0)::bigint as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2`;
      const { rows } = await database.query({ text, values: [table.schema, table.table] }, signal);
      return Number(rows[0]?.rows ?? 0);
    },
    passed: (signal) => ends.passed(signal, ending),
    held: async (compared, keys, signal) => {
      const held = await heldKeys({ table: name, keptUnder }, compared, order, { database, apply, rejected }, signal);
      return keys.map((key) => held === 'too many' || held.has(JSON.stringify(key)));
    },
  };
}

/** Keys of the table that kept and parked records are about. A record that cannot be decoded tells of no row. */
async function heldKeys(
  { table, keptUnder }: { readonly table: string; readonly keptUnder: ReadonlySet<string> },
  compared: ComparedTable,
  order: readonly string[],
  { database, apply, rejected }: { readonly database: Database } & Pick<AuditSources, 'apply' | 'rejected'>,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | 'too many'> {
  const printed: Key[] = [];
  for (const under of keptUnder) {
    for (const parked of [true, false]) {
      const filter = { ids: undefined, table: under, reason: undefined, since: undefined, parked };
      const page = await rejected.list(filter, { after: '0', limit: HELD_LIMIT }, signal);
      if (page.length === HELD_LIMIT) return 'too many';
      for (const { id } of page) {
        const record = await rejected.get(id, signal);
        if (record !== undefined) printed.push(...(await apply.keysOfKept(keptRecord(record), table, signal)));
      }
    }
  }
  return new Set((await comparedKeys(database, compared, order, printed, signal)).map((key) => JSON.stringify(key)));
}

async function comparedKeys(
  database: Database,
  compared: ComparedTable,
  order: readonly string[],
  printed: readonly Key[],
  signal: AbortSignal,
): Promise<readonly Key[]> {
  if (printed.length === 0) return [];
  const { rows } = await database.query(comparedKeysStatement(compared, order, printed), signal);
  return rows.map((row) => Object.values(row).map(String));
}
