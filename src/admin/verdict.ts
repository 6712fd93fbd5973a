import type { AuditStatus } from '../model/audit.ts';
import type { BackfillStatus } from '../model/backfill.ts';
import type { CutoverNow, OutboxView, Verdict, VerdictReason, VerdictState } from '../model/live.ts';
import { verdictStates } from '../model/live.ts';
import type { ShadowView } from '../model/shadow-view.ts';
import type { DaemonStatus } from '../model/status.ts';
import { judgeLag, judgeRecords, judgeStages } from './verdict-copy.ts';
import { judgeCutover, judgeOutbox } from './verdict-cutover.ts';
import { judgeRows } from './verdict-rows.ts';
import { counted, listed, reason, reasonOf } from './verdict-words.ts';

/**
 * The limits are those of the alerts (scripts/deploy): what pages somebody is `broken` here, what waits for the morning is `attention`. What they
 * wait for before they fire is left out: the word says how it is now.
 */
export interface Judged {
  readonly status: DaemonStatus;
  readonly audit: AuditStatus;
  readonly backfills: BackfillStatus;
  readonly shadow: ShadowView;
  /** Whether this daemon relays the outbox. */
  readonly relaysOutbox: boolean;
  readonly outbox: OutboxView | null;
  /** null: not known now. */
  readonly cutover: CutoverNow | null;
}

/** How the region is, in one word with its reasons, the worst first. What is not known is never `fine`. */
export function judge(judged: Judged): Verdict {
  const { status, audit, shadow } = judged;
  const all = [...judgeComponents(status), ...(status.role === 'active' ? judgeActive(judged) : judgeRole(status))];
  const reasons = verdictStates.flatMap((state) => all.filter((one) => one.state === state));
  const unmeasured = status.role === 'active' ? [...unmeasuredRows(audit), ...unmeasuredAnswers(shadow), ...unmeasuredBeats(status)] : [];
  return { state: reasons[0]?.state ?? ('fine' satisfies VerdictState), reasons, unmeasured };
}

const judgeActive = ({ status, audit, backfills, shadow, relaysOutbox, outbox, cutover }: Judged): readonly VerdictReason[] => [
  ...judgeStages(status, cutover),
  ...judgeLag(status, cutover),
  ...judgeRecords(status),
  ...judgeRows(audit, status.tables, cutover),
  ...judgeBackfills(backfills),
  ...judgeAnswers(shadow),
  ...judgeCutover(cutover),
  ...judgeOutbox(relaysOutbox, outbox),
];

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

function judgeBackfills({ backfills }: BackfillStatus): readonly VerdictReason[] {
  const inState = (state: 'failed' | 'paused'): readonly string[] =>
    backfills.filter((one) => one.state === state).map(({ table }) => table);
  return [
    ...reasonOf('attention', inState('failed'), (names) => `A backfill failed: ${names}`, '#/backfills', 'backfill.md#a-backfill-failed'),
    ...reasonOf(
      'attention',
      inState('paused'),
      (names) => `A backfill is paused, and the table is not whole: ${names}`,
      '#/backfills',
      'backfill.md#a-backfill-is-paused',
    ),
  ];
}

function judgeAnswers({ total: { counts } }: ShadowView): readonly VerdictReason[] {
  if (counts.mismatch === 0) return [];
  const what = `The region answered ${counted(counts.mismatch, 'request')} wrongly`;
  return reason('attention', what, '#/shadow', 'shadow-mismatch.md#what-differs');
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
