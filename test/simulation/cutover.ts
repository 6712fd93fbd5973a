import fc from 'fast-check';
import { readGates } from '../../src/cutover/gates.ts';
import { toldBy, toTell } from '../../src/cutover/publication.ts';
import { type Cutover, type CutoverEvent, decide } from '../../src/cutover/state.ts';
import { advance, readiness, type Window } from '../../src/cutover/window.ts';
import { type CutoverStep, forwardSteps, type Home, lostSteps } from '../../src/model/cutover.ts';
import { at, cutover as cutoverRow, good, limits, measured, RowDouble } from '../unit/cutover/fixtures.ts';
import { Reached, type Simulation } from './simulation.ts';

const bound = { lagSeconds: 3, partitions: [] };
const settings = { windowMs: 20_000, maxGapMs: 15_000 };

type Verb = 'start' | 'abort' | 'revert' | 'complete' | 'hold' | 'release';
type Act = 'done' | 'failed' | 'failed_after_effect';
type Move =
  | { readonly op: 'look'; readonly who: number }
  | { readonly op: 'command'; readonly who: number; readonly verb: Verb; readonly region: string; readonly lost: boolean }
  | { readonly op: 'read_gates'; readonly afterMs: number; readonly parked: number }
  | { readonly op: 'daemon'; readonly outcome: Act; readonly turns: number }
  | { readonly op: 'primary_dies' }
  | { readonly op: 'kill' };

/** What the daemon has in memory between two of its writes; gone when it is killed. */
type Memory =
  | { readonly at: 'idle' }
  | { readonly at: 'started' | 'acted'; readonly seen: Cutover; readonly outcome: Act }
  /** It sends what is owed to the primary’s cluster, or has sent it. */
  | { readonly at: 'telling' | 'told'; readonly seen: Cutover; readonly outcome: Act };

interface Told {
  readonly home: Home;
  readonly epoch: bigint;
}

/** A primary that is open or frozen, a region that is open as its row says, and everything that acts on them. */
class World {
  readonly store = new RowDouble(cutoverRow());
  primaryOpen = true;
  /** It dies for ever: nothing is answered there any more, and whoever wrote there is gone with it. */
  primaryAlive = true;
  /** Given up with `--primary-lost`, rightly or not: since then it counts as away, until a move goes back to it. */
  givenUp = false;
  /** What the clusters publish. */
  readonly told: Record<Home, Told> = { primary: { home: 'primary', epoch: 1n }, region: { home: 'primary', epoch: 1n } };
  memory: Memory = { at: 'idle' };
  window: Window | undefined;
  nowMs = 0;
  parked = 0;
  /** Whether apply has passed what was mirrored; a lost primary is given up while it has not. */
  applied = true;
  /** Told apart from the window itself: the readings as they came. */
  readings: { readonly atMs: number; readonly good: boolean }[] = [];
  readonly seen: (Cutover | undefined)[] = [undefined, undefined];

  play(move: Move): void {
    switch (move.op) {
      case 'look':
        this.seen[move.who] = this.store.row;
        return;
      case 'command':
        this.#command(move);
        return;
      case 'read_gates':
        this.#readGates(move.afterMs, move.parked);
        return;
      case 'daemon':
        for (let turn = 1; turn <= move.turns; turn++) {
          this.#daemon(turn === move.turns ? move.outcome : 'done');
          this.check();
        }
        return;
      case 'primary_dies':
        this.primaryAlive = false;
        this.primaryOpen = false;
        return;
      case 'kill':
        this.memory = { at: 'idle' };
        this.window = undefined;
        this.readings = [];
        return;
    }
  }

