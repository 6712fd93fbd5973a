import type { RejectedStore } from './contracts.ts';

/** Short enough that a pass over many rows holds no lock and no snapshot for long. */
const AT_ONCE = 1_000;

/** Drops records that nobody tried again for so long. Each batch is told as it is committed: a pass that fails half-way is counted. */
export async function expireRejected(
  days: number,
  store: Pick<RejectedStore, 'expire'>,
  onExpired: (records: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const records = await store.expire(days, AT_ONCE, signal);
    if (records > 0) onExpired(records);
    if (records < AT_ONCE) return;
  }
}
