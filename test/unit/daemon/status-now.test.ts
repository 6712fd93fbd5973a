import { describe, expect, it } from 'vitest';
import type { FarshoreConfig } from '../../../src/config/config.ts';
import type { ActiveDaemon } from '../../../src/daemon/active.ts';
import type { Observer } from '../../../src/daemon/observer.ts';
import { NO_LAG, statusNow } from '../../../src/daemon/status-now.ts';

const self = {
  config: { region: 'eu-west', primary: { name: 'us-east' } } as unknown as FarshoreConfig,
  version: '1',
  startedAtMs: 0,
  observer: { components: new Map(), mirroredRecords: 0n, appliedRecords: 0n } as unknown as Observer,
};
const applying = (table: string, topic: string) => ({ table, topic, state: 'applying', reason: null });

describe('the status of tables', () => {
  it('C7: marks each table of a topic whose deletes may have been missed, where it has several', () => {
    const active = {
      neededAudits: [{ table: 'public.a, public.b' }, { table: undefined }, { table: 'public.d' }],
      mirror: { status: () => [] },
      apply: {
        statuses: () => [],
        tables: () => [
          applying('public.a', 'shared'),
          applying('public.b', 'shared'),
          applying('public.c', 'other'),
          applying('public.d', 'single'),
        ],
      },
      keptCounts: { current: undefined },
    } as unknown as ActiveDaemon;
    const now = { role: 'active', leaseEpoch: 1n, active, shadow: undefined, shards: undefined } as const;
    const marked = statusNow(self, now, NO_LAG, 'region').tables.filter(({ needsFullAudit }) => needsFullAudit === true);
    expect(marked.map(({ table }) => table)).toEqual(['public.a', 'public.b', 'public.d']);
  });
});
