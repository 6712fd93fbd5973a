import type { ApplyPlan } from '../apply/apply-plan.ts';
import type { RegionalSource, TopicOrder, TopicOrders } from '../apply/contracts.ts';
import { RejectFloods } from '../apply/flood.ts';
import { type LogPiece, piecesOf } from '../apply/log-queue.ts';
import { type OrderDecision, orderAt } from '../apply/order-at.ts';
import type { Replay } from '../apply/replay.ts';
import type { Chunk, OpenBackfill, PreparedTable, Written } from '../backfill/contracts.ts';
import {
  isThrough,
  movedTo,
  type PartitionCursor,
  readTopicCursor,
  type TopicCursor,
  writeRecordCursor,
} from '../backfill/record-cursors.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { HomeState } from '../model/home-state.ts';
import { regionalOffset } from '../model/offsets.ts';
import { writeChunk } from '../postgres/backfill-chunk.ts';
import type { Database } from '../postgres/database.ts';
import { refusal } from './backfill-prepare.ts';

export interface TopicBackfillParts {
  /** The table. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Of the region itself. */
  readonly region: string;
  readonly source: Pick<RegionalSource, 'describe' | 'ends' | 'fetch'>;
  readonly orders: TopicOrders;
  readonly replay: Replay;
  readonly database: Database;
  readonly epoch: bigint;
  readonly rejectBudget: FarshoreConfig['rejected']['budget'];
  readonly clock: Clock;
}

interface TopicChunk extends Chunk {
  /** Undefined: there was nothing. */
  readonly taken:
    | { readonly at: PartitionCursor; readonly state: HomeState; readonly plan: ApplyPlan; readonly phase: TopicCursor['phase'] }
    | undefined;
}

const FETCH_BYTES = 1024 * 1024;

/**
 * Applies the regional topics once more from their beginning, to one table, each record under the version it has in the stream (C1, C3): what the
 * stream wrote is newer or the same. It asks the region's log, not the one at home: only the region's offsets are versions, and they are there while
 * the primary is not.
 */
export class TopicBackfill implements PreparedTable {
  readonly #parts: TopicBackfillParts;
  readonly #floods: RejectFloods;
  /** What was fetched and not yet taken. */
  #ahead: { readonly topic: string; readonly partition: number; readonly pieces: readonly LogPiece[] } | undefined;

  constructor(parts: TopicBackfillParts) {
    this.#parts = parts;
    this.#floods = new RejectFloods(parts.rejectBudget);
  }

  async read({ cursor }: Pick<OpenBackfill, 'cursor'>, limit: number, signal: AbortSignal): Promise<TopicChunk> {
    const at = cursor === undefined ? await this.begin(signal) : readTopicCursor(cursor);
    if (isThrough(at)) return { rows: 0, bytes: 0, cursor: writeRecordCursor(at), done: true, taken: undefined };
    const { name, orders, topics, replay } = this.#parts;
    const known = new Map((await orders.load(topics, signal)).map((order) => [order.topic, order]));
    const { one, order } = this.#next(at, known);
    const pieces = await this.#pieces(one, signal);
    const place = `${one.topic}:${one.partition}`;
    const plan = await replay.plan(
      one.topic,
      { place, from: one.next, order },
      pieces,
      { maxRecords: limit, maxBytes: Number.MAX_SAFE_INTEGER, upTo: one.end },
      signal,
    );
    if (plan.next <= one.next) throw new FarshoreError('internal', `A backfill does not get on at ${place}@${one.next}`);
    const flood = at.phase === 'all' ? this.#floods.over(name, counts(plan), this.#parts.clock.monotonicMs()) : undefined;
    if (flood !== undefined) throw flood;
    const moved = movedTo(at, one, plan.next);
    return {
      rows: plan.records,
      bytes: bytesOfTaken(pieces, one.next, plan),
      cursor: writeRecordCursor(moved),
      done: moved.phase === 'all' && isThrough(moved),
      taken: { at: one, state: { topic: one.topic, homeEpoch: order.homeEpoch }, plan, phase: at.phase },
    };
  }

  async write(backfill: OpenBackfill, chunk: TopicChunk, signal: AbortSignal): Promise<Written> {
    const { replay, epoch, database, name, clock, region } = this.#parts;
    const { taken } = chunk;
    const moving = { backfill, chunk };
    if (taken === undefined) return await writeChunk(database, { region, states: [] }, replay.nothing(epoch), moving, signal);
    const { plan, at, state, phase } = taken;
    const fence = { region, states: [state] };
    const written = await writeChunk(database, fence, replay.statements(plan, phase, epoch, at), moving, signal);
    if (phase === 'all' && written !== 'home_moved') this.#floods.note(name, counts(plan), clock.monotonicMs());
    return written;
  }

