import type { RecordView, VisitRecords } from '../model/batch.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ValueWriters } from './column-values.ts';
import type { RecordDecoder, RecordDecoders, SchemaRef } from './contracts.ts';
import { Fold, type Folded } from './fold.ts';
import { kafkaKey } from './kafka-key.ts';
import type { LogPiece } from './log-queue.ts';
import type { TableKey, TableMapping } from './mapping.ts';
import type { OrderDecision } from './order-at.ts';

/** What one transaction applies: the records from `from` to before `next`. */
export interface ApplyPlan {
  readonly from: bigint;
  readonly next: bigint;
  readonly proof: LogPiece['proof'];
  readonly folds: readonly Folded[];
  /** Records in it, whatever became of them. */
  readonly records: number;
  /** Offset of its first and last record. */
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
  readonly bytes: number;
  readonly newestTimestampMs: number | undefined;
  readonly heartbeats: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[];
  /** The record at `next` cannot be applied: the partition stops once this plan is committed. */
  readonly failure: { readonly error: FarshoreError; readonly offset: bigint } | undefined;
}

export type PlanResult =
  | { readonly kind: 'plan'; readonly plan: ApplyPlan }
  /** Needed by the record at `offset`: load it and plan again; nothing was kept. */
  | { readonly kind: 'schema'; readonly offset: bigint; readonly ref: SchemaRef }
  | { readonly kind: 'mapping'; readonly offset: bigint; readonly decoder: RecordDecoder }
  | { readonly kind: 'key'; readonly offset: bigint };

export interface PlanLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Records from this offset on are left out (a half of a bisected range). */
  readonly upTo: bigint | undefined;
}

/** What a topic's records become: rows of a table, heartbeats, or nothing. */
export type Sink =
  | {
      readonly kind: 'table';
      /** Undefined when it must be loaded first. */
      readonly mappingOf: (decoder: RecordDecoder) => TableMapping | undefined;
      /** Undefined when it must be loaded first, null when the table does not exist and may not yet. */
      readonly keyOf: () => TableKey | null | undefined;
    }
  | { readonly kind: 'heartbeat' };

export interface PlanContext {
  readonly place: string;
  readonly sink: Sink;
  readonly decoders: RecordDecoders;
  readonly visitRecords: VisitRecords;
  readonly writers: ValueWriters;
}

/** Another column set begins another fold; a transaction takes only so many, so that writers of two schemas at once stay bounded. */
const MAX_FOLDS = 8;

/**
 * Plans the next transaction of a partition: whole batches while they fit, cut at the end of what the decision
 * holds for. A batch that alone is above the record limit is cut inside and visited again for the rest.
 * Visits each record once, with no object of its own beside the decoded one.
 */
export function planBatch(
  pieces: readonly LogPiece[],
  from: bigint,
  decision: Exclude<OrderDecision, { kind: 'wait' }>,
  context: PlanContext,
  limits: PlanLimits,
): PlanResult {
  return new Planner(from, decision, context, limits).run(pieces);
}

class Planner {
  readonly #context: PlanContext;
  readonly #decision: Exclude<OrderDecision, { kind: 'wait' }>;
  readonly #limits: PlanLimits;
  readonly #from: bigint;
  readonly #end: bigint | undefined;
  readonly #folds: Fold[] = [];
  readonly #ref = { ref: '', bodyStart: 0 };
  readonly #headers = { start: 0, end: 0, count: 0 };
  readonly #heartbeats: { key: Buffer | null; value: Buffer | null }[] = [];
  #next: bigint;
  #proof: LogPiece['proof'];
  #records = 0;
  #first: bigint | undefined;
  #last: bigint | undefined;
  #bytes = 0;
  #newestTimestampMs = -1;
  /** Set when this plan takes no further record. */
  #done = false;
  #missing: Exclude<PlanResult, { kind: 'plan' }> | undefined;
  #failure: ApplyPlan['failure'];
  #lastRef: SchemaRef | undefined;
  #lastDecoder: RecordDecoder | undefined;
  #lastMapping: TableMapping | undefined;

  constructor(from: bigint, decision: Exclude<OrderDecision, { kind: 'wait' }>, context: PlanContext, limits: PlanLimits) {
    this.#from = from;
    this.#next = from;
    this.#decision = decision;
    this.#context = context;
    this.#limits = limits;
    const { upTo } = limits;
    this.#end = decision.end === undefined || (upTo !== undefined && upTo < decision.end) ? upTo : decision.end;
  }

