import {
  type AuditFinding,
  type AuditPassView,
  type AuditStatus,
  type AuditTableView,
  type FindingKind,
  findingStates,
} from '../../model/audit.ts';
import type { RepairOutcomeView, RepairTrailView } from '../../model/audit-repair.ts';
import { flag, listOf, named, number, oneOf, only, orNull, type SchemaOf, shape, text, time, whole, wholeText } from './schema-of.ts';

const kind: SchemaOf<FindingKind> = oneOf(['missing', 'extra', 'changed']);
const write = oneOf(['insert', 'update', 'delete']);

const pass = named<AuditPassView>('AuditPass', {
  by: text,
  startedAt: time,
  endedAt: orNull(time),
  stopped: orNull(oneOf(['max_seconds', 'max_rows', 'max_bytes', 'unreachable', 'shutdown', 'refused'])),
  rowsCompared: whole,
  rowsExpected: whole,
  rowsUnlisted: whole,
  bytes: whole,
  workingSeconds: number,
});

const table = named<AuditTableView>('AuditTable', {
  table: text,
  refused: listOf(shape<AuditTableView['refused'][number]>({ code: text, message: text, hint: orNull(text) })),
  lastPass: orNull(pass),
  openPass: orNull(pass),
  passAgeSeconds: orNull(number),
  coverage: number,
  divergent: shape<AuditTableView['divergent']>({ missing: whole, extra: whole, changed: whole }),
  suspects: whole,
  unsettled: whole,
  parked: whole,
  ignored: whole,
  needsFullAudit: flag,
});

export const auditAnswer = named<AuditStatus>('Audit', { enabled: flag, known: flag, activity: text, tables: listOf(table) });

export const findingsAnswer = shape<{ readonly findings: readonly AuditFinding[] }>({
  findings: listOf(
    named<AuditFinding>('AuditFinding', {
      id: wholeText,
      table: text,
      key: listOf(text),
      kind,
      columns: listOf(text),
      state: oneOf(findingStates),
      triage: oneOf(['new', 'ignored', 'resolved']),
      cause: orNull(oneOf(['rogue_write', 'lost_delete'])),
      why: orNull(text),
      firstSeen: time,
      lastSeen: time,
    }),
  ),
});

export const repairsAnswer = shape<{ readonly repairs: readonly RepairTrailView[] }>({
  repairs: listOf(
    named<RepairTrailView>('AuditRepair', {
      at: time,
      by: text,
      finding: wholeText,
      table: text,
      key: listOf(text),
      kind,
      columns: listOf(text),
      write,
      before: orNull(text),
      intended: orNull(text),
      after: orNull(text),
      result: orNull(oneOf(['repaired', 'lost', 'not_taken'])),
    }),
  ),
});

export const auditRunAnswer = shape<{ readonly done: 'run'; readonly tables: readonly string[] }>({
  done: only('run'),
  tables: listOf(text),
});

export const triagedAnswer = shape<{ readonly done: 'ignore' | 'resolve'; readonly findings: number }>({
  done: oneOf(['ignore', 'resolve']),
  findings: whole,
});

interface Repaired {
  readonly done: 'repair';
  readonly dryRun: boolean;
  readonly repairs: readonly RepairOutcomeView[];
}
export const repairedAnswer = shape<Repaired>({
  done: only('repair'),
  dryRun: flag,
  repairs: listOf(
    named<RepairOutcomeView>('AuditRepairOutcome', {
      finding: wholeText,
      table: text,
      key: listOf(text),
      kind,
      columns: listOf(text),
      result: oneOf(['repaired', 'would_repair', 'healed', 'primary_changed', 'region_changed', 'lost', 'not_taken', 'refused']),
      write: orNull(write),
      reason: orNull(text),
    }),
  ),
});
