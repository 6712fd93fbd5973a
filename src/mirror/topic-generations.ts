import { FarshoreError } from '../model/errors.ts';
import { offsetValue, type RegionalOffset, regionalOffset } from '../model/offsets.ts';
import { topicPartitionKey } from '../model/partition.ts';
import { beginAnew, positionsOf, withGrownBefore } from './begin-anew.ts';
import type { TopicDescription, TopicRecord } from './contracts.ts';
import type { MirrorDependencies, MirrorSettings } from './dependencies.ts';
import type { Look } from './look.ts';
import { carriedTo } from './old-position.ts';
import { MirrorPartition } from './partition.ts';
import { readEnds } from './partition-start.ts';
import { holdPartitions, recordRestart } from './recreated.ts';
import type { Route } from './routes.ts';
import type { PartitionTable } from './table.ts';
import { growthMayBeRecorded, homeUnknown, movedHere, returnedHere } from './topic-plan.ts';

const LEADER_LOOKS = 50;
const LEADER_LOOK_MS = 100;

/** Claims the home of topics and raises their generations, each with where it starts in the region (C1, C24). */
export class TopicGenerations {
  readonly #deps: MirrorDependencies;
  readonly #settings: MirrorSettings;
  readonly #table: PartitionTable;
  /** Ends of the partitions that were there when growth was seen, by regional topic (C1). */
  readonly #growing = new Map<string, ReadonlyMap<number, bigint>>();

  constructor(deps: MirrorDependencies, settings: MirrorSettings, table: PartitionTable) {
    this.#deps = deps;
    this.#settings = settings;
    this.#table = table;
  }

  /** Whether a topic that grows may have become ready since: asked after each cycle, so it must be cheap. */
  growthReady(): boolean {
    for (const [topic, ends] of this.#growing) if (growthMayBeRecorded(ends, this.#committed(topic)).ready) return true;
    return false;
  }

  get growing(): boolean {
    return this.#growing.size > 0;
  }

  grown(topic: string): void {
    this.#growing.delete(topic);
  }

  isHeldByGrowth(partition: MirrorPartition): boolean {
    const ends = this.#growing.get(partition.route.regional);
    return ends !== undefined && !ends.has(partition.partition);
  }

  async claim(route: Route, home: TopicDescription, look: Look, isAccepted: boolean, signal: AbortSignal): Promise<void> {
    const regional = look.regional.get(route.regional);
    if (regional === undefined) return;
    const ends = await this.#regionalEnds(route.regional, regional.partitions.length, signal);
    const holdsRecords = [...ends.values()].some((e) => e.start !== e.end);
    const { primary, region } = this.#settings;
    // What this cluster holds it wrote as the home, and it says itself that a cutover moved that.
    const moved = movedHere({
      primary,
      publishedHome: look.publishedAtHome.get(route.home),
      publishedInRegion: look.publishedInRegion.get(route.regional),
      record: undefined,
    });
    if (holdsRecords && !isAccepted && !moved) throw homeUnknown(route, primary);
    const zero = regionalOffset(0n);
    let record = await this.#deps.ledger.claim(
      {
        topic: route.regional,
        home: moved ? region : primary,
        homeTopicId: home.topicId,
        regionalTopicId: regional.topicId,
        starts: new Map([...ends.keys()].map((partition) => [partition, zero])),
      },
      signal,
    );
    this.#deps.observe({ type: 'home_claimed', topic: route.regional, home: record.home, epoch: record.homeEpoch });
    if (record.generations.length === 1 && [...ends.values()].some((e) => e.end > 0n)) {
      // What was there before stays below what is mirrored now, and a missing position is not mistaken for a lost one.
      record = await this.#raiseTo(route, home, regional, record, 'claimed_with_records', ends, signal);
    }
    look.records.set(route.regional, record);
  }