  run(pieces: readonly LogPiece[]): PlanResult {
    for (const piece of pieces) {
      if (this.#done || (this.#end !== undefined && this.#next >= this.#end) || !this.#fits(piece)) break;
      this.#take(piece);
      if (this.#missing !== undefined) return this.#missing;
    }
    return { kind: 'plan', plan: this.#plan() };
  }

  #fits({ batch, bytes }: LogPiece): boolean {
    if (this.#records === 0 || batch === undefined) return true;
    return this.#records + batch.recordCount <= this.#limits.maxRecords && this.#bytes + bytes <= this.#limits.maxBytes;
  }

  #take({ batch, end, proof, bytes }: LogPiece): void {
    if (batch !== undefined && this.#decision.kind === 'apply') {
      this.#bytes += bytes;
      const before = this.#next;
      try {
        this.#context.visitRecords(batch, (record) => this.#visit(record));
      } catch (error) {
        // The batch itself cannot be read from here on: records before that point stay in the plan.
        this.#fail(error, this.#last !== undefined && this.#last >= before ? this.#last + 1n : before);
      }
    }
    if (!this.#done) this.#next = this.#end !== undefined && end > this.#end ? this.#end : end;
    const reached = batch === undefined ? this.#next >= end : this.#next > batch.baseOffset;
    if (reached && proof !== undefined) this.#proof = proof;
  }

  #visit(record: RecordView): void {
    if (this.#done || this.#missing !== undefined) return;
    const { offset } = record;
    if (offset < this.#from) return;
    if (this.#end !== undefined && offset >= this.#end) {
      this.#cut(this.#end);
      return;
    }
    if (this.#records >= this.#limits.maxRecords) {
      this.#cut(offset);
      return;
    }
    try {
      if (!this.#consume(record)) return;
    } catch (error) {
      this.#fail(error, offset);
      return;
    }
    this.#records++;
    this.#first ??= offset;
    this.#last = offset;
    if (record.timestampMs > this.#newestTimestampMs) this.#newestTimestampMs = record.timestampMs;
  }

  #cut(next: bigint): void {
    this.#done = true;
    this.#next = next;
  }

  #fail(error: unknown, offset: bigint): void {
    const known = findFarshoreError(error);
    if (known === undefined || known.action === 'halt') throw error;
    this.#failure = { error: known, offset };
    this.#cut(offset);
  }

  /** False when the record was not taken: something must be loaded first, or it belongs to the next plan. */
  #consume(record: RecordView): boolean {
    const { sink } = this.#context;
    if (sink.kind === 'heartbeat') {
      this.#heartbeats.push({
        key: copyOf(record, record.keyStart, record.keyEnd),
        value: copyOf(record, record.valueStart, record.valueEnd),
      });
      return true;
    }
    return record.valueStart === -1 ? this.#delete(record, sink) : this.#upsert(record, sink);
  }

  #upsert(record: RecordView, sink: Extract<Sink, { kind: 'table' }>): boolean {
    const { bytes, valueStart, valueEnd, offset } = record;
    const headers = this.#headers;
    headers.start = record.headersStart;
    headers.end = record.headersEnd;
    headers.count = record.headerCount;
    this.#context.decoders.readRef(bytes, valueStart, valueEnd, headers, 'value', this.#ref);
    if (this.#ref.ref !== this.#lastRef) {
      const decoder = this.#context.decoders.get(this.#ref.ref);
      if (decoder === undefined) return this.#need({ kind: 'schema', offset, ref: this.#ref.ref });
      const mapping = sink.mappingOf(decoder);
      if (mapping === undefined) return this.#need({ kind: 'mapping', offset, decoder });
      this.#lastRef = this.#ref.ref;
      this.#lastDecoder = decoder;
      this.#lastMapping = mapping;
    }
    const fold = this.#foldFor(this.#lastMapping!, this.#lastMapping, offset);
    if (fold === undefined) return false;
    fold.add(this.#lastDecoder!.decode(bytes, this.#ref.bodyStart, valueEnd), offset);
    return true;
  }

  #delete(record: RecordView, sink: Extract<Sink, { kind: 'table' }>): boolean {
    const table = sink.keyOf();
    if (table === undefined) return this.#need({ kind: 'key', offset: record.offset });
    // The table will be created from the first record with a value; until then there is nothing to delete.
    if (table === null) return true;
    const key = kafkaKey(record, table, this.#context.decoders, this.#context.writers);
    if (key.kind === 'schema') return this.#need({ ...key, offset: record.offset });
    const fold = this.#folds.at(-1) ?? this.#foldFor(table, undefined, record.offset);
    if (fold === undefined) return false;
    fold.delete(key.parts, record.offset);
    return true;
  }

  #need(missing: Exclude<PlanResult, { kind: 'plan' }>): false {
    this.#missing = missing;
    return false;
  }

  /** The fold for this column set; undefined when it must wait for the next transaction. */
  #foldFor(table: TableKey, mapping: TableMapping | undefined, offset: bigint): Fold | undefined {
    const current = this.#folds.at(-1);
    if (current !== undefined && current.mapping === mapping) return current;
    if (this.#folds.length >= MAX_FOLDS) {
      this.#cut(offset);
      return undefined;
    }
    if (this.#decision.kind !== 'apply') throw new FarshoreError('internal', 'Records of the region itself were to be applied.');
    const fold = new Fold(table, mapping, this.#decision, this.#context.writers);
    this.#folds.push(fold);
    return fold;
  }

  #plan(): ApplyPlan {
    const failure = this.#failure;
    return {
      from: this.#from,
      next: this.#next,
      proof: this.#proof,
      folds: this.#folds.map((fold) => fold.finish()).filter(({ records }) => records > 0),
      records: this.#records,
      first: this.#first,
      last: this.#last,
      bytes: this.#bytes,
      newestTimestampMs: this.#newestTimestampMs < 0 ? undefined : this.#newestTimestampMs,
      heartbeats: this.#heartbeats,
      failure: failure && { offset: failure.offset, error: placed(failure.error, `${this.#context.place}@${failure.offset}`) },
    };
  }
}

/** The same error with the record's place in front, the table's in its text. */
function placed(error: FarshoreError, place: string): FarshoreError {
  const message = error.place === undefined ? error.message : `${error.message} (${error.place})`;
  return new FarshoreError(error.code, message, {
    cause: error,
    place,
    facts: error.facts,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

const copyOf = ({ bytes }: RecordView, start: number, end: number): Buffer | null =>
  start === -1 ? null : Buffer.from(bytes.subarray(start, end));