  #gates() {
    return readGates({ ...good(this.nowMs), parked: measured({ records: this.parked }, this.nowMs) }, limits, this.nowMs);
  }

  #readiness() {
    const gates = this.#gates();
    return readiness(this.window ?? advance(undefined, gates, this.nowMs, settings), gates, settings);
  }

  #readGates(afterMs: number, parked: number): void {
    this.nowMs += afterMs;
    this.parked = parked;
    this.window = advance(this.window, this.#gates(), this.nowMs, settings);
    this.readings.push({ atMs: this.nowMs, good: parked === 0 });
    this.#save(this.store.row, { type: 'evaluated', readiness: this.#readiness() });
  }

  /** The naive answer: a run of good readings up to now, none too far from the one before, that is as long as the window. */
  held(): boolean {
    let last = this.nowMs;
    for (const { atMs, good: isGood } of this.readings.toReversed()) {
      const gap = last - atMs;
      if (!isGood || gap < 0 || gap > settings.maxGapMs) return false;
      if (this.nowMs - atMs >= settings.windowMs) return true;
      last = atMs;
    }
    return false;
  }

  /** With what this operator saw last, which may be old. */
  #command({ who, verb, region, lost }: Extract<Move, { op: 'command' }>): void {
    const seen = this.seen[who] ?? this.store.row;
    const command = { by: `operator-${who}`, region };
    const event: CutoverEvent =
      verb === 'start'
        ? { type: verb, readiness: this.#readiness(), ...(lost ? { lost: bound } : {}), ...command }
        : verb === 'hold'
          ? { type: verb, reason: 'wait', ...command }
          : { type: verb, ...command };
    const before = this.store.row;
    const saved = this.#save(seen, event);
    if (saved && verb === 'start' && lost) {
      // Given up with what it had: nobody freezes it, and from here on it counts as away (C26).
      this.primaryOpen = false;
      this.givenUp = true;
      this.applied = false;
      if (before.hold !== null) throw new Error('started though it was held');
    } else if (saved && verb === 'start') {
      if (!this.held()) throw new Error('started without gates that held');
      if (before.hold !== null || before.state !== 'ready') throw new Error(`started from ${before.state}`);
    }
    if (saved && region !== 'eu-west') throw new Error('the wrong region was taken');
  }

  /** One write or one act a turn, so that a kill may come between any two. */
  #daemon(outcome: Act): void {
    const { memory } = this;
    if (memory.at === 'idle') {
      const { row } = this.store;
      if (row.move === null) {
        if (toTell(row) !== undefined) this.memory = { at: 'telling', seen: row, outcome };
        return;
      }
      if (!row.move.started && !this.#save(row, { type: 'step_started', step: row.move.step })) return;
      this.memory = { at: 'started', seen: this.store.row, outcome };
    } else if (memory.at === 'started') {
      this.memory = { ...memory, at: 'acted', outcome: this.#act(memory.seen, outcome) };
    } else if (memory.at === 'telling') {
      const { home, epoch } = memory.seen;
      this.memory = { ...memory, at: 'told', outcome: this.#tell(['primary'], home, epoch, memory.outcome) };
    } else if (memory.at === 'told') {
      if (memory.outcome === 'done') this.#save(memory.seen, { type: 'primary_told', result: 'published' });
      this.memory = { at: 'idle' };
    } else {
      const { move } = memory.seen;
      const step = move!.step;
      this.#save(
        memory.seen,
        memory.outcome === 'done' ? { type: 'step_done', step, result: resultOf(step) } : { type: 'step_failed', step, reason: 'it did' },
      );
      this.memory = { at: 'idle' };
    }
  }

  /** What a step does to the primary. The region is opened and closed by the row itself. */
  #act(seen: Cutover, outcome: Act): Act {
    const { step, from, to } = seen.move!;
    if (step === 'publish_home') return this.#tell(toldBy(seen.move!, to), to, seen.epoch, outcome);
    if (step === 'publish_home_back') return this.#tell(toldBy(seen.move!, from), from, seen.epoch, outcome);
    if (!this.primaryAlive && asksPrimary(seen)) return 'failed';
    // What was sent to the primary before it was given up, and arrives there afterwards, is part of what counts as away.
    if (this.givenUp && seen.revision !== this.store.row.revision) return outcome;
    const takesEffect = outcome !== 'failed';
    if (step === 'freeze' && from === 'primary' && takesEffect) this.primaryOpen = false;
    if (step === 'prove_freeze' && from === 'primary' && this.primaryOpen) return 'failed';
    if ((step === 'drain_region' || step === 'drain_passed') && takesEffect) this.applied = true;
    if (step === 'open' && to === 'primary' && takesEffect) this.primaryOpen = true;
    if (step === 'reopen' && from === 'primary' && takesEffect) this.primaryOpen = true;
    if (step === 'reopen' && from === 'primary') this.givenUp = false;
    return outcome;
  }

  /** One place after the other; the first that does not answer ends it. */
  #tell(places: readonly Home[], home: Home, epoch: bigint, outcome: Act): Act {
    if (outcome === 'failed') return outcome;
    for (const place of places) {
      if (place === 'primary' && !this.primaryAlive) return 'failed';
      if (epoch < this.told[place].epoch) throw new Error(`${place} is told epoch ${epoch} behind ${this.told[place].epoch}`);
      this.told[place] = { home, epoch };
    }
    return outcome;
  }

  #save(seen: Cutover, event: CutoverEvent): boolean {
    const decision = decide(seen, event, at);
    if (decision.kind !== 'moved') return false;
    const before = this.store.row;
    if (this.store.save(seen, decision.next, decision.entry) !== 'saved') return false;
    this.#judge(before, decision.next);
    return true;
  }

  #judge(before: Cutover, after: Cutover): void {
    if (after.revision !== before.revision + 1n) throw new Error('a revision was left out');
    const raised = after.epoch - before.epoch;
    if (raised !== 0n && raised !== 1n) throw new Error(`the epoch went from ${before.epoch} to ${after.epoch}`);
    if ((raised === 1n) !== (after.home !== before.home)) throw new Error('the home and its epoch moved apart');
    if (after.open !== 'nobody' && after.open !== after.home) throw new Error(`${after.open} is open and ${after.home} is home`);
    if (before.move?.step === 'raise_epoch' && raised === 1n) {
      const needed: readonly CutoverStep[] =
        before.move.lost === null
          ? forwardSteps.slice(0, forwardSteps.indexOf('raise_epoch'))
          : lostSteps.slice(0, lostSteps.indexOf('raise_epoch'));
      for (const step of needed) if (before.move.results[step] === undefined) throw new Error(`the epoch was raised without ${step}`);
    }
  }

  check(): void {
    if (this.primaryOpen && this.store.row.open === 'region') throw new Error('two homes are open');
    if (this.store.row.open === 'region' && !this.applied) throw new Error('open, and older records are still to come');
    if (this.store.row.state === 'ready' && this.store.row.move !== null) throw new Error('ready and moving');
  }
}

