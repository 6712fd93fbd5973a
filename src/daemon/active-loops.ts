import type { ActiveClusters } from './active-clusters.ts';
import type { ActiveParts } from './active-parts.ts';
import type { ActiveStages } from './build-active.ts';
import { tellCompatibility } from './compatibility.ts';
import { patiently } from './patiently.ts';
import { settleDivision } from './settle-division.ts';
import type { StopSignals } from './supervisor.ts';
import { aborted, untilStopped } from './until-stopped.ts';

/** Loops whose turns the liveness probe watches. */
export const loopNames = ['mirror', 'apply', 'lag', 'heartbeats', 'cutover'] as const;
export type LoopName = (typeof loopNames)[number];

type Loop = (signals: StopSignals) => Promise<void>;

/** Everything that runs beside each other while the lease is held, and what each waits for. `began` is told when a watched loop starts to turn. */
export function activeLoops(
  parts: ActiveParts,
  clusters: ActiveClusters,
  stages: ActiveStages,
  began: (name: LoopName) => void,
): readonly Loop[] {
  const { current, lease, clock, observer } = parts;
  const config = current();
  const { replication, rejected } = stages;
  const region = replication.stages;
  /** The region goes on serving and applying when the primary is gone: only what needs the primary waits for it. */
  const primary = milestone(async (stop) => await clusters.connectPrimary(stop));
  const regional = milestone(async (stop) => await clusters.connectRegional(stop));
  /** The division among shards is the configured one, and no shard of another one writes. */
  const divided = milestone(async (stop) => {
    await regional.reached;
    await patiently(
      () => settleDivision(parts, clusters, stop),
      () => undefined,
      clock,
      stop,
    );
  });
  return [
    primary.loop,
    regional.loop,
    divided.loop,
    async ({ stop, hard }) => {
      await Promise.all([primary.reached, divided.reached]);
      began('mirror');
      await region.runMirror(stages.gate, stop, hard);
    },
    async ({ stop, hard }) => {
      await divided.reached;
      began('apply');
      await region.apply.run(stop, hard);
    },
    async ({ stop }) => {
      await regional.reached;
      began('lag');
      await untilStopped(stages.lag.run(stop), stop);
    },
    async ({ stop }) => {
      await primary.reached;
      began('heartbeats');
      await untilStopped(replication.heartbeats?.run(stop), stop);
    },
    async ({ stop }) => {
      await Promise.all([primary.reached, regional.reached]);
      await untilStopped(stages.wayBack?.run(stop), stop);
    },
    async ({ stop }) => await untilStopped(replication.carrySchemas(stop), stop),
    async ({ stop }) => {
      if (config.mirror.standby) await primary.reached;
      await untilStopped(replication.registries?.run(stop), stop);
    },
    async ({ stop }) => await untilStopped(tellCompatibility(replication.registry, config, observer.observe, stop), stop),
    async ({ stop }) => await untilStopped(region.own?.offsets.run(stop), stop),
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(stages.lostDeletes.run(stop), stop);
    },
    async ({ stop }) => await untilStopped(rejected.counts.run(stop), stop),
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(rejected.publish(stop), stop);
    },
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(rejected.retryLate(stop), stop);
    },
    async ({ stop }) => await untilStopped(region.readBack.run(stop), stop),
    async ({ stop }) => await stages.schedule.run(stop),
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(stages.shadow?.run(stop), stop);
    },
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(stages.audit?.run(stop), stop);
    },
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(stages.backfill?.run(stop), stop);
    },
    async ({ stop }) => {
      await regional.reached;
      await untilStopped(stages.outbox?.run(stop), stop);
    },
    async ({ stop }) => {
      began('cutover');
      await untilStopped(stages.cutover.loop.run(stop), stop);
    },
    async ({ stop }) => await untilStopped(stages.cutover.run(stop), stop),
    async ({ stop }) => {
      const lost = await Promise.race([lease.lost, aborted(stop)]);
      if (lost !== undefined) throw lost;
    },
  ];
}

/** What other loops wait for. They reject with it; its own loop does not when it was stopped. */
function milestone(reach: (stop: AbortSignal) => Promise<void>): { readonly reached: Promise<void>; readonly loop: Loop } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  return {
    reached: promise,
    async loop({ stop }) {
      try {
        await reach(stop);
        resolve();
      } catch (error) {
        reject(error);
        if (!stop.aborted) throw error;
      }
    },
  };
}
