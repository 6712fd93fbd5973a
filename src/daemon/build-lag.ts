import { configsInForce } from '../kafka/admin.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import type { LagSources } from '../lag/contracts.ts';
import { LagLoop } from '../lag/lag-loop.ts';
import { LostDeletesLoop, type LostDeletesSources, type NeededAudit } from '../lag/lost-deletes-loop.ts';
import { measureNeededAudits } from '../metrics/status.ts';
import { FarshoreError } from '../model/errors.ts';
import { readLedger } from '../postgres/read-ledger.ts';
import type { ActiveParts } from './active-parts.ts';
import { deleteRetention } from './delete-retention.ts';
import type { RegionApply, RegionMirror } from './region-stages.ts';

const LAG_INTERVAL_MS = 1_000;
const LAG_READ_LIMIT_MS = 5_000;

type LagDependencies = ConstructorParameters<typeof LagLoop>[0];

export interface LagParts {
  readonly home: Pick<LagDependencies['home'], 'ends'>;
  readonly source: LagDependencies['regional'];
  readonly mirror: Pick<RegionMirror, 'progress' | 'status'>;
  readonly apply: Pick<RegionApply, 'progress'>;
  /** Whether the primary has ever answered. */
  readonly primaryConnected: () => boolean;
}

/** Where both logs end and the stages stand. */
export const lagSources = ({ home, source, mirror, apply, primaryConnected }: LagParts): LagSources => ({
  home: {
    ends: async (partitions, signal) => {
      if (!primaryConnected()) throw new FarshoreError('cluster_unreachable', 'The primary was not reached yet');
      return await home.ends(partitions, signal);
    },
  },
  regional: source,
  mirrorCommitted: () => mirror.progress(),
  applied: () => apply.progress(),
});

export function buildLag({ metrics, clock }: ActiveParts, sources: LagSources): LagLoop {
  return new LagLoop(sources, { intervalMs: LAG_INTERVAL_MS, readLimitMs: LAG_READ_LIMIT_MS }, clock, {
    onRead: (cluster, { kind }) => metrics.increase('farshore_lag_reads_total', { cluster, result: kind }),
  });
}

type LostDeletesParts = Pick<LagParts, 'mirror' | 'primaryConnected'> & {
  readonly lag: LagLoop;
  readonly mirroring: LostDeletesSources['mirror'];
};

/** Watches for deletes that were forgotten before they were read (C7). */
export function buildLostDeletes(
  { database, observer, metrics, clock }: ActiveParts,
  clusters: { readonly primary: KafkaCluster; readonly reader: KafkaCluster },
  { mirror, lag, primaryConnected, mirroring }: LostDeletesParts,
  tablesOf: (topic: string) => readonly string[],
  onNeeded: (audits: readonly NeededAudit[]) => void,
): LostDeletesLoop {
  const { observe } = observer;
  return new LostDeletesLoop(
    {
      ledger: readLedger(database),
      retention: (signal) =>
        deleteRetention(
          primaryConnected() ? (topics, stop) => configsInForce(clusters.primary, topics, stop) : undefined,
          (topics, stop) => configsInForce(clusters.reader, topics, stop),
          mirror.status(),
          signal,
        ),
      lag: () => lag.snapshot().partitions,
      mirror: mirroring,
      table: (topic) => tablesOf(topic).join(', ') || undefined,
      observe,
      onNeeded: (audits) => {
        onNeeded(audits);
        // Of a topic with several tables each may hold such rows.
        measureNeededAudits(
          metrics,
          audits.flatMap(({ topic }) => tablesOf(topic)),
        );
      },
    },
    clock,
  );
}
