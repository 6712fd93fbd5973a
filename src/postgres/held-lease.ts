import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { withinLimit } from '../model/time-limit.ts';
import type { Connection } from './connection.ts';
import { giveUpStatement, relockStatement, renewStatement } from './lease-statements.ts';

export type LeaseSession = Pick<Connection, 'broken' | 'run' | 'close' | 'destroy'>;

export interface HeldLeaseOptions {
  readonly holder: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly connect: (signal: AbortSignal) => Promise<LeaseSession>;
  readonly observe: Observe;
  readonly session: LeaseSession;
  /** Whether the session has the advisory lock. */
  readonly locked: boolean;
  readonly epoch: bigint;
  /** Monotonic time up to which the row stands without another renewal, counted from before it was written. */
  readonly validUntilMs: number;
}

const RELEASE_LIMIT_MS = 2_000;

/**
 * A lease this daemon holds, renewed in the background until it is released or lost.
 *
 * `lost` resolves (it never rejects) with `fenced` when the row says that another daemon took over, or
 * with `lease_lost` when no renewal was answered before the row expired by our own monotonic clock:
 *
 *     ours:     renew ok (valid until 10) ... renew, no answer ......... 10: lost, everything stops
 *     standby:                                                           10 + grace: takes over, epoch + 1
 *
 * A process that was stopped and goes on first renews once more: the row, not its clock, tells whether
 * somebody was faster.
 */
export class HeldLease {
  readonly epoch: bigint;
  readonly lost: Promise<FarshoreError>;
  readonly #options: HeldLeaseOptions;
  readonly #settleLost: (reason: FarshoreError) => void;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #session: LeaseSession;
  #locked: boolean;
  #validUntilMs: number;
  /** Why it is not held any more. */
  #ended: FarshoreError | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    this.epoch = options.epoch;
    this.#session = options.session;
    this.#locked = options.locked;
    this.#validUntilMs = options.validUntilMs;
    const { promise, resolve } = Promise.withResolvers<FarshoreError>();
    this.lost = promise;
    this.#settleLost = resolve;
    this.#loop = this.#keep(this.#stop.signal);
  }

  /**
   * Asks the database now whether the lease is still ours, and renews it (C10: before a producer id is
   * taken again after a fencing error). Rejects with `fenced`, `lease_lost`, or the database's error. Waits no longer than the
   * lease stands: renewals come one at a time, and one that no answer comes to would keep the loop from losing it in time.
   */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    try {
      await this.#renewInTime(signal);
    } catch (error) {
      if (error instanceof FarshoreError && error.code === 'fenced') this.#lose(error);
      throw this.#ended ?? error;
    }
  }

  /** Stops renewing and lets the next daemon in at once. Never waits longer than two seconds for the database. */
  async release(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (this.#ended !== undefined) return;
    this.#ended = new FarshoreError('lease_lost', 'The lease was released.');
    const { holder, clock, observe } = this.#options;
    try {
      const giveUp = async (signal: AbortSignal) => void (await this.#session.run([giveUpStatement(holder, this.epoch)], signal));
      await withinLimit(giveUp, RELEASE_LIMIT_MS, () => notAnswered(RELEASE_LIMIT_MS), clock, new AbortController().signal);
    } catch (error) {
      // The row then expires by itself and the lock goes with the session.
      if (!(error instanceof FarshoreError)) throw error;
    }
    await this.#session.close();
    observe({ type: 'lease', state: 'released', epoch: this.epoch });
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { ttlMs, clock } = this.#options;
    let waitMs = ttlMs / 3;
    while (!signal.aborted) {
      try {
        await clock.sleep(waitMs, signal);
      } catch {
        return;
      }
      try {
        await this.#renewInTime(signal);
        waitMs = ttlMs / 3;
      } catch (error) {
        if (signal.aborted) return;
        const failure = error instanceof FarshoreError ? error : new FarshoreError('internal', 'The renewal failed.', { cause: error });
        if (failure.action === 'halt') return this.#lose(failure);
        if (clock.monotonicMs() >= this.#validUntilMs) {
          return this.#lose(
            new FarshoreError('lease_lost', `The lease could not be renewed for ${ttlMs} ms: ${failure.message}`, {
              cause: failure,
              hint: 'The daemon takes it again after a restart, when the database answers and no other daemon has it.',
            }),
          );
        }
        waitMs = ttlMs / 10;
      }
    }
  }

  /** For as long as it stands, and so long that a process which was stopped can still ask the row; waiting for the turn included. */
  async #renewInTime(signal: AbortSignal): Promise<void> {
    const { ttlMs, clock } = this.#options;
    const limitMs = Math.max(this.#validUntilMs - clock.monotonicMs(), ttlMs / 10);
    await withinLimit(
      (limited) => this.#renew(limited),
      limitMs,
      () => notAnswered(limitMs),
      clock,
      signal,
    );
  }

  /** One renewal at a time: `check` and the loop share the session. */
  async #renew(signal: AbortSignal): Promise<void> {
    const turn = this.#turn.then(
      () => this.#renewNow(signal),
      () => this.#renewNow(signal),
    );
    this.#turn = turn;
    await turn;
  }

  async #renewNow(signal: AbortSignal): Promise<void> {
    // Given up while it waited for its turn.
    signal.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    const { holder, ttlMs, clock, connect } = this.#options;
    const startedMs = clock.monotonicMs();
    if (this.#session.broken) {
      this.#locked = false;
      const session = await connect(signal);
      if (this.#ended !== undefined) {
        // Nobody would close it any more, and the lock that it may take stays with it.
        session.destroy(this.#ended);
        throw this.#ended;
      }
      this.#session = session;
    }
    const [renewed] = await this.#session.run([renewStatement(holder, ttlMs, this.epoch)], signal);
    // Everything that the lease stood for has stopped meanwhile: what the row says now is no use.
    if (this.#ended !== undefined) throw this.#ended;
    if (renewed?.rowCount !== 1) {
      throw new FarshoreError('fenced', `Another daemon took over from epoch ${this.epoch}.`, {
        hint: 'This daemon stops; it may be started again and then waits as a standby.',
      });
    }
    this.#validUntilMs = startedMs + ttlMs;
    if (!this.#locked) {
      const [relocked] = await this.#session.run([relockStatement], signal);
      this.#locked = relocked?.rows[0]?.locked === 't';
    }
  }

  #lose(reason: FarshoreError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#stop.abort();
    this.#session.destroy(reason);
    this.#options.observe({ type: 'lease', state: 'lost', epoch: this.epoch });
    this.#settleLost(reason);
  }
}

function notAnswered(limitMs: number): never {
  throw new FarshoreError('database_unreachable', `The database did not answer in ${Math.round(limitMs)} ms.`);
}
