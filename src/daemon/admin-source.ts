import type { AdminSource, PauseRequest, Probe, ResumeRequest } from '../admin/contracts.ts';
import type { FarshoreConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { measureStatus } from '../metrics/status.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { DaemonStatus, LagValue } from '../model/status.ts';
import { type ActiveDaemon, loopNames } from './active.ts';
import type { Observer } from './observer.ts';
import { daemonStatus } from './status.ts';

/** A loop that had work and made no turn for this long hangs; every request it makes has a shorter limit. */
const LOOP_DEADLINE_MS = 120_000;

/** What the admin server asks and does, in front of whichever daemon is active. */
export class DaemonState implements AdminSource {
  readonly #config: FarshoreConfig;
  readonly #metrics: Metrics;
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #version: string;
  readonly #startedAtMs: number;
  role: DaemonStatus['role'] = 'starting';
  leaseEpoch: bigint | undefined;
  active: ActiveDaemon | undefined;

  constructor(options: { config: FarshoreConfig; metrics: Metrics; observer: Observer; clock: Clock; version: string }) {
    this.#config = options.config;
    this.#metrics = options.metrics;
    this.#observer = options.observer;
    this.#clock = options.clock;
    this.#version = options.version;
    this.#startedAtMs = options.clock.wallMs();
  }

  status(): DaemonStatus {
    const { active } = this;
    const lag = new Map(active?.lag.snapshot().partitions.map((p) => [`${p.topic}:${p.partition}`, p.lag]));
    const heartbeats = active?.heartbeats;
    return daemonStatus({
      region: this.#config.region,
      primary: this.#config.primary.name,
      version: this.#version,
      role: this.role,
      startedAtMs: this.#startedAtMs,
      leaseEpoch: this.leaseEpoch,
      components: this.#observer.components,
      mirror: active?.mirror.status() ?? [],
      apply: active?.apply.statuses() ?? [],
      lag: (topic, partition) => {
        const values = lag.get(`${topic}:${partition}`);
        const known = (value: LagValue | null | undefined): LagValue | undefined => value ?? undefined;
        return { mirror: known(values?.mirror), apply: known(values?.apply), total: known(values?.total) };
      },
      tables: [...(active?.apply.tables() ?? [])],
      heartbeat: { latencySeconds: heartbeats?.latencySeconds ?? null, ageSeconds: heartbeats?.ageSeconds ?? null },
      counters: { mirroredRecords: this.#observer.mirroredRecords, appliedRecords: this.#observer.appliedRecords },
    });
  }

  liveness(): Probe {
    const { active } = this;
    if (active === undefined) return { ok: true, checks: [{ name: 'role', ok: true, detail: this.role }] };
    const nowMs = this.#clock.monotonicMs();
    const checks = loopNames.flatMap((name) => {
      const loop = active[name];
      if (loop === undefined || !active.began(name)) return [];
      const idleMs = nowMs - loop.lastTurnMs;
      return [{ name, ok: idleMs < LOOP_DEADLINE_MS, detail: `last turn ${Math.round(idleMs / 1_000)} s ago` }];
    });
    return { ok: checks.every((check) => check.ok), checks };
  }

  readiness(): Probe {
    const ok = this.role === 'active' || this.role === 'standby';
    return { ok, checks: [{ name: 'role', ok, detail: this.role }] };
  }

  startup(): Probe {
    const ok = this.role !== 'starting';
    return { ok, checks: [{ name: 'role', ok, detail: this.role }] };
  }

  async metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    measureStatus(this.#metrics, this.status());
    this.#metrics.set('farshore_buffer_bytes', { stage: 'apply' }, this.active?.applyBufferBytes);
    this.#metrics.set('farshore_leader', {}, this.role === 'active' ? 1 : 0);
    this.#metrics.set('farshore_fencing_epoch', {}, this.leaseEpoch);
    return await this.#metrics.render();
  }

  async pause(request: PauseRequest, signal: AbortSignal): Promise<void> {
    const { topic, partition, by } = request;
    await this.#each(request, {
      mirror: (active) => active.mirror.command({ kind: 'pause', topic, partition, by }),
      apply: (active) => active.apply.pause(topic, partition, by, signal),
    });
  }

  async resume(request: ResumeRequest, signal: AbortSignal): Promise<void> {
    const { topic, partition, stage } = request;
    // An offset belongs to one cluster: without a stage it would be given to both logs (C5).
    if (typeof request.from === 'bigint' && stage === undefined) {
      throw new FarshoreError('request_invalid', 'An offset needs --stage: home and regional offsets are different numbers', {
        place: topic,
        hint: 'Add --stage mirror or --stage apply.',
      });
    }
    await this.#each(request, {
      mirror: (active) => active.mirror.command({ kind: 'resume', topic, partition, request }),
      apply: (active) => active.apply.resume(topic, partition, request, signal),
    });
  }

  async #each(
    { topic, partition, stage }: PauseRequest,
    work: Readonly<Record<'mirror' | 'apply', (active: ActiveDaemon) => Promise<void>>>,
  ): Promise<void> {
    const { active } = this;
    if (active === undefined || this.role !== 'active') {
      throw new FarshoreError('request_invalid', `This daemon is ${this.role}; only the active one changes partitions`, {
        hint: 'Ask the active daemon.',
      });
    }
    const has = (statuses: Iterable<{ readonly topic: string; readonly partition: number }>): boolean =>
      [...statuses].some((s) => s.topic === topic && (partition === undefined || s.partition === partition));
    const known = { mirror: has(active.mirror.status()), apply: has(active.apply.statuses()) };
    const stages = stage === undefined ? (['mirror', 'apply'] as const).filter((name) => known[name]) : [stage];
    if (stages.length === 0) {
      const place = partition === undefined ? topic : `${topic}:${partition}`;
      throw new FarshoreError('request_invalid', `${place} is neither mirrored nor applied here`, {
        place,
        hint: 'farshore partition list shows what is.',
      });
    }
    for (const name of stages) await work[name](active);
  }
}
