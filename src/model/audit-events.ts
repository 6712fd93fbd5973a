import type { PassStopped } from './audit.ts';
import type { ErrorCode } from './errors.ts';

/** What comparing the region's rows with the primary's, repairing them and filling them reports. */
export type AuditEvent =
  /** Rows that apply wrote, looked at again. */
  | { readonly type: 'rows_read_back'; readonly table: string; readonly rows: number; readonly found: number }
  | {
      readonly type: 'rogue_write_found';
      readonly table: string;
      readonly key: string;
      readonly kind: 'missing' | 'changed' | 'reverted';
      readonly columns: readonly string[];
    }
  | {
      readonly type: 'audit_repair';
      readonly table: string;
      readonly kind: 'missing' | 'extra' | 'changed';
      readonly key: string;
      readonly result: 'repaired' | 'healed' | 'primary_changed' | 'region_changed' | 'lost' | 'not_taken' | 'refused';
      readonly by: string;
    }
  | {
      readonly type: 'audit_compared';
      readonly table: string;
      readonly rows: number;
      readonly bytes: number;
      readonly suspects: number;
      readonly unlisted: number;
    }
  | {
      readonly type: 'audit_settled';
      readonly table: string;
      readonly healed: number;
      readonly confirmed: number;
      readonly unsettled: number;
      readonly parked: number;
      readonly bytes: number;
    }
  | {
      readonly type: 'audit_finding';
      readonly table: string;
      readonly key: string;
      readonly kind: 'missing' | 'extra' | 'changed';
      readonly columns: readonly string[];
      readonly cause: 'lost_delete' | undefined;
    }
  /** `seconds`: of all runs of the pass. */
  | { readonly type: 'audit_pass_ended'; readonly table: string; readonly stopped: PassStopped | undefined; readonly seconds: number }
  /** The open pass could not go on: the table, or how it is walked, is not what it was. `rows`: those it had compared. */
  | { readonly type: 'audit_pass_restarted'; readonly table: string; readonly rows: number }
  | {
      readonly type: 'audit_pass_failed' | 'audit_refused';
      readonly table: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | { readonly type: 'backfill_chunk'; readonly table: string; readonly rows: number; readonly written: number; readonly bytes: number }
  | {
      readonly type: 'backfill_changed';
      readonly table: string;
      readonly change: 'started' | 'paused' | 'resumed' | 'stopped' | 'done';
      readonly by: string | undefined;
    }
  | {
      readonly type: 'backfill_failed';
      readonly table: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  | { readonly type: 'read_back_failed'; readonly table: string; readonly rows: number; readonly code: ErrorCode };
