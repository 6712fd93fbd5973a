import type { DaemonStatus, LagValue, LostRange, PartitionStatus, RecordedAction, StageStatus } from '../model/status.ts';
import { type Paint, textTable } from './output.ts';

/** Seconds as a person reads them; unknown is a word of its own and never 0. */
export function lagText(lag: LagValue | null): string {
  if (lag === null) return '-';
  if (!lag.known || lag.seconds === null) return 'unknown';
  const records = lag.records === null ? '' : `, ${lag.records} records`;
  return `${secondsText(lag.seconds)}${records}`;
}

export function secondsText(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export interface StageRow {
  readonly topic: string;
  readonly partition: number;
  readonly stage: 'mirror' | 'apply';
  readonly status: StageStatus;
}

export const stageRows = (partitions: readonly PartitionStatus[]): readonly StageRow[] =>
  partitions.flatMap(({ topic, partition, mirror, apply }) => [
    ...(mirror === null ? [] : [{ topic, partition, stage: 'mirror' as const, status: mirror }]),
    ...(apply === null ? [] : [{ topic, partition, stage: 'apply' as const, status: apply }]),
  ]);

/** `0, 3 of 6 here; 1, 4 by host:71, 2, 5 by host:72`. A holder is named by host and process; those with the same are one. */
export function shardsText({ count, held, holders }: NonNullable<DaemonStatus['shards']>): string {
  const here = `${held.length === 0 ? 'none' : held.join(', ')} of ${count} here`;
  if (holders === null) return here;
  const others = Map.groupBy(
    holders.filter(({ shard }) => !held.includes(shard)),
    ({ holder }) => holder.split(':').slice(0, 2).join(':'),
  );
  const taken = new Set([...held, ...holders.map(({ shard }) => shard)]);
  const nobody = Array.from({ length: count }, (_, shard) => shard).filter((shard) => !taken.has(shard));
  return [
    here,
    ...[...others].map(([holder, shards]) => `${shards.map(({ shard }) => shard).join(', ')} by ${holder}`),
    ...(nobody.length === 0 ? [] : [`${nobody.join(', ')} by nobody`]),
  ].join('; ');
}

export function statusText(status: DaemonStatus, paint: Paint): string {
  const rows = stageRows(status.partitions);
  const held = rows.filter(({ status: { state } }) => state === 'stopped' || state === 'paused');
  const tables = status.tables.filter(({ state }) => state === 'stopped');
  return [
    textTable([
      ['region', status.region],
      ['primary', status.primary],
      ['daemon', `${status.role}, version ${status.version}, since ${status.startedAt}`],
      ['lease', status.leaseEpoch === null ? 'not held' : `epoch ${status.leaseEpoch}`],
      ...(status.shards === undefined ? [] : [['shards', shardsText(status.shards)]]),
      ...status.components.map(({ component, up, reason }) => [
        component.replaceAll('_', ' '),
        up ? paint('green', 'up') : paint('red', `down${reason === null ? '' : `: ${reason}`}`),
      ]),
      ['heartbeat', heartbeatText(status.heartbeat)],
      ['records', `${status.counters.mirroredRecords} mirrored, ${status.counters.appliedRecords} applied since the start`],
      ['rejected', rejectedText(status.rejected)],
      ['partitions', countsText(rows)],
      ['lag', worstLagText(status.partitions)],
    ]),
    ...held.map(heldText(paint)),
    ...status.tables
      .filter(({ needsFullAudit }) => needsFullAudit)
      .map(({ table, topic }) => `\n${paint('yellow', 'needs full audit')} table ${table} of ${topic}: deletes may have been missed\n`),
    ...tables.map(
      ({ table, topic, reason }) => `\n${paint('red', 'stopped')} table ${table} of ${topic}${reason === null ? '' : `: ${reason}`}\n`,
    ),
  ].join('');
}

function rejectedText(rejected: DaemonStatus['rejected']): string {
  if (rejected === null) return 'unknown';
  const listed = (count: 'records' | 'parked') =>
    rejected.flatMap((one) => (one[count] === 0 ? [] : [`${one[count]} of ${one.table}`])).join(', ');
  const [kept, parked] = [listed('records'), listed('parked')];
  const lines = [
    ...(kept === '' ? [] : [`${kept} kept · farshore rejected list`]),
    ...(parked === '' ? [] : [`${parked} parked · farshore rejected list --parked`]),
  ];
  return lines.length === 0 ? 'none kept' : lines.join('; ');
}

function heartbeatText({ latencySeconds, ageSeconds }: DaemonStatus['heartbeat']): string {
  if (latencySeconds === null) return 'unknown';
  return `${secondsText(latencySeconds)} end to end${ageSeconds === null ? '' : `, seen ${secondsText(ageSeconds)} ago`}`;
}

function countsText(rows: readonly StageRow[]): string {
  if (rows.length === 0) return 'none';
  return (['mirror', 'apply'] as const)
    .map((stage) => ({
      stage,
      states: Object.groupBy(
        rows.filter((row) => row.stage === stage),
        ({ status }) => status.state,
      ),
    }))
    .filter(({ states }) => Object.keys(states).length > 0)
    .map(
      ({ stage, states }) =>
        `${stage} ${Object.entries(states)
          .map(([state, members]) => `${members.length} ${state}`)
          .join(', ')}`,
    )
    .join('; ');
}

/** The worst total lag; where a topic is mirrored only, that of mirror. */
function worstLagText(partitions: readonly PartitionStatus[]): string {
  if (partitions.length === 0) return 'unknown';
  const values = partitions.map(({ topic, partition, lag }) => ({ place: `${topic}:${partition}`, lag: lag.total ?? lag.mirror }));
  const unknown = values.filter(({ lag }) => !lag.known || lag.seconds === null);
  const known = values.flatMap(({ place, lag }) => (lag.known && lag.seconds !== null ? [{ place, seconds: lag.seconds }] : []));
  const worst = known.toSorted((a, b) => b.seconds - a.seconds)[0];
  const parts = [
    ...(worst === undefined ? [] : [`at most ${secondsText(worst.seconds)} (${worst.place})`]),
    ...(unknown.length === 0 ? [] : [`unknown for ${unknown.length} of ${values.length} partitions`]),
  ];
  return parts.join(', ');
}

const heldText =
  (paint: Paint) =>
  ({ topic, partition, stage, status }: StageRow): string => {
    const state = paint(status.state === 'stopped' ? 'red' : 'yellow', status.state);
    const code = status.code === null ? '' : ` [${status.code}]`;
    const since = status.since === null ? '' : ` since ${status.since}`;
    const message = status.message === null ? '' : `  ${status.message}\n`;
    const lost = status.lost === undefined ? '' : `  lost: ${lostText(status.lost)}\n`;
    const next = status.hint === null ? '' : `  next: ${status.hint}\n`;
    return `\n${state} ${topic}:${partition} ${stage}${code}${since}\n${message}${lost}${next}`;
  };

export const lagTable = (partitions: readonly Pick<PartitionStatus, 'topic' | 'partition' | 'lag'>[]): string =>
  textTable([
    ['PARTITION', 'MIRROR', 'APPLY', 'TOTAL'],
    ...partitions.map(({ topic, partition, lag }) => [
      `${topic}:${partition}`,
      lagText(lag.mirror),
      lagText(lag.apply),
      lagText(lag.total),
    ]),
  ]);

export function partitionTable(rows: readonly StageRow[], paint: Paint): string {
  const table = textTable([
    ['PARTITION', 'STAGE', 'STATE', 'NEXT', 'END', 'CODE'],
    ...rows.map(({ topic, partition, stage, status }) => [
      `${topic}:${partition}`,
      stage,
      status.state,
      status.next ?? 'unknown',
      status.end ?? 'unknown',
      status.code ?? '',
    ]),
  ]);
  const held = rows.filter(({ status }) => status.state === 'stopped' || status.state === 'paused');
  return table + held.map(heldText(paint)).join('');
}

const lostText = ({ from, to }: LostRange): string => `offsets ${from} to ${BigInt(to) - 1n}, ${BigInt(to) - BigInt(from)} records at most`;

export const actionsTable = (actions: readonly RecordedAction[]): string =>
  actions.length === 0
    ? 'nothing was paused or resumed yet\n'
    : textTable([
        ['AT', 'BY', 'ACTION', 'PARTITION', 'STAGE', 'CODE', 'GIVEN UP', 'OPTIONS'],
        ...actions.map(({ at, by, action, topic, partition, stage, code, lost, options }) => [
          at,
          by,
          action,
          partition < 0 ? topic : `${topic}:${partition}`,
          stage,
          code ?? '',
          lost === null ? '' : lostText(lost),
          Object.entries(options)
            .filter(([, value]) => value !== false)
            .map(([name, value]) => (value === true ? name : `${name}=${value}`))
            .join(' '),
        ]),
      ]);
