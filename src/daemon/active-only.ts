import type { AuditStage } from '../audit/audit-stage.ts';
import type { BackfillStage } from '../backfill/backfill-stage.ts';
import { FarshoreError } from '../model/errors.ts';
import type { ActiveDaemon } from './active.ts';
import type { DaemonNow } from './status-now.ts';

type RoleNow = Pick<DaemonNow, 'role' | 'active'>;

/** The stages behind a command. Throws `request_invalid` of a daemon that is not active; `what` says what only that one does. */
export function needActive({ active, role }: RoleNow, what: string): ActiveDaemon {
  if (active !== undefined && role === 'active') return active;
  throw new FarshoreError('request_invalid', `This daemon is ${role}; only the active one ${what}`, {
    hint: 'Ask the active daemon.',
  });
}

export function needAudit(now: RoleNow): AuditStage {
  const { audit } = needActive(now, 'compares rows');
  if (audit !== undefined) return audit;
  throw new FarshoreError('request_invalid', 'Nothing is compared here', {
    place: 'audit',
    hint: 'Set primary.database, leave audit.enabled on, and restart the daemon.',
  });
}

export function needBackfill(now: RoleNow): BackfillStage {
  const { backfill } = needActive(now, 'backfills tables');
  if (backfill !== undefined) return backfill;
  throw new FarshoreError('request_invalid', 'There is no table to backfill', {
    place: 'apply.tables',
    hint: 'Set apply.tables, and restart the daemon.',
  });
}

/** For kept records of the primary: a record of the old home does not know of what was written here since, and its version would win. */
export function needHomeHere({ homeElsewhere }: Pick<ActiveDaemon, 'homeElsewhere'>): void {
  if (homeElsewhere === undefined) return;
  throw new FarshoreError('request_invalid', `Records of the primary are not tried again now: ${homeElsewhere}`, {
    hint: 'farshore cutover plan shows where the home is. They stay kept.',
  });
}