/** The offsets are what a telling that is owed is made of. */
const resultOf = (step: CutoverStep): unknown => (step === 'from_offsets' ? { regional: {}, home: {} } : { step });

/** Written from what each step is for. Publishing is not among them: it has an order. */
function asksPrimary({ move, kept }: Cutover): boolean {
  const { step, from, to, lost, results } = move!;
  switch (step) {
    case 'read_rights':
    case 'freeze':
    case 'prove_freeze':
    case 'drain_first_hop':
    case 'drain_last_stable':
      return from === 'primary';
    case 'drain_passed':
    case 'last_digest':
      return true;
    case 'fence_mirror':
      return from === 'region';
    case 'from_offsets':
      return lost === null;
    case 'open':
      return to === 'primary' && kept?.results.read_rights !== undefined;
    case 'reopen':
      return from === 'primary' && results.read_rights !== undefined;
    default:
      return false;
  }
}

const who = fc.nat({ max: 1 });
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ op: fc.constant('look' as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('command' as const),
      who,
      verb: fc.constantFrom<Verb>('start', 'start', 'start', 'revert', 'revert', 'abort', 'hold', 'release', 'complete'),
      region: fc.constantFrom('eu-west', 'eu-west', 'eu-west', 'eu-east'),
      lost: fc.constantFrom(false, false, false, false, false, false, true),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant('read_gates' as const),
      afterMs: fc.constantFrom(5_000, 5_000, 10_000, 10_000, 10_000, 15_001, -5_000),
      parked: fc.constantFrom(0, 0, 0, 0, 0, 1),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      op: fc.constant('daemon' as const),
      // An outcome is taken where a step starts; the others of these turns go well.
      turns: fc.nat({ max: 40 }),
      outcome: fc.constantFrom<Act>('done', 'done', 'done', 'done', 'done', 'done', 'done', 'done', 'failed', 'failed_after_effect'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('kill' as const) }) },
);

