import { mirrorMayRun } from '../cutover/mirror-may-run.ts';
import { divisionStands } from '../mirror/shards.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { cutoverReader } from '../postgres/cutover-store.ts';
import type { Database } from '../postgres/database.ts';
import { shardLedger } from '../postgres/shard-ledger.ts';

const LOOK_MS = 500;

export interface StoredDecisionsOptions {
  readonly database: Database;
  readonly primary: string;
  readonly shards: number;
  readonly clock: Clock;
}

/**
 * What one daemon decided for all that share the region, as the database holds it: the division among shards, and whether anything may be
 * mirrored. Whoever decides stores it and then fences every shard; whoever opens a shard's producer reads it afterwards, before it writes:
 *
 *     decides:   store ── fence ─────────────────────────          store ────────────── fence ──
 *     a shard:                    open ── read: no more            open ── read: go on ──── … ── fenced
 *
 * Read before it opens, the decision and the fence could both come in between, and the producer opened last would go on.
 */
export class StoredDecisions {
  readonly #options: StoredDecisionsOptions;
  readonly #listeners = new Set<(mayMirror: true | string) => void>();
  #division: string | undefined = 'the division among shards was not read yet';
  #mayMirror: true | string = 'the stored cutover was not read yet';
  #readAtMs: number;

  constructor(options: StoredDecisionsOptions) {
    this.#options = options;
    this.#readAtMs = options.clock.monotonicMs();
  }

  /** Why no shard may be worked on; undefined: it may. */
  get division(): string | undefined {
    return this.#division;
  }

  /** For how long the database has not answered. */
  get unreadMs(): number {
    return this.#options.clock.monotonicMs() - this.#readAtMs;
  }

  /** Told now, and at each look, whether anything may be mirrored. Answers how to end it. */
  follow(listener: (mayMirror: true | string) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#mayMirror);
    return () => this.#listeners.delete(listener);
  }

  /** Asked once a shard's producer is open. Rejects with `fenced` or `home_elsewhere` where nothing may be written with it. */
  async confirm(signal: AbortSignal): Promise<void> {
    await this.#look(signal);
    if (this.#division !== undefined) throw new FarshoreError('fenced', `No shard is mirrored: ${this.#division}`);
    if (this.#mayMirror !== true) throw new FarshoreError('home_elsewhere', `Nothing is mirrored: ${this.#mayMirror}`);
  }

  /** Until the signal. While the database does not answer, what it said last holds: the leases end by themselves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (findFarshoreError(error)?.action !== 'retry') throw error;
      }
      await this.#options.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { database, primary, shards, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const [recorded, cutover] = await Promise.all([shardLedger(database).read(primary, signal), cutoverReader(database).load(signal)]);
    this.#readAtMs = Math.max(this.#readAtMs, startedMs);
    this.#division = divisionStands(recorded, shards);
    this.#mayMirror = mirrorMayRun(cutover);
    for (const listener of this.#listeners) listener(this.#mayMirror);
  }
}
