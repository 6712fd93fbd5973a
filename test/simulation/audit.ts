import fc from 'fast-check';
import type { Answered, AuditSide, Key, KeyRange, RowLook, Side, Sides } from '../../src/audit/contracts.ts';
import { passSteps } from '../../src/audit/pass.ts';
import { type Settled, settle } from '../../src/audit/settle.ts';
import type { Clock } from '../../src/model/clock.ts';
import { billsTable } from '../unit/audit/compared.ts';
import { Reached, type Simulation } from './simulation.ts';

const table = billsTable({ total: 'numeric' });
const never = new AbortController().signal;
const ALLOWANCE_MS = 1_000;
const ASK_MS = 7;
/** What is planted leaves no digest that a write could have. */
const PLANTED = 'planted';

interface Write {
  readonly key: number;
  readonly atMs: number;
  readonly content: string | null;
  /** How long the publisher sleeps on it. */
  readonly delayMs: number;
}
interface Plant {
  readonly key: number;
  readonly atMs: number;
  readonly kind: 'changed' | 'missing' | 'extra';
}
interface History {
  readonly rows: number;
  readonly writes: readonly Write[];
  readonly plants: readonly Plant[];
  readonly lagMs: number;
  readonly rowsPerRange: number;
  /** Steps of the pass after which the daemon dies. */
  readonly crashes: readonly number[];
  readonly pauseMs: number;
  readonly held: readonly number[];
  readonly tries: number;
}

interface Row {
  readonly content: string;
  readonly xmin: string;
}

/** A primary that is written to all the time, its publisher that is late, a region that follows, and hands that write in the region. */
class World {
  nowMs = 0;
  readonly #history: History;
  readonly #events: { readonly atMs: number; readonly run: () => void }[] = [];
  readonly primary = new Map<number, Row>();
  readonly region = new Map<number, Row>();
  /** Keys that are wrong in the region now, by no fault of the stream. */
  readonly spoilt = new Set<number>();
  /** When each key was written to, on either side. */
  readonly touched = new Set<number>();
  readonly publishedMs: number[] = [];
  #applied = 0;
  #begun = false;
  spoiltAtLook = new Map<number, boolean>();

  constructor(history: History) {
    this.#history = history;
    for (let key = 0; key < history.rows; key += 2) {
      this.primary.set(key, { content: 'first', xmin: '1' });
      this.region.set(key, { content: 'first', xmin: '1' });
    }
    let published = 0;
    for (const [n, { key, atMs, content, delayMs }] of history.writes.toSorted((a, b) => a.atMs - b.atMs).entries()) {
      const row = content === null ? undefined : { content, xmin: `w${n}` };
      published = Math.max(published, atMs + delayMs);
      this.publishedMs.push(published);
      this.#events.push({ atMs, run: () => this.#set(this.primary, key, row) });
      const apply = () => {
        this.#set(this.region, key, row);
        this.spoilt.delete(key);
        this.#applied++;
      };
      this.#events.push({ atMs: published + history.lagMs, run: apply });
    }
    for (const plant of history.plants) this.#events.push({ atMs: plant.atMs, run: () => this.#plant(plant) });
    this.#events.sort((a, b) => a.atMs - b.atMs);
  }

  #set(side: Map<number, Row>, key: number, row: Row | undefined): void {
    if (row === undefined) side.delete(key);
    else side.set(key, row);
    if (this.#begun) this.touched.add(key);
  }

  #plant({ key, kind }: Plant): void {
    const isThere = this.region.has(key);
    if ((kind === 'extra') === isThere || this.spoilt.has(key)) return;
    if (kind === 'missing') this.region.delete(key);
    else this.region.set(key, { content: PLANTED, xmin: '0' });
    this.spoilt.add(key);
    if (this.#begun) this.touched.add(key);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    while (this.#events[0] !== undefined && this.#events[0].atMs <= this.nowMs) this.#events.shift()!.run();
  }

