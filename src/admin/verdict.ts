import { type AuditStatus, unlistedRows } from '../model/audit.ts';
import type { BackfillStatus } from '../model/backfill.ts';
import type { OutboxView, Verdict, VerdictReason, VerdictState } from '../model/live.ts';
import { verdictStates } from '../model/live.ts';
import type { ShadowView } from '../model/shadow-view.ts';
import type { DaemonStatus, PartitionStatus } from '../model/status.ts';

/** The limits are those of the alerts (scripts/deploy): what pages somebody is `broken` here, what waits for the morning is `attention`. */
const LAG_ATTENTION_SECONDS = 60;
const LAG_BROKEN_SECONDS = 300;
const HEARTBEAT_SECONDS = 60;
const OUTBOX_SECONDS = 60;
const AUDIT_SECONDS = 2 * 86_400;

export interface Judged {
  readonly status: DaemonStatus;
  readonly audit: AuditStatus;
  readonly backfills: BackfillStatus;
  readonly shadow: ShadowView;
  readonly outbox: OutboxView | null;
}

const reason = (
  state: VerdictReason['state'],
  what: string,
  view: string,
  runbook: VerdictReason['runbook'] = null,
): readonly VerdictReason[] => [{ state, what, view, runbook }];

/** How the region is, in one word with its reasons, the worst first. What is not known is never `fine`. */
export function judge(judged: Judged): Verdict {
  const { status, audit, shadow } = judged;
  const all = [
    ...judgeComponents(status),
    ...(status.role === 'active'
      ? [...judgeStages(status), ...judgeLag(status), ...judgeRecords(status), ...judgeRows(audit), ...judgeOthers(judged)]
      : judgeRole(status)),
  ];
  const reasons = verdictStates.flatMap((state) => all.filter((one) => one.state === state));
  const unmeasured = status.role === 'active' ? [...unmeasuredRows(audit), ...unmeasuredAnswers(shadow), ...unmeasuredBeats(status)] : [];
  return { state: reasons[0]?.state ?? ('fine' satisfies VerdictState), reasons, unmeasured };
}

function judgeRole({ role }: DaemonStatus): readonly VerdictReason[] {
  switch (role) {
    case 'standby':
      return reason('unknown', 'This daemon stands by: the active one of the region measures', '#/', 'daemon-not-progressing.md#no-leader');
    case 'starting':
      return reason('unknown', 'The daemon is starting', '#/events', 'daemon-not-progressing.md#no-leader');
    case 'stopping':
      return reason('unknown', 'The daemon is stopping', '#/events');
    case 'active':
      return [];
  }
}

function judgeComponents({ components }: DaemonStatus): readonly VerdictReason[] {
  return components
    .filter(({ up }) => !up)
    .flatMap(({ component, reason: why }) => {
      const what = `${component.replaceAll('_', ' ')} is down${why === null ? '' : `: ${why}`}`;
      if (component === 'regional_registry')
        return reason('attention', what, '#/', 'region-unreachable.md#the-schema-registry-of-the-region');
      if (component.startsWith('regional_')) return reason('broken', what, '#/', 'region-unreachable.md#what-to-do');
      return reason(
        'attention',
        what,
        '#/',
        component === 'registry' ? 'primary-unreachable.md#the-schema-registry' : 'primary-unreachable.md#what-to-do',
      );
    });
}

function judgeStages({ partitions, tables }: DaemonStatus): readonly VerdictReason[] {
  const stopped = partitions.filter(({ mirror, apply }) => mirror?.state === 'stopped' || apply?.state === 'stopped');
  const paused = partitions.filter(({ mirror, apply }) => mirror?.state === 'paused' || apply?.state === 'paused');
  const stoppedTables = tables.filter(({ state }) => state === 'stopped');
  const unaudited = tables.filter(({ needsFullAudit }) => needsFullAudit === true);
  return [
    ...(stopped.length === 0
      ? []
      : reason(
          'broken',
          `${counted(stopped.length, 'partition')} stopped: ${listed(stopped.map(nameOf))}`,
          '#/partitions',
          'partition-stopped.md#a-partition-stopped',
        )),
    ...(stoppedTables.length === 0
      ? []
      : reason(
          'broken',
          `${counted(stoppedTables.length, 'table')} not applied: ${listed(stoppedTables.map(({ table }) => table))}`,
          '#/tables',
          'partition-stopped.md#a-partition-stopped',
        )),
    ...(unaudited.length === 0
      ? []
      : reason(
          'broken',
          `Deletes may have been missed in ${listed(unaudited.map(({ table }) => table))}`,
          '#/tables',
          'records-lost.md#a-table-needs-a-full-audit',
        )),
    ...(paused.length === 0
      ? []
      : reason(
          'attention',
          `${counted(paused.length, 'partition')} paused by an operator: ${listed(paused.map(nameOf))}`,
          '#/partitions',
          'partition-stopped.md#a-partition-is-paused',
        )),
  ];
}

