import fc from 'fast-check';
import { readGates } from '../../src/cutover/gates.ts';
import { type Cutover, type CutoverEvent, decide } from '../../src/cutover/state.ts';
import { advance, readiness, type Window } from '../../src/cutover/window.ts';
import { type CutoverStep, forwardSteps, lostSteps } from '../../src/model/cutover.ts';
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
  | { readonly op: 'kill' };

/** What the daemon has in memory between two of its writes; gone when it is killed. */
type Memory = { readonly at: 'idle' } | { readonly at: 'started' | 'acted'; readonly seen: Cutover; readonly outcome: Act };

/** A primary that is open or frozen, a region that is open as its row says, and everything that acts on them. */
class World {
  readonly store = new RowDouble(cutoverRow());
  primaryOpen = true;
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
      if (row.move === null) return;
      if (!row.move.started && !this.#save(row, { type: 'step_started', step: row.move.step })) return;
      this.memory = { at: 'started', seen: this.store.row, outcome };
    } else if (memory.at === 'started') {
      this.memory = { ...memory, at: 'acted', outcome: this.#act(memory.seen, outcome) };
    } else {
      const { move } = memory.seen;
      const step = move!.step;
      this.#save(
        memory.seen,
        memory.outcome === 'done' ? { type: 'step_done', step, result: { step } } : { type: 'step_failed', step, reason: 'it did' },
      );
      this.memory = { at: 'idle' };
    }
  }

  /** What a step does to the primary. The region is opened and closed by the row itself. */
  #act({ move }: Cutover, outcome: Act): Act {
    const { step, from, to } = move!;
    const takesEffect = outcome !== 'failed';
    if (step === 'freeze' && from === 'primary' && takesEffect) this.primaryOpen = false;
    if (step === 'prove_freeze' && from === 'primary' && this.primaryOpen) return 'failed';
    if ((step === 'drain_region' || step === 'drain_passed') && takesEffect) this.applied = true;
    if (step === 'open' && to === 'primary' && takesEffect) this.primaryOpen = true;
    if (step === 'reopen' && from === 'primary' && takesEffect) this.primaryOpen = true;
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

/** Two operators, a daemon that is killed between any two of its writes and acts, and steps that fail. */
function play(begun: boolean, history: readonly Move[], reached: Reached): void {
  const world = new World();
  for (const move of [...(begun ? started : []), ...history]) {
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
  for (let turn = 0; world.store.row.move !== null; turn++) {
    if (turn >= 60) throw new Error('the move does not end');
    world.play({ op: 'daemon', outcome: 'done', turns: 1 });
    world.check();
  }
  const { row } = world.store;
  if (row.open !== row.home) throw new Error(`${row.open} is open and ${row.home} is home`);
  if (world.primaryOpen !== (row.open === 'primary'))
    throw new Error(`the primary is ${world.primaryOpen ? 'open' : 'frozen'} and ${row.open} is recorded`);
  for (const [index, { revision }] of log.entries()) if (revision !== BigInt(index) + 2n) throw new Error('two changes have one revision');
}

export const cutover: Simulation = {
  name: 'cutover',
  judges:
    'never two homes open, none before older records are applied, never a start without gates that held, the epoch only rises, and every crash comes to an end: C24, C25, C26',
  shortRuns: 1_500,
  create: () => {
    const reached = new Reached(['started', 'switched', 'reverted', 'went_back', 'primary_lost']);
    const property = fc.property(fc.boolean(), fc.array(moves, { minLength: 10, maxLength: 160 }), (begun, history) =>
      play(begun, history, reached),
    );
    return { property, reached, leastShare: 0.02 };
  },
};