  /** A row that is gone in the region, by no fault of the stream, is right again once it is gone at the primary too. */
  isEqual(key: number): boolean {
    return this.primary.get(key)?.content === this.region.get(key)?.content;
  }

  /** From here on the pass looks. */
  begin(): void {
    this.#begun = true;
  }

  clock: Clock = {
    wallMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    sleep: async (ms) => this.pass(ms),
  };

  async passed(): Promise<'passed' | 'not_yet'> {
    const end = this.publishedMs.filter((atMs) => atMs <= this.nowMs).length;
    while (this.#applied < end) this.pass(50);
    return 'passed';
  }

  held = async (keys: readonly Key[]): Promise<readonly boolean[]> => keys.map(([key]) => this.#history.held.includes(Number(key)));

  sides(): Sides {
    return { primary: this.#side('primary', this.primary), region: this.#side('region', this.region) };
  }

  #side(side: Side, rows: Map<number, Row>): AuditSide {
    const inRange = ({ after, upTo }: KeyRange) =>
      [...rows.keys()]
        .filter((id) => (after === undefined || id > Number(after[0])) && (upTo === undefined || id <= Number(upTo[0])))
        .sort((a, b) => a - b);
    const answer = async <T>(value: () => T): Promise<Answered<T>> => {
      this.pass(ASK_MS);
      return { value: value(), bytes: 1 };
    };
    const look = (key: number): RowLook => {
      const row = rows.get(key);
      if (side === 'region') this.spoiltAtLook.set(key, this.spoilt.has(key));
      if (row === undefined) return { present: false, digest: undefined, columnDigests: new Map(), xmin: undefined, version: undefined };
      const columnDigests = new Map([
        ['id', String(key)],
        ['total', row.content],
      ]);
      return { present: true, digest: row.content, columnDigests, xmin: row.xmin, version: undefined };
    };
    const digest = (keys: readonly number[]) => keys.map((key) => `${key}=${rows.get(key)!.content}`).join(' ');
    return {
      side,
      describe: async () => undefined,
      checkCondition: async () => undefined,
      boundaries: (_table, range, { rowsPerRange, limit }) =>
        answer(() =>
          inRange(range)
            .filter((_key, i) => (i + 1) % rowsPerRange === 0)
            .slice(0, limit)
            .map((key) => [String(key)]),
        ),
      rangeDigests: (_table, ranges, rowLimit) =>
        answer(() =>
          ranges.map((range) => {
            const keys = inRange(range);
            const overLimit = keys.length > rowLimit;
            return { rows: overLimit ? rowLimit + 1 : keys.length, digest: overLimit ? '' : digest(keys), overLimit };
          }),
        ),
      rowDigests: (_table, range, limit) =>
        answer(() =>
          inRange(range)
            .slice(0, limit)
            .map((key) => ({ key: [String(key)], digest: rows.get(key)!.content })),
        ),
      look: (_table, keys) => answer(() => keys.map(([key]) => look(Number(key)))),
      position: async () => ({ standby: false, lsn: '0/1', nowMs: this.nowMs }),
    };
  }
}

/** One pass from the first row to the last, by daemons that die and go on at what was kept. */
async function compared(world: World, { rowsPerRange, crashes, pauseMs }: History, reached: Reached): Promise<ReadonlyMap<number, string>> {
  const suspects = new Map<number, string>();
  let cursor: string | undefined;
  let [steps, last] = [0, -1];
  for (let done = false; !done; ) {
    done = true;
    for await (const step of passSteps(table, world.sides(), { rowsPerRange, cursor }, never)) {
      if (steps++ > 2_000) throw new Error('the pass does not end');
      for (const { key, kind } of step.suspects) {
        if (Number(key[0]) <= last) throw new Error(`row ${key[0]} was compared again`);
        suspects.set(Number(key[0]), kind);
      }
      if (crashes.includes(steps)) {
        // Before what it found was kept: all of the step is done again.
        reached.note('crashed');
        done = false;
        for (const { key } of step.suspects) suspects.delete(Number(key[0]));
        break;
      }
      ({ cursor } = step);
      const { after } = JSON.parse(step.cursor) as { after?: readonly string[] | null };
      last = after == null ? last : Number(after[0]);
      world.pass(pauseMs);
    }
  }
  return suspects;
}

async function play(history: History, reached: Reached): Promise<void> {
  const world = new World(history);
  world.pass(500);
  world.begin();
  const wrong = [...world.spoilt].filter((key) => !world.isEqual(key));
  const found = await compared(world, history, reached);
  for (const key of wrong) {
    if (world.touched.has(key) || found.has(key)) continue;
    throw new Error(`row ${key} was wrong from beginning to end, and the pass did not meet it`);
  }
  const open = [...found.keys()].map((key) => ({ key: [String(key)] }));
  const parts = { sides: world.sides(), clock: world.clock, passed: () => world.passed(), held: world.held };
  const { settled } = await settle(table, open, parts, { publishAllowanceMs: ALLOWANCE_MS, tries: history.tries, againMs: 500 }, never);
  if (settled.length !== open.length) throw new Error(`${settled.length} of ${open.length} suspects were settled`);
  for (const one of settled) judge(one, world, history, reached);
}

function judge(one: Settled, world: World, { held }: History, reached: Reached): void {
  const key = Number(one.key[0]);
  const wasSpoilt = world.spoiltAtLook.get(key) === true;
  reached.note(one.state);
  if (one.state === 'confirmed' && !wasSpoilt) throw new Error(`row ${key} was confirmed, and the stream had it right`);
  if (one.state === 'confirmed' && held.includes(key)) throw new Error(`row ${key} was confirmed, and its record waits`);
  if (one.state === 'healed' && wasSpoilt && !world.touched.has(key) && !world.isEqual(key))
    throw new Error(`row ${key} was called healed, and is wrong`);
  if (one.state === 'unsettled' && !world.touched.has(key)) throw new Error(`row ${key}, which nobody wrote, was left open: ${one.why}`);
  if (one.state === 'confirmed') reached.note(`confirmed_${one.kind}`);
}

const histories: fc.Arbitrary<History> = fc.constantFrom(24, 24, 400).chain((rows) => {
  const key = fc.nat({ max: rows - 1 });
  return fc.record({
    rows: fc.constant(rows),
    writes: fc.array(
      fc.record({
        key,
        atMs: fc.nat({ max: 6_000 }),
        content: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: null }),
        delayMs: fc.nat({ max: ALLOWANCE_MS }),
      }),
      { maxLength: 30 },
    ),
    plants: fc.array(
      fc.record({
        key,
        atMs: fc.constantFrom(0, 0, 0, 400, 2_000),
        kind: fc.constantFrom('changed' as const, 'missing' as const, 'extra' as const),
      }),
      {
        maxLength: 6,
      },
    ),
    lagMs: fc.nat({ max: 2_000 }),
    rowsPerRange: fc.constantFrom(2, 5, 70),
    crashes: fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 3 }),
    pauseMs: fc.nat({ max: 200 }),
    held: fc.array(key, { maxLength: 2 }),
    tries: fc.constantFrom(12, 12, 2, 1),
  });
});

export const audit: Simulation = {
  name: 'audit',
  judges:
    'no row is confirmed that the stream has right, each that is wrong is met and confirmed, and a pass that dies leaves no range out: C19',
  shortRuns: 300,
  create: () => {
    const reached = new Reached([
      'crashed',
      'confirmed',
      'healed',
      'parked',
      'unsettled',
      'confirmed_changed',
      'confirmed_missing',
      'confirmed_extra',
    ]);
    const property = fc.asyncProperty(histories, async (history) => await play(history, reached));
    return { property, reached, leastShare: 0.002 };
  },
};
