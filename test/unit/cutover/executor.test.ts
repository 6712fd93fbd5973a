import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CutoverExecutor } from '../../../src/cutover/executor.ts';
import { mirrorMayRun } from '../../../src/cutover/mirror-may-run.ts';
import { toTell } from '../../../src/cutover/publication.ts';
import { type Cutover, decide } from '../../../src/cutover/state.ts';
import type { AppliedHere, PartitionEnd, PrimaryWriters, StepParts, WriterRights } from '../../../src/cutover/step-contracts.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { at, cutover, RowDouble, readinessOf } from './fixtures.ts';

class Killed extends Error {}

const command = { by: 'ada', region: 'eu-west' };
const rights: WriterRights = { logins: ['app'], grants: [] };
const ends: readonly PartitionEnd[] = [{ topic: 'orders', topicId: 'in-region', partition: 0, end: 7n, highWatermark: 7n }];
const endsAtHome: readonly PartitionEnd[] = ends.map((end) => ({ ...end, topicId: 'at-home' }));
const offsets = { orders: { '0': '7' } };

interface Trouble {
  /** Passings at which the process dies: before or after an effect, whatever it is. */
  readonly kills: readonly number[];
  /** Passing at which a call is answered with an error. */
  readonly errorAt: number | undefined;
  readonly error: 'retry' | 'stop';
  readonly abortAt: number | undefined;
  /** Passing from which on nothing at the primary answers any more. */
  readonly diesAt?: number | undefined;
}
const none: Trouble = { kills: [], errorAt: undefined, error: 'retry', abortAt: undefined };
const PATIENCE_MS = 1_000_000;

/** Both sides of a cutover, and a process that dies, is refused or is countermanded at any point between two effects. */
class World {
  readonly store: RowDouble;
  readonly events: FarshoreEvent[] = [];
  primaryOpen: boolean;
  primaryAlive = true;
  /** As each cluster publishes it. */
  readonly told: { primary: string; region: string } = { primary: '', region: '' };
  /** Of which logs the offsets are that were told last. */
  readonly toldIds: { primary: unknown; region: unknown } = { primary: undefined, region: undefined };
  mirrorRuns = false;
  mirrorAt: 'its position' | 'fromOffsets' = 'its position';
  unpublished = 0n;
  differing = 0;
  notApplied = false;
  /** The epoch from which on what came back was asked for. */
  askedSince: bigint | undefined;
  /** What both clusters told when the daemon beside the primary was fenced last. */
  fencedAfter: { readonly primary: string; readonly region: string } | undefined;
  /** The region's cluster takes no word of its own home: the primary's was told by then. */
  regionTellsNothing = false;
  mayFenceBack = true;
  freezeIsConfigured = true;
  /** Where apply stands in the region, told by the time. */
  appliedAt: (nowMs: number) => bigint = () => 7n;
  applyStands: AppliedHere['partitions'][number]['stands'];
  parked = 0;
  parkedApplied: readonly number[] = [];
  passings = 0;
  nowMs = 0;
  #trouble: Trouble;
  readonly #kills: Set<number>;
  #running = new AbortController();
  #executor: CutoverExecutor | undefined;
  #followed: bigint | undefined;

  constructor(row: Cutover, trouble: Trouble = none) {
    this.store = new RowDouble(row);
    this.primaryOpen = row.open === 'primary';
    this.#trouble = trouble;
    this.#kills = new Set(trouble.kills);
  }

  #pass(): void {
    this.passings++;
    const { errorAt, error, abortAt, diesAt } = this.#trouble;
    if (this.passings === diesAt) this.primaryDies();
    if (this.passings === abortAt) this.operator('abort');
    this.#check();
    if (this.#kills.delete(this.passings)) throw new Killed();
    if (this.passings !== errorAt) return;
    this.#trouble = { ...this.#trouble, errorAt: undefined };
    throw new FarshoreError(error === 'retry' ? 'database_unreachable' : 'database_denied', 'It did not work');
  }

  noAbort(): void {
    this.#trouble = { ...this.#trouble, abortAt: undefined };
  }

