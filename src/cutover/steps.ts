import type { Clock } from '../model/clock.ts';
import type { CutoverStep, Home } from '../model/cutover.ts';
import { FarshoreError, findFarshoreError } from '../model/errors.ts';
import { differences, grownSince, offsetsOf, ofSameLogs, openTransactions, topicIdsOf } from './log-ends.ts';
import { type FromOffsets, toldBy } from './publication.ts';
import { regionDrain } from './region-drain.ts';
import type { Cutover, Move } from './state.ts';
import type { EpochBegin, Offsets, StepParts, WriterRights } from './step-contracts.ts';

/** What one attempt at a step came to. */
export type StepOutcome =
  | { readonly kind: 'done'; readonly result: unknown }
  /** Asked again after a pause, until the step's time is over. */
  | {
      readonly kind: 'not_yet';
      readonly reason: string;
      /** Of what it waits for, where that is counted: while it falls, the step’s time begins anew. */
      readonly left?: bigint;
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface StepSettings {
  /** Where nothing counts what is unpublished: how long the logs must stand still. */
  readonly quietMs: number;
}

export interface StepContext {
  readonly cutover: Cutover;
  readonly move: Move;
  readonly parts: StepParts;
  readonly settings: StepSettings;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const done = (result: unknown): StepOutcome => ({ kind: 'done', result });
const failed = (reason: string): StepOutcome => ({ kind: 'failed', reason });
const SHOWN = 5;

/** Done where nothing stands in the way. */
const unless = (obstacles: readonly string[], result: unknown): StepOutcome => {
  if (obstacles.length === 0) return done(result);
  const more = obstacles.length > SHOWN ? ` and ${obstacles.length - SHOWN} more` : '';
  return { kind: 'not_yet', reason: `${obstacles.slice(0, SHOWN).join('; ')}${more}` };
};

/** One attempt at the step that the row names. Each may be repeated, whatever the one before had come to. */
export const attempt = (context: StepContext): Promise<StepOutcome> => steps[context.move.step](context);

const steps: Readonly<Record<CutoverStep, (context: StepContext) => Promise<StepOutcome>>> = {
  async read_rights({ move, parts, signal }) {
    if (move.from === 'region') return done({ closedBy: 'farshore.writer_epoch' });
    if (parts.primaryWriters === undefined) return failed('nothing is configured that could freeze the primary: cutover.freeze');
    return done(await parts.primaryWriters.rights(signal));
  },

  /** The region is closed by the row, and was when this step was recorded as started. */
  async freeze({ move, parts, signal }) {
    if (move.from === 'primary') await parts.primaryWriters?.freeze(move.results.read_rights as WriterRights, signal);
    return done({ frozen: move.from });
  },

  async prove_freeze({ cutover, move, parts, signal }) {
    const obstacles =
      move.from === 'region'
        ? await parts.regionWriters.notClosed(cutover.epoch, signal)
        : ((await parts.primaryWriters?.notFrozen(signal)) ?? ['nothing can prove the freeze']);
    return unless(obstacles, { refused: move.from });
  },

  async drain_first_hop({ move, parts, settings, clock, signal }) {
    const { firstHop, logs } = parts;
    const unpublished = await (move.from === 'primary' ? firstHop.unpublishedAtPrimary(signal) : firstHop.unpublishedOutbox(signal));
    if (unpublished !== null) {
      return unless(unpublished === 0n ? [] : [`${unpublished} committed rows are not published yet`], {
        unpublished: String(unpublished),
      });
    }
    const read = async (): Promise<Offsets> => offsetsOf(await (move.from === 'primary' ? logs.home(signal) : logs.region(signal)));
    const before = await read();
    await clock.sleep(settings.quietMs, signal);
    const grown = differences(before, await read());
    return unless(
      grown.map((place) => `${place} still grows`),
      { quietSeconds: settings.quietMs / 1_000 },
    );
  },

  async drain_last_stable({ move, parts, signal }) {
    const ends = await (move.from === 'primary' ? parts.logs.home(signal) : parts.logs.region(signal));
    return unless(openTransactions(ends), { ends: offsetsOf(ends), ids: topicIdsOf(ends) });
  },

  async drain_passed({ cutover, move, parts, signal }) {
    const { copies } = parts;
    const { ends, ids = {} } = move.results.drain_last_stable as { readonly ends: Offsets; readonly ids?: EpochBegin['topicIds'] };
    if (move.from === 'region') {
      const kept = cutover.kept?.results.from_offsets as FromOffsets | undefined;
      const grown = grownSince(ofSameLogs(kept, ids), ends);
      const notCarried = await copies.notCarriedBack(grown, signal);
      if (notCarried.length > 0) return unless(notCarried, null);
      // Read after all was carried there; of the other partitions nothing came back.
      const atHome = (await parts.logs.home(signal)).filter(({ topic, partition }) => grown[topic]?.[partition] !== undefined);
      return unless(await copies.notAppliedBack(atHome, becameHome(cutover), signal), { passed: ends });
    }
    const notMirrored = copies.notMirrored(ends);
    if (notMirrored.length > 0) return unless(notMirrored, null);
    return unless((await copies.passed(signal)) === 'passed' ? [] : ['apply has not passed the ends of the primary'], { passed: ends });
  },

  async drain_nothing_waiting({ parts, signal }) {
    return unless(await parts.copies.waiting(signal), { waiting: 0 });
  },

  async fence_mirror({ move, parts, signal }) {
    if (move.from === 'primary') await parts.copies.fenceForward(signal);
    else await parts.copies.fenceBack(signal);
    return done({ fenced: move.from === 'primary' ? 'forward' : 'back' });
  },

  async from_offsets({ move, parts, signal }) {
    const { logs } = parts;
    const region = await logs.region(signal, move.lost !== null);
    const regional = offsetsOf(region);
    if (move.lost !== null) {
      // Of a move that was taken over: where the primary stood when it was frozen.
      const before = move.results.from_offsets as FromOffsets | undefined;
      const [home, homeIds] = [before?.home ?? null, before?.homeIds ?? {}];
      return unless(openTransactions(region), { regional, home, regionalIds: topicIdsOf(region), homeIds } satisfies FromOffsets);
    }
    const primary = await logs.home(signal);
    const home = offsetsOf(primary);
    const drained = (move.results.drain_last_stable as { readonly ends: Offsets }).ends;
    // Whoever writes to the old home's log without its database was not frozen: what came since is in neither copy.
    const grown = differences(drained, move.from === 'primary' ? home : regional);
    if (grown.length > 0) return failed(`written to after it was drained: ${grown.slice(0, SHOWN).join(', ')}`);
    const ids = { regionalIds: topicIdsOf(region), homeIds: topicIdsOf(primary) };
    return unless([...openTransactions(region), ...openTransactions(primary)], { regional, home, ...ids } satisfies FromOffsets);
  },

  /**
   * Without it apply would stop at the old home's records after the region was opened, and they would never come: their versions are above those of
   * the rows that applications have written since, which leave `farshore_version` as it was.
   */
  async drain_region({ move, parts, signal }) {
    const { regional } = move.results.from_offsets as FromOffsets;
    const drain = regionDrain(regional, await parts.copies.appliedHere(signal));
    if (drain.kind === 'stands') return failed(drain.places.slice(0, SHOWN).join('; '));
    if (drain.kind === 'behind') return { ...unless(drain.places, null), left: drain.left };
    // What one applies may be what another waits for. The rest waits for what never came here: it stays kept, and is not tried again.
    const { applied, parked } = await parts.copies.tryParked(signal);
    if (applied > 0) return { kind: 'not_yet', reason: `${applied} parked records were applied, ${parked} are left`, left: BigInt(parked) };
    return done({ passed: regional, parked });
  },

  /** The row itself moves the home, and every topic with it, in one statement. */
  async raise_epoch({ move }) {
    return done({ home: move.to });
  },

  async last_digest({ move, parts, signal }) {
    if (parts.digest === undefined) return failed('nothing can compare the rows: primary.database is not set, or audit.enabled is off');
    // With neither a marker nor a count only the rows themselves say that everything was published (C25).
    const all = Object.hasOwn((move.results.drain_first_hop ?? {}) as object, 'quietSeconds');
    const { tables, refused } = await parts.digest.compare(all, signal);
    if (refused.length > 0) return failed(`not compared: ${refused.join('; ')}`);
    if (tables.length === 0) return failed('no table is compared');
    return unless(
      tables.filter(({ different }) => different > 0).map(({ table, different, keys }) => `${table}: ${different} of ${keys} rows differ`),
      { all, tables },
    );
  },

  async publish_home(context) {
    const { move, parts, signal } = context;
    const from = move.results.from_offsets as FromOffsets;
    // Before anybody is told: what the mirror of the former primary carried there must not come back.
    if (move.to === 'primary' && from.home !== null)
      await parts.copies.startForwardAt({ offsets: from.home, regionalIds: from.regionalIds ?? {} }, signal);
    const told = await publish(context, move.to);
    // One that was fenced and started anew may have looked before anybody was told, and carries the primary's own records back to it, in a circle.
    if (move.to === 'primary') await parts.copies.fenceBack(signal);
    return done(told);
  },

  async open({ cutover, move, parts, signal }) {
    if (move.to === 'primary') await giveBack(parts, cutover.kept?.results.read_rights, signal);
    return done({ open: move.to });
  },

  async raise_epoch_back({ move }) {
    return done({ home: move.from });
  },

  async publish_home_back(context) {
    const { move, parts, signal } = context;
    const told = await publish(context, move.from);
    // Before it fell back both may have told of the region: whoever carries the way back looked then, and would carry the primary's own records back.
    // Where the primary is told nothing it never learned of that.
    if (move.from !== 'primary' || told.primary !== 'published') return done(told);
    return done({ ...told, wayBack: await fenceWayBack(parts, signal) });
  },

  async reopen({ move, parts, signal }) {
    if (move.from === 'primary') await giveBack(parts, move.results.read_rights, signal);
    return done({ open: move.from });
  },
};

/**
 * The epoch in which the region became the home. After a revert that fell back it is in a later one, and records of that are kept at the primary under
 * the earlier as long as its daemon has not learned of it.
 */
function becameHome({ kept, epoch }: Pick<Cutover, 'kept' | 'epoch'>): bigint {
  const published = kept?.results.publish_home as { readonly epoch: number } | undefined;
  return published === undefined ? epoch : BigInt(published.epoch);
}

/** Rights that were not even read were not taken. */
async function giveBack({ primaryWriters }: StepParts, rights: unknown, signal: AbortSignal): Promise<void> {
  if (rights === undefined) return;
  // The configuration that took them is gone: whoever says that the primary is open would have its writers locked out.
  if (primaryWriters === undefined) {
    throw new FarshoreError(
      'request_invalid',
      'The rights of the primary’s writers were taken, and nothing is configured that could give them back.',
      {
        place: 'cutover.freeze, cutover.primaryDatabase',
        hint: 'Put cutover.freeze and cutover.primaryDatabase back as they were, and restart the daemon: it goes on by itself.',
      },
    );
  }
  await primaryWriters.giveBack(rights as WriterRights, signal);
}

/** A right that is missing here leaves nobody open for no good reason: without the fence records go in a circle until that daemon looks anew. */
async function fenceWayBack({ copies }: StepParts, signal: AbortSignal): Promise<'fenced' | 'not_allowed'> {
  try {
    await copies.fenceBack(signal);
    return 'fenced';
  } catch (error) {
    if (findFarshoreError(error)?.code === 'cluster_denied') return 'not_allowed';
    throw error;
  }
}

interface Told {
  readonly home: string;
  readonly epoch: number;
  readonly primary: 'published' | 'not_allowed' | 'not_told';
}

/** Tells each place of this move, in their order. */
async function publish({ cutover, move, parts, signal }: StepContext, home: Home): Promise<Told> {
  const results = move.results.from_offsets as FromOffsets;
  const name = home === 'primary' ? cutover.primary : cutover.region;
  const epoch = Number(cutover.epoch);
  const from: EpochBegin =
    home === 'primary'
      ? { offsets: results.home ?? {}, topicIds: results.homeIds ?? {} }
      : { offsets: results.regional, topicIds: results.regionalIds ?? {} };
  let primary: Told['primary'] = 'not_told';
  for (const place of toldBy(move, home)) {
    if (place === 'primary') primary = await parts.homes.atPrimary(name, epoch, from, signal);
    else await parts.homes.inRegion(name, epoch, from, signal);
  }
  return { home: name, epoch, primary };
}
