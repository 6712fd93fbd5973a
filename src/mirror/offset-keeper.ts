import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { regionalOffset } from '../model/offsets.ts';
import { type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../model/partition.ts';
import type { MirrorPosition } from '../model/position.ts';
import type { RegionalLog } from './contracts.ts';
import { OffsetList, type WrittenPart, writtenPart } from './offset-list.ts';
import type { OffsetPoint } from './offset-points.ts';
import type { KeptEnd, KeptEnds } from './old-position.ts';

/** The points of one partition as they are kept in the regional database. */
export interface KeptOffsets extends TopicPartition {
  readonly homeTopicId: string;
  readonly regionalTopicId: string;
  readonly points: readonly OffsetPoint[];
}

export interface OffsetStore {
  load(topics: readonly string[], signal: AbortSignal): Promise<readonly KeptOffsets[]>;
  /** Replaces what is kept of these partitions, unless a later lease wrote it. */
  save(offsets: readonly KeptOffsets[], signal: AbortSignal): Promise<void>;
}

const PUBLISH_MS = 5_000;

/** How far a partition came, by what is kept of it. */
export function keptEnd(kept: Pick<KeptOffsets, 'homeTopicId' | 'points'> | undefined): KeptEnd | undefined {
  const point = kept?.points.at(-1);
  return kept === undefined || point === undefined ? undefined : { homeTopicId: kept.homeTopicId, point, next: point.home };
}

/**
 * Keeps the mapping of source positions and regional offsets beside the mirror: it sees what the regional
 * log commits and nothing earlier, and writes it to the database on a timer of its own. A crash loses the
 * newest points, which makes answers less sharp and never wrong.
 */
export class OffsetKeeper implements KeptEnds {
  readonly #store: OffsetStore;
  readonly #clock: Clock;
  readonly #lists = new Map<TopicPartitionKey, OffsetList>();
  #regionalTopicIds: ReadonlyMap<string, string> = new Map();
  readonly #loaded = new Map<string, string>();
  /** What the open transaction wrote. */
  readonly #written = new Map<TopicPartitionKey, WrittenPart[]>();
  #saving: Promise<void> = Promise.resolve();

  constructor(store: OffsetStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Every partition with points, in order of topic and partition. */
  *all(): Iterable<KeptOffsets> {
    for (const list of this.#lists.values()) yield this.#kept(list);
  }

  of(topic: string, partition: number): KeptOffsets | undefined {
    const list = this.#lists.get(topicPartitionKey(topic, partition));
    return list === undefined ? undefined : this.#kept(list);
  }

  /** The same log, watched. */
  watch(regional: RegionalLog): RegionalLog {
    return {
      ...regional,
      listTopics: async (signal) => {
        const topics = await regional.listTopics(signal);
        this.#regionalTopicIds = new Map(topics.map(({ topic, topicId }) => [topic, topicId]));
        this.#dropReplaced();
        return topics;
      },
      positions: async (topics, signal) => {
        // Before them: where they are not answered, what is kept is all that is known.
        await this.#load(topics, signal);
        return await regional.positions(topics, signal);
      },
      open: async (signal) => {
        this.#written.clear();
        await regional.open(signal);
      },
      produce: async (writes, signal) => {
        const ends = await regional.produce(writes, signal);
        const byPlace = new Map(writes.map(({ topic, partition, batches }) => [topicPartitionKey(topic, partition), batches]));
        for (const { topic, partition, firstOffset, end } of ends) {
          const place = topicPartitionKey(topic, partition);
          const part = writtenPart(byPlace.get(place) ?? [], firstOffset, end);
          const parts = this.#written.get(place);
          if (parts === undefined) this.#written.set(place, [part]);
          else parts.push(part);
        }
        return ends;
      },
      commit: async (positions, signal) => {
        if (this.#written.size === 0) return await this.#commitAlone(regional, positions, signal);
        await regional.commit(positions, signal);
        for (const position of positions) {
          const parts = this.#written.get(topicPartitionKey(position.topic, position.partition));
          if (parts === undefined) this.#list(position).moved(position);
          else this.#list(position).wrote(parts, position.next);
        }
        this.#written.clear();
      },
    };
  }

  /** A position that lies behind it is an old one: it is taken back before one is moved back, and only what was committed is kept. */
  last(topic: string, partition: number): KeptEnd | undefined {
    const list = this.#lists.get(topicPartitionKey(topic, partition));
    if (list?.last === undefined || list.next === undefined) return undefined;
    return { homeTopicId: list.homeTopicId, point: list.last, next: list.next };
  }

  found(position: MirrorPosition): void {
    this.#list(position).found(position);
  }

  /** Publishes what changed, every few seconds, until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(PUBLISH_MS, signal);
      try {
        await this.publish(signal);
      } catch (error) {
        // The database is away, which others tell; the points stay marked and are tried again.
        if (signal.aborted || findFarshoreError(error)?.action !== 'retry') throw error;
      }
    }
  }

  async publish(signal: AbortSignal): Promise<void> {
    await this.#saving.catch(() => undefined);
    const due = [...this.#lists.values()].filter((list) => list.changed && this.#regionalTopicIds.has(list.topic));
    // What was due is being saved by the other caller.
    if (due.length === 0) return await this.#saving;
    for (const list of due) list.changed = false;
    this.#saving = this.#store.save(
      due.map((list) => this.#kept(list)),
      signal,
    );
    try {
      await this.#saving;
    } catch (error) {
      for (const list of due) list.changed = true;
      throw error;
    }
  }

  #kept(list: OffsetList): KeptOffsets {
    const { topic, partition, homeTopicId } = list;
    return { topic, partition, homeTopicId, regionalTopicId: this.#regionalTopicIds.get(topic) ?? '', points: list.points() };
  }

  /** Points count the offsets of one regional log: with another topic id they say nothing. */
  #dropReplaced(): void {
    for (const [topic, id] of this.#loaded) {
      if (this.#regionalTopicIds.get(topic) === id) continue;
      this.#loaded.delete(topic);
      for (const [key, list] of this.#lists) if (list.topic === topic) this.#lists.delete(key);
    }
  }

  async #load(topics: Iterable<string>, signal: AbortSignal): Promise<void> {
    const fresh = [...topics].filter((topic) => !this.#loaded.has(topic) && this.#regionalTopicIds.has(topic));
    if (fresh.length === 0) return;
    for (const kept of await this.#store.load(fresh, signal)) {
      if (kept.regionalTopicId !== this.#regionalTopicIds.get(kept.topic)) continue;
      const { topic, partition, homeTopicId, points } = kept;
      this.#lists.set(topicPartitionKey(topic, partition), new OffsetList(topic, partition, homeTopicId, points));
    }
    for (const topic of fresh) this.#loaded.set(topic, this.#regionalTopicIds.get(topic) ?? '');
  }

  #list({ topic, partition, topicId }: MirrorPosition): OffsetList {
    const key = topicPartitionKey(topic, partition);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = new OffsetList(topic, partition, topicId);
    this.#lists.set(key, list);
    return list;
  }

  /**
   * A rewind, or another home topic, makes the points of the pass before untrue. They are taken back in the
   * database first: were they taken back after, a crash in between would leave them there to be believed.
   */
  async #takeBackUntrue(positions: readonly MirrorPosition[], signal: AbortSignal): Promise<void> {
    const untrue = positions.flatMap((position) => {
      const list = this.#lists.get(topicPartitionKey(position.topic, position.partition));
      if (list?.contradicts(position) !== true) return [];
      list.forget(position.topicId);
      return [list];
    });
    if (untrue.length === 0) return;
    await this.#saving.catch(() => undefined);
    if (untrue.some((list) => !this.#regionalTopicIds.has(list.topic)))
      throw new FarshoreError('internal', 'A position moved back in a topic the region does not list');
    await this.#store.save(
      untrue.map((list) => this.#kept(list)),
      signal,
    );
  }

  /** Positions that move without a record, or begin. */
  async #commitAlone(regional: RegionalLog, positions: readonly MirrorPosition[], signal: AbortSignal): Promise<void> {
    await this.#takeBackUntrue(positions, signal);
    await regional.commit(positions, signal);
    const begins = positions.filter(({ regionalEnd }) => regionalEnd === undefined);
    // After it: the marker of the transaction before may not have been in the log yet.
    const ends = begins.length === 0 ? [] : await regional.ends(begins, signal);
    const begun = new Map(ends.map((one) => [topicPartitionKey(one.topic, one.partition), one.end]));
    for (const position of positions) {
      const end = begun.get(topicPartitionKey(position.topic, position.partition));
      if (end === undefined) this.#list(position).moved(position);
      else this.#list(position).begins(position, regionalOffset(end));
    }
    // Until it is kept, a position from before it would pass for the newest.
    if (begins.length > 0) await this.publish(signal);
  }
}