  #check(): void {
    const { row } = this.store;
    if (this.primaryOpen && row.open === 'region') throw new Error('two homes are open');
    if (row.open === 'region' && this.appliedAt(this.nowMs) < 7n) throw new Error('open, and older records are still to come');
    if (this.mirrorRuns && row.home === 'region') throw new Error('the mirror runs into its home');
    if (this.mirrorRuns && row.move?.to === 'primary') throw new Error('the mirror runs while the home moves back');
  }

  /** With whoever wrote there. */
  primaryDies(): void {
    this.primaryAlive = false;
    this.primaryOpen = false;
  }

  operator(type: 'abort' | 'revert' | 'give_up'): void {
    const event =
      type === 'give_up' ? ({ type: 'start', readiness: readinessOf(), lost, ...command } as const) : ({ type, ...command } as const);
    const decision = decide(this.store.row, event, at);
    if (decision.kind !== 'moved') return;
    this.store.save(this.store.row, decision.next, decision.entry);
    this.#executor?.notice();
  }

  async #effect<T>(effect: () => T): Promise<T> {
    this.#pass();
    const value = effect();
    this.#pass();
    return value;
  }

  async #atPrimary<T>(effect: () => T): Promise<T> {
    return await this.#effect(() => {
      if (!this.primaryAlive) throw new FarshoreError('cluster_unreachable', 'The primary does not answer');
      return effect();
    });
  }

  #primaryWriters(): PrimaryWriters {
    return {
      rights: () => this.#atPrimary(() => rights),
      freeze: (taken) =>
        this.#atPrimary(() => {
          expect(taken).toEqual(rights);
          this.primaryOpen = false;
        }),
      notFrozen: () => this.#atPrimary(() => (this.primaryOpen ? ['a probe was not refused'] : [])),
      giveBack: (taken) =>
        this.#atPrimary(() => {
          expect(taken).toEqual(rights);
          this.primaryOpen = true;
        }),
    };
  }

  #parts(): StepParts {
    return {
      primaryWriters: this.freezeIsConfigured ? this.#primaryWriters() : undefined,
      regionWriters: { notClosed: () => this.#effect(() => (this.store.row.open === 'region' ? ['it is open'] : [])) },
      firstHop: {
        unpublishedAtPrimary: () => this.#atPrimary(() => this.unpublished),
        unpublishedOutbox: () => this.#effect(() => null),
      },
      logs: {
        home: () => this.#atPrimary(() => endsAtHome),
        homeAsItIs: () => this.#atPrimary(() => endsAtHome),
        region: () =>
          this.#effect(() => {
            const step = this.store.row.move?.step;
            if (step === 'from_offsets' && this.mirrorRuns) throw new Error('fromOffsets are read while the mirror runs');
            return ends;
          }),
      },
      copies: {
        passed: () => this.#atPrimary(() => 'passed' as const),
        notMirrored: () => [],
        notCarriedBack: () => this.#atPrimary(() => []),
        notAppliedBack: (_ends, since) =>
          this.#atPrimary(() => {
            this.askedSince = since;
            return this.notApplied ? ['the database of the primary is behind'] : [];
          }),
        appliedHere: () =>
          this.#effect(() => ({
            topics: new Set(['orders']),
            partitions: [{ topic: 'orders', partition: 0, next: this.appliedAt(this.nowMs), stands: this.applyStands }],
          })),
        tryParked: () =>
          this.#effect(() => {
            const [applied = 0, ...later] = this.parkedApplied;
            this.parkedApplied = later;
            this.parked -= applied;
            return { applied, parked: this.parked };
          }),
        waiting: () => this.#effect(() => []),
        fenceForward: () =>
          this.#effect(() => {
            expect(this.mirrorRuns).toBe(false);
          }),
        fenceBack: () =>
          this.#atPrimary(() => {
            if (!this.mayFenceBack) throw new FarshoreError('cluster_denied', 'The transactional id may not be used');
            // Writers that are let in before it would have their records carried back.
            if (this.primaryOpen) throw new Error('the way back is fenced behind the writers');
            this.fencedAfter = { ...this.told };
          }),
        startForwardAt: ({ offsets: from, regionalIds }) =>
          this.#effect(() => {
            expect([this.mirrorRuns, from, regionalIds]).toEqual([false, offsets, { orders: 'in-region' }]);
            this.mirrorAt = 'fromOffsets';
          }),
      },
      digest: {
        compare: () => this.#atPrimary(() => ({ tables: [{ table: 'orders', keys: 7, different: this.differing }], refused: [] })),
      },
      homes: {
        atPrimary: (home, epoch, { topicIds }) =>
          this.#atPrimary(() => {
            this.toldIds.primary = topicIds;
            this.told.primary = `${home} ${epoch}`;
            return 'published' as const;
          }),
        inRegion: (home, epoch, { topicIds }) =>
          this.#effect(() => {
            if (this.regionTellsNothing && home === 'eu-west') throw new FarshoreError('broker_request_failed', 'Not enough replicas');
            this.toldIds.region = topicIds;
            this.told.region = `${home} ${epoch}`;
          }),
      },
    };
  }

  /** Until the move is over and the primary told, or nobody has patience any more; with a new process after each death. */
  async run(patienceMs = PATIENCE_MS): Promise<void> {
    const untilMs = this.nowMs + patienceMs;
    for (let lives = 0; lives < 20; lives++) {
      this.mirrorRuns = false;
      this.#followed = undefined;
      this.#running = new AbortController();
      const clock: Clock = {
        wallMs: () => 1_770_000_000_000 + this.nowMs,
        monotonicMs: () => this.nowMs,
        sleep: async (ms, signal) => {
          this.nowMs += ms;
          const { move, revision } = this.store.row;
          const isOver = move === null && this.#followed === revision && toTell(this.store.row) === undefined;
          if (isOver || this.nowMs > untilMs) this.#running.abort(new Error('over'));
          await Promise.resolve();
          signal.throwIfAborted();
        },
      };
      this.#executor = new CutoverExecutor(
        { everyMs: 500, stepLimitMs: 10_000, quietMs: 1_000 },
        {
          store: {
            load: () => this.#effect(() => this.store.row),
            save: (seen, next, entry) => this.#effect(() => this.store.save(seen, next, entry)),
          },
          steps: this.#parts(),
          follow: (row) => {
            this.#followed = row?.revision;
            this.mirrorRuns = mirrorMayRun(row) === true;
          },
          mayAct: async () => undefined,
          observe: (event) => this.events.push(event),
          clock,
        },
      );
      try {
        await this.#executor.run(this.#running.signal);
      } catch (error) {
        if (this.#running.signal.aborted) return;
        if (!(error instanceof Killed)) throw error;
      }
    }
    throw new Error('it died too often');
  }
}

