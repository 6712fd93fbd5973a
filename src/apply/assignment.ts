import { askByTopic } from '../model/by-topic.ts';
import { concurrently } from '../model/concurrently.ts';
import { type FarshoreError, isTriedAgain } from '../model/errors.ts';
import { offsetValue } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import type { TopicOrder } from './contracts.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import { ApplyPartition } from './partition.ts';
import { checkLog, recreated } from './start-check.ts';
import { stopPartition } from './stopping.ts';
import type { PartitionTable } from './table.ts';

const VERIFY_BYTES = 1_048_576;
/** Each proof is a request of its own, as only the first batch of a fetch comes whole. */
const PROOFS_AT_ONCE = 64;

/** Which partitions there are, where they stand, and whether their logs are those the positions were taken in. */
export class Assignment {
  readonly #deps: ApplyDependencies;
  readonly #settings: ApplySettings;
  readonly #partitions: PartitionTable;
  readonly #topics: readonly string[];
  readonly #added: (partition: ApplyPartition) => void;
  readonly #beforeRetry: (topic: string) => void;
  #triedMs = Number.NEGATIVE_INFINITY;
  #refused: ReadonlyMap<string, FarshoreError> = new Map();

  constructor(
    deps: ApplyDependencies,
    settings: ApplySettings,
    partitions: PartitionTable,
    on: {
      /** A partition was found: it needs a worker. */
      readonly added: (partition: ApplyPartition) => void;
      /** A stop is tried again: what is known of the topic's table may be out of date. */
      readonly beforeRetry: (topic: string) => void;
    },
  ) {
    this.#deps = deps;
    this.#settings = settings;
    this.#partitions = partitions;
    const { entries, heartbeatTopic } = settings;
    this.#topics = [...entries.map(({ topic }) => topic), ...(heartbeatTopic === undefined ? [] : [heartbeatTopic])];
    this.#added = on.added;
    this.#beforeRetry = on.beforeRetry;
  }

