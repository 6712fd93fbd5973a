import type { FarshoreError } from '../model/errors.ts';
import type { FetchedPartition } from '../model/fetch.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import { type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import { type CycleInput, type CyclePlan, mayEndInGap, planCycle, positionPastGap } from './cycle.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import type { MirrorPartition } from './partition.ts';
import { readEnds } from './partition-start.ts';
import { explainRefusal, refusalOf } from './refusal.ts';
import { type NoData, settle } from './settle.ts';
import { noteWentOn, setStopped, stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';
import type { Transaction } from './transaction.ts';
import type { UnrecordedStops } from './unrecorded-stops.ts';

const TOPIC_AUTHORIZATION_FAILED = 29;

/** What the answers of one round of fetches mean: a transaction, and for partitions that answered no data what becomes of them. */
export class Answers {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #table: PartitionTable;
  /** The topics are to be looked at again before the next round. */
  readonly #lookSoon: () => void;
  readonly #unrecorded: UnrecordedStops;

  constructor(
    deps: MirrorDependencies,
    settings: MirrorSettings,
    table: PartitionTable,
    unrecorded: UnrecordedStops,
    lookSoon: () => void,
  ) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
    this.#unrecorded = unrecorded;
    this.#lookSoon = lookSoon;
  }

  /** Where a transaction is open, nothing is written to the database: it would stand open, and may run out of time, for as long as that takes. */
  async plan(
    answers: readonly FetchedPartition[],
    transaction: Pick<Transaction, 'isOpen' | 'moves'>,
    signal: AbortSignal,
  ): Promise<CyclePlan> {
    const inputs: CycleInput[] = [];
    const passed: MirrorPosition[] = [];
    const roundWasEmpty = answers.every((answer) => answer.kind !== 'batches' || answer.empty);
    for (const answer of answers) {
      const partition = this.#table.byHome(answer.topic, answer.partition);
      if (partition?.mode.mode !== 'running' || partition.read === undefined) continue;
      if (answer.kind !== 'batches') {
        await this.#settle(partition, answer, signal);
        continue;
      }
      partition.wasOutOfRange = false;
      if (partition.unproven && (!answer.empty || answer.highWatermark >= offsetValue(partition.read.next))) {
        partition.setMode({ mode: 'verify' });
        continue;
      }
      // Where it brings something, the region has to take it before the trial is over.
      if (answer.batches.length === 0 && partition.retrying !== undefined && !transaction.isOpen)
        await noteWentOn(partition, this.#deps, signal);
      partition.end = homeOffset(answer.lastStableOffset);
      const { read: position, maxBatchBytes, refusedAt, compacted } = partition;
      inputs.push({ answer, position, maxBatchBytes, refusedAt, compacted });
      if (mayEndInGap(partition.read, answer, roundWasEmpty)) {
        const past = await this.#pastGap(partition, partition.read, answers.length === 1 ? answer : undefined, signal);
        if (past !== undefined) passed.push(past);
      }
    }
    const plan = planCycle(inputs, this.#deps);
    for (const { topic, partition, error } of plan.stopped) {
      const stopped = this.#table.get(topic, partition);
      const stop = stopped && setStopped(stopped, error, undefined, this.#deps);
      if (stop !== undefined) this.#unrecorded.addPlanned(stop);
    }
    const positions = [...plan.positions, ...passed];
    const moving = new Set(positions.map((p) => topicPartitionKey(p.topic, p.partition)));
    const recommit = this.#dueForRecommit((place) => moving.has(place) || transaction.moves(place));
    return { ...plan, positions: [...positions, ...recommit] };
  }

  /** C8, with the one fetch that may prove the gap. */
  async #pastGap(
    partition: MirrorPartition,
    position: MirrorPosition,
    asked: Extract<FetchedPartition, { kind: 'batches' }> | undefined,
    signal: AbortSignal,
  ): Promise<MirrorPosition | undefined> {
    if (asked !== undefined) return positionPastGap(position, asked, true);
    const target = partition.fetchTarget(this.#settings.maxPartitionFetchBytes);
    if (target === undefined) return undefined;
    const [answer] = await this.#deps.home.fetch([target], { maxWaitMs: 0, maxBytes: this.#settings.maxCycleBytes }, signal);
    return answer?.kind === 'batches' ? positionPastGap(position, answer, true) : undefined;
  }

  #dueForRecommit(isMoving: (place: TopicPartitionKey) => boolean): readonly MirrorPosition[] {
    const dueMs = this.#deps.clock.monotonicMs() - this.#settings.recommitMs;
    const due: MirrorPosition[] = [];
    for (const p of this.#table.all()) {
      // What the region lost has its position in question: an old answer of the group looks the same, and would undo what an operator decided.
      if (p.mode.mode === 'stopped' && p.mode.error.code === 'region_truncated') continue;
      // Nor is one of the topic before it was created again anybody's place: the partition begins anew.
      if (p.committed?.topicId !== p.homeTopicId) continue;
      // Of one that rests nothing proved that the position is the newest: a start alone does not make it so.
      const atMs = p.mode.mode === 'running' ? p.committedAtMs : Math.max(p.committedAtMs, 0);
      if (p.inDoubt !== undefined || atMs > dueMs) continue;
      if (!isMoving(topicPartitionKey(p.route.regional, p.partition))) due.push(p.committed);
    }
    return due;
  }

  /** An answer that is not data. What it means is decided apart; here it is carried out. */
  async #settle(partition: MirrorPartition, answer: NoData, signal: AbortSignal): Promise<void> {
    const { home } = partition.route;
    const place = topicPartitionKey(home, partition.partition);
    const range =
      answer.kind === 'out_of_range'
        ? (await readEnds(this.#deps.home, [{ topic: home, partition: partition.partition }], signal)).get(place)
        : undefined;
    const settled = settle(answer, {
      route: partition.route,
      partition: partition.partition,
      next: partition.read === undefined ? 0n : offsetValue(partition.read.next),
      range,
      again: partition.wasOutOfRange,
      onTruncated: this.#settings.onTruncated,
    });
    switch (settled.kind) {
      case 'verify':
        partition.wasOutOfRange = answer.kind === 'out_of_range';
        if (settled.forgetEpoch && partition.read !== undefined) partition.read = { ...partition.read, leaderEpoch: -1 };
        partition.setMode({ mode: 'verify' });
        return;
      case 'look':
        partition.setMode({ mode: 'held', reason: settled.reason });
        this.#lookSoon();
        return;
      case 'stop':
        await stopPartition(partition, settled.error, settled.lost, this.#deps, signal);
    }
  }

  /** A topic that may not be written in the region stops, and the others go on; a right that concerns them all, as to the transactional id, is waited for. */
  async denied(error: FarshoreError, signal: AbortSignal): Promise<void> {
    const { topic, kafkaCode } = error.facts;
    if (typeof topic !== 'string' || kafkaCode !== TOPIC_AUTHORIZATION_FAILED) return;
    for (const partition of this.#table.ofTopic(topic)) await stopPartition(partition, error, undefined, this.#deps, signal);
  }

  /** A refused batch is sent once more in other forms; then it stops its partition and the others go on. */
  async refused(error: FarshoreError, signal: AbortSignal): Promise<void> {
    const refusal = refusalOf(error);
    const partition = refusal && this.#table.get(refusal.topic, refusal.partition);
    if (refusal === undefined || partition === undefined) throw error;
    partition.refused = refusal.offset;
    const outcome = explainRefusal(refusal, partition);
    if (outcome.kind === 'again') {
      partition.maxBatchBytes = outcome.maxBatchBytes;
      partition.refusedAt = outcome.reencodeAt;
      return;
    }
    await stopPartition(partition, outcome.error, undefined, this.#deps, signal);
  }
}
