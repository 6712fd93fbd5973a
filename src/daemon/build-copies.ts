import type { Offsets, StepParts } from '../cutover/step-contracts.ts';
import { fenceShards } from '../kafka/fence-shards.ts';
import { positionGroup, regionalLog } from '../kafka/regional-log.ts';
import { readPositions } from '../kafka/regional-log-positions.ts';
import { EndsPassed } from '../lag/ends-passed.ts';
import { keptEnd } from '../mirror/offset-keeper.ts';
import { carriedTo } from '../mirror/old-position.ts';
import { FarshoreError } from '../model/errors.ts';
import { homeOffset, offsetValue } from '../model/offsets.ts';
import type { StageStatus } from '../model/status.ts';
import { appliedBack } from '../postgres/applied-back.ts';
import { offsetStore } from '../postgres/offset-store.ts';
import { applyPositions } from '../postgres/positions.ts';
import { readStops } from '../postgres/stop-ledger.ts';
import type { ActiveParts } from './active-parts.ts';
import type { StepSources } from './build-steps.ts';
import type { movingTopics } from './moving-logs.ts';
import { regionalAdmin } from './regional-admin.ts';

const PASSED_EVERY_MS = 100;
const PASSED_LIMIT_MS = 5_000;
/** A mirror that does not end its transaction by then waits for brokers that do not answer. */
const MIRROR_ENDS_MS = 20_000;