const started = (row: Cutover, event: Parameters<typeof decide>[1]): Cutover => {
  const decision = decide(row, event, at);
  if (decision.kind !== 'moved') throw new Error(JSON.stringify(decision));
  return decision.next;
};
const start = () => started(cutover({ state: 'ready' }), { type: 'start', readiness: readinessOf(), ...command });
const lost = { lagSeconds: 3, partitions: [{ topic: 'orders', partition: 0, mirrored: '5', end: '7' }] };
const startLost = () => started(cutover(), { type: 'start', readiness: readinessOf(), lost, ...command });
const switchedRow = async (): Promise<Cutover> => {
  const world = new World(start());
  await world.run();
  return world.store.row;
};
const stepsDone = ({ store }: World) => store.log.flatMap(({ entry }) => (entry.event === 'step_done' ? [entry.step] : []));
const publishedBack = ({ store }: World): unknown =>
  store.log.find(({ entry }) => entry.event === 'step_done' && entry.step === 'publish_home_back')?.entry.facts;

describe('the steps of a cutover, acted on', () => {
  it('C25: fences the mirror before fromOffsets are read, and opens the region once the primary is closed', async () => {
    const world = new World(start());
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 2n, move: null });
    expect(world.store.row.kept?.results).toMatchObject({ read_rights: rights, from_offsets: { regional: offsets, home: offsets } });
    expect([world.primaryOpen, world.mirrorRuns]).toEqual([false, false]);
    expect(world.toldIds).toEqual({ primary: { orders: 'in-region' }, region: { orders: 'in-region' } });
    expect(stepsDone(world)[0]).toBe('read_rights');
    expect(stepsDone(world).at(-1)).toBe('open');
  });

  it('C3: a revert starts the mirror at the primary’s ends before anybody is told, and gives the kept rights back', async () => {
    const world = new World(started(await switchedRow(), { type: 'revert', ...command }));
    world.primaryOpen = false;
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'observing', home: 'primary', open: 'primary', epoch: 3n, kept: null });
    expect([world.primaryOpen, world.mirrorRuns, world.mirrorAt]).toEqual([true, true, 'fromOffsets']);
    // C6: of the log whose ends these are; one that is created again later is another.
    expect(world.toldIds).toEqual({ primary: { orders: 'at-home' }, region: { orders: 'at-home' } });
  });

  it('C24: a revert fences the daemon beside the primary once both were told: one that looked before would carry in a circle', async () => {
    const world = new World(started(await switchedRow(), { type: 'revert', ...command }));
    world.primaryOpen = false;
    await world.run();
    expect(world.fencedAfter).toEqual({ primary: 'us-east 3', region: 'us-east 3' });
  });

  it('C24: a move that falls back after the primary was told fences the daemon beside it before its writers are let in', async () => {
    const world = new World(start());
    world.regionTellsNothing = true;
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'shadowing', home: 'primary', open: 'primary', epoch: 3n });
    expect(world.store.row.reason).toContain('publish_home failed');
    expect(world.fencedAfter).toEqual({ primary: 'us-east 3', region: 'us-east 3' });
    expect(publishedBack(world)).toMatchObject({ primary: 'published', wayBack: 'fenced' });
  });

  it('C24: a move that falls back opens the primary also where the daemon beside it may not be fenced', async () => {
    const world = new World(start());
    world.regionTellsNothing = true;
    world.mayFenceBack = false;
    await world.run();
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', epoch: 3n });
    expect(publishedBack(world)).toMatchObject({ primary: 'published', wayBack: 'not_allowed' });
  });

  it('C26: a move away from a lost primary that falls back asks nothing of the primary’s cluster', async () => {
    const world = new World(startLost());
    world.primaryDies();
    world.regionTellsNothing = true;
    await world.run();
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', epoch: 3n });
    expect([world.told.primary, world.fencedAfter]).toEqual(['', undefined]);
  });

  it.each(['revert', 'fall back'] as const)(
    'C25: does not say that the primary is open while nothing is configured that gives its writers their rights back: %s',
    async (kind) => {
      const world = new World(kind === 'revert' ? started(await switchedRow(), { type: 'revert', ...command }) : start());
      world.primaryOpen = false;
      world.differing = kind === 'revert' ? 0 : 1;
      const at = kind === 'revert' ? 'open' : 'reopen';
      const saved = world.store.save.bind(world.store);
      world.store.save = (seen, next, entry) => {
        // Started anew by another configuration.
        if (next.move?.step === at && !next.move.started) {
          world.freezeIsConfigured = false;
          saved(seen, next, entry);
          throw new Killed();
        }
        return saved(seen, next, entry);
      };
      await world.run(60_000);
      expect(world.store.row.move).toMatchObject({ step: at });
      expect(world.store.row.reason).toContain('nothing is configured that could give them back');
      expect(world.store.row.reason).toContain('Put cutover.freeze and cutover.primaryDatabase back');
      expect(world.primaryOpen).toBe(false);
      world.store.save = saved;
      world.freezeIsConfigured = true;
      await world.run();
      expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', move: null });
      expect(world.primaryOpen).toBe(true);
    },
  );

  it('C25: a revert after one that fell back asks for what came back since the region became the home', async () => {
    const world = new World(started(await switchedRow(), { type: 'revert', ...command }));
    world.primaryOpen = false;
    world.differing = 1;
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'switched', home: 'region', epoch: 4n, move: null });
    world.store.row = started(world.store.row, { type: 'revert', ...command });
    world.differing = 0;
    await world.run();
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', epoch: 5n });
    expect(world.askedSince).toBe(2n);
  });

  it('C26: a lost primary is neither frozen nor asked, keeps its bound, latches, and is not reverted to', async () => {
    const world = new World(startLost());
    world.primaryOpen = false;
    await world.run();
    expect(stepsDone(world)).toEqual(['fence_mirror', 'from_offsets', 'drain_region', 'raise_epoch', 'publish_home', 'open']);
    expect(world.store.row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 2n, kept: { lost } });
    expect(mirrorMayRun(world.store.row)).toBe('the home is eu-west: nothing is mirrored into it');
    expect(decide(world.store.row, { type: 'revert', ...command }, at)).toMatchObject({ kind: 'refused', code: 'primary_lost' });
  });

  it('C26: records that apply has not reached are applied before the region is opened, not over what is written there, for as long as they come nearer', async () => {
    const world = new World(startLost());
    world.primaryOpen = false;
    world.appliedAt = (nowMs) => BigInt(Math.min(7, Math.floor(nowMs / 9_000)));
    await world.run();
    expect(world.store.row).toMatchObject({
      home: 'region',
      open: 'region',
      kept: { results: { drain_region: { passed: offsets, parked: 0 } } },
    });
    expect(world.nowMs).toBeGreaterThan(60_000);
  });

  it('C26: a backlog that comes no nearer is not waited for, and a partition that stands is named with what to do; nothing is raised by then', async () => {
    const still = new World(startLost());
    still.primaryOpen = false;
    still.appliedAt = () => 5n;
    await still.run();
    expect(still.store.row).toMatchObject({ home: 'primary', epoch: 1n });
    expect(still.store.row.reason).toContain('drain_region failed: not within 10 s: apply of orders:0 is at 5, and the region starts at 7');
    const stopped = new World(startLost());
    stopped.primaryOpen = false;
    stopped.applyStands = { state: 'stopped', message: 'The database refused a row' };
    await stopped.run();
    expect(stopped.store.row).toMatchObject({ home: 'primary', epoch: 1n });
    expect(stopped.store.row.reason).toContain(
      'apply of orders:0 is stopped: The database refused a row: resume it or skip what it stands at with farshore partition resume orders:0 --stage apply',
    );
  });

  it('C26: parked records are tried until none of them can be applied, and how many are left is recorded', async () => {
    const world = new World(startLost());
    world.primaryOpen = false;
    world.parked = 5;
    world.parkedApplied = [2, 1];
    await world.run();
    expect(world.store.row.kept?.results).toMatchObject({ drain_region: { passed: offsets, parked: 2 } });
  });

  it('completes: nothing is kept for a revert any more', async () => {
    const row = started(await switchedRow(), { type: 'complete', ...command });
    expect(row).toMatchObject({ state: 'completed', home: 'region', open: 'region', kept: null });
    expect(decide(row, { type: 'revert', ...command }, at)).toMatchObject({ kind: 'refused', code: 'completed' });
  });

  it('C25: goes back when what was committed is not published in time, with the reason, and tries no longer than allowed', async () => {
    const world = new World(start());
    world.unpublished = 3n;
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'shadowing', home: 'primary', open: 'primary', epoch: 1n });
    expect(world.store.row.reason).toContain('drain_first_hop failed: not within 10 s: 3 committed rows are not published yet');
    expect([world.primaryOpen, world.mirrorRuns]).toEqual([true, true]);
    expect(world.nowMs).toBeLessThan(20_000);
  });

  it('C25: does not open the primary before its own database has applied what came back, deletes too', async () => {
    const world = new World(started(await switchedRow(), { type: 'revert', ...command }));
    world.primaryOpen = false;
    world.notApplied = true;
    await world.run();
    expect(world.store.row).toMatchObject({ home: 'region', open: 'region', epoch: 2n });
    expect(world.store.row.reason).toContain('the database of the primary is behind');
    expect(world.primaryOpen).toBe(false);
  });

  it('raises the epoch once more when rows differ after it was raised', async () => {
    const world = new World(start());
    world.differing = 2;
    await world.run();
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', epoch: 3n });
    expect(world.store.row.reason).toContain('orders: 2 of 7 rows differ');
    expect(world.primaryOpen).toBe(true);
  });

  it('fails at once for what no repetition mends, and goes on after what one does', async () => {
    const denied = new World(start(), { ...none, errorAt: 7, error: 'stop' });
    await denied.run();
    expect(denied.store.row).toMatchObject({ open: 'primary', reason: expect.stringContaining('It did not work') });
    const away = new World(start(), { ...none, errorAt: 7, error: 'retry' });
    await away.run();
    expect(away.store.row.open).toBe('region');
  });

  it('C24, C25: from any crash, refusal or abort, at any point, it ends with one home open', async () => {
    const reached = { region: 0, primary: 0 };
    const switched = await switchedRow();
    const trouble = fc.record({
      kills: fc.array(fc.integer({ min: 1, max: 140 }), { maxLength: 4 }),
      errorAt: fc.option(fc.integer({ min: 1, max: 140 }), { nil: undefined }),
      error: fc.constantFrom('retry' as const, 'stop' as const),
      abortAt: fc.option(fc.integer({ min: 1, max: 140 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('start', 'revert', 'lost'), trouble, fc.nat({ max: 3 }), async (kind, troubled, differing) => {
        const row = kind === 'start' ? start() : kind === 'lost' ? startLost() : started(switched, { type: 'revert', ...command });
        const world = new World(row, troubled);
        // A lost primary is open or not: nobody knows, and nothing is done about it.
        if (kind !== 'start') world.primaryOpen = false;
        world.differing = differing === 3 ? 1 : 0;
        await world.run();
        const { open, home, move } = world.store.row;
        expect([open, move]).toEqual([home, null]);
        if (kind !== 'lost') expect(world.primaryOpen).toBe(open === 'primary');
        if (kind === 'start' && home === 'primary' && world.told.primary !== '') expect(world.fencedAfter).toEqual(world.told);
        if (home === 'primary' && row.home === 'region') expect(world.mirrorAt).toBe('fromOffsets');
        expect(world.mirrorRuns).toBe(home === 'primary');
        reached[home]++;
      }),
      { numRuns: 1_500, seed: 20_261_124 },
    );
    expect(Math.min(reached.region, reached.primary)).toBeGreaterThan(300);
  });

  it('C24, C25: a revert whose primary dies opens the region again, and the primary is told once it answers', async () => {
    const world = new World(started(await switchedRow(), { type: 'revert', ...command }));
    world.primaryOpen = false;
    const saved = world.store.save.bind(world.store);
    world.store.save = (seen, next, entry) => {
      if (next.move?.step === 'last_digest') world.primaryDies();
      return saved(seen, next, entry);
    };
    await world.run(60_000);
    expect(stepsDone(world).slice(-3)).toEqual(['raise_epoch_back', 'publish_home_back', 'reopen']);
    expect(world.store.row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 4n, move: null });
    expect(world.store.row.reason).toContain('region is open again, and the primary’s cluster is to be told yet');
    expect(world.store.row.kept).toMatchObject({ untold: offsets, results: { read_rights: rights } });
    expect(world.told).toEqual({ primary: '', region: 'eu-west 4' });
    expect(world.events.filter(({ type }) => type === 'cutover_step_ended').at(-1)).toMatchObject({
      step: 'publish_home_back',
      result: 'failed',
    });
    world.primaryAlive = true;
    await world.run();
    expect(world.told).toEqual({ primary: 'eu-west 4', region: 'eu-west 4' });
    expect(world.toldIds).toEqual({ primary: { orders: 'in-region' }, region: { orders: 'in-region' } });
    expect(world.store.row).toMatchObject({ state: 'switched', open: 'region', epoch: 4n, kept: { results: { read_rights: rights } } });
    expect(toTell(world.store.row)).toBeUndefined();
    expect([world.primaryOpen, world.mirrorRuns]).toEqual([false, false]);
  });

  it('C26: a planned move whose primary dies behind the freeze is taken over, with an epoch above the one the primary was told', async () => {
    const world = new World(start());
    world.differing = 2;
    const saved = world.store.save.bind(world.store);
    world.store.save = (seen, next, entry) => {
      if (next.move?.step === 'reopen') world.primaryDies();
      return saved(seen, next, entry);
    };
    await world.run(60_000);
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'primary', epoch: 3n, move: { step: 'reopen', direction: 'back' } });
    expect(world.told).toEqual({ primary: 'us-east 3', region: 'us-east 3' });
    world.operator('give_up');
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'switched', home: 'region', open: 'region', epoch: 4n, move: null, kept: { lost } });
    expect(world.store.log.find(({ entry }) => entry.event === 'start')?.entry).toMatchObject({ step: 'reopen', facts: lost });
    expect(world.told).toEqual({ primary: 'us-east 3', region: 'eu-west 4' });
    expect(mirrorMayRun(world.store.row)).toBe('the home is eu-west: nothing is mirrored into it');
  });

  it('C26: a move that was taken over and falls back gives the rights that the planned one took, once the primary answers', async () => {
    const world = new World(start());
    world.differing = 2;
    const saved = world.store.save.bind(world.store);
    world.store.save = (seen, next, entry) => {
      if (next.move?.step === 'publish_home_back') world.primaryDies();
      return saved(seen, next, entry);
    };
    await world.run(60_000);
    expect(world.store.row).toMatchObject({ home: 'primary', open: 'nobody', epoch: 3n, move: { step: 'publish_home_back' } });
    world.store.save = saved;
    world.applyStands = { state: 'stopped', message: 'The database refused a row' };
    world.operator('give_up');
    await world.run(60_000);
    expect(world.store.row).toMatchObject({ home: 'primary', epoch: 3n, move: { direction: 'back', step: 'publish_home_back', lost } });
    world.primaryAlive = true;
    await world.run();
    expect(world.store.row).toMatchObject({ state: 'shadowing', home: 'primary', open: 'primary', epoch: 3n, move: null, kept: null });
    expect(world.told).toEqual({ primary: 'us-east 3', region: 'us-east 3' });
    expect([world.primaryOpen, world.mirrorRuns]).toEqual([true, true]);
  });

  it('C26: from any step at which the primary dies for ever, with crashes, one verb at most opens the region', async () => {
    const reached = { by_itself: 0, by_verb: 0, untold: 0 };
    const switched = await switchedRow();
    const trouble = fc.record({
      kills: fc.array(fc.integer({ min: 1, max: 180 }), { maxLength: 4 }),
      diesAt: fc.integer({ min: 1, max: 110 }),
      abortAt: fc.option(fc.integer({ min: 1, max: 140 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('start', 'revert'), trouble, fc.boolean(), async (kind, troubled, differs) => {
        const world = new World(kind === 'start' ? start() : started(switched, { type: 'revert', ...command }), { ...none, ...troubled });
        if (kind === 'revert') world.primaryOpen = false;
        world.differing = differs ? 1 : 0;
        await world.run(120_000);
        if (world.primaryAlive) world.primaryDies();
        const { open, move } = world.store.row;
        if (open === 'region') expect(move).toBeNull();
        else world.operator('give_up');
        world.noAbort();
        reached[open === 'region' ? 'by_itself' : 'by_verb']++;
        await world.run(120_000);
        const { row } = world.store;
        expect([row.open, row.home, row.move]).toEqual(['region', 'region', null]);
        expect(world.told.region === '' ? 'eu-west 2' : world.told.region).toBe(`eu-west ${row.epoch}`);
        expect(Number(world.told.primary.split(' ')[1] ?? 0)).toBeLessThanOrEqual(Number(row.epoch));
        expect([world.primaryOpen, world.mirrorRuns]).toEqual([false, false]);
        if (toTell(row) !== undefined) reached.untold++;
      }),
      { numRuns: 1_000, seed: 20_261_129 },
    );
    expect(Math.min(reached.by_itself, reached.by_verb)).toBeGreaterThan(100);
    expect(reached.untold).toBeGreaterThan(20);
  });
});
