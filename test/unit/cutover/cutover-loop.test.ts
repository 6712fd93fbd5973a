import { describe, expect, it } from 'vitest';
import type { Brake, CutoverStore, GateMeasurements } from '../../../src/cutover/contracts.ts';
import { type CutoverCommand, CutoverLoop } from '../../../src/cutover/cutover-loop.ts';
import type { Cutover } from '../../../src/cutover/state.ts';
import type { Readiness } from '../../../src/cutover/window.ts';
import type { Clock } from '../../../src/model/clock.ts';
import type { LossBound } from '../../../src/model/cutover.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { cutover, good, limits, measured, RowDouble } from './fixtures.ts';

const never = new AbortController().signal;
const settings = { region: 'eu-west', primary: 'us-east', evaluateMs: 5_000, windowMs: 60_000, limits };

const ada = { by: 'ada', region: 'eu-west' } as const;
const lost: LossBound = { lagSeconds: null, partitions: [] };

/** Every look at the clock finds it a little later, as a real one is. */
class TickingClock implements Clock {
  nowMs = 1_000;
  wallStepMs = 0;
  monotonicMs = () => {
    this.nowMs += 0.01;
    return this.nowMs;
  };
  wallMs = () => 1_770_000_000_000 + this.nowMs + this.wallStepMs;
  sleep = async () => undefined;
}

function setup(row: RowDouble | 'none' = new RowDouble(cutover())) {
  const clock = new TickingClock();
  const events: FarshoreEvent[] = [];
  const world: { row: RowDouble | undefined; failure: FarshoreError | undefined; changes: Partial<GateMeasurements>; brake: Brake } = {
    row: row === 'none' ? undefined : row,
    failure: undefined,
    changes: {},
    brake: { kind: 'none' },
  };
  const answer = <T>(work: () => T): T => {
    if (world.failure !== undefined) throw world.failure;
    return work();
  };
  const store: CutoverStore = {
    load: async () => answer(() => world.row?.row),
    ensure: async (first) =>
      answer(() => {
        world.row ??= new RowDouble(first);
        return world.row.row;
      }),
    save: async (seen, next, entry) => answer(() => world.row!.save(seen, next, entry)),
    log: async () => [],
  };
  const parts = {
    store,
    measure: () => ({ ...good(clock.monotonicMs()), ...world.changes }),
    brake: () => world.brake,
    observe: (event: FarshoreEvent) => events.push(event),
    clock,
  };
  const begin = () => new CutoverLoop(settings, parts);
  let loop = begin();
  return {
    world,
    clock,
    events,
    loop: () => loop,
    restart: () => {
      loop = begin();
    },
    turns: async (times: number) => {
      for (let turn = 0; turn < times; turn++) {
        await loop.evaluate(never);
        clock.nowMs += settings.evaluateMs;
      }
      return world.row?.row.state;
    },
  };
}

