import type { Clock } from '../model/clock.ts';
import { FarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { HeldLease, type LeaseSession } from './held-lease.ts';
import { decideLease, type SeenLease } from './lease-decision.ts';
import { lookStatement, takeStatement, terminateStatement } from './lease-statements.ts';

export interface LeaseOptions {
  /** Who takes it: unique to this process, told to operators. */
  readonly holder: string;
  /** How long a lease stands without a renewal, 10 s unless there is a reason. Renewed every third of it. */
  readonly ttlMs: number;
  /** How often a standby looks, 500 ms unless there is a reason. */
  readonly pollMs: number;
  readonly clock: Clock;
  /** Opens a session outside any pool and any transaction pooler: the session is what holds the lock. */
  readonly connect: (signal: AbortSignal) => Promise<LeaseSession>;
  readonly observe: Observe;
}

interface Look {
  readonly lockFree: boolean;
  readonly row: SeenLease | undefined;
  readonly lockPid: number | undefined;
}

const LOOKS_AFTER_TERMINATING = 10;

/**
 * Waits as a standby until this daemon may write for the region, and answers the lease it then holds. A
 * database that does not answer is waited for. Rejects with the signal's reason, or with what no waiting mends
 * (`database_denied`, `table_missing` before the migrations ran).
 */
export async function acquireLease(options: LeaseOptions, signal: AbortSignal): Promise<HeldLease> {
  const standby = new Standby(options);
  try {
    for (;;) {
      const held = await standby.attempt(signal);
      if (held !== undefined) return held;
      await options.clock.sleep(standby.waitMs, signal);
    }
  } catch (error) {
    await standby.leave();
    throw error;
  }
}

class Standby {
  readonly #options: LeaseOptions;
  #session: LeaseSession | undefined;
  #announced = false;
  /** Undefined before the first look, which tells what it comes to: the daemon that this one was before may have left it as down. */
  #reachable: boolean | undefined;
  /** The session that was seen with the lock and without a valid row, and since when. */
  #blocker: { readonly key: string; readonly sinceMs: number } | undefined;
  #looksAfterTerminating = 0;
  waitMs: number;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.waitMs = options.pollMs;
  }

  async leave(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
  }

  /** One look and what follows from it; undefined means wait `waitMs` and look again. */
  async attempt(signal: AbortSignal): Promise<HeldLease | undefined> {
    this.waitMs = this.#options.pollMs;
    const startedMs = this.#options.clock.monotonicMs();
    try {
      const session = await this.#open(signal);
      const look = await this.#look(session, signal);
      this.#tellReachable(true, undefined);
      return await this.#follow(session, look, startedMs, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FarshoreError) || error.action !== 'retry') throw error;
      await this.leave();
      this.#tellReachable(false, error.message);
      return undefined;
    }
  }

  async #follow(session: LeaseSession, look: Look, startedMs: number, signal: AbortSignal): Promise<HeldLease | undefined> {
    const { pollMs, ttlMs } = this.#options;
    const decision = decideLease(look.row, look.lockFree, this.#blockedForMs(look), { pollMs, graceMs: ttlMs / 3 });
    switch (decision.kind) {
      case 'take':
        return await this.#take(session, look, startedMs, signal);
      case 'force':
        if (await this.#terminate(session, look, signal)) return await this.#take(session, look, startedMs, signal);
        this.waitMs = pollMs / 5;
        return undefined;
      case 'wait':
        if (!this.#announced) this.#options.observe({ type: 'lease', state: 'waiting', epoch: look.row?.epoch });
        this.#announced = true;
        this.waitMs = decision.ms;
        return undefined;
    }
  }

  async #open(signal: AbortSignal): Promise<LeaseSession> {
    if (this.#session?.broken) this.#session = undefined;
    this.#session ??= await this.#options.connect(signal);
    return this.#session;
  }

  async #look(session: LeaseSession, signal: AbortSignal): Promise<Look> {
    const [result] = await session.run([lookStatement], signal);
    const row = result?.rows[0];
    if (row === undefined) throw new FarshoreError('internal', 'The lease query answered no row.');
    const { locked, holder, epoch, expires_in_ms: expires, lock_pid: pid } = row;
    return {
      lockFree: locked === 't',
      row:
        typeof holder === 'string' && typeof epoch === 'string'
          ? { holder, epoch: BigInt(epoch), expiresInMs: Number(expires) }
          : undefined,
      lockPid: typeof pid === 'string' ? Number(pid) : undefined,
    };
  }

  #blockedForMs({ lockFree, row, lockPid }: Look): number {
    if (lockFree || (row !== undefined && row.expiresInMs > 0)) {
      this.#blocker = undefined;
      return 0;
    }
    const now = this.#options.clock.monotonicMs();
    const key = `${lockPid}:${row?.epoch}`;
    if (this.#blocker?.key !== key) this.#blocker = { key, sinceMs: now };
    return now - this.#blocker.sinceMs;
  }

  /**
   * Ends the session of a holder that is stopped (SIGSTOP, a hung host) with its connection open. True when
   * the row is to be written without the lock, because the session may not be ended or will not go:
   *
   *     terminate → take at once:  the lock comes free a moment later, another standby gets it, finds the
   *                                "holder's session gone" and takes over from a healthy holder
   *     terminate → look again:    this standby gets the lock itself, as a rule within milliseconds
   */
  async #terminate(session: LeaseSession, { lockPid }: Look, signal: AbortSignal): Promise<boolean> {
    if (lockPid === undefined) return false;
    if (this.#looksAfterTerminating >= LOOKS_AFTER_TERMINATING) return true;
    this.#looksAfterTerminating++;
    try {
      await session.run([terminateStatement(lockPid)], signal);
      return false;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FarshoreError && error.code === 'database_denied') return true;
      throw error;
    }
  }

  async #take(session: LeaseSession, look: Look, startedMs: number, signal: AbortSignal): Promise<HeldLease | undefined> {
    const { holder, ttlMs, clock, connect, observe } = this.#options;
    const [taken] = await session.run([takeStatement(holder, ttlMs, look.row?.epoch ?? 0n)], signal);
    const epoch = taken?.rows[0]?.epoch;
    if (typeof epoch !== 'string') {
      // Somebody else was first. The lock, if it is ours, must not stay with one who has no lease.
      await this.leave();
      return undefined;
    }
    this.#session = undefined;
    observe({ type: 'lease', state: 'acquired', epoch: BigInt(epoch) });
    return new HeldLease({
      holder,
      ttlMs,
      clock,
      connect,
      observe,
      session,
      locked: look.lockFree,
      epoch: BigInt(epoch),
      validUntilMs: startedMs + ttlMs,
    });
  }

  #tellReachable(up: boolean, reason: string | undefined): void {
    if (up === this.#reachable) return;
    this.#reachable = up;
    this.#options.observe({ type: 'component', component: 'regional_database', up, reason });
  }
}
