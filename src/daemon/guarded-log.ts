import type { RegionalLog } from '../mirror/contracts.ts';

type Asked = (signal: AbortSignal) => Promise<void>;

/**
 * No lease, no InitProducerId (C10). And lease and decisions are asked for again once the producer is open: by then another daemon may have taken the
 * shard, or a decision may have been stored, and whichever came first, either this daemon reads it here or its producer is fenced.
 */
export function guardedLog(log: RegionalLog, lease: { readonly check: Asked }, decisions: { readonly confirm: Asked }): RegionalLog {
  return {
    ...log,
    open: async (signal) => {
      await lease.check(signal);
      await log.open(signal);
      await lease.check(signal);
      await decisions.confirm(signal);
    },
  };
}
