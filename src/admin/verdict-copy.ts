import type { CutoverNow, VerdictReason } from '../model/live.ts';
import type { DaemonStatus, PartitionStatus } from '../model/status.ts';
import { counted, listed, reason, reasonOf } from './verdict-words.ts';

const LAG_ATTENTION_SECONDS = 60;
const LAG_BROKEN_SECONDS = 300;
const HEARTBEAT_SECONDS = 60;

/** Once the home is here the mirror from the primary waits for as long as that is so, and what was measured of it, or through it, only ages. */
export const mirrorRests = (cutover: CutoverNow | null): boolean => cutover?.home === 'region';

/** Of partitions, tables and shards: what does not go on. */
export function judgeStages({ partitions, tables, shards }: DaemonStatus, cutover: CutoverNow | null): readonly VerdictReason[] {
  const inState = (state: 'stopped' | 'paused'): readonly string[] =>
    partitions.filter(({ mirror, apply }) => mirror?.state === state || apply?.state === state).map(nameOf);
  const [stopped, paused] = [inState('stopped'), inState('paused')];
  const rests = mirrorRests(cutover);
  const waiting = partitions.filter(({ mirror, apply }) => (mirror?.state === 'waiting' && !rests) || apply?.state === 'waiting');
  return [
    ...reasonOf(
      'broken',
      stopped,
      (names) => `${counted(stopped.length, 'partition')} stopped: ${names}`,
      '#/partitions',
      'partition-stopped.md#a-partition-stopped',
    ),
    ...judgeTables(tables),
    ...judgeShards(shards),
    ...reasonOf(
      'attention',
      paused,
      (names) => `${counted(paused.length, 'partition')} paused by an operator: ${names}`,
      '#/partitions',
      'partition-stopped.md#a-partition-is-paused',
    ),
    ...reasonOf(
      'attention',
      waiting.map(nameOf),
      (names) => `${counted(waiting.length, 'partition')} waiting: ${names}`,
      '#/partitions',
      'partition-stopped.md#a-partition-waits',
    ),
  ];
}

function judgeTables(tables: DaemonStatus['tables']): readonly VerdictReason[] {
  const stopped = tables.filter(({ state }) => state === 'stopped').map(({ table }) => table);
  return reasonOf(
    'broken',
    stopped,
    (names) => `${counted(stopped.length, 'table')} not applied: ${names}`,
    '#/tables',
    'partition-stopped.md#a-partition-stopped',
  );
}

function judgeShards(shards: DaemonStatus['shards']): readonly VerdictReason[] {
  if (shards === undefined) return [];
  if (shards.holders === null) return reason('unknown', 'Who works on which shard is not known', '#/');
  const held = new Set(shards.holders.map(({ shard }) => shard));
  const idle = Array.from({ length: shards.count }, (_, shard) => shard).filter((shard) => !held.has(shard));
  return reasonOf(
    'broken',
    idle.map(String),
    (names) => `No daemon works on ${counted(idle.length, 'shard')}: ${names}`,
    '#/partitions',
    'daemon-not-progressing.md#a-shard-has-no-daemon',
  );
}

export function judgeLag({ partitions, heartbeat }: DaemonStatus, cutover: CutoverNow | null): readonly VerdictReason[] {
  const rests = mirrorRests(cutover);
  if (partitions.length === 0) return reason('unknown', 'No partition is mirrored yet', '#/partitions');
  const lags = partitions.flatMap((partition) =>
    [partition.lag.apply, ...(rests ? [] : [partition.lag.mirror, partition.lag.total])].flatMap((lag) =>
      lag === null ? [] : [{ partition, lag }],
    ),
  );
  const unknown = new Set(lags.filter(({ lag }) => !lag.known || lag.seconds === null).map(({ partition }) => nameOf(partition)));
  const behind = (limit: number) =>
    new Set(lags.filter(({ lag }) => lag.known && lag.seconds !== null && lag.seconds > limit).map(({ partition }) => nameOf(partition)));
  const far = behind(LAG_BROKEN_SECONDS);
  const late = behind(LAG_ATTENTION_SECONDS);
  const high = (state: 'broken' | 'attention', names: ReadonlySet<string>, limit: number) =>
    reason(
      state,
      `${counted(names.size, 'partition')} more than ${limit} s behind: ${listed([...names])}`,
      '#/partitions',
      'lag-grows.md#lag-is-high',
    );
  return [
    ...(rests ? [] : judgeRetention(partitions)),
    ...(far.size > 0 ? high('broken', far, LAG_BROKEN_SECONDS) : late.size > 0 ? high('attention', late, LAG_ATTENTION_SECONDS) : []),
    ...(unknown.size === 0
      ? []
      : reason(
          'unknown',
          `The lag of ${counted(unknown.size, 'partition')} is not known: ${listed([...unknown])}`,
          '#/partitions',
          'lag-grows.md#lag-is-unknown',
        )),
    ...(rests || heartbeat.ageSeconds === null || heartbeat.ageSeconds <= HEARTBEAT_SECONDS
      ? []
      : reason(
          'attention',
          `The newest heartbeat is ${Math.round(heartbeat.ageSeconds)} s old`,
          '#/',
          'lag-grows.md#heartbeats-do-not-come-back',
        )),
  ];
}

/** Behind, and the log at home begins where the mirror stands: what retention deletes next was not read. */
function judgeRetention(partitions: readonly PartitionStatus[]): readonly VerdictReason[] {
  const atRisk = partitions.filter(({ headroom, lag }) => headroom === '0' && (lag.mirror.seconds ?? 0) > LAG_ATTENTION_SECONDS);
  return reasonOf(
    'broken',
    atRisk.map(nameOf),
    (names) => `Retention at home deletes what the mirror has not read: ${names}`,
    '#/partitions',
    'records-lost.md#retention-overtakes-the-mirror',
  );
}

export function judgeRecords({ rejected }: DaemonStatus): readonly VerdictReason[] {
  if (rejected === null) return reason('unknown', 'How many records are rejected is not known', '#/rejected');
  const kept = (of: 'records' | 'parked', what: (count: number) => string, runbook: VerdictReason['runbook']): readonly VerdictReason[] => {
    const tables = rejected.filter((one) => one[of] > 0);
    const count = tables.reduce((sum, one) => sum + one[of], 0);
    return reasonOf(
      'attention',
      tables.map(({ table }) => table),
      (names) => `${what(count)} of ${names}`,
      '#/rejected',
      runbook,
    );
  };
  return [
    ...kept('records', (count) => `${counted(count, 'rejected record')} kept`, 'rejected-records.md#records-were-rejected'),
    ...kept('parked', (count) => `${counted(count, 'record')} waiting for another row`, 'rejected-records.md#parked-records'),
  ];
}

const nameOf = ({ topic, partition }: PartitionStatus): string => `${topic}:${partition}`;
