import type { PlanLimits } from '../../src/apply/apply-plan.ts';
import { type CommitContext, type Counts, commitPlan, countCommitted } from '../../src/apply/commit.ts';
import { type CommittedPieces, commitPieces, type PiecesContext } from '../../src/apply/commit-pieces.ts';
import type { FieldShape } from '../../src/apply/contracts.ts';
import { CopyChances, type CopyTrials } from '../../src/apply/copy-chances.ts';
import type { Folded } from '../../src/apply/folded.ts';
import { planBatch } from '../../src/apply/plan-batch.ts';
import { type Refusal, type Reject, rejectOf } from '../../src/apply/rejects.ts';
import { TableCatalog } from '../../src/apply/table-catalog.ts';
import type { TableEntry } from '../../src/apply/table-entry.ts';
import { toExactJson } from '../../src/avro/json.ts';
import type { RawBatch } from '../../src/model/batch.ts';
import { systemClock } from '../../src/model/clock.ts';
import { regionalOffset } from '../../src/model/offsets.ts';
import type { TableName } from '../../src/model/sql-name.ts';
import { arrayLiteral } from '../../src/postgres/array-literal.ts';
import type { Database } from '../../src/postgres/database.ts';
import { refusalOf } from '../../src/postgres/driver-error.ts';
import { applyPositions } from '../../src/postgres/positions.ts';
import { createTable, describeTables, executeDdl } from '../../src/postgres/tables.ts';
import { TextColumn } from '../../src/postgres/text-column.ts';
import { TestDecoders, type TestRecord, testBatch, visitTestRecords } from '../unit/apply/log-double.ts';
import { never } from './postgres-fixtures.ts';

const topicId = '00000000-0000-4000-8000-000000000001';

/** Applies records of one partition as the stage does, without its loops: plan, commit, count. Schemas by reference, `1` where a record names none. */
export async function appliedPartition(
  database: Database,
  entries: readonly TableEntry[],
  schemas: Readonly<Record<string, readonly FieldShape[]>>,
  {
    partition = 0,
    topic = entries[0]!.topic,
    inPieces = false,
    forgets = false,
    copies = new CopyChances(),
  }: {
    readonly partition?: number;
    readonly topic?: string;
    readonly inPieces?: boolean;
    readonly forgets?: boolean;
    readonly copies?: CopyTrials | undefined;
  } = {},
) {
  const decoders = new TestDecoders(new Map(Object.entries(schemas)));
  const tables = {
    describe: (names: Parameters<typeof describeTables>[1], signal: AbortSignal) => describeTables(database, names, signal),
    create: (table: TableName, statements: readonly string[], signal: AbortSignal) => createTable(database, table, statements, signal),
    execute: (statements: readonly string[], signal: AbortSignal) => executeDdl(database, statements, signal),
  };
  const catalog = new TableCatalog({ tables }, { entries, schema: 'validate' });
  const positions = applyPositions(database);
  let [position] = await positions.take([{ topic, partition, topicId }], 1n, never);
  const context: CommitContext = {
    deps: { database, positions, clock: systemClock, random: () => 0, onStep: undefined, arrayText: () => new TextColumn() },
    catalog,
    copies,
    topicId,
    epoch: 1n,
    topic,
    partition,
    retried: () => undefined,
  };
  const order = { homeEpoch: 1, generation: 1 };
  const pieces = (batch: RawBatch): PiecesContext => ({
    ...context,
    deps: { ...context.deps, refusalOf },
    rejectsAt: (refused) => {
      // As where the partition was stopped meanwhile, and with it what it had read was dropped.
      if (forgets) return [];
      const rejects: Reject[] = [];
      visitTestRecords(batch, (record) => {
        const found = refused.get(record.offset);
        if (found !== undefined) rejects.push(rejectOf(record, found.table, order, { error: found.error }));
      });
      return rejects;
    },
  });
  return {
    /** Answers counts a table and the reasons of the records that were kept. Rejects with what the database said. */
    async apply(records: readonly TestRecord[]): Promise<{
      readonly counts: readonly Counts[];
      readonly rejected: readonly string[];
      readonly unrouted: number;
      readonly folds: readonly Folded[];
    }> {
      const batch = testBatch(records);
      const piece = { batch, end: batch.lastOffset + 1n, proof: { leaderEpoch: 0, crc: 7 }, bytes: batch.bytes.length };
      const from = records[0]!.offset;
      await database.query(
        {
          text: 'update farshore.apply_positions set next_offset = $1 where topic = $2 and partition = $3',
          values: [from, topic, partition],
        },
        never,
      );
      position = { ...position!, next: regionalOffset(from) };
      const refused = new Map<bigint, Refusal>();
      const limits: PlanLimits = { maxRecords: 100_000, maxBytes: 1e9, upTo: undefined, refused };
      for (;;) {
        const planned = planBatch(
          [piece],
          from,
          { kind: 'apply', homeEpoch: 1, generation: 1, end: undefined },
          {
            place: `${topic}:${partition}`,
            sink: catalog.sink(topic),
            decoders,
            unknownSchema: () => undefined,
            visitRecords: visitTestRecords,
            writers: { arrayText: () => new TextColumn(), arrayLiteral, exactJson: toExactJson },
          },
          limits,
        );
        if (planned.kind === 'schema') await decoders.load(planned.ref);
        else if (planned.kind === 'mapping') await catalog.loadMapping(topic, planned.route, planned.decoder, never);
        else if (planned.kind === 'key') await catalog.loadKey(topic, planned.route, never);
        else if (planned.kind === 'refused') refused.set(planned.offset, { error: planned.error });
        else {
          const { plan } = planned;
          if (plan.failure !== undefined) throw plan.failure.error;
          const committed = inPieces
            ? await commitPieces(plan, position!, pieces(batch), never, never)
            : await commitPlan(plan, position!, context, never, never);
          if (committed === 'unsuited') return { counts: [], rejected: ['unsuited'], unrouted: 0, folds: [] };
          position = committed.position;
          const kept: readonly Reject[] = 'rejects' in committed ? (committed as CommittedPieces).rejects : plan.rejects;
          const counts = await countCommitted(plan, [...new Set(catalog.tablesOf(topic))], committed, context, never, never);
          return {
            counts,
            rejected: kept.map(({ offset, error }) => `${offset} ${error.facts.sqlState ?? error.code}`),
            unrouted: plan.unrouted,
            folds: plan.folds,
          };
        }
      }
    },
  };
}
