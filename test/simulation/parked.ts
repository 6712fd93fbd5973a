import fc from 'fast-check';
import { RejectFloods } from '../../src/apply/flood.ts';
import { type ParkedRecord, ParkedRecords, type ParkedStore } from '../../src/apply/parked-records.ts';
import { ParkedCounts } from '../../src/apply/parking.ts';
import type { Clock } from '../../src/model/clock.ts';
import { FarshoreError } from '../../src/model/errors.ts';
import type { RejectedDetail, RejectedRecord } from '../../src/model/rejected.ts';
import { retryRejected } from '../../src/rejected/retry.ts';
import { Reached, type Simulation } from './simulation.ts';

const MAX_AGE_MS = 120_000;
const PARENTS = 4;

/** A child that came before its parent, or a state of a row under a version. */
interface Kept {
  readonly id: number;
  readonly key: number;
  readonly version: number;
  readonly parent: number;
  readonly keptAtMs: number;
  state: 'parked' | 'rejected' | 'applied' | 'superseded';
}

interface Event {
  readonly afterMs: number;
  readonly op: 'child' | 'parent' | 'away' | 'back' | 'paused' | 'resumed' | 'newer';
  readonly key: number;
  readonly parent: number;
}

/** A database with a foreign key, of which a test tells when it is away, and the loop that tries parked records again beside the stream. */
class World {
  nowMs = 0;
  readonly #events: { readonly atMs: number; readonly event: Event }[];
  readonly endMs: number;
  readonly kept: Kept[] = [];
  readonly parents = new Set<number>();
  readonly rows = new Map<number, number>();
  readonly newest = new Map<number, number>();
  #isAway = false;
  #isPaused = false;
  #versions = 0;
  readonly counts = new ParkedCounts({ limit: 1_000, maxAgeSeconds: MAX_AGE_MS / 1_000 });
  readonly stop = new AbortController();
  tries = 0;

