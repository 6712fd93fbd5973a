import type { CopyTrials } from './copy-chances.ts';
import type { ApplyDependencies, ApplySettings } from './dependencies.ts';
import type { RejectFloods } from './flood.ts';
import type { ParkedCounts } from './parking.ts';
import type { Slots } from './slots.ts';
import type { PartitionTable } from './table.ts';
import type { TableCatalog } from './table-catalog.ts';
import type { UnknownSchemas } from './unknown-schemas.ts';

/** What all workers share. */
export interface WorkerContext {
  readonly deps: ApplyDependencies;
  readonly settings: ApplySettings;
  readonly catalog: TableCatalog;
  readonly copies: CopyTrials;
  readonly partitions: PartitionTable;
  readonly slots: Slots;
  readonly floods: RejectFloods;
  readonly parked: ParkedCounts;
  readonly unknownSchemas: UnknownSchemas;
  /** The fetch loop looks again: a partition wants data. */
  readonly wanted: () => void;
}

/** How a batch ended: `stopped` also for a plan that was only applied in part before its bad record. */
export type Outcome = 'committed' | 'stopped';
