import type { RecordView } from '../model/batch.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { ApplyPlan, PlanContext, PlanLimits, PlanResult, Sink } from './apply-plan.ts';
import type { DecodedRecord, RecordDecoder, SchemaRef } from './contracts.ts';
import { Fold } from './fold.ts';
import { putInLayers } from './fold-layers.ts';
import type { RowFold } from './folded.ts';
import { kafkaKey } from './kafka-key.ts';
import type { LogPiece } from './log-queue.ts';
import type { TableKey, TableMapping } from './mapping.ts';
import type { OrderDecision } from './order-at.ts';
import { placed, undirectedDelete, unorderedDelete } from './record-refusals.ts';
import { isRejectable, type Refusal, type Reject, rejectOf } from './rejects.ts';
import { ofOlderHome } from './resume-home.ts';
import { UnitFold } from './unit-fold.ts';
import { checkWholeNumbers } from './whole-number-key.ts';

/**
 * Another column set begins another fold, and so does a key whose fold can take it no further; a transaction takes only so many, so that writers
 * of two schemas at once stay bounded.
 */
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

/** A route's records of one column set. */
interface Layers {
  readonly table: TableKey;
  readonly mapping: TableMapping | undefined;
  readonly folds: RowFold[];
}

class Planner {
  readonly #context: PlanContext;
  readonly #decision: Exclude<OrderDecision, { kind: 'wait' }>;
  readonly #limits: PlanLimits;
  readonly #from: bigint;
  readonly #end: bigint | undefined;
  readonly #folds: RowFold[] = [];
  /** The folds that a route's records go to now. */
  readonly #current: (Layers | undefined)[] = [];
  readonly #ref = { ref: '', bodyStart: 0 };
  readonly #headers = { start: 0, end: 0, count: 0 };
  readonly #rejects: Reject[] = [];
  readonly #heartbeats: { key: Buffer | null; value: Buffer | null }[] = [];
  #next: bigint;
  #proof: LogPiece['proof'];
  #records = 0;
  #first: bigint | undefined;
  #last: bigint | undefined;
  #bytes = 0;
  /** Of its records as they are when decompressed: a few kilobytes can stand for all of the memory. */
  #openBytes = 0;
  #newestTimestampMs = -1;
  /** Set when this plan takes no further record. */
  #done = false;
  #missing: Exclude<PlanResult, { kind: 'plan' }> | undefined;
  #failure: ApplyPlan['failure'];
  #unrouted = 0;
  #lastRef: SchemaRef | undefined;
  #lastDecoder: RecordDecoder | undefined;
  /** By route, for the last schema. */
  readonly #lastMappings: (TableMapping | null)[] = [];
  /** The route in hand: the first of the topic's tables until a record is decoded. */
  #route = 0;
  /** Rows that the record in hand has folded already. */
  #taken = 0;

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
    const decision = this.#decision;
    if (batch !== undefined && decision.kind !== 'pass') {
      this.#bytes += bytes;
      const before = this.#next;
      try {
        const visit =
          decision.kind === 'apply'
            ? (record: RecordView) => this.#visit(record)
            : ({ offset }: RecordView) => this.#stopAtOlder(offset, decision);
        this.#context.visitRecords(batch, visit);
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
    const openBytes = this.#openBytes + record.valueEnd - record.valueStart;
    if (this.#records >= this.#limits.maxRecords || (this.#records > 0 && openBytes > this.#limits.maxBytes)) {
      this.#cut(offset);
      return;
    }
    this.#openBytes = openBytes;
    try {
      this.#taken = 0;
      this.#route = 0;
      const refused = this.#limits.refused?.get(offset);
      if (refused !== undefined) this.#keep(record, refused);
      else if (!this.#consume(record)) return;
    } catch (error) {
      if (!this.#reject(record, error)) {
        this.#fail(error, offset);
        return;
      }
    }
    this.#records++;
    this.#first ??= offset;
    this.#last = offset;
    if (record.timestampMs > this.#newestTimestampMs) this.#newestTimestampMs = record.timestampMs;
  }

  #stopAtOlder(offset: bigint, { end, olderEnd }: Extract<OrderDecision, { kind: 'older' }>): void {
    if (this.#done || offset < this.#from || offset >= end) return;
    this.#fail(ofOlderHome(this.#context.place, olderEnd), offset);
  }

  /** Keeps a record whose own fault the error is; a fold that refused it has not changed. */
  #reject(record: RecordView, error: unknown): boolean {
    const known = findFarshoreError(error);
    const decision = this.#decision;
    if (known === undefined || decision.kind !== 'apply' || this.#context.sink.kind !== 'table' || !isRejectable(known)) return false;
    if (this.#taken > 0) {
      this.#missing = { kind: 'refused', offset: record.offset, error: known };
      return true;
    }
    this.#keep(record, { error: known });
    return true;
  }

  #keep(record: RecordView, refusal: Refusal): void {
    const { sink } = this.#context;
    if (sink.kind !== 'table' || this.#decision.kind !== 'apply') throw new FarshoreError('internal', 'A record of no table was refused.');
    // The server names the table; else it is the one that was being filled.
    const named = sink.routes.find(({ table }) => table === refusal.error.facts.table)?.table;
    this.#rejects.push(rejectOf(record, named ?? sink.routes[this.#route]!.table, this.#decision, refusal));
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
      if (decoder === undefined) return this.#needSchema(offset, this.#ref.ref);
      for (const [route, { mappingOf }] of sink.routes.entries()) {
        const mapping = mappingOf(decoder);
        if (mapping === undefined) return this.#need({ kind: 'mapping', offset, decoder, route });
        this.#lastMappings[route] = mapping;
      }
      this.#lastRef = this.#ref.ref;
      this.#lastDecoder = decoder;
    }
    const [only] = this.#lastMappings;
    if (this.#lastMappings.length > 1 || only === null || only?.reader === undefined) return this.#upsertRows(record);
    const { reader } = only;
    const layers = this.#layersFor(0, only, only, offset);
    if (layers === undefined) return false;
    const { bodyStart } = this.#ref;
    if ((layers.folds[0] as Fold).read(reader, bytes, bodyStart, valueEnd, offset)) return true;
    return this.#put(layers, offset, (fold) => (fold as Fold).read(reader, bytes, bodyStart, valueEnd, offset));
  }

  /** A record that is decoded whole: it may say of several rows, or of none. */
  #upsertRows({ bytes, valueEnd, offset, timestampMs }: RecordView): boolean {
    let decoded: DecodedRecord | undefined;
    let rows = 0;
    for (const [route, mapping] of this.#lastMappings.entries()) {
      if (mapping === null) continue;
      this.#route = route;
      decoded ??= this.#lastDecoder!.decode(bytes, this.#ref.bodyStart, valueEnd);
      const events = mapping.events?.(decoded);
      if (events?.length === 0) continue;
      const layers = this.#layersFor(route, mapping, mapping, offset);
      if (layers === undefined) return false;
      const state = decoded;
      if (events === undefined && !this.#put(layers, offset, (fold) => fold.add(state, offset))) return false;
      for (const { kind, row, record } of events ?? []) {
        const put = (fold: RowFold) => (kind === 'state' ? fold.add(row, offset, record) : fold.deleteAt(row, record, offset, timestampMs));
        if (!this.#put(layers, offset, put)) return false;
        this.#taken++;
      }
      this.#taken++;
      rows++;
    }
    if (rows === 0) this.#unrouted++;
    return true;
  }

  #delete(record: RecordView, sink: Extract<Sink, { kind: 'table' }>): boolean {
    if (sink.divided) throw undirectedDelete();
    for (const [route, { keyOf, shared }] of sink.routes.entries()) {
      this.#route = route;
      const table = keyOf();
      if (table === undefined) return this.#need({ kind: 'key', offset: record.offset, route });
      // The table will be created from the first record with a value; until then there is nothing to delete.
      if (table === null) continue;
      if (shared) throw unorderedDelete(table.name);
      const key = kafkaKey(record, table, this.#context.decoders, this.#context.writers);
      if (key.kind === 'schema') return this.#needSchema(record.offset, key.ref);
      checkWholeNumbers(key.parts, table);
      const layers = this.#current[route] ?? this.#layersFor(route, table, undefined, record.offset);
      if (layers === undefined) return false;
      if (!this.#put(layers, record.offset, (fold) => fold.delete(key.parts, record.offset, record.timestampMs))) return false;
      this.#taken++;
    }
    return true;
  }

  #needSchema(offset: bigint, ref: SchemaRef): false {
    const unknown = this.#context.unknownSchema(ref);
    if (unknown !== undefined) throw unknown;
    return this.#need({ kind: 'schema', offset, ref });
  }

  #need(missing: Exclude<PlanResult, { kind: 'plan' }>): false {
    this.#missing = missing;
    return false;
  }

  /** The route's folds for this column set; undefined when they must wait for the next transaction. */
  #layersFor(route: number, table: TableKey, mapping: TableMapping | undefined, offset: bigint): Layers | undefined {
    const current = this.#current[route];
    if (current !== undefined && current.mapping === mapping) return current;
    const first = this.#begin(table, mapping, offset);
    if (first === undefined) return undefined;
    const layers = { table, mapping, folds: [first] };
    this.#current[route] = layers;
    return layers;
  }

  /** False when what the record says of a row must wait for the next transaction. */
  #put({ table, mapping, folds }: Layers, offset: bigint, put: (fold: RowFold) => boolean): boolean {
    return putInLayers(folds, () => this.#begin(table, mapping, offset), put);
  }

  /** Undefined when the plan has as many as it may: it ends before the record then, but never between two rows of one. */
  #begin(table: TableKey, mapping: TableMapping | undefined, offset: bigint): RowFold | undefined {
    if (this.#folds.length >= MAX_FOLDS && this.#taken === 0) {
      this.#cut(offset);
      return undefined;
    }
    if (this.#decision.kind !== 'apply') throw new FarshoreError('internal', 'Records of the region itself were to be applied.');
    const { writers } = this.#context;
    const units = mapping?.units;
    const fold =
      mapping === undefined || units === undefined
        ? new Fold(table, mapping, this.#decision, writers)
        : new UnitFold(mapping, units, this.#decision, writers);
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
      rejects: this.#rejects,
      unrouted: this.#unrouted,
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

const copyOf = ({ bytes }: RecordView, start: number, end: number): Buffer | null =>
  start === -1 ? null : Buffer.from(bytes.subarray(start, end));