  constructor(events: readonly Event[]) {
    let atMs = 0;
    this.#events = events.map((event) => {
      atMs += event.afterMs;
      return { atMs, event };
    });
    // The last may wait its whole age, and is looked at within a minute and what a pass rests.
    this.endMs = atMs + MAX_AGE_MS + 200_000;
  }

  clock: Clock = {
    wallMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    sleep: async (ms, signal) => {
      if (!(ms > 0)) throw new Error(`waits ${ms} ms`);
      this.#pass(ms);
      if (this.nowMs > this.endMs) this.stop.abort(new Error('over'));
      signal.throwIfAborted();
    },
  };

  #pass(ms: number): void {
    this.nowMs += ms;
    while (this.#events[0] !== undefined && this.#events[0].atMs <= this.nowMs) this.#happen(this.#events.shift()!.event);
  }

  #happen({ op, key, parent }: Event): void {
    switch (op) {
      case 'child': {
        const version = ++this.#versions;
        this.newest.set(key, version);
        if (this.parents.has(parent)) {
          this.#write(key, version);
          return;
        }
        this.kept.push({ id: this.kept.length + 1, key, version, parent, keptAtMs: this.nowMs, state: 'parked' });
        this.counts.parked('children', 1);
        return;
      }
      case 'newer': {
        // A state that needs no parent comes by the stream, and overtakes what is parked of its row.
        const version = ++this.#versions;
        this.newest.set(key, version);
        this.#write(key, version);
        return;
      }
      case 'parent':
        this.parents.add(parent);
        this.counts.wrote('parents');
        return;
      case 'away':
        this.#isAway = true;
        return;
      case 'back':
        this.#isAway = false;
        return;
      case 'paused':
        this.#isPaused = true;
        return;
      case 'resumed':
        this.#isPaused = false;
        return;
    }
  }

  #write(key: number, version: number): boolean {
    const standing = this.rows.get(key) ?? 0;
    if (version <= standing) return false;
    this.rows.set(key, version);
    return true;
  }

  #ask(): void {
    this.#pass(3);
    if (this.#isAway) throw new FarshoreError('database_unreachable', 'it is away');
  }

  settle(): void {
    this.#isAway = false;
    this.#isPaused = false;
  }

  applies = (): boolean => !this.#isPaused;

  list: ParkedStore['list'] = async ({ waitsFor, after, limit }) => {
    this.#ask();
    const found = this.kept.filter(
      ({ id, state }) => state === 'parked' && id > Number(after) && (waitsFor === undefined || waitsFor.includes('parents')),
    );
    return found.slice(0, limit).map((one) => this.#record(one));
  };

  #record({ id, keptAtMs }: Kept): ParkedRecord {
    const content = { key: null, value: null, headers: Buffer.alloc(0), headerCount: 0, timestampMs: 0, homeEpoch: 1, generation: 1 };
    return {
      ...content,
      id: String(id),
      topic: 'children',
      partition: 0,
      offset: BigInt(id),
      table: 'children',
      ageSeconds: (this.nowMs - keptAtMs) / 1_000,
    };
  }

  counted: ParkedStore['counts'] = async () => {
    this.#ask();
    const parked = this.kept.filter(({ state }) => state === 'parked').length;
    return new Map(parked === 0 ? [] : [['children', parked]]);
  };

  reject: ParkedStore['reject'] = async (id) => {
    this.#ask();
    const one = this.kept[Number(id) - 1]!;
    if (this.nowMs - one.keptAtMs <= MAX_AGE_MS - 100) throw new Error('rejected before its time');
    if (this.parents.has(one.parent) && !this.#isPaused) throw new Error('rejected though its parent is there');
    one.state = 'rejected';
  };

  applyKept = async ({ id }: { readonly id: string }): Promise<'applied' | 'superseded' | 'rejected'> => {
    this.#ask();
    this.tries++;
    const one = this.kept[Number(id) - 1]!;
    if (one.state !== 'parked' && one.state !== 'rejected') throw new Error(`record ${id} was tried again after it had been ${one.state}`);
    if (!this.parents.has(one.parent)) return 'rejected';
    one.state = this.#write(one.key, one.version) ? 'applied' : 'superseded';
    return one.state;
  };

  parentOf: ParkedStore['parentOf'] = async () => 'parents';

  /** The rejected ones, as the operator's retry sees them. */
  rejectedStore() {
    const list = async (_filter: unknown, { after, limit }: { readonly after: string; readonly limit: number }) =>
      this.kept
        .filter(({ id, state }) => state === 'rejected' && id > Number(after))
        .slice(0, limit)
        .map(({ id }) => ({ id: String(id) }) as RejectedRecord);
    const get = async (id: string) => (this.kept[Number(id) - 1]!.state === 'rejected' ? ({ id } as RejectedDetail) : undefined);
    return { list, get } as unknown as Parameters<typeof retryRejected>[1]['store'];
  }
}

