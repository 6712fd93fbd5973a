import { randomUUID } from 'node:crypto';
import type { ReplayedRequest } from '../admin/contracts.ts';
import type { ShadowConfig } from '../config/config.ts';
import { parseListen } from '../config/listen.ts';
import type { ListeningServer } from '../http/listening.ts';
import { startMirrorListener } from '../http/mirror-listener.ts';
import { startShadowProxy } from '../http/shadow-proxy.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { ShadowIntake } from '../shadow/contracts.ts';
import { Intake } from '../shadow/intake.ts';
import { rawRequest } from '../shadow/recorded-request.ts';
import { BoundedQueue } from '../shadow/request-queue.ts';
import { parseSafeRoute } from '../shadow/safe-routes.ts';
import { LoadMeter } from './load-meter.ts';

/** What a user still reads when the daemon is told to stop. */
const PROXY_GRACE_MS = 5_000;
const LISTENER_GRACE_MS = 500;

export interface ShadowFrontParts {
  readonly shadow: ShadowConfig;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onShadowFailure: (error: unknown) => void;
}

/**
 * The side of the shadow that requests come in at. It lives as long as the process, not as long as the lease: users are answered
 * through the proxy by a standby too. What comes while no active daemon compares is shed.
 */
export class ShadowFront {
  readonly queue: BoundedQueue;
  readonly intake: Intake;
  readonly #parts: ShadowFrontParts;
  #listener: ListeningServer | undefined;
  #proxy: ListeningServer | undefined;

  constructor(parts: ShadowFrontParts) {
    const { shadow, metrics, clock } = parts;
    this.#parts = parts;
    this.queue = new BoundedQueue(shadow.queue);
    const safe = safeRoutes(shadow);
    const meter = new LoadMeter(clock.monotonicMs());
    const { sample, maxPerSecond, maxLoad, maxBodyBytes } = shadow;
    const sampleBy = shadow.sampleBy?.toLowerCase();
    this.intake = new Intake(
      { sample, sampleBy, maxPerSecond, maxLoad, maxBodyBytes, safe },
      this.queue,
      intakeCounts(metrics),
      clock,
      () => meter.load(clock.monotonicMs()),
    );
  }

  /** Ports it listens on. */
  get ports(): { readonly listener: number | undefined; readonly proxy: number | undefined } {
    return { listener: this.#listener?.port, proxy: this.#proxy?.port };
  }

  /** Rejects with `config_invalid` when an address cannot be had. */
  async start(): Promise<void> {
    const { shadow, clock, onShadowFailure } = this.#parts;
    const { maxBodyBytes, originalUri } = shadow;
    const wallMs = (): number => clock.wallMs();
    if (shadow.listen !== undefined && shadow.enabled) {
      this.#listener = await startMirrorListener(this.intake, { ...parseListen(shadow.listen)!, originalUri, maxBodyBytes, wallMs });
    }
    if (shadow.proxyListen === undefined) return;
    const { url: origin, host, allowPrivate: allowInside, ca } = shadow.targets.primary;
    this.#proxy = await startShadowProxy(this.intake, {
      ...parseListen(shadow.proxyListen)!,
      primary: { origin, host, allowInside, ca: ca?.reveal() },
      maxBodyBytes,
      safe: safeRoutes(shadow),
      wallMs,
      onShadowFailure,
    });
  }

  replay(requests: readonly ReplayedRequest[]): readonly string[] {
    const nowMs = this.#parts.clock.wallMs();
    return requests.map((request) => {
      const outcome = this.intake.offer(rawRequest(request, randomUUID(), nowMs), 'replay');
      return outcome.kind === 'taken' ? 'taken' : `${outcome.kind}:${outcome.reason}`;
    });
  }

  measure(): void {
    const { metrics } = this.#parts;
    metrics.set('farshore_shadow_queue_requests', {}, this.queue.length);
    metrics.set('farshore_shadow_queue_bytes', {}, this.queue.bytes);
  }

  async close(): Promise<void> {
    this.intake.open = false;
    await Promise.all([this.#listener?.close(LISTENER_GRACE_MS), this.#proxy?.close(PROXY_GRACE_MS)]);
  }
}

export const noShadow = (): FarshoreError =>
  new FarshoreError('request_invalid', 'No shadow is configured', { place: 'shadow', hint: 'Set shadow.targets and restart the daemon.' });

const safeRoutes = ({ safe }: ShadowConfig) => safe.flatMap((route) => parseSafeRoute(route) ?? []);

const intakeCounts = (metrics: Metrics): ShadowIntake => ({
  taken: (source) => metrics.increase('farshore_shadow_requests_total', { source, outcome: 'taken' }),
  shed: (source, outcome) => metrics.increase('farshore_shadow_requests_total', { source, outcome }),
  skipped: (source, outcome) => metrics.increase('farshore_shadow_requests_total', { source, outcome }),
});
