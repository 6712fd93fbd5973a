import type { Clock } from '../model/clock.ts';
import { type FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import { backOffMs } from './back-off.ts';
import type { ParkedCounts, ParkLimits } from './parking.ts';
import type { KeptRecord } from './retry-kept.ts';

export interface ParkedRecord extends KeptRecord {
  readonly table: string;
  readonly ageSeconds: number;
}

/** What farshore.rejected_records holds of parked records. */
export interface ParkedStore {
  /** In the order they came, those with an id above `after`; of all tables where `waitsFor` is undefined. None of topics whose home is here. */
  list(
    request: { readonly waitsFor: readonly string[] | undefined; readonly after: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<readonly ParkedRecord[]>;
  counts(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** It has waited too long: a rejected record from now on. */
  reject(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Rejects those of an older home epoch than one in which this region was written to, at most `limit`: tried again they would go over what was
   * written here since. Answers them.
   */
  rejectOvertaken(
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly offset: bigint; readonly table: string }[]>;
  /** The table a foreign key refers to. */
  parentOf(child: string, constraint: string, signal: AbortSignal): Promise<string | undefined>;
}

export interface ParkedDependencies {
  readonly store: ParkedStore;
  readonly counts: ParkedCounts;
  readonly applyKept: (record: KeptRecord, signal: AbortSignal) => Promise<'applied' | 'superseded' | 'rejected'>;
  /** Whether the daemon applies the partition now: a paused one is left alone. */
  readonly applies: (topic: string, partition: number) => boolean;
  readonly observe: Observe;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How soon after a parent's table was written its children are tried. */
const AFTER_WRITE_MS = 1_000;
/** Rows also come by other hands: all are tried that often. */
const ALL_MS = 60_000;
const PAGE = 200;
/** Times as long as a pass took, before the next. */
const REST = 9;

/**
 * Tries parked records again, in the order they came, when the table they wait for was written, and rejects those that waited too long. The
 * version guard keeps the order of a key: a state that was applied in the meantime stands, and a later delete has left its tombstone.
 */
export class ParkedRecords {
  readonly #deps: ParkedDependencies;
  readonly #limits: ParkLimits;

  constructor(deps: ParkedDependencies, limits: ParkLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** Until `stop`. Rejects when the daemon must not go on; what does not answer is asked again. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, counts, observe, random } = this.#deps;
    let allAtMs = Number.NEGATIVE_INFINITY;
    for (let failures = 0; !stop.aborted; ) {
      const beganMs = clock.monotonicMs();
      // Many that wait for something that does not come must not keep a connection busy.
      const restMs = (): number => REST * (clock.monotonicMs() - beganMs);
      try {
        const due = clock.monotonicMs() >= allAtMs;
        if (due) counts.reset(await this.#deps.store.counts(stop));
        const written = counts.takeWritten();
        if (due || (written.length > 0 && counts.total > 0)) {
          const failure = await this.pass(due ? undefined : written, stop);
          counts.reset(await this.#deps.store.counts(stop));
          if (failure !== undefined) throw failure;
        }
        if (due) allAtMs = clock.monotonicMs() + ALL_MS;
        failures = 0;
        await clock.sleep(Math.max(AFTER_WRITE_MS, restMs()), stop);
      } catch (error) {
        if (stop.aborted) return;
        const known = findFarshoreError(error);
        if (known === undefined || known.action === 'halt') throw error;
        const delayMs = Math.max(backOffMs(failures++, random), restMs());
        observe({ type: 'apply_retried', topic: '', partition: -1, code: known.code, sqlState: sqlStateOf(known), delayMs });
        await clock.sleep(delayMs, stop).catch(() => undefined);
      }
    }
  }

  /**
   * One round over those that wait for the tables, or over all. One that applies may be what another waits for: then its own table was written too.
   * What is wrong with a table, and not with a record, holds back those of that table alone; answers the first such error. Rejects with what halts
   * the daemon, and where the ledger itself does not answer.
   */
  async pass(tables: readonly string[] | undefined, signal: AbortSignal): Promise<FarshoreError | undefined> {
    const { store, applies, counts, observe } = this.#deps;
    if (tables === undefined) await this.#endOvertaken(signal);
    const failing = new Set<string>();
    let first: FarshoreError | undefined;
    for (let after = '0'; ; ) {
      const page = await store.list({ waitsFor: tables, after, limit: PAGE }, signal);
      for (const record of page) {
        after = record.id;
        const { topic, partition, table } = record;
        if (failing.has(table) || !applies(topic, partition)) continue;
        const outcome = await this.#tried(record, signal);
        if (typeof outcome !== 'string') {
          failing.add(table);
          first ??= outcome;
          continue;
        }
        if (outcome !== 'rejected') {
          counts.wrote(table);
          observe({ type: 'parked_ended', table, topic, partition, offset: record.offset, result: outcome });
          continue;
        }
        if (record.ageSeconds <= this.#limits.maxAgeSeconds) continue;
        await store.reject(record.id, signal);
        observe({ type: 'parked_ended', table, topic, partition, offset: record.offset, result: 'rejected' });
      }
      if (page.length < PAGE) return first;
    }
  }

  async #tried(record: ParkedRecord, signal: AbortSignal): Promise<'applied' | 'superseded' | 'rejected' | FarshoreError> {
    try {
      return await this.#deps.applyKept(record, signal);
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      return known;
    }
  }

  async #endOvertaken(signal: AbortSignal): Promise<void> {
    for (;;) {
      const ended = await this.#deps.store.rejectOvertaken(PAGE, signal);
      for (const record of ended) this.#deps.observe({ type: 'parked_ended', ...record, result: 'rejected' });
      if (ended.length < PAGE) return;
    }
  }
}

const sqlStateOf = ({ facts }: FarshoreError): string | undefined => (typeof facts.sqlState === 'string' ? facts.sqlState : undefined);