  /** Looks at topics and ledger: new partitions are taken, held and doubtful ones proved, waiting ones told. */
  async look(signal: AbortSignal): Promise<void> {
    const { answers, refused } = await askByTopic((topics) => this.#deps.source.describe(topics, signal), this.#topics);
    this.#noteRefused(refused);
    const fresh: ApplyPartition[] = [];
    for (const { topic, topicId, partitions } of answers.flat()) {
      for (let partition = 0; partition < partitions; partition++) {
        if (this.#settings.owns?.(topic, partition) === false) continue;
        const known = this.#partitions.get(topic, partition);
        if (known === undefined) fresh.push(new ApplyPartition(topic, partition, topicId, this.#deps.budget));
        else known.topicId = topicId;
      }
    }
    if (fresh.length > 0) await this.#take(fresh, signal);
    await this.#stopRefused(refused, signal);
    await this.#readOrders(signal);
    await this.#tryAgain(signal);
    await this.#prove(signal);
    for (const partition of this.#partitions.all()) {
      // One that waits too: once what it waits for has come it would go on in the new log, at an offset of the old one.
      const isAtWork = partition.mode.mode === 'running' || partition.mode.mode === 'waiting';
      if (!isAtWork || partition.committed?.topicId === partition.topicId) continue;
      const { error, lost } = recreated(partition.place);
      await stopPartition(partition, error, lost, this.#deps, signal);
    }
  }

  /** Topics that may not be described, with the reason: nothing of them can be taken. */
  get refused(): ReadonlyMap<string, FarshoreError> {
    return this.#refused;
  }

  /** Whether anything waits for the next look. */
  get pending(): boolean {
    for (const { mode } of this.#partitions.all())
      if (mode.mode === 'held' || mode.mode === 'verify' || mode.mode === 'waiting') return true;
    return false;
  }

  /** Takes the position anew from the database; the log is proved before anything is read. */
  async takeAgain(partition: ApplyPartition, signal: AbortSignal): Promise<void> {
    const { topic, partition: number, topicId } = partition;
    const [position] = await this.#deps.positions.take([{ topic, partition: number, topicId }], this.#settings.epoch, signal);
    if (position !== undefined) partition.standAt(position);
  }

  /** Of a topic none of whose partitions was taken nothing else is told: each reason once. */
  #noteRefused(refused: ReadonlyMap<string, FarshoreError>): void {
    for (const [topic, { code }] of refused) {
      if (this.#refused.get(topic)?.code === code) continue;
      const delayMs = this.#settings.refreshMs;
      this.#deps.observe({ type: 'apply_retried', topic, partition: -1, code, sqlState: undefined, delayMs });
    }
    this.#refused = refused;
  }

  async #stopRefused(refused: ReadonlyMap<string, FarshoreError>, signal: AbortSignal): Promise<void> {
    for (const [topic, error] of refused)
      for (const partition of this.#partitions.ofTopic(topic)) await stopPartition(partition, error, undefined, this.#deps, signal);
  }

  /** Stops whose cause may be mended by now: from the position that the database holds, with the table as it is now. */
  async #tryAgain(signal: AbortSignal): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs < this.#triedMs + this.#settings.refreshMs) return;
    this.#triedMs = nowMs;
    for (const partition of this.#partitions.all()) {
      const { mode } = partition;
      if (mode.mode !== 'stopped' || !isTriedAgain(mode.error.code) || this.#refused.has(partition.topic)) continue;
      await partition.idle();
      await this.takeAgain(partition, signal);
      this.#beforeRetry(partition.topic);
      partition.tryAgain();
    }
  }

  async #take(fresh: readonly ApplyPartition[], signal: AbortSignal): Promise<void> {
    const positions = await this.#deps.positions.take(
      fresh.map(({ topic, partition, topicId }) => ({ topic, partition, topicId })),
      this.#settings.epoch,
      signal,
    );
    const stops = await this.#deps.stops.load('apply', signal);
    const byPlace = new Map(positions.map((position) => [topicPartitionKey(position.topic, position.partition), position]));
    for (const partition of fresh) {
      const position = byPlace.get(topicPartitionKey(partition.topic, partition.partition));
      if (position === undefined) continue;
      partition.standAt(position);
      const stop = stops.find((s) => s.topic === partition.topic && s.partition === partition.partition);
      if (stop?.state === 'paused') partition.setMode({ mode: 'paused', by: stop.message, since: stop.since });
      // A stop by an error is tried again: a cause that is still there stops the partition at the same place.
      if (stop?.state === 'stopped') await this.#deps.stops.clear('apply', partition.topic, partition.partition, signal);
      this.#partitions.add(partition);
      this.#added(partition);
    }
  }

  async #readOrders(signal: AbortSignal): Promise<void> {
    const waiting = [...this.#partitions.all()].filter(({ mode }) => mode.mode === 'waiting');
    if (waiting.length === 0) return;
    const topics = [...new Set(waiting.map(({ topic }) => topic))];
    const orders: readonly TopicOrder[] = await this.#deps.orders.load(topics, signal);
    if (this.#settings.owns !== undefined) this.#partitions.standElsewhere(await this.#deps.positions.ofTopics(topics, signal));
    for (const partition of waiting) {
      // Only what was read before this look is decided by it; data that comes later brings its own reading.
      partition.order = orders.find(({ topic }) => topic === partition.topic);
      partition.work.ring();
    }
  }

  /** Held and doubtful partitions go on, or stop. One of which a broker said nothing is asked again at the next look. */
  async #prove(signal: AbortSignal): Promise<void> {
    const doubtful = [...this.#partitions.all()].filter(({ mode }) => mode.mode === 'held' || mode.mode === 'verify');
    if (doubtful.length === 0) return;
    const ends = await this.#deps.source.ends(
      doubtful.map(({ topic, partition }) => ({ topic, partition })),
      signal,
    );
    const { answers, refused } = await askByTopic(
      (topics) => this.#deps.compactedTopics(topics, signal),
      [...new Set(doubtful.map(({ topic }) => topic))],
    );
    await this.#stopRefused(refused, signal);
    const compacted = new Set(answers.flatMap((topics) => [...topics]));
    await concurrently(doubtful, PROOFS_AT_ONCE, async (partition) => {
      if (refused.has(partition.topic)) return;
      const log = ends.find((end) => end.topic === partition.topic && end.partition === partition.partition);
      const position = partition.committed;
      if (log === undefined || position === undefined) return;
      const next = offsetValue(position.next);
      const proved = next > 0n && position.crc !== undefined && position.topicId === partition.topicId;
      // No epoch here: a fetch that carries one would be answered with the divergence instead of the batch.
      const batchBefore = proved ? await this.#deps.source.batchAt(partition.targetAt(next - 1n, -1, VERIFY_BYTES), signal) : undefined;
      if (partition.mode.mode !== 'held' && partition.mode.mode !== 'verify') return;
      const { topicId } = partition;
      const reason = checkLog({ position, topicId, log, batchBefore, compacted: compacted.has(partition.topic) });
      if (reason === undefined) partition.setMode({ mode: 'running' });
      else await stopPartition(partition, reason.error, reason.lost, this.#deps, signal);
    });
  }
}
