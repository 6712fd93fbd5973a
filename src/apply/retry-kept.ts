import type { RawBatch, RecordView } from '../model/batch.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ApplyPlan, PlanContext } from './apply-plan.ts';
import { bytesText } from './column-values.ts';
import type { SchemaRef, Statement, StatementResult } from './contracts.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { homeFence, homeMoved } from './home-fence.ts';
import { keptKeysStatements } from './kept-keys.ts';
import { loadMissing } from './load-missing.ts';
import { isOfAnotherRow } from './parking.ts';
import { planBatch } from './plan-batch.ts';
import { isRejectable, type Refusal, rejectReason } from './rejects.ts';
import { type Rounds, retryStatements } from './statements.ts';
import type { TableCatalog } from './table-catalog.ts';

/** The record is in the ledger no more. */
class TakenOut extends Error {}

/** A record as it was kept. */
export interface KeptRecord {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly homeEpoch: number;
  readonly generation: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Buffer;
  readonly headerCount: number;
}

export interface RetryContext {
  readonly deps: ApplyDependencies;
  readonly settings: Pick<ApplySettings, 'epoch' | 'owns' | 'region'>;
  readonly catalog: TableCatalog;
}

// Its bytes too: a record that came to its place since, in a log that was cut and refilled, has the same id.
const takeText = `delete from farshore.rejected_records
 where id = $1 and key is not distinct from $2::bytea and value is not distinct from $3::bytea returning id`;
const againText = `update farshore.rejected_records
   set attempts = attempts + 1, last_seen = clock_timestamp(), reason = $2, sql_state = $3, message = $4,
       waits_for = case when $5::boolean then waits_for end
 where id = $1`;

/**
 * Applies a kept record by the same plan, guard and locks as any other, under the version it came with, so that
 * a newer state that came in the meantime stays (C1), and takes it out of the ledger in the same transaction. Refused again, it
 * stays with the new reason. Rejects with an error that is not the record's fault; then nothing has changed.
 */
export async function applyKept(
  record: KeptRecord,
  context: RetryContext,
  signal: AbortSignal,
): Promise<'applied' | 'superseded' | 'rejected'> {
  const { deps, settings, catalog } = context;
  const plan = await planOf(record, context, signal);
  if (plan.failure !== undefined) throw plan.failure.error;
  // A parked one that is refused for a fault of its own is a rejected one from now on.
  const [reject] = plan.rejects;
  if (reject !== undefined) return await stays(record, reject.error, context, signal);
  const folds = plan.folds.map((folded) => ({ folded, statements: catalog.statements(folded) }));
  const { topic, partition } = record;
  const bytes = (content: Buffer | null) => (content === null ? null : bytesText(content));
  const done: Statement = { text: takeText, values: [record.id, bytes(record.key), bytes(record.value)] };
  const fence = settings.owns?.(topic, partition) === false ? 'lease' : 'partition';
  const { taking, statements, rounds } = retryStatements({ topic, partition, epoch: settings.epoch, fence }, folds, done);
  try {
    const results = await deps.database.conversation(
      [
        () => homeFence([record], settings.region),
        (answers) => {
          needOlderHome(record, answers.at(-1));
          return taking;
        },
        (answers) => {
          // Discarded, or expired, since it was read: what an operator gave up must not come after all.
          if (answers.at(-1)?.rows.length === 0) throw new TakenOut();
          return statements;
        },
      ],
      signal,
    );
    const wrote = rounds.some((round) => written(round).some((at) => (results[at]?.rowCount ?? 0) > 0));
    return wrote ? 'applied' : 'superseded';
  } catch (error) {
    if (error instanceof TakenOut) return 'superseded';
    const known = findFarshoreError(error);
    // Also one that waits for another row: it is kept already, and says now what it waits for.
    if (known?.code !== 'row_refused' && known?.code !== 'row_unknown') throw error;
    return await stays(record, known, context, signal);
  }
}

/** Keys of the table's rows that a kept record is about, each column as the database prints it; none where the record cannot be decoded. */
export async function keysOfKept(
  record: KeptRecord,
  table: string,
  context: RetryContext,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const plan = await planOf(record, context, signal);
  const keys: (readonly string[])[] = [];
  for (const statement of keptKeysStatements(plan.folds, table)) {
    const { rows } = await context.deps.database.query(statement, signal);
    keys.push(...rows.map((row) => Object.values(row).map(String)));
  }
  return keys;
}

/** Throws `request_invalid` where the record would go over what was written here since: its version is above those of such rows. */
function needOlderHome({ id }: KeptRecord, answer: StatementResult | undefined): void {
  const since = homeMoved(answer);
  if (since === undefined) return;
  throw new FarshoreError('request_invalid', `This region ${since} since the record was written: it would go over what was written here`, {
    place: `rejected record ${id}`,
    hint: 'Write what is to stay of it through the applications, then discard it: farshore rejected discard.',
  });
}

const written = ({ before, deletes, after }: Rounds): readonly number[] => [...before, ...deletes, ...after];

async function stays({ id }: KeptRecord, error: FarshoreError, { deps }: RetryContext, signal: AbortSignal): Promise<'rejected'> {
  const { reason, sqlState, message } = rejectReason(error);
  await deps.database.query(
    { text: againText, values: [id, reason, sqlState, message, isOfAnotherRow(error) || error.code === 'row_unknown'] },
    signal,
  );
  return 'rejected';
}

async function planOf(record: KeptRecord, { deps, catalog }: RetryContext, signal: AbortSignal): Promise<ApplyPlan> {
  const { topic, partition, offset, homeEpoch, generation } = record;
  const view = viewOf(record);
  // It stands for the one record; its bytes are not looked at.
  const batch: RawBatch = { bytes: view.bytes, baseOffset: offset, lastOffset: offset, recordCount: 1, magic: 2 };
  const piece = { batch, end: offset + 1n, proof: undefined, bytes: view.bytes.length };
  const unknown = new Map<SchemaRef, FarshoreError>();
  const plans: PlanContext = {
    place: `${topic}:${partition}`,
    sink: catalog.sink(topic),
    decoders: deps.decoders,
    unknownSchema: (ref) => unknown.get(ref),
    visitRecords: (_batch, visit) => visit(view),
    writers: deps,
  };
  const order = { kind: 'apply', homeEpoch, generation, end: undefined } as const;
  const limits = { maxRecords: 1, maxBytes: Number.MAX_SAFE_INTEGER, upTo: undefined };
  const refused = new Map<bigint, Refusal>();
  for (;;) {
    const result = planBatch([piece], offset, order, plans, { ...limits, refused });
    if (result.kind === 'plan') return result.plan;
    if (result.kind === 'refused') {
      refused.set(result.offset, { error: result.error });
      continue;
    }
    try {
      await loadMissing(result, topic, { deps, catalog }, signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (result.kind !== 'schema' || known === undefined || !isRejectable(known)) throw error;
      unknown.set(result.ref, known);
    }
  }
}

function viewOf({ offset, timestampMs, key, value, headers, headerCount }: KeptRecord): RecordView {
  const bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0), headers]);
  const valueAt = key?.length ?? 0;
  const headersAt = valueAt + (value?.length ?? 0);
  return {
    bytes,
    offset,
    timestampMs,
    keyStart: key === null ? -1 : 0,
    keyEnd: key === null ? -1 : valueAt,
    valueStart: value === null ? -1 : valueAt,
    valueEnd: value === null ? -1 : headersAt,
    headersStart: headersAt,
    headersEnd: bytes.length,
    headerCount,
  };
}