/** Gates that held for the window, and a start: where most histories would not come by chance. */
const started: readonly Move[] = [
  ...Array.from({ length: 5 }, (): Move => ({ op: 'read_gates', afterMs: 10_000, parked: 0 })),
  { op: 'command', who: 0, verb: 'start', region: 'eu-west', lost: false },
];

/** The same, to its end, and asked to go back. */
const reverting: readonly Move[] = [
  ...started,
  { op: 'daemon', outcome: 'done', turns: forwardSteps.length * 3 },
  { op: 'command', who: 0, verb: 'revert', region: 'eu-west', lost: false },
];
/** The same, with the epoch raised: from there on there is something to go back from. */
const raising: Move = { op: 'daemon', outcome: 'done', turns: (forwardSteps.indexOf('raise_epoch') + 1) * 3 };
const raised: readonly Move[] = [...reverting, raising];
/** The same, and the next step fails: an outcome is that of the turn in which a step acts. */
const fallingBack: readonly Move[] = [...raised, { op: 'daemon', outcome: 'failed', turns: 2 }];
/** A planned move that is to go back to the primary, and is taken over there. */
const takingOver: readonly Move[] = [
  ...started,
  raising,
  { op: 'daemon', outcome: 'failed', turns: 2 },
  { op: 'daemon', outcome: 'done', turns: 1 },
  { op: 'command', who: 0, verb: 'start', region: 'eu-west', lost: true },
];
const beginnings = { nothing: [], started, reverting, raised, fallingBack, takingOver } as const;

/** Until nothing is under way and nothing is owed, or for as long as anything could take that does not wait for the primary. */
function settle(world: World): void {
  for (let turn = 0; turn < 120; turn++) {
    const { row } = world.store;
    if (world.memory.at === 'idle' && row.move === null && toTell(row) === undefined) return;
    world.play({ op: 'daemon', outcome: 'done', turns: 1 });
    world.check();
  }
}

/** A primary that died for ever opens nowhere: the region opens by itself where it is home, and by one verb where it is not. */
function giveUp(world: World, reached: Reached): void {
  const { store } = world;
  if (store.row.move !== null && store.row.move.from === 'region' && store.row.open !== 'primary')
    throw new Error(`the region waits at ${store.row.move.step} for a primary that died`);
  if (store.row.open === 'region') return;
  reached.note('taken_over', store.row.move !== null);
  // With what is stored now, not with what an operator saw before.
  for (const operator of [0, 1]) world.play({ op: 'look', who: operator });
  if (store.row.hold !== null) world.play({ op: 'command', who: 0, verb: 'release', region: 'eu-west', lost: false });
  world.play({ op: 'look', who: 0 });
  world.play({ op: 'command', who: 0, verb: 'start', region: 'eu-west', lost: true });
  settle(world);
  const { open, reason } = world.store.row;
  if (open !== 'region') throw new Error(`no verb opens the region: ${reason}`);
}

