import type { ApplyStage } from '../apply/apply-stage.ts';
import type { RecordDecoders } from '../apply/contracts.ts';
import type { KeptRecord } from '../apply/retry-kept.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { RejectedDetail, RejectedFilter, RetryCounts } from '../model/rejected.ts';
import type { RejectedStore } from '../rejected/contracts.ts';
import { retryRejected } from '../rejected/retry.ts';

/** A record of the ledger as apply takes it. */
export function keptRecord(record: RejectedDetail): KeptRecord {
  const bytes = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));
  const { key, value, headers, offset } = record;
  return { ...record, offset: BigInt(offset), key: bytes(key), value: bytes(value), headers: Buffer.from(headers, 'base64') };
}

export interface RetryParts {
  readonly apply: Pick<ApplyStage, 'tables' | 'lookAgainAt' | 'applyKept'>;
  readonly rejected: RejectedStore;
  readonly observe: Observe;
  /** Nobody asked: records whose table or schema does not fit are passed over and counted, where somebody who asks is told of the first. */
  readonly isAutomatic?: boolean;
}

/** Tries kept records again and records who asked. Tables are looked at anew: what was mended is why somebody asks. */
export async function retryKept(
  { apply, rejected, observe, isAutomatic = false }: RetryParts,
  filter: RejectedFilter,
  by: string,
  signal: AbortSignal,
): Promise<RetryCounts> {
  for (const { table } of apply.tables()) apply.lookAgainAt(table);
  const applyKept = async (record: RejectedDetail, ended: AbortSignal) => {
    const result = await apply.applyKept(keptRecord(record), ended);
    observe({ type: 'rejected_retried', table: record.table, result });
    return result;
  };
  const reasons: string[] = [];
  const passedOver = isAutomatic ? ({ message }: FarshoreError) => void reasons.push(message) : undefined;
  const counts = await retryRejected(filter, { store: rejected, applyKept, passedOver }, signal);
  const told = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)]));
  const over = reasons.length === 0 ? {} : { passedOver: String(reasons.length), firstReason: reasons[0]! };
  await rejected.recordRetry(filter, by, { ...told, ...over }, signal);
  return counts;
}

/** The schema that the value of a kept record names; undefined where it names none. */
export function valueSchemaOf(decoders: Pick<RecordDecoders, 'readRef'>, record: RejectedDetail): string | undefined {
  const { value, headers, headerCount } = keptRecord(record);
  if (value === null) return undefined;
  const bytes = Buffer.concat([value, headers]);
  const out = { ref: '', bodyStart: 0 };
  try {
    decoders.readRef(bytes, 0, value.length, { start: value.length, end: bytes.length, count: headerCount }, 'value', out);
  } catch (error) {
    if (findFarshoreError(error)?.code !== 'record_malformed') throw error;
    return undefined;
  }
  return out.ref;
}

/** Whether the schema can be had now. */
export async function isSchemaKnown(decoders: Pick<RecordDecoders, 'load'>, ref: string, signal: AbortSignal): Promise<boolean> {
  try {
    await decoders.load(ref, signal);
    return true;
  } catch (error) {
    if (findFarshoreError(error)?.code !== 'schema_unknown') throw error;
    return false;
  }
}
