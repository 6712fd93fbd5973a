import { sourceTableOf } from '../apply/source-table.ts';
import { tableNameOf } from '../apply/table-entry.ts';
import { prepareComparison } from '../audit/compared-table.ts';
import type { Sides } from '../audit/contracts.ts';
import { BackfillStage } from '../backfill/backfill-stage.ts';
import type { BackfilledTable } from '../backfill/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { LagSources } from '../lag/contracts.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import type { LagLoop } from '../lag/lag-loop.ts';
import { worstLagSeconds } from '../lag/worst-lag.ts';
import { FarshoreError } from '../model/errors.ts';
import { topicPartitionKey } from '../model/partition.ts';
import { tableText } from '../model/sql-name.ts';
import { PostgresAuditSide } from '../postgres/audit-side.ts';
import { backfillStore } from '../postgres/backfill-store.ts';
import { backfillTable } from '../postgres/backfill-table.ts';
import type { Database } from '../postgres/database.ts';
import { describeTables } from '../postgres/tables.ts';
import { topicOrders } from '../postgres/topic-orders.ts';
import type { ActiveParts } from './active.ts';
import { backfillMapping, refusal } from './backfill-prepare.ts';
import { primaryDatabase } from './database.ts';
import { LoadMeter } from './load-meter.ts';
import { type SchemaViewParts, topicSchemas } from './schema-view.ts';

/** A chunk, and looks at tables beside it. */
const PRIMARY_CONNECTIONS = 2;
const PASSED_EVERY_MS = 100;
/** Other tables and an operator's commands wait for so long. */
const PASSED_LIMIT_MS = 5_000;

export interface BackfillSources {
  readonly lagSources: LagSources;
  readonly lag: Pick<LagLoop, 'snapshot'>;
  readonly schema: SchemaViewParts;
  /** Why the primary's rows are not the right ones now; undefined: they are. */
  readonly homeElsewhere: () => string | undefined;
}

export interface ActiveBackfill {
  readonly stage: BackfillStage;
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined where there is nothing to read from. */
export function buildBackfill(active: ActiveParts, sources: BackfillSources): ActiveBackfill | undefined {
  const { current, database, lease, observer, clock } = active;
  const config = current();
  if (config.primary.database === undefined || config.apply.tables.length === 0) return undefined;
  const primary = primaryDatabase(() => current().primary.database!, PRIMARY_CONNECTIONS, clock);
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
        load: meter.load(clock.monotonicMs()),
      }),
    },
    { ...config.backfill, maxRowsPerSecond: config.backfill.maxRowsPerSecond },
  );
  return {
    stage,
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

type Entry = FarshoreConfig['apply']['tables'][number];
type TableParts = BackfillSources & { readonly active: ActiveParts; readonly primary: Database; readonly ending: AbortSignal };

function backfilledTable(name: string, entries: readonly Entry[], config: FarshoreConfig, parts: TableParts): BackfilledTable {
  const { active, primary, lagSources, schema, ending } = parts;
  const { database, lease, clock } = active;
  const entry = entries[0]!;
  const table = tableNameOf(entry);
  const topics = new Set(entries.map(({ topic }) => topic));
  const ends = new EndsPassed(lagSources, { topics, everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS }, clock);
  const sides: Sides = { primary: new PostgresAuditSide('primary', primary), region: new PostgresAuditSide('region', database) };
  const sourceTable = tableNameOf({ topic: entry.topic, table: entry.source?.table ?? entry.table });
  return {
    name,
    prepare: async (where, signal) => {
      const [region] = await describeTables(database, [table], signal);
      if (region === undefined) {
        throw new FarshoreError('table_missing', `Table ${name} does not exist in the region`, {
          place: `table ${name}`,
          hint: 'Create it there; `apply.schema: create` makes it with the first record.',
        });
      }
      const resolved = sourceTableOf(entry, region);
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
      const mapped = backfillMapping({ entries, region, primary: described!, resolved, compared, schemas });
      const homeEpoch = await homeEpochOf(name, topics, config.primary.name, database, signal);
      return backfillTable({ primary, region: database, epoch: lease.epoch, compared, homeEpoch, ...mapped });
    },
    rowsExpected: async (signal) => {
      const text = `select greatest(c.reltuples, 0)::bigint as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = $2`;
      const { rows } = await primary.query({ text, values: [sourceTable.schema, sourceTable.table] }, signal);
      return Number(rows[0]?.rows ?? 0);
    },
    positions: async (signal) => {
      const mirrored = [...lagSources.mirrorCommitted()].filter(({ topic }) => topics.has(topic));
      const asked = mirrored.map(({ homeTopic, partition }) => ({ topic: homeTopic, partition }));
      const read = new Map(
        (await lagSources.home.ends(asked, signal)).map((one) => [topicPartitionKey(one.topic, one.partition), one.end]),
      );
      const applied = new Map([...lagSources.applied()].map((one) => [topicPartitionKey(one.topic, one.partition), one.next]));
      return mirrored.map(({ topic, homeTopic, partition }) => {
        const homeEnd = read.get(topicPartitionKey(homeTopic, partition));
        if (homeEnd === undefined)
          throw new FarshoreError('broker_request_failed', `The end of ${homeTopic}:${partition} at home was not told`);
        return {
          topic,
          partition,
          homeEnd: String(homeEnd),
          applied: applied.get(topicPartitionKey(topic, partition))?.toString() ?? null,
        };
      });
    },
    passed: (signal) => ends.passed(signal, ending),
  };
}

/** One error with all reasons: an operator mends them in one go. */
function allOf(name: string, reasons: readonly FarshoreError[]): FarshoreError {
  const [first] = reasons;
  if (first === undefined || reasons.length === 1) return first ?? refusal(name, 'The table cannot be read', '');
  const message = reasons.map((reason) => reason.message).join('; ');
  const hint = reasons.flatMap((reason) => reason.hint ?? []).join(' ');
  return new FarshoreError(first.code, message, { cause: first, place: `table ${name}`, hint });
}

/** Rows of the primary are states of the home's epoch: after a switch they are those of an old home, and must not come. */
async function homeEpochOf(
  name: string,
  topics: ReadonlySet<string>,
  home: string,
  database: Database,
  signal: AbortSignal,
): Promise<number> {
  const orders = await topicOrders(database).load([...topics], signal);
  const missing = [...topics].filter((topic) => !orders.some((order) => order.topic === topic && order.homeEpochs.length > 0));
  if (missing.length > 0) {
    throw refusal(
      name,
      `Topic ${missing.join(', ')} is not mirrored yet`,
      'The stream comes first: what changes during a backfill comes by it.',
    );
  }
  const epochs = orders.map((order) => {
    const newest = order.homeEpochs.toSorted((a, b) => a.epoch - b.epoch).at(-1);
    if (newest!.home !== home) {
      throw refusal(name, `The home of topic ${order.topic} is ${newest!.home}, not ${home}`, 'Rows are backfilled from their home only.');
    }
    return newest!.epoch;
  });
  return Math.min(...epochs);
}