interface History {
  readonly begun: keyof typeof beginnings;
  readonly moves: readonly Move[];
  /** Before which of the moves the primary dies. */
  readonly diesAt: number | undefined;
}

/** Two operators, a daemon that is killed between any two of its writes and acts, steps that fail, and a primary that may die. */
function play({ begun, moves: told, diesAt }: History, reached: Reached): void {
  const world = new World();
  const history = diesAt === undefined ? told : told.toSpliced(diesAt, 0, { op: 'primary_dies' });
  for (const move of [...beginnings[begun], ...history]) {
    world.play(move);
    world.check();
  }
  const { log } = world.store;
  reached.note(
    'started',
    log.some(({ entry }) => entry.event === 'start'),
  );
  reached.note(
    'switched',
    log.some(({ entry, open }) => entry.step === 'open' && open === 'region'),
  );
  reached.note(
    'reverted',
    log.some(({ entry, open }) => entry.step === 'open' && open === 'primary'),
  );
  reached.note(
    'went_back',
    log.some(({ entry }) => entry.step === 'reopen'),
  );
  reached.note('primary_lost', world.store.row.kept?.lost != null);
  // Left alone, a daemon that starts anew ends what was under way, with one home open.
  world.play({ op: 'kill' });
  settle(world);
  if (!world.primaryAlive) giveUp(world, reached);
  const { row } = world.store;
  if (row.move !== null) throw new Error('the move does not end');
  if (row.open !== row.home) throw new Error(`${row.open} is open and ${row.home} is home`);
  if (world.primaryOpen !== (row.open === 'primary'))
    throw new Error(`the primary is ${world.primaryOpen ? 'open' : 'frozen'} and ${row.open} is recorded`);
  for (const [index, { revision }] of log.entries()) if (revision !== BigInt(index) + 2n) throw new Error('two changes have one revision');
  if (row.epoch > 1n) judgeTold(world);
  reached.note(
    'told_later',
    log.some(({ entry }) => entry.event === 'primary_told'),
  );
  reached.note('owed_for_ever', !world.primaryAlive && toTell(row) !== undefined);
}

/** C24: the region publishes what is so; the primary the same, or an older epoch where it died or was given up. */
function judgeTold({ told, store: { row, log }, primaryAlive }: World): void {
  if (told.region.home !== row.home || told.region.epoch !== row.epoch)
    throw new Error(`the region publishes ${told.region.home} ${told.region.epoch} and ${row.home} ${row.epoch} holds`);
  const lost = log.some(({ entry }) => entry.event === 'start' && entry.facts !== null);
  const { home, epoch } = told.primary;
  if (epoch > row.epoch || (epoch === row.epoch && home !== row.home)) throw new Error(`the primary’s ${home} ${epoch} would win`);
  if (primaryAlive && !lost && epoch !== row.epoch) throw new Error(`the primary was never told of ${row.home} ${row.epoch}`);
}

export const cutover: Simulation = {
  name: 'cutover',
  judges:
    'never two homes open, none before older records are applied, never a start without gates that held, the epoch only rises, every crash comes to an end, and a primary that dies for ever leaves the region to be opened: C24, C25, C26',
  shortRuns: 1_500,
  create: () => {
    const reached = new Reached([
      ...['started', 'switched', 'reverted', 'went_back', 'primary_lost'],
      ...['taken_over', 'told_later', 'owed_for_ever'],
    ]);
    const history = fc.record({
      begun: fc.constantFrom<keyof typeof beginnings>(...(Object.keys(beginnings) as (keyof typeof beginnings)[])),
      moves: fc.array(moves, { minLength: 10, maxLength: 160 }),
      diesAt: fc.option(fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 6 }) }, { weight: 1, arbitrary: fc.nat({ max: 160 }) }), {
        nil: undefined,
        freq: 2,
      }),
    });
    const property = fc.property(history, (one) => play(one, reached));
    return { property, reached, leastShare: 0.02 };
  },
};
