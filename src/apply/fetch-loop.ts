import { FarshoreError } from '../model/errors.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import { Wakeup } from '../model/wakeup.ts';
import { untilDone } from './back-off.ts';
import type { TopicOrder } from './contracts.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { bytesOf, type LogPiece, piecesOf } from './log-queue.ts';
import type { ApplyPartition } from './partition.ts';
import { diverged, outOfRange, withResumeHint } from './start-check.ts';
import { noteWentOn, stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';

/** Below this much free memory nothing is asked for until some is given back. */
const LEAST_FETCH_BYTES = 65_536;
/** A long poll holds back partitions that were full when it began: then it is kept short. */
const SHORT_WAIT_MS = 10;
const IDLE_MS = 200;
const FAILED_MS = 500;

type Batches = Extract<FetchedPartition, { kind: 'batches' }>;

interface Arrival {
  readonly partition: ApplyPartition;
  readonly reading: number;
  readonly pieces: readonly LogPiece[];
}

/** One loop of fetches for all partitions, into their queues. */
export class FetchLoop {
  readonly #deps: ApplyDependencies;
  readonly #settings: ApplySettings;
  readonly #partitions: PartitionTable;
  readonly #wanted = new Wakeup();
  readonly #lookAtTopics: () => void;
  #turnMs: number;

  constructor(deps: ApplyDependencies, settings: ApplySettings, partitions: PartitionTable, lookAtTopics: () => void) {
    this.#deps = deps;
    this.#settings = settings;
    this.#partitions = partitions;
    this.#lookAtTopics = lookAtTopics;
    this.#turnMs = deps.clock.monotonicMs();
  }

  get lastTurnMs(): number {
    return this.#turnMs;
  }

  /** A partition wants data. */
  wanted(): void {
    this.#wanted.ring();
  }

  async run(stop: AbortSignal): Promise<void> {
    let delivered: Promise<void> = Promise.resolve();
    try {
      while (!stop.aborted) {
        this.#turnMs = this.#deps.clock.monotonicMs();
        const { hungry, full } = this.#candidates();
        if (hungry.length === 0) {
          await this.#pause(stop);
          continue;
        }
        const { free } = this.#deps.budget;
        const held = [...this.#partitions.all()].some((p) => p.queue.bytes + p.arriving > 0);
        // With nothing of its own in memory, apply asks all the same: another stage's buffers must not stop it.
        if (free < LEAST_FETCH_BYTES && held) {
          await this.#deps.budget.freed(stop);
          continue;
        }
        const answers = await this.#fetch(hungry, full, Math.max(free, LEAST_FETCH_BYTES), stop);
        const arrivals = await this.#read(answers, stop);
        // One delivery at a time, so that pieces stay in order; the next fetch is under way meanwhile.
        await delivered;
        delivered = this.#deliver(arrivals, stop);
        delivered.catch(() => undefined);
      }
      await delivered;
    } catch (error) {
      await delivered.catch(() => undefined);
      if (!stop.aborted) throw error;
    }
  }

  async #pause(stop: AbortSignal): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([stop, over.signal]);
    const timer = this.#deps.clock.sleep(IDLE_MS, signal).then(
      () => this.#wanted.ring(),
      () => undefined,
    );
    await this.#wanted.heard(stop);
    over.abort();
    await timer;
  }

  #candidates(): { readonly hungry: readonly ApplyPartition[]; readonly full: boolean } {
    const hungry: ApplyPartition[] = [];
    let full = false;
    for (const p of this.#partitions.all()) {
      if (p.mode.mode !== 'running' || p.committed === undefined) continue;
      if (p.queue.bytes + p.arriving < this.#settings.maxBatchBytes) hungry.push(p);
      else full = true;
    }
    return { hungry, full };
  }

  async #fetch(
    hungry: readonly ApplyPartition[],
    full: boolean,
    free: number,
    stop: AbortSignal,
  ): Promise<readonly (readonly [ApplyPartition, number, FetchedPartition])[]> {
    const { maxPartitionFetchBytes, maxFetchBytes, fetchMaxWaitMs } = this.#settings;
    const maxBytes = Math.min(free, maxFetchBytes);
    const asked = new Map(hungry.map((p) => [p.place, p.reading]));
    const answers = await this.#attempt(
      () =>
        this.#deps.source.fetch(
          hungry.map((p) => p.fetchTarget(Math.min(maxPartitionFetchBytes, maxBytes))),
          { maxWaitMs: full ? SHORT_WAIT_MS : fetchMaxWaitMs, maxBytes },
          stop,
        ),
      hungry[0]!,
      stop,
    );
    const known: (readonly [ApplyPartition, number, FetchedPartition])[] = [];
    for (const answer of answers) {
      const partition = this.#partitions.get(answer.topic, answer.partition);
      const reading = partition && asked.get(partition.place);
      if (partition === undefined || reading === undefined || reading !== partition.reading || partition.mode.mode !== 'running') continue;
      known.push([partition, reading, answer]);
    }
    if (answers.length > 0 && answers.every(({ kind }) => kind === 'retry')) await this.#deps.clock.sleep(FAILED_MS, stop);
    return known;
  }

  async #attempt<T>(work: () => Promise<T>, at: ApplyPartition, stop: AbortSignal): Promise<T> {
    const { clock, random, observe } = this.#deps;
    const { topic, partition } = at;
    const retried = ({ code, facts }: FarshoreError, delayMs: number) =>
      observe({
        type: 'apply_retried',
        topic,
        partition,
        code,
        sqlState: typeof facts.sqlState === 'string' ? facts.sqlState : undefined,
        delayMs,
      });
    return await untilDone(work, { clock, random, retried }, stop);
  }

  /** Copies what came and moves the reading on, so that the next fetch can start at once. */
  async #read(answers: readonly (readonly [ApplyPartition, number, FetchedPartition])[], stop: AbortSignal): Promise<readonly Arrival[]> {
    const arrivals: Arrival[] = [];
    for (const [partition, reading, answer] of answers) {
      if (answer.kind !== 'batches') {
        await this.#settle(partition, answer, stop);
        continue;
      }
      // Anything else that was mended shows when its record is applied.
      if (partition.retrying?.error.code === 'cluster_denied')
        await this.#attempt(() => noteWentOn(partition, this.#deps, stop), partition, stop);
      partition.end = answer.lastStableOffset;
      const whole = answer.empty && answer.lastStableOffset > partition.fetchNext ? await this.#gapAtEnd(partition, stop) : answer;
      if (whole === undefined || reading !== partition.reading) continue;
      const pieces = whole.empty && whole.lastStableOffset > partition.fetchNext ? [gapTo(whole.lastStableOffset)] : piecesOf(whole);
      whole.release?.();
      const tooLarge = pieces.find(({ bytes }) => bytes > this.#deps.budget.limit);
      if (tooLarge?.batch !== undefined) {
        await this.#stopTooLarge(partition, tooLarge.batch.baseOffset, tooLarge.bytes, stop);
        continue;
      }
      if (pieces.length === 0) continue;
      const bytes = bytesOf(pieces);
      this.#deps.budget.take(bytes);
      partition.arriving += bytes;
      const last = pieces.at(-1)!;
      partition.fetchNext = last.end;
      if (last.proof !== undefined) partition.fetchEpoch = last.proof.leaderEpoch;
      arrivals.push({ partition, reading, pieces });
    }
    return arrivals;
  }

  /**
   * C8: an empty answer beside others may only mean that the byte limit was used up; empty when asked alone, it
   * proves that nothing lies before the last stable offset of that same answer. Anything else it says is looked at next time.
   */
  async #gapAtEnd(partition: ApplyPartition, stop: AbortSignal): Promise<Batches | undefined> {
    // It may bring data after all, for as many partitions as a full answer left out: the budget holds for these too.
    const maxBytes = Math.min(this.#settings.maxPartitionFetchBytes, Math.max(this.#deps.budget.free, LEAST_FETCH_BYTES));
    const target = partition.fetchTarget(maxBytes);
    const limits = { maxWaitMs: 0, maxBytes };
    const [alone] = await this.#attempt(() => this.#deps.source.fetch([target], limits, stop), partition, stop);
    return alone?.kind === 'batches' ? alone : undefined;
  }

  /**
   * The ledger is read after the records were: a generation or home epoch is recorded before mirror writes the
   * first record of it, so what is read now knows every one these records can belong to. An older reading would
   * give records of a grown topic the generation before, and pass its barrier (C1).
   */
  async #deliver(arrivals: readonly Arrival[], stop: AbortSignal): Promise<void> {
    const [first] = arrivals;
    if (first === undefined) return;
    const topics = new Set(arrivals.map(({ partition }) => partition.topic));
    if (this.#settings.heartbeatTopic !== undefined) topics.delete(this.#settings.heartbeatTopic);
    let orders: readonly TopicOrder[] = [];
    try {
      if (topics.size > 0) orders = await this.#attempt(() => this.#deps.orders.load([...topics], stop), first.partition, stop);
    } catch (error) {
      for (const { partition, pieces } of arrivals) this.#forget(partition, pieces);
      throw error;
    }
    for (const { partition, reading, pieces } of arrivals) {
      if (reading !== partition.reading) {
        this.#forget(partition, pieces);
        continue;
      }
      partition.order = orders.find(({ topic }) => topic === partition.topic);
      partition.arriving -= bytesOf(pieces);
      partition.queue.add(pieces);
      partition.work.ring();
    }
  }

  #forget(partition: ApplyPartition, pieces: readonly LogPiece[]): void {
    const bytes = bytesOf(pieces);
    partition.arriving -= bytes;
    this.#deps.budget.give(bytes);
  }

  async #stopTooLarge(partition: ApplyPartition, offset: bigint, bytes: number, stop: AbortSignal): Promise<void> {
    const message = `The batch at offset ${offset} has ${bytes} bytes, above the buffer limit of ${this.#deps.budget.limit}`;
    const error = new FarshoreError('memory_limit', message, {
      place: `${partition.place}@${offset}`,
      hint: `Raise limits.bufferBytes, then: farshore partition resume ${partition.place} --stage apply`,
    });
    await stopPartition(partition, error, undefined, this.#deps, stop);
  }

  /** An answer that is not data: what it means for the partition. */
  async #settle(partition: ApplyPartition, answer: Exclude<FetchedPartition, Batches>, stop: AbortSignal): Promise<void> {
    const { place } = partition;
    switch (answer.kind) {
      case 'retry':
        // The broker went away or another one leads now: what it holds is proved before it is read on (C6).
        partition.setMode({ mode: 'verify' });
        this.#lookAtTopics();
        return;
      case 'diverging': {
        const { error, lost } = diverged(place, `its leader epoch ${answer.epoch} ends at ${answer.endOffset}`, answer.endOffset);
        await stopPartition(partition, error, lost, this.#deps, stop);
        return;
      }
      case 'out_of_range': {
        const { error, lost } = outOfRange(place, partition.fetchNext, { start: answer.logStartOffset, end: answer.logEndOffset });
        await stopPartition(partition, error, lost, this.#deps, stop);
        return;
      }
      case 'unknown_topic':
        // Deleted, or deleted and created again: the next look at the topics tells which.
        partition.setMode({ mode: 'held', reason: 'the regional cluster does not know the topic under its id' });
        this.#lookAtTopics();
        return;
      case 'denied': {
        const error = new FarshoreError('cluster_denied', `The regional cluster refuses to let Farshore read ${partition.topic}`, {
          place,
          hint: `Grant READ and DESCRIBE on topic ${partition.topic}: it is tried again every mirror.refreshSeconds, or at once by farshore partition resume ${place} --stage apply`,
        });
        await stopPartition(partition, error, undefined, this.#deps, stop);
        return;
      }
      case 'corrupt': {
        const error = new FarshoreError('batch_corrupt', `The batch at offset ${answer.offset} cannot be read: ${answer.reason}`);
        await stopPartition(partition, withResumeHint(error, place, answer.offset), undefined, this.#deps, stop);
        return;
      }
    }
  }
}

const gapTo = (end: bigint): LogPiece => ({ batch: undefined, end, proof: undefined, bytes: 0 });
