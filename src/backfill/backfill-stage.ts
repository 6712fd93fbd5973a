import type { BackfillSource, BackfillStatus, BackfillView } from '../model/backfill.ts';
import type { Clock } from '../model/clock.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import type { Observe } from '../model/events.ts';
import type { BackfilledTable, BackfillStore, Change, OpenBackfill, PreparedTable } from './contracts.ts';
import { type LoadLimits, type LoadNow, nextChunkAtMs, nextChunkRows, whyWait } from './pace.ts';

export interface BackfillParts {
  readonly tables: readonly BackfilledTable[];
  readonly store: BackfillStore;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly loadNow: () => LoadNow;
}

export interface BackfillSettings extends LoadLimits {
  readonly chunkRows: number;
  readonly maxRowsPerSecond: number | undefined;
}

export interface StartRequest {
  readonly table: string;
  readonly source: BackfillSource;
  readonly by: string;
}

const said = { pause: 'paused', resume: 'resumed', stop: 'stopped' } as const;
const LOOK_MS = 2_000;
const AGAIN_MS = 5_000;
/** Rows a second are those of about this long. */
const RATE_MS = 10_000;

interface Running {
  prepared: PreparedTable | undefined;
  last: { readonly rows: number; readonly bytes: number } | undefined;
  dueMs: number;
  waits: string | null;
  readonly rates: { readonly atMs: number; readonly rows: number }[];
}

/**
 * Fills tables chunk by chunk beside the stream, from the primary's rows or from records that were kept. Where each stands is in the database: after
 * a kill, or in another daemon, it goes on behind its last chunk. Several tables take turns, each at a rate of its own: together they
 * load the databases that many times as much.
 *
 * A row that is deleted at the primary around its reading does not stay:
 *
 *     chunk read with row k · k deleted · delete applied, tombstone ......... chunk written: the tombstone blocks k
 *     chunk read with row k · k deleted .......... chunk written with k ...... delete applied: takes k away
 *
 * No tombstone of the table goes while its backfill is open (C4), and a chunk shares the lock that deletes take alone, so it sees each delete that
 * was committed before it or comes before each that is not.
 */
export class BackfillStage {
  readonly #parts: BackfillParts;
  readonly #settings: BackfillSettings;
  readonly #running = new Map<string, Running>();
  #views: readonly Omit<BackfillView, 'waits' | 'rowsPerSecond'>[] = [];
  #viewedAtMs: number | undefined;
  #wake = Promise.withResolvers<void>();
  /** Commands and steps, one after another: what was stopped writes nothing afterwards. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: BackfillParts, settings: BackfillSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Monotonic time before what `status` says was read; undefined before that. */
  get measuredAtMs(): number | undefined {
    return this.#viewedAtMs;
  }

