/** The daemon's named steps at which a trial ends or stops it, in the order in which it passes them. */
export const breakingPoints = [
  'mirror:begin',
  'mirror:produce_sent',
  'mirror:produced',
  'mirror:positions_sent',
  'mirror:positions_committed',
  'mirror:end_sent',
  'mirror:ended',
  'apply:before_begin',
  'apply:committed',
] as const;

/** Under `mirror:`. Small cycles are many transactions, so that each fault has one to break. */
export const smallCycles = ['maxCycleBytes: 131072', 'maxPartitionFetchBytes: 16384', 'transactionTimeoutMs: 5000'] as const;
