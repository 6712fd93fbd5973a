import { describe, expect, it } from 'vitest';
import { type LoopName, loopNames } from '../../../src/daemon/active-loops.ts';
import { liveness, readiness, startup, type WatchedDaemon } from '../../../src/daemon/probes.ts';

const NOW_MS = 1_000_000;
const turned = (secondsAgo: number) => ({ lastTurnMs: NOW_MS - secondsAgo * 1_000 });
const active = (
  changes: Partial<Record<LoopName, { readonly lastTurnMs: number } | undefined>> = {},
  began: readonly LoopName[] = loopNames,
) => ({
  mirror: turned(1),
  apply: turned(1),
  lag: turned(1),
  heartbeats: turned(1),
  cutover: turned(1),
  ...changes,
  began: (name: LoopName) => began.includes(name),
});
const shards = (secondsAgo: number) => ({ workers: () => [{ loops: () => [{ name: 'mirror 3', ...turned(secondsAgo) }] }] });
const watched = (changes: Partial<WatchedDaemon> = {}): WatchedDaemon => ({
  role: 'active',
  active: active(),
  shards: undefined,
  ...changes,
});

describe('the liveness probe', () => {
  it('holds up to the deadline of each loop, and fails at it', () => {
    expect(liveness(watched({ active: active({ apply: turned(119) }) }), NOW_MS).ok).toBe(true);
    const failed = liveness(watched({ active: active({ apply: turned(120) }) }), NOW_MS);
    expect(failed.ok).toBe(false);
    expect(failed.checks.filter(({ ok }) => !ok)).toEqual([{ name: 'apply', ok: false, detail: 'last turn 120 s ago' }]);
  });

  it('does not ask for turns of a loop that waits for its cluster, or is not there', () => {
    const waiting = active({ mirror: turned(900), heartbeats: undefined }, ['apply', 'lag', 'heartbeats', 'cutover']);
    const probe = liveness(watched({ active: waiting }), NOW_MS);
    expect([probe.ok, probe.checks.map(({ name }) => name)]).toEqual([true, ['apply', 'lag', 'cutover']]);
  });

  it('asks of a daemon without the lease only its shards', () => {
    const standby = { role: 'standby', active: undefined } as const;
    expect(liveness(watched(standby), NOW_MS)).toEqual({ ok: true, checks: [{ name: 'role', ok: true, detail: 'standby' }] });
    const probe = liveness(watched({ ...standby, shards: shards(121) }), NOW_MS);
    expect([probe.ok, probe.checks.map(({ name }) => name)]).toEqual([false, ['role', 'mirror 3']]);
  });

  it('asks the shards of the daemon with the lease too', () => {
    expect(liveness(watched({ shards: shards(1) }), NOW_MS).ok).toBe(true);
    expect(liveness(watched({ shards: shards(121) }), NOW_MS).ok).toBe(false);
  });
});

describe('the other probes', () => {
  it.each([
    ['starting', false, false],
    ['standby', true, true],
    ['active', true, true],
    ['stopping', false, true],
  ] as const)('of one that is %s', (role, ready, started) => {
    expect([readiness(role).ok, startup(role).ok]).toEqual([ready, started]);
  });
});