  /**
   * Takes over where a cutover put the home. Nothing of the new epoch is in the regional log yet, which stands still since its own writers were
   * frozen: the epoch begins at its end. Where this mirror carried an earlier epoch, the region was home in between, from behind what was carried.
   */
  async adopt(route: Route, look: Look, signal: AbortSignal): Promise<void> {
    const [record, regional] = [look.records.get(route.regional), look.regional.get(route.regional)];
    const published = look.publishedAtHome.get(route.home);
    if (record === undefined || regional === undefined || published === undefined)
      throw new FarshoreError('internal', `The home of ${route.regional} cannot move before it is claimed`);
    const { primary, region } = this.#settings;
    // Also of those that no generation knows yet: one that was added while the region was home holds what the region wrote, and would pass for
    // the new home's from its first offset.
    const ends = await this.#regionalEnds(route.regional, regional.partitions.length, signal);
    const between =
      record.home === primary
        ? [{ epoch: published.epoch - 1, home: region, starts: await this.#carried(record, [...ends.keys()], signal) }]
        : [];
    const starts = new Map([...ends].map(([partition, { end }]) => [partition, regionalOffset(end)]));
    const adopted = await this.#deps.ledger.adopt(route.regional, [...between, { epoch: published.epoch, home: primary, starts }], signal);
    look.records.set(route.regional, adopted);
    this.#deps.observe({ type: 'home_claimed', topic: route.regional, home: adopted.home, epoch: adopted.homeEpoch });
  }

  /**
   * Beside the primary: records that the home is here again, from where its own cluster tells that the epoch begins. No topic is carried then, so
   * nothing else would record it before the next cutover, and whoever writes states of the region's epoch asks the ledger whether they may (C25).
   */
  async recordReturned(homeTopicOf: (regionalTopic: string) => string, look: Look, signal: AbortSignal): Promise<void> {
    const { region } = this.#settings;
    for (const record of look.records.values()) {
      const { topic, partitions } = record;
      const [publishedHome, publishedInRegion] = [look.publishedAtHome.get(homeTopicOf(topic)), look.publishedInRegion.get(topic)];
      if (!returnedHere({ region, publishedHome, publishedInRegion, record })) continue;
      const starts = new Map([...(publishedInRegion?.fromOffsets ?? [])].map(([partition, start]) => [partition, regionalOffset(start)]));
      // Of a partition without a start nothing would say whose its records are.
      if (starts.size < partitions) continue;
      const { epoch } = publishedInRegion!;
      // It was here since before: by the start of this epoch alone, what was written here until then would pass for the other side's.
      const isLater = record.home !== region && epoch > record.homeEpoch + 1;
      const carried = isLater ? await this.#carried(record, [...starts.keys()], signal) : starts;
      // One that was added since is left out: all of it is of an epoch that is not older than it.
      const known = [...starts].filter(([partition]) => partition < partitions);
      const since = { epoch: record.homeEpoch + 1, home: region, starts: new Map([...known, ...carried]) };
      const recorded = await this.#deps.ledger.adopt(topic, [...(isLater ? [since] : []), { epoch, home: region, starts }], signal);
      look.records.set(topic, recorded);
      this.#deps.observe({ type: 'home_claimed', topic, home: recorded.home, epoch: recorded.homeEpoch });
    }
  }

  /** How far the region's log holds what this mirror carried of the home that is recorded; partitions of which nothing tells are left out. */
  async #carried(
    { topic, homeTopicId }: TopicRecord,
    partitions: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, RegionalOffset>> {
    const positions = (await this.#deps.regional.positions([topic], signal)).get(topic) ?? [];
    const carried = partitions.flatMap((partition) => {
      const position = positions.find((one) => one.partition === partition);
      const end = carriedTo(position, this.#deps.kept.last(topic, partition), homeTopicId);
      return end === undefined ? [] : [[partition, end] as const];
    });
    return new Map(carried);
  }

  /** False while a growing topic waits for its old partitions. */
  async raise(
    route: Route,
    home: TopicDescription,
    reason: 'home_recreated' | 'region_recreated' | 'partitions_grown',
    look: Look,
    isAccepted: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const record = look.records.get(route.regional);
    const regional = look.regional.get(route.regional);
    if (record === undefined || regional === undefined)
      throw new FarshoreError('internal', `A generation of ${route.regional} cannot rise before its home is claimed`);
    if (reason === 'partitions_grown' && !(await this.#growthSettled(route, record, signal))) return false;
    const known = this.#table.ofTopic(route.regional);
    // Created again while no daemon ran: what was lost is not known, who decided is recorded all the same.
    const partitions =
      known.length > 0
        ? known
        : home.partitions.map(
            ({ partition }) =>
              new MirrorPartition(route, partition, { homeTopicId: record.homeTopicId, maxBatchBytes: 0, compacted: false }),
          );
    if (reason !== 'partitions_grown') holdPartitions(partitions);
    if (reason === 'home_recreated' && !isAccepted) await recordRestart(partitions, this.#deps, signal);
    let ends = await this.#regionalEnds(route.regional, home.partitions.length, signal);
    if (reason === 'partitions_grown') ends = await withGrownBefore(record, home, ends, this.#deps, signal);
    if (reason === 'region_recreated') await beginAnew(route, home, this.#table, this.#deps, signal);
    look.records.set(route.regional, await this.#raiseTo(route, home, regional, record, reason, ends, signal));
    return true;
  }

  /** A new generation for a rewind of one partition, recorded before the position goes back. */
  async raiseForRewind(route: Route, look: Look, signal: AbortSignal): Promise<void> {
    const [home, regional, record] = [look.home.get(route.home), look.regional.get(route.regional), look.records.get(route.regional)];
    if (home === undefined || regional === undefined || record === undefined) {
      throw new FarshoreError('request_invalid', `${route.regional} is not mirrored now, so it cannot be rewound`, {
        place: route.regional,
      });
    }
    // The generation would record the new topic ids, and with them accept for every partition what was asked of one.
    if (record.homeTopicId !== home.topicId || record.regionalTopicId !== regional.topicId) {
      throw new FarshoreError('request_invalid', `${route.regional} was created again: a rewind does not say that this is accepted`, {
        place: route.regional,
        hint: `farshore partition resume ${route.regional} --stage mirror --accept-recreated`,
      });
    }
    const ends = await this.#regionalEnds(route.regional, record.partitions, signal);
    look.records.set(route.regional, await this.#raiseTo(route, home, regional, record, 'rewind_accepted', ends, signal));
  }

  async #raiseTo(
    route: Route,
    home: TopicDescription,
    regional: TopicDescription,
    record: TopicRecord,
    reason: string,
    ends: ReadonlyMap<number, { readonly end: bigint }>,
    signal: AbortSignal,
  ): Promise<TopicRecord> {
    const raised = await this.#deps.ledger.raiseGeneration(
      {
        topic: route.regional,
        expected: record.generations.at(-1)?.generation ?? 0,
        reason,
        homeTopicId: home.topicId,
        regionalTopicId: regional.topicId,
        starts: new Map([...ends].map(([partition, e]) => [partition, regionalOffset(e.end)])),
      },
      signal,
    );
    this.#deps.observe({
      type: 'generation_raised',
      topic: route.regional,
      generation: raised.generations.at(-1)?.generation ?? 0,
      reason,
    });
    return raised;
  }

  /** Ends are read once, after the growth was seen; then the old partitions must pass them. */
  async #growthSettled(route: Route, record: TopicRecord, signal: AbortSignal): Promise<boolean> {
    let ends = this.#growing.get(route.regional);
    if (ends === undefined) {
      const old = Array.from({ length: record.partitions }, (_, partition) => ({ topic: route.home, partition }));
      const answers = await readEnds(this.#deps.home, old, signal);
      if (answers.size < old.length) {
        throw new FarshoreError('broker_request_failed', `Home did not tell the ends of ${route.home} while it grows`, {
          place: route.home,
        });
      }
      ends = new Map(old.map(({ partition }) => [partition, answers.get(topicPartitionKey(route.home, partition))?.end ?? 0n]));
      this.#growing.set(route.regional, ends);
    }
    const committed = this.#settings.share === undefined ? this.#committed(route.regional) : await this.#committedInRegion(record, signal);
    return growthMayBeRecorded(ends, committed).ready;
  }

  /** Of all that share the mirror: what is durable of it is in the group they have in common (C13). */
  async #committedInRegion({ topic, homeTopicId }: TopicRecord, signal: AbortSignal): Promise<ReadonlyMap<number, bigint>> {
    const positions = await positionsOf(topic, homeTopicId, this.#deps, signal);
    return new Map(positions.map(({ partition, next }) => [partition, offsetValue(next)]));
  }

  #committed(topic: string): ReadonlyMap<number, bigint> {
    const committed = new Map<number, bigint>();
    for (const p of this.#table.ofTopic(topic)) {
      // Of a topic that was created again since, a partition that rests keeps the old position: its offsets say nothing of the new log.
      if (p.committed?.topicId === p.homeTopicId) committed.set(p.partition, offsetValue(p.committed.next));
    }
    return committed;
  }

  async #regionalEnds(
    topic: string,
    partitions: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, { start: bigint; end: bigint }>> {
    const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    for (let looks = 0; ; looks++) {
      const ends = await readEnds(this.#deps.regional, wanted, signal);
      const silent = wanted.find(({ partition }) => !ends.has(topicPartitionKey(topic, partition)));
      if (silent === undefined) {
        return new Map(wanted.map(({ partition }) => [partition, ends.get(topicPartitionKey(topic, partition)) ?? { start: 0n, end: 0n }]));
      }
      if (looks >= LEADER_LOOKS) {
        const place = `${topic}:${silent.partition}`;
        throw new FarshoreError('broker_request_failed', `The region did not tell the end of ${place}`, { place });
      }
      // A topic that was just created has no leaders for a moment.
      await this.#deps.clock.sleep(LEADER_LOOK_MS, signal);
    }
  }
}