async function play(events: readonly Event[], reached: Reached): Promise<void> {
  const world = new World(events);
  const store: ParkedStore = {
    list: world.list,
    counts: world.counted,
    reject: world.reject,
    rejectOvertaken: async () => [],
    parentOf: world.parentOf,
  };
  const { counts, applyKept, applies, clock, stop } = world;
  const loop = new ParkedRecords(
    { store, counts, applyKept, applies, observe: () => undefined, clock, random: () => 0.5 },
    { limit: 1_000, maxAgeSeconds: MAX_AGE_MS / 1_000 },
  );
  await loop.run(stop.signal);
  const ended =
    events.findLast(({ op }) => op === 'away' || op === 'back')?.op !== 'away' &&
    events.findLast(({ op }) => op === 'paused' || op === 'resumed')?.op !== 'paused';
  const waiting = world.kept.filter(({ state }) => state === 'parked');
  if (ended && waiting.length > 0) throw new Error(`record ${waiting[0]!.id} waits for ever`);
  for (const { state } of world.kept) if (state !== 'parked') reached.note(state);
  // An operator brings the parents that are missing, and tries what was rejected again.
  world.settle();
  for (let parent = 0; parent < PARENTS; parent++) world.parents.add(parent);
  await retryRejected({} as Parameters<typeof retryRejected>[0], { store: world.rejectedStore(), applyKept }, new AbortController().signal);
  if (waiting.length > 0) await loop.pass(undefined, new AbortController().signal);
  const lost = world.kept.find(({ state }) => state === 'parked' || state === 'rejected');
  if (lost !== undefined) throw new Error(`record ${lost.id} is ${lost.state} though all it needs is there`);
  for (const [key, version] of world.newest)
    if (world.rows.get(key) !== version) throw new Error(`row ${key} stands at ${world.rows.get(key)}, not at ${version}`);
  if (world.tries > 40 * (world.kept.length + 1) * 10) throw new Error(`${world.tries} tries of ${world.kept.length} records`);
}

/** The last minute by slots of ten seconds, counted naively. */
function flood(
  notes: readonly { readonly afterMs: number; readonly records: number; readonly rejects: number }[],
  share: number,
  perMinute: number,
): boolean {
  const floods = new RejectFloods({ share, perMinute });
  const taken: { readonly slot: number; readonly records: number; readonly rejects: number }[] = [];
  let nowMs = 0;
  let stopped = false;
  for (const { afterMs, records, rejects: wanted } of notes) {
    nowMs += afterMs;
    const rejects = Math.min(wanted, records);
    const slot = Math.floor(nowMs / 10_000);
    const recent = taken.filter((one) => one.slot > slot - 6);
    const sum = (of: 'records' | 'rejects', plus: number) => recent.reduce((total, one) => total + one[of], plus);
    const isFlood = rejects > 0 && sum('rejects', rejects) > perMinute && sum('rejects', rejects) > share * sum('records', records);
    const over = floods.over('t', { records, rejects }, nowMs) !== undefined;
    if (over !== isFlood) throw new Error(`${rejects} of ${records} at ${nowMs} ms: ${over ? 'a flood' : 'none'}`);
    if (over) {
      stopped = true;
      continue;
    }
    floods.note('t', { records, rejects }, nowMs);
    taken.push({ slot, records, rejects });
  }
  return stopped;
}

const events = fc.array(
  fc.record({
    afterMs: fc.constantFrom(0, 10, 700, 5_000, 40_000),
    op: fc.constantFrom<Event['op'][]>(
      'child',
      'child',
      'child',
      'child',
      'parent',
      'newer',
      'away',
      'back',
      'back',
      'paused',
      'resumed',
      'resumed',
    ),
    key: fc.nat({ max: 3 }),
    parent: fc.nat({ max: PARENTS - 1 }),
  }),
  { minLength: 1, maxLength: 30 },
);
const notes = fc.array(
  fc.record({ afterMs: fc.nat({ max: 25_000 }), records: fc.integer({ min: 1, max: 50 }), rejects: fc.nat({ max: 20 }) }),
  { maxLength: 20 },
);

export const parked: Simulation = {
  name: 'parked',
  judges:
    'a parked or rejected record is applied, superseded or still kept, never over a newer state, and a flood stops where the last minute says so',
  shortRuns: 300,
  create: () => {
    const reached = new Reached(['applied', 'superseded', 'rejected', 'flood']);
    const property = fc.asyncProperty(
      events,
      notes,
      fc.constantFrom(0.01, 0.1, 0.5),
      fc.constantFrom(0, 5, 30),
      async (history, counted, share, perMinute) => {
        await play(history, reached);
        reached.note('flood', flood(counted, share, perMinute));
      },
    );
    return { property, reached, leastShare: 0.005 };
  },
};
