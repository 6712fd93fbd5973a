import type { Probe, ProbeCheck } from '../admin/contracts.ts';
import type { DaemonStatus } from '../model/status.ts';
import { type LoopName, loopNames } from './active-loops.ts';

/** A loop that had work and made no turn for this long hangs; every request it makes has a shorter limit. */
const LOOP_DEADLINE_MS = 120_000;

interface Turning {
  readonly lastTurnMs: number;
}

export interface WatchedDaemon {
  readonly role: DaemonStatus['role'];
  /** Undefined where the lease is not held. */
  readonly active: (Readonly<Record<LoopName, Turning | undefined>> & { began(name: LoopName): boolean }) | undefined;
  /** Undefined where one daemon does all of the region. */
  readonly shards: { workers(): Iterable<{ loops(): readonly (Turning & { readonly name: string })[] }> } | undefined;
}

/** Fails only when a loop with work made no turn past its deadline, never because a dependency is down. */
export function liveness({ role, active, shards }: WatchedDaemon, nowMs: number): Probe {
  const turned = (name: string, lastTurnMs: number): ProbeCheck => {
    const idleMs = nowMs - lastTurnMs;
    return { name, ok: idleMs < LOOP_DEADLINE_MS, detail: `last turn ${Math.round(idleMs / 1_000)} s ago` };
  };
  const own =
    active === undefined
      ? [{ name: 'role', ok: true, detail: role }]
      : loopNames.flatMap((name) => {
          const loop = active[name];
          return loop === undefined || !active.began(name) ? [] : [turned(name, loop.lastTurnMs)];
        });
  const ofShards = [...(shards?.workers() ?? [])].flatMap((worker) =>
    worker.loops().map(({ name, lastTurnMs }) => turned(name, lastTurnMs)),
  );
  const checks = [...own, ...ofShards];
  return { ok: checks.every(({ ok }) => ok), checks };
}

/** Holds on a standby and while the primary is unreachable. */
export const readiness = (role: DaemonStatus['role']): Probe => ofRole(role, role === 'active' || role === 'standby');

export const startup = (role: DaemonStatus['role']): Probe => ofRole(role, role !== 'starting');

const ofRole = (role: DaemonStatus['role'], ok: boolean): Probe => ({ ok, checks: [{ name: 'role', ok, detail: role }] });