describe('the loop that reads the gates', () => {
  it('makes the first row, rises by what held for the whole window, and falls with the reason', async () => {
    const { world, turns, events, clock } = setup('none');
    expect(await turns(12)).toBe('observing');
    expect(await turns(1)).toBe('shadowing');
    clock.wallStepMs = -86_400_000;
    expect(await turns(1)).toBe('ready');
    expect(world.row!.log.map(({ entry }) => entry.gates?.every(({ open }) => open))).toEqual([true, true]);
    world.changes = { rejected: measured({ records: 3 }, clock.nowMs) };
    expect(await turns(1)).toBe('shadowing');
    world.changes = {};
    expect(world.row?.row.reason).toBe('rejected: 3 rejected records are kept; at most 0 may be');
    expect(await turns(12)).toBe('shadowing');
    expect(await turns(1)).toBe('ready');
    expect(events.filter(({ type }) => type === 'gate_changed')).toMatchObject([
      { gate: 'rejected', open: false, reason: '3 rejected records are kept; at most 0 may be' },
      { gate: 'rejected', open: true, reason: undefined },
    ]);
    expect(events.flatMap((event) => (event.type === 'cutover_moved' ? [event.to] : []))).toEqual([
      'shadowing',
      'ready',
      'shadowing',
      'ready',
    ]);
  });

  it('begins its window anew after a restart, and after turns that did not come', async () => {
    const { turns, restart, clock, world } = setup(new RowDouble(cutover({ state: 'ready' })));
    expect(await turns(1)).toBe('shadowing');
    expect(await turns(13)).toBe('ready');
    restart();
    expect(await turns(1)).toBe('shadowing');
    expect(await turns(13)).toBe('ready');
    clock.nowMs += 10_001;
    expect(await turns(1)).toBe('shadowing');
    expect(world.row?.row.reason).toMatch(
      /^all gates have held for 0 s in 1 readings; 60 s are needed; it began anew: the gates were not read for 15 s/,
    );
  });

  it.each(['database_unreachable', 'database_denied'] as const)(
    'reads on with the hold shut while the row is not to be had: %s',
    async (code) => {
      const { turns, world, loop } = setup(new RowDouble(cutover({ state: 'shadowing' })));
      await turns(10);
      world.failure = new FarshoreError(code, 'no answer');
      await turns(1);
      const gates = loop().measured()?.view.gates ?? [];
      expect(gates.filter(({ open }) => !open)).toMatchObject([{ gate: 'hold', reason: 'the stored state cannot be read: no answer' }]);
      world.failure = undefined;
      expect(await turns(12)).toBe('shadowing');
      expect(await turns(1)).toBe('ready');
    },
  );

  it('knows no state once the row has not been read for as long as makes gates old, and knows it again with the next answer', async () => {
    const { turns, world, loop } = setup(new RowDouble(cutover({ state: 'switched', home: 'region', open: 'region' })));
    expect(loop().state).toBeUndefined();
    await turns(1);
    expect(loop().state).toBe('switched');
    world.failure = new FarshoreError('database_unreachable', 'no answer');
    await turns(1);
    expect(loop().state).toBe('switched');
    await turns(2);
    expect(loop().state).toBeUndefined();
    world.failure = undefined;
    await turns(1);
    expect(loop().state).toBe('switched');
  });

  it('is held by a file, also while that cannot be looked for', async () => {
    const { turns, world, loop } = setup(new RowDouble(cutover({ state: 'ready' })));
    const hold = () =>
      loop()
        .measured()
        ?.view.gates.find(({ gate }) => gate === 'hold');
    await turns(1);
    expect(hold()).toMatchObject({ open: true });
    world.brake = { kind: 'on' };
    await turns(1);
    expect(hold()).toMatchObject({ open: false, reason: 'held by cutover.holdFile: the file exists' });
    world.brake = { kind: 'unknown', reason: 'EACCES' };
    await turns(1);
    expect(hold()).toMatchObject({ open: false, reason: 'cutover.holdFile cannot be looked for: EACCES' });
  });

  it.each<[string, Partial<Cutover>, (ready: Readiness) => CutoverCommand]>([
    ['a start', { state: 'ready' }, (readiness) => ({ type: 'start', readiness, ...ada })],
    ['a start without the primary', { state: 'observing' }, (readiness) => ({ type: 'start', readiness, lost, ...ada })],
    ['a revert', { state: 'switched', home: 'region', open: 'region' }, () => ({ type: 'revert', ...ada })],
    ['a completion', { state: 'switched', home: 'region', open: 'region' }, () => ({ type: 'complete', ...ada })],
  ])('refuses %s while the file exists, also one made since the gates were read', async (_what, changes, ask) => {
    const { turns, world, loop } = setup(new RowDouble(cutover({ state: 'ready' })));
    await turns(14);
    world.row = new RowDouble(cutover(changes));
    const command = ask(loop().readiness());
    world.brake = { kind: 'on' };
    const braked = { code: 'request_invalid', message: expect.stringContaining('cutover.holdFile'), facts: { refused: 'held' } };
    await expect(loop().command(command, never)).rejects.toMatchObject(braked);
    world.brake = { kind: 'unknown', reason: 'EACCES' };
    await expect(loop().command(command, never)).rejects.toMatchObject({ ...braked, message: expect.stringContaining('EACCES') });
    expect(world.row.log).toEqual([]);
    world.brake = { kind: 'none' };
    expect((await loop().command(command, never)).revision).toBe(2n);
  });

  it('lets a move that is under way fall back while the file exists: it would only leave nobody open', async () => {
    for (const type of ['abort', 'revert'] as const) {
      const { world, turns, loop } = setup(new RowDouble(cutover({ state: 'ready' })));
      await turns(14);
      await loop().command({ type: 'start', readiness: loop().readiness(), ...ada }, never);
      world.brake = { kind: 'on' };
      expect((await loop().command({ type, ...ada }, never)).move?.direction).toBe('back');
    }
  });

  it('ends with what fences the daemon', async () => {
    const { turns, world } = setup();
    world.failure = new FarshoreError('fenced', 'another took over');
    await expect(turns(1)).rejects.toThrow('another took over');
  });

  it('decides nothing on the row of another region or primary', async () => {
    for (const changes of [{ region: 'eu-east' }, { primary: 'us-west' }]) {
      const { turns, world, loop } = setup(new RowDouble(cutover({ state: 'ready', ...changes })));
      await turns(2);
      expect(world.row?.log).toEqual([]);
      expect(
        loop()
          .measured()
          ?.view.gates.find(({ gate }) => gate === 'hold')?.reason,
      ).toMatch(/The cutover stored here is of region/);
      await expect(loop().command({ type: 'release', by: 'ada', region: 'eu-west' }, never)).rejects.toMatchObject({
        code: 'request_invalid',
      });
    }
  });

  it('shows no gates that were read too long ago', async () => {
    const { turns, loop, clock } = setup();
    expect(loop().measured()).toBeUndefined();
    await turns(1);
    expect(loop().measured()?.view).toMatchObject({ window: { seconds: 60, heldSeconds: 0, readings: 1, broken: null } });
    clock.nowMs += 10_000;
    expect(loop().measured()).toBeUndefined();
  });
});