function judgeLag({ partitions, heartbeat }: DaemonStatus): readonly VerdictReason[] {
  if (partitions.length === 0) return reason('unknown', 'No partition is mirrored yet', '#/partitions');
  const lags = partitions.flatMap((partition) =>
    [partition.lag.mirror, partition.lag.apply, partition.lag.total].flatMap((lag) => (lag === null ? [] : [{ partition, lag }])),
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
    ...(far.size > 0 ? high('broken', far, LAG_BROKEN_SECONDS) : late.size > 0 ? high('attention', late, LAG_ATTENTION_SECONDS) : []),
    ...(unknown.size === 0
      ? []
      : reason(
          'unknown',
          `The lag of ${counted(unknown.size, 'partition')} is not known: ${listed([...unknown])}`,
          '#/partitions',
          'lag-grows.md#lag-is-unknown',
        )),
    ...(heartbeat.ageSeconds === null || heartbeat.ageSeconds <= HEARTBEAT_SECONDS
      ? []
      : reason(
          'attention',
          `The newest heartbeat is ${Math.round(heartbeat.ageSeconds)} s old`,
          '#/',
          'lag-grows.md#heartbeats-do-not-come-back',
        )),
  ];
}

function judgeRecords({ rejected }: DaemonStatus): readonly VerdictReason[] {
  if (rejected === null) return reason('unknown', 'How many records are rejected is not known', '#/rejected');
  const records = rejected.reduce((sum, one) => sum + one.records, 0);
  if (records === 0) return [];
  return reason(
    'attention',
    `${counted(records, 'rejected record')} kept of ${listed(rejected.filter((one) => one.records > 0).map(({ table }) => table))}`,
    '#/rejected',
    'rejected-records.md#records-were-rejected',
  );
}

function judgeRows({ enabled, known, tables }: AuditStatus): readonly VerdictReason[] {
  if (!enabled) return [];
  if (!known) return reason('unknown', 'Whether rows differ is not known: the audit cannot be asked', '#/audit');
  const differing = tables.filter(({ divergent }) => divergent.missing + divergent.extra + divergent.changed > 0);
  const rows = differing.reduce((sum, { divergent }) => sum + divergent.missing + divergent.extra + divergent.changed, 0);
  const refused = tables.filter((table) => table.refused.length > 0);
  const unlisted = tables.filter((table) => unlistedRows(table) > 0);
  const old = tables.filter(({ passAgeSeconds }) => passAgeSeconds !== null && passAgeSeconds > AUDIT_SECONDS);
  return [
    ...(rows === 0
      ? []
      : reason(
          'broken',
          `${counted(rows, 'row')} differ from the primary: ${listed(differing.map(({ table }) => table))}`,
          '#/audit',
          'divergence.md#rows-diverge',
        )),
    ...(unlisted.length === 0
      ? []
      : reason(
          'attention',
          `More rows may differ than are listed: ${listed(unlisted.map(({ table }) => table))}`,
          '#/audit',
          'divergence.md#rows-diverge',
        )),
    ...(refused.length === 0
      ? []
      : reason('attention', `Not compared: ${listed(refused.map(({ table }) => table))}`, '#/audit', 'divergence.md#the-audit-is-old')),
    ...(old.length === 0
      ? []
      : reason(
          'attention',
          `Not compared to the end for two days: ${listed(old.map(({ table }) => table))}`,
          '#/audit',
          'divergence.md#the-audit-is-old',
        )),
  ];
}

function judgeOthers({ backfills, shadow, outbox }: Judged): readonly VerdictReason[] {
  const failed = backfills.backfills.filter(({ state }) => state === 'failed');
  const { mismatch } = shadow.total.counts;
  return [
    ...(failed.length === 0
      ? []
      : reason(
          'attention',
          `A backfill failed: ${listed(failed.map(({ table }) => table))}`,
          '#/backfills',
          'backfill.md#a-backfill-failed',
        )),
    ...(mismatch === 0
      ? []
      : reason('attention', `The region answered ${counted(mismatch, 'request')} wrongly`, '#/shadow', 'shadow-mismatch.md#what-differs')),
    ...(outbox?.oldestSeconds === undefined || outbox.oldestSeconds === null || outbox.oldestSeconds <= OUTBOX_SECONDS
      ? []
      : reason(
          'broken',
          `The oldest row of the outbox waits for ${Math.round(outbox.oldestSeconds)} s`,
          '#/cutover',
          'cutover.md#the-outbox-is-not-published',
        )),
  ];
}

const unmeasuredRows = ({ enabled, known, tables }: AuditStatus): readonly string[] => {
  if (!enabled) return ['Rows are not compared with the primary'];
  const never = tables.filter(({ passAgeSeconds, refused }) => passAgeSeconds === null && refused.length === 0);
  return known && never.length > 0 ? [`Not compared to the end yet: ${listed(never.map(({ table }) => table))}`] : [];
};

const unmeasuredAnswers = ({ comparing, total }: ShadowView): readonly string[] =>
  comparing ? (total.samples === 0 ? ['No answer has been compared yet'] : []) : ['Answers are not compared with the primary'];

const unmeasuredBeats = ({ heartbeat }: DaemonStatus): readonly string[] =>
  heartbeat.ageSeconds === null ? ['No heartbeat came back yet, or none is written'] : [];

const nameOf = ({ topic, partition }: PartitionStatus): string => `${topic}:${partition}`;
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const SHOWN = 3;
const listed = (names: readonly string[]): string =>
  names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more` : names.join(', ');