  status(): BackfillStatus {
    const nowMs = this.#parts.clock.monotonicMs();
    const backfills = this.#views.map((view): BackfillView => {
      const running = this.#running.get(view.id);
      const isOpen = view.state === 'running' || view.state === 'settling';
      return { ...view, waits: isOpen ? (running?.waits ?? null) : null, rowsPerSecond: isOpen ? rate(running, nowMs) : null };
    });
    return { enabled: true, backfills };
  }

  /** Rejects with `request_invalid` for an unknown table or one that has an open backfill, and with what is against backfilling it. */
  async start({ table: name, source, by }: StartRequest, signal: AbortSignal): Promise<string> {
    const table = this.#table(name);
    const { remembered } = await table.prepare(source, undefined, signal);
    const [rowsExpected, positions] = [await table.rowsExpected(source, signal), await table.positions(source, signal)];
    const id = await this.#alone(() => this.#parts.store.start({ table: name, by, source, remembered, rowsExpected, positions }, signal));
    if (id === undefined) {
      throw new FarshoreError('request_invalid', `A backfill of ${name} is open already`, {
        place: `table ${name}`,
        hint: `farshore backfill stop --table ${name} gives it up.`,
      });
    }
    await this.#look(signal);
    this.#parts.observe({ type: 'backfill_changed', table: name, change: 'started', by });
    this.#wake.resolve();
    return id;
  }

  async change(name: string, change: Exclude<Change, 'settled'>, by: string, signal: AbortSignal): Promise<void> {
    const changed = await this.#alone(() => this.#parts.store.change(name, change, signal));
    if (!changed) {
      const message = `${name} has no backfill that could be ${said[change]}`;
      throw new FarshoreError('request_invalid', message, {
        place: `table ${name}`,
        hint: 'farshore backfill status shows what there is.',
      });
    }
    this.#running.clear();
    await this.#look(signal);
    this.#parts.observe({ type: 'backfill_changed', table: name, change: said[change], by });
    this.#wake.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      let waitMs = LOOK_MS;
      try {
        const open = await store.open(signal);
        for (const one of open) waitMs = Math.min(waitMs, await this.#alone(() => this.#step(one, signal)));
        await this.#look(signal);
      } catch (error) {
        // What a step rejects with is not its table's: the region's database, or a fence.
        if (signal.aborted || findFarshoreError(error)?.action !== 'retry') throw error;
      }
      if (waitMs > 0) await this.#wait(clock, waitMs, signal);
    }
  }

  async #wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    try {
      await Promise.race([clock.sleep(ms, AbortSignal.any([signal, over.signal])), this.#wake.promise]);
    } finally {
      this.#wake = Promise.withResolvers();
      over.abort();
    }
  }

  /** Answers after how many milliseconds it may be called again. */
  async #step(seen: OpenBackfill, signal: AbortSignal): Promise<number> {
    const { store, clock, observe, loadNow } = this.#parts;
    // A command may have come since the list was read.
    const one = (await store.open(signal)).find(({ id }) => id === seen.id);
    if (one === undefined || (one.state !== 'running' && one.state !== 'settling')) return LOOK_MS;
    const running = this.#of(one.id);
    try {
      const table = this.#table(one.table);
      if (one.state === 'settling') {
        running.waits = `the stream has not passed the ends of the logs ${one.source.from === 'database' ? 'at home' : 'in the region'} yet`;
        if ((await table.passed(one.source, signal)) === 'not_yet') return LOOK_MS;
        await store.change(one.table, 'settled', signal);
        this.#running.delete(one.id);
        observe({ type: 'backfill_changed', table: one.table, change: 'done', by: undefined });
        return 0;
      }
      const nowMs = clock.monotonicMs();
      running.waits = whyWait(loadNow(), this.#settings, one.source.from) ?? null;
      if (running.waits !== null) return 1_000;
      if (nowMs < running.dueMs) return running.dueMs - nowMs;
      running.prepared ??= await table.prepare(one.source, one.remembered, signal);
      const chunk = await running.prepared.read(one, nextChunkRows(this.#chunkMost(), running.last), signal);
      const written = await running.prepared.write(one, chunk, signal);
      if (written === 'home_moved') {
        running.prepared = undefined;
        running.waits = 'the home has moved';
        return LOOK_MS;
      }
      running.last = chunk;
      running.dueMs = nextChunkAtMs(running.dueMs, clock.monotonicMs(), chunk.rows, this.#settings.maxRowsPerSecond);
      running.rates.push({ atMs: clock.monotonicMs(), rows: chunk.rows });
      observe({ type: 'backfill_chunk', table: one.table, rows: chunk.rows, written, bytes: chunk.bytes });
      return 0;
    } catch (error) {
      const known = findFarshoreError(error);
      if (signal.aborted || known === undefined || known.action === 'halt') throw error;
      running.prepared = undefined;
      running.waits = known.message;
      observe({ type: 'backfill_failed', table: one.table, code: known.code, message: known.message, hint: known.hint });
      if (known.action !== 'retry') await store.fail(one.id, known, signal);
      return AGAIN_MS;
    }
  }

  /** A chunk is at most a second's worth, so that a slow rate is no series of bursts. */
  #chunkMost(): number {
    const { chunkRows, maxRowsPerSecond } = this.#settings;
    return Math.min(chunkRows, maxRowsPerSecond ?? chunkRows);
  }

  #of(id: string): Running {
    const known = this.#running.get(id);
    if (known !== undefined) return known;
    const made: Running = { prepared: undefined, last: undefined, dueMs: 0, waits: null, rates: [] };
    this.#running.set(id, made);
    return made;
  }

  #table(name: string): BackfilledTable {
    const table = this.#parts.tables.find((one) => one.name === name);
    if (table !== undefined) return table;
    const names = this.#parts.tables.map((one) => one.name);
    throw new FarshoreError('request_invalid', `${name} is no table of \`apply.tables\``, {
      place: `table ${name}`,
      hint: names.length === 0 ? 'No table is applied.' : `Applied: ${names.join(', ')}.`,
    });
  }

  async #look(signal: AbortSignal): Promise<void> {
    const atMs = this.#parts.clock.monotonicMs();
    this.#views = await this.#parts.store.views(signal);
    this.#viewedAtMs = atMs;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return await done;
  }
}

function rate(running: Running | undefined, nowMs: number): number | null {
  if (running === undefined || running.rates.length === 0) return null;
  const { rates } = running;
  while (rates.length > 1 && rates[0]!.atMs < nowMs - RATE_MS) rates.shift();
  const seconds = Math.max(1, (nowMs - rates[0]!.atMs) / 1_000);
  return Math.round((rates.reduce((sum, { rows }) => sum + rows, 0) / seconds) * 10) / 10;
}