/** What the steps of a cutover ask of mirror and apply, and have them do. */
export function buildCopies(
  { current, database, lease, clock }: ActiveParts,
  { clusters, gate, mirror, apply, audit, lagSources, rejected, retryParked, schemasNotBack }: StepSources,
  topics: (signal: AbortSignal) => Promise<ReturnType<typeof movingTopics>>,
): StepParts['copies'] {
  const config = current();
  const { region, primary } = config;
  const { transactionTimeoutMs, shards } = config.mirror;
  const numbers = Array.from({ length: shards }, (_, shard) => shard);
  const ends = new EndsPassed(
    lagSources,
    { topics: new Set(config.apply.tables.map(({ topic }) => topic)), everyMs: PASSED_EVERY_MS, limitMs: PASSED_LIMIT_MS },
    clock,
  );
  const behind = (wanted: Offsets, at: (topic: string, partition: number) => bigint | undefined): readonly string[] =>
    Object.entries(wanted).flatMap(([topic, partitions]) =>
      Object.entries(partitions).flatMap(([partition, end]) => {
        const next = at(topic, Number(partition));
        return next !== undefined && next >= BigInt(end)
          ? []
          : [`${topic}:${partition} is at ${next ?? 'no position'}, and ends at ${end}`];
      }),
    );
  const parkedNow = async (signal: AbortSignal): Promise<number> =>
    (await rejected.counts(signal)).reduce((sum, count) => sum + count.parked, 0);
  const moves = ({ topic }: { readonly topic: string }): boolean => !topic.startsWith('farshore.');
  const notRunning = (stage: string, statuses: Iterable<{ topic: string; partition: number; status: StageStatus }>): readonly string[] =>
    [...statuses]
      .filter((one) => moves(one) && one.status.state !== 'running')
      .map(({ topic, partition, status }) => `${stage} of ${topic}:${partition} is ${status.state}`);
  return {
    passed: (signal) => ends.passed(signal, signal),
    notMirrored(wanted) {
      const next = new Map([...mirror.progress()].map((one) => [`${one.topic}:${one.partition}`, one.next]));
      return behind(wanted, (topic, partition) => {
        const offset = next.get(`${topic}:${partition}`);
        return offset === undefined ? undefined : offsetValue(offset);
      });
    },
    async notCarriedBack(wanted, signal) {
      if (Object.values(wanted).every((partitions) => Object.keys(partitions).length === 0)) return [];
      const moving = await topics(signal);
      const group = positionGroup(primary.name, region);
      const positions = await readPositions(
        clusters.primary,
        group,
        moving.map(({ home }) => home),
        signal,
      );
      const nameAtHome = new Map(moving.map(({ regional, home }) => [regional, home]));
      const schemas = (await schemasNotBack?.(signal)) ?? [];
      const records = behind(wanted, (topic, partition) => {
        const position = positions.get(nameAtHome.get(topic) ?? topic)?.find((one) => one.partition === partition);
        return position === undefined ? undefined : offsetValue(position.next);
      });
      return [...schemas, ...records];
    },
    async notAppliedBack(wanted, homeEpoch, signal) {
      // Without it the last digest refuses the move, whatever is answered here.
      if (audit === undefined) return [];
      const applied = new Set(config.apply.tables.map(({ topic }) => topic));
      const nameAtHome = new Map((await topics(signal)).map(({ regional, home }) => [regional, home]));
      // The high watermark: where the transaction that carried it has no marker in the log yet, the last stable offset lies before its records.
      const ends = wanted
        .filter(({ topic }) => applied.has(topic))
        .map(({ topic, partition, highWatermark }) => ({ topic: nameAtHome.get(topic) ?? topic, partition, end: highWatermark }));
      return await appliedBack(audit.primary).notApplied(ends, homeEpoch, signal);
    },
    async appliedHere(signal) {
      const applied = new Set(config.apply.tables.map(({ topic }) => topic));
      const [positions, stops] = await Promise.all([
        applyPositions(database).ofTopics([...applied], signal),
        readStops(database, 'apply', signal),
      ]);
      const next = new Map(positions.map((one) => [`${one.topic}:${one.partition}`, offsetValue(one.next)]));
      const stands = new Map(stops.map((stop) => [`${stop.topic}:${stop.partition}`, stop]));
      const places = new Map([...positions, ...stops].map(({ topic, partition }) => [`${topic}:${partition}`, { topic, partition }]));
      return {
        topics: applied,
        partitions: [...places].map(([place, one]) => ({ ...one, next: next.get(place), stands: stands.get(place) })),
      };
    },
    async tryParked(signal) {
      const before = await parkedNow(signal);
      if (before === 0) return { applied: 0, parked: 0 };
      const { applied, superseded } = await retryParked(signal);
      return { applied: applied + superseded, parked: await parkedNow(signal) };
    },
    async waiting(signal) {
      const parked = await parkedNow(signal);
      return [
        ...(parked > 0 ? [`${parked} records are parked`] : []),
        ...(gate.reason === undefined ? notRunning('mirror', mirror.status()) : []),
        ...notRunning('apply', apply.statuses()),
      ];
    },
    async fenceForward(signal) {
      // The step was stored as started, and with that the gate is shut.
      if (gate.reason === undefined) throw new FarshoreError('internal', 'The mirror may still run while it is to be fenced');
      const waited = new AbortController();
      const late = clock.sleep(MIRROR_ENDS_MS, AbortSignal.any([signal, waited.signal])).then(() => {
        throw new FarshoreError('broker_request_failed', 'The mirror has not ended its last transaction yet');
      });
      try {
        await Promise.race([gate.ended(), late]);
      } finally {
        waited.abort();
        late.catch(() => undefined);
      }
      await lease.check(signal);
      await fenceShards(clusters.writer, { region, primary: primary.name, transactionTimeoutMs }, numbers, signal);
    },
    async fenceBack(signal) {
      await lease.check(signal);
      await fenceShards(clusters.primary, { region: primary.name, primary: region, transactionTimeoutMs }, numbers, signal);
    },
    async startForwardAt({ offsets: wanted, regionalIds }, signal) {
      await lease.check(signal);
      const log = regionalLog(
        clusters.writer,
        { region, primary: primary.name, shard: 0, transactionTimeoutMs },
        regionalAdmin(clusters.writer, config.mirror.replicationFactor),
      );
      await log.open(signal);
      const moving = await topics(signal);
      const names = moving.map(({ regional }) => regional);
      const before = await log.positions(names, signal);
      const lists = await offsetStore(database, lease.epoch).load(names, signal);
      // What is kept of a regional log that had the name before says nothing of where this one ends.
      const known = lists.filter(({ topic, regionalTopicId }) => (regionalIds[topic] ?? regionalTopicId) === regionalTopicId);
      const keptOf = (topic: string, partition: number) => keptEnd(known.find((one) => one.topic === topic && one.partition === partition));
      const positions = moving.flatMap(({ regional, record }) =>
        Object.entries(wanted[regional] ?? {}).map(([partition, end]) => ({
          topic: regional,
          partition: Number(partition),
          topicId: record.homeTopicId,
          // The batch before it was written by the mirror of the other direction: there is nothing to prove it by.
          leaderEpoch: -1,
          crc: undefined,
          next: homeOffset(BigInt(end)),
          regionalEnd: carriedTo(
            before.get(regional)?.find((one) => one.partition === Number(partition)),
            keptOf(regional, Number(partition)),
            record.homeTopicId,
          ),
        })),
      );
      await log.commit(positions, signal);
    },
  };
}