  /** The beginning of every partition, and its end as it is now. Rejects where a log has lost its beginning, or is not what the ledger says. */
  async begin(signal: AbortSignal): Promise<TopicCursor> {
    const { source, topics, name } = this.#parts;
    const described = await source.describe(topics, signal);
    const missing = topics.filter((topic) => !described.some((one) => one.topic === topic));
    if (missing.length > 0)
      throw refusal(name, `Topic ${missing.join(', ')} is not in the region`, 'farshore status shows what is mirrored.');
    const all = described.flatMap(({ topic, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
    const ends = await source.ends(all, signal);
    if (ends.length < all.length) throw new FarshoreError('broker_request_failed', 'The ends of a regional topic were not told');
    const cut = ends.filter(({ start }) => start > 0n);
    if (cut.length > 0) {
      const what = cut.map(({ topic, partition, start }) => `${topic}:${partition} begins at ${start}`).join(', ');
      const message = `The log has lost its beginning (${what}): rows that have not changed since would be missing`;
      throw refusal(name, message, 'Only a topic that keeps all its keys can fill a table: backfill it from the database or from a file.');
    }
    const idOf = new Map(described.map(({ topic, topicId }) => [topic, topicId]));
    const partitions = ends.map(({ topic, partition, end }) => ({ topic, topicId: idOf.get(topic)!, partition, next: 0n, end }));
    // Without a record there is nothing to go through twice.
    return { phase: partitions.every(({ end }) => end === 0n) ? 'all' : 'deletes', partitions };
  }

  /** A partition whose next record may be applied: of a newer generation none comes before all of the older one (C1). */
  #next(
    { partitions }: TopicCursor,
    orders: ReadonlyMap<string, TopicOrder>,
  ): { readonly one: PartitionCursor; readonly order: Extract<OrderDecision, { kind: 'apply' }> } {
    const { name, region } = this.#parts;
    const waits: string[] = [];
    for (const one of partitions) {
      if (one.next >= one.end) continue;
      const order = orders.get(one.topic);
      if (order !== undefined && order.regionalTopicId !== one.topicId) {
        throw refusal(name, `Topic ${one.topic} was created anew`, `farshore backfill stop --table ${name}, and start again.`);
      }
      const through = new Map(
        partitions.flatMap(({ topic, partition, next }) => (topic === one.topic ? [[partition, regionalOffset(next)]] : [])),
      );
      const decision = orderAt(order, one.partition, one.next, through, region);
      if (decision.kind === 'pass' || decision.kind === 'older') throw ownRecords(name, one.topic);
      if (decision.kind === 'apply') return { one, order: decision };
      waits.push(`${one.topic}:${one.partition}: ${decision.reason}`);
    }
    throw new FarshoreError('broker_request_failed', `No partition can be read on (${waits.join('; ')})`);
  }

  async #pieces(one: PartitionCursor, signal: AbortSignal): Promise<readonly LogPiece[]> {
    const { topic, topicId, partition, next } = one;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    let pieces = ahead?.topic === topic && ahead.partition === partition ? behind(ahead.pieces, next) : [];
    if (pieces[0]?.batch === undefined || pieces[0].batch.baseOffset > next) pieces = [];
    if (pieces.length === 0) {
      const target = { topic, topicId, partition, offset: next, lastFetchedEpoch: -1, maxBytes: FETCH_BYTES };
      const [answer] = await this.#parts.source.fetch([target], { maxWaitMs: 0, maxBytes: FETCH_BYTES }, signal);
      pieces = this.#piecesOf(one, answer);
    }
    this.#ahead = { topic, partition, pieces };
    return pieces;
  }

  #piecesOf(one: PartitionCursor, answer: Awaited<ReturnType<RegionalSource['fetch']>>[number] | undefined): readonly LogPiece[] {
    const { name } = this.#parts;
    const place = `${one.topic}:${one.partition}`;
    switch (answer?.kind) {
      case 'batches': {
        // C8: it was asked for alone.
        const isGap = answer.empty && answer.lastStableOffset > one.next;
        const pieces = isGap ? [{ batch: undefined, end: answer.lastStableOffset, proof: undefined, bytes: 0 }] : piecesOf(answer);
        answer.release?.();
        if (pieces.length > 0) return pieces;
        throw refusal(name, `${place} ends before ${one.end}, where it ended when the backfill began`, againHint(name));
      }
      case 'out_of_range': {
        const message = `${place}@${one.next} is gone: the log begins at ${answer.logStartOffset}`;
        throw refusal(name, message, 'Retention was faster: backfill it from the database or from a file.');
      }
      case 'corrupt':
        throw new FarshoreError('batch_corrupt', answer.reason, { place: `${place}@${answer.offset}` });
      case 'denied':
        throw new FarshoreError('cluster_denied', `The daemon may not read ${one.topic} in the region`, { place });
      case 'diverging':
      case 'unknown_topic':
        throw refusal(name, `${place} is not the log it was when the backfill began`, againHint(name));
      default:
        throw new FarshoreError('broker_request_failed', answer?.reason ?? 'The broker did not answer', { place });
    }
  }
}

const againHint = (name: string): string => `farshore backfill stop --table ${name}, and start again.`;

const counts = ({ records, rejects }: ApplyPlan) => ({ records, rejects: rejects.length });

/** The part of the touched batches that was taken: a chunk of a few records of a large batch is no large chunk. */
function bytesOfTaken(pieces: readonly LogPiece[], from: bigint, { next, records }: ApplyPlan): number {
  let bytes = 0;
  let held = 0;
  for (const piece of pieces) {
    if (piece.batch === undefined || piece.end <= from || piece.batch.baseOffset >= next) continue;
    bytes += piece.bytes;
    held += piece.batch.recordCount;
  }
  return Math.ceil((bytes * records) / Math.max(1, held));
}

const behind = (pieces: readonly LogPiece[], next: bigint): readonly LogPiece[] => pieces.filter(({ end }) => end > next);

/**
 * What the region's own writers wrote while it was home is in its log, and is not applied from there (C3); nor are the rows they deleted remembered. A
 * state from before would bring such a row back.
 */
export const ownRecords = (name: string, topic: string, source = 'log'): FarshoreError =>
  refusal(
    name,
    `The region was the home of topic ${topic} for a time: what it wrote and deleted itself is not known from the ${source}`,
    'Backfill the table from the primary’s database.',
  );
