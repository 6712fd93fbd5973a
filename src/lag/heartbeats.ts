import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { withinLimit } from '../model/time-limit.ts';
import type { HeartbeatWriter } from './contracts.ts';
import { heartbeatBytes, readHeartbeat } from './heartbeat-record.ts';

/** Heartbeats that may still come back; at one a second, an hour of them. */
const MAX_AWAITED = 3_600;
const MAX_BACKOFF_MS = 30_000;

export interface HeartbeatSettings {
  readonly region: string;
  /** UUID of this run of the daemon. */
  readonly instance: string;
  readonly intervalMs: number;
  /** A write that takes longer counts as failed; the record may still arrive. */
  readonly writeLimitMs: number;
}

/**
 * Writes heartbeats to the primary and sees them come back through mirror and apply (C23). Both moments are
 * taken from this process's monotonic clock, so the latency holds no difference of clocks. A heartbeat proves
 * its own partition only.
 */
export class Heartbeats {
  readonly #writer: HeartbeatWriter;
  readonly #settings: HeartbeatSettings;
  readonly #clock: Clock;
  readonly #observe: Observe;
  /** Monotonic send times by sequence number, oldest first. */
  readonly #awaited = new Map<number, number>();
  #seq = 0;
  #newest: { readonly seq: number; readonly sentMs: number; readonly latencySeconds: number } | undefined;
  #turnMs: number;

  constructor(writer: HeartbeatWriter, settings: HeartbeatSettings, clock: Clock, observe: Observe) {
    this.#writer = writer;
    this.#settings = settings;
    this.#clock = clock;
    this.#observe = observe;
    this.#turnMs = clock.monotonicMs();
  }

  /** Monotonic milliseconds of the loop's last turn, for the liveness probe. */
  get lastTurnMs(): number {
    return this.#turnMs;
  }

  /** Writes until the signal. Failures are events and end in a longer pause, up to 30 s; the copy does not need heartbeats. */
  async run(signal: AbortSignal): Promise<void> {
    let topicEnsured = false;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      this.#turnMs = startedMs;
      try {
        await this.#limited(async (limited) => {
          if (!topicEnsured) await this.#writer.ensureTopic(limited);
          topicEnsured = true;
          await this.#write(limited);
        }, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        // The topic may be what is missing: it is looked at again before the next write.
        topicEnsured = false;
        failures++;
        const known = findFarshoreError(error);
        const message = error instanceof Error ? error.message : String(error);
        this.#observe({ type: 'heartbeat_failed', code: known?.code ?? 'internal', message });
      }
      const { intervalMs } = this.#settings;
      const pauseMs = failures === 0 ? intervalMs : Math.min(Math.max(MAX_BACKOFF_MS, intervalMs), intervalMs * 2 ** failures);
      const tookMs = this.#clock.monotonicMs() - startedMs;
      await this.#clock.sleep(Math.max(0, pauseMs - tookMs), signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { region, instance } = this.#settings;
    const seq = ++this.#seq;
    const sentMs = this.#clock.monotonicMs();
    // Remembered before the write: a heartbeat can be back before its acknowledgement is.
    this.#awaited.set(seq, sentMs);
    for (const oldest of this.#awaited.keys()) {
      if (this.#awaited.size <= MAX_AWAITED) break;
      this.#awaited.delete(oldest);
    }
    const value = heartbeatBytes({ region, instance, seq, sentAt: this.#clock.wallMs() });
    await this.#writer.write(Buffer.from(region), value, signal);
    // An acknowledgement after the limit belongs to a write that was reported as failed.
    signal.throwIfAborted();
    this.#observe({ type: 'heartbeat_written', seconds: (this.#clock.monotonicMs() - sentMs) / 1000 });
  }

  /** Takes every record of the heartbeat topic that came through apply; other regions' and other runs' are not ours. */
  returned(key: Buffer | null, value: Buffer | null): void {
    if (key?.toString('utf8') !== this.#settings.region) return;
    const heartbeat = readHeartbeat(value);
    if (heartbeat?.instance !== this.#settings.instance) return;
    const sentMs = this.#awaited.get(heartbeat.seq);
    // Seen before (apply may read a record again), or older than what is still awaited.
    if (sentMs === undefined) return;
    this.#awaited.delete(heartbeat.seq);
    const latencySeconds = (this.#clock.monotonicMs() - sentMs) / 1000;
    this.#observe({ type: 'heartbeat_returned', latencySeconds });
    if (this.#newest === undefined || heartbeat.seq > this.#newest.seq) this.#newest = { seq: heartbeat.seq, sentMs, latencySeconds };
  }

  /** Latency of the newest heartbeat that came back; null before one did. */
  get latencySeconds(): number | null {
    return this.#newest?.latencySeconds ?? null;
  }

  /** Time since the newest heartbeat that came back was written; null before one came back. */
  get ageSeconds(): number | null {
    return this.#newest === undefined ? null : (this.#clock.monotonicMs() - this.#newest.sentMs) / 1000;
  }

  async #limited(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { writeLimitMs } = this.#settings;
    const late = (): never => {
      throw new FarshoreError('broker_request_failed', `The cluster did not acknowledge a heartbeat within ${writeLimitMs} ms`);
    };
    await withinLimit(work, writeLimitMs, late, this.#clock, signal);
  }
}
