import { type CutoverPlan, cutoverSteps, forwardSteps, lostSteps } from '../../src/model/cutover.ts';
import { eventually, kafkajsFor } from '../rig/context.ts';
import { type Rig, startRig } from '../rig/rig.ts';
import { CutoverSite, DEADLINE_MS, KEYS, moving } from './cutover-site.ts';
import { seeded, type Trial, type TrialRun } from './trial.ts';

const MOST_BEGINNINGS = 20;
const SKEW_MS = 10_000;
/** Of two moves each; with the losses 500 runs. */
const FULL_ROUNDS = 245;
const FULL_LANES = 3;
const places = (steps: readonly string[]): readonly string[] => steps.flatMap((step) => [`${step}_started`, `${step}_acted`]);

/** The daemon's own clock, ahead or behind of everybody else's (C3): no moment of the daemon may decide which home's row is the newer. */
const skewed = (ms: number): Readonly<Record<string, string>> =>
  ms === 0
    ? {}
    : { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms};`)}` };

interface Found {
  lost: number;
  /** Times at which both sides were open, or acknowledged writes in turns that no move explains. */
  dualWriters: number;
  moves: number;
  operators: boolean;
  late: boolean;
  bounded: boolean;
}

/** A late writer of an epoch that is over, on the side that was left. */
async function lateWriterIsRefused({ primary }: CutoverSite, { open, epoch }: CutoverPlan): Promise<boolean> {
  if (open === 'region') {
    const client = primary.asApplication();
    const refused = await refusedBySqlState(client.connect());
    await client.end().catch(() => undefined);
    return refused;
  }
  const asserted = primary.copy.query('select farshore.assert_writer($1)', [BigInt(epoch) - 1n]);
  return await refusedBySqlState(asserted);
}

/** A server that did not answer has refused nobody. */
const refusedBySqlState = async (work: Promise<unknown>): Promise<boolean> =>
  await work.then(
    () => false,
    (error: { readonly code?: unknown }) => {
      if (typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)) return true;
      throw error;
    },
  );

/**
 * F15: the home moves and comes back, with the daemon killed before and after what each step does, two operators at once, writers that never
 * stop trying on both sides, and the daemon's clock ahead and behind; in the end the primary is lost (C26).
 */
export const f15: Trial = async (run) => {
  const random = seeded(run.seed);
  await using rig = await startRig();
  const forward = shuffled(places(forwardSteps), random);
  const rounds = run.full ? FULL_ROUNDS : 2;
  const killedAt = (round: number): { readonly away: readonly string[]; readonly back: readonly string[] } => ({
    // Of the short form's rounds each kills at several places; over all of them each place is met.
    away: run.full ? [forward[round % forward.length]!] : forward.filter((_, index) => index % rounds === round).slice(0, 2),
    back: [forward[(round * 7 + 3) % forward.length]!],
  });
  // Most of a move is waiting: sites of their own move side by side, so that the full form ends within its time.
  const lanes = run.full ? FULL_LANES : 1;
  const founds = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const mine = Array.from({ length: rounds }, (_, round) => round).filter((round) => round % lanes === lane);
      return await thereAndBack(rig, mine, killedAt, run);
    }),
  );
  const found = founds.reduce(together);
  let cases = 2 * rounds;
  const losses = run.full ? places(lostSteps) : [places(lostSteps)[Math.floor(random() * lostSteps.length * 2)]!];
  for (const place of losses) {
    await lose(rig, place, found, run);
    cases++;
  }
  const { lost, dualWriters, operators, late, bounded } = found;
  return {
    ...{ lost, duplicated: 0, stale: 0, cases },
    holds: { neverTwoWriters: dualWriters === 0, oneOperatorWins: operators, lateWritersRefused: late, lossWithinBound: bounded },
  };
};

const nothingFound: Found = { lost: 0, dualWriters: 0, moves: 0, operators: true, late: true, bounded: true };

const together = (a: Found, b: Found): Found => ({
  lost: a.lost + b.lost,
  dualWriters: a.dualWriters + b.dualWriters,
  moves: a.moves + b.moves,
  operators: a.operators && b.operators,
  late: a.late && b.late,
  bounded: a.bounded && b.bounded,
});

/** One site moves away and back, round by round. */
async function thereAndBack(
  rig: Rig,
  rounds: readonly number[],
  killedAt: (round: number) => { readonly away: readonly string[]; readonly back: readonly string[] },
  run: TrialRun,
): Promise<Found> {
  const found = { ...nothingFound };
  await using site = await CutoverSite.start(rig, true);
  site.primary.begin();
  const skewOf = (round: number) => [SKEW_MS, -SKEW_MS, 0][round % 3]!;
  for (const [index, round] of rounds.entries()) {
    const { away, back } = killedAt(round);
    const [skewMs, after] = [skewOf(round), rounds[index + 1]];
    // A daemon with another clock is another process.
    const next = after === undefined || skewOf(after) !== skewMs ? [] : killedAt(after).away;
    await move(site, { verb: 'start', kills: away, next: back, skewMs }, found, run);
    await move(site, { verb: 'revert', kills: back, next, skewMs }, found, run);
    run.say(`round ${round}: ${found.moves} moves of ${site.region}, ${found.lost} lost, ${found.dualWriters} times two writers`);
  }
  await settled(site, found);
  found.dualWriters += Math.max(0, site.primary.sides.length - 1 - found.moves);
  const { primaryWrites, regionWrites } = site.primary;
  run.say(`${2 * rounds.length} moves asked for, ${primaryWrites} writes at the primary and ${regionWrites} in the region`);
  return found;
}

const order = places(cutoverSteps);
const inOrder = (kills: readonly string[]): readonly string[] => kills.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));

interface Move {
  readonly verb: 'start' | 'revert';
  readonly kills: readonly string[];
  /** Where the daemon is killed in the move after this one. */
  readonly next: readonly string[];
  readonly skewMs: number;
}

/**
 * The failpoint of the next move's first place, for a daemon that is started after a kill in this one: what is left of this one passes each later
 * place once. Undefined where the places are of one step, which may or may not be done again. Half of a move's CPU are the daemon's starts.
 */
function armedAhead(next: string | undefined, killed: string): string | undefined {
  if (next === undefined) return undefined;
  const stepOf = (place: string) => Math.floor(order.indexOf(place) / 2);
  if (stepOf(next) === stepOf(killed)) return undefined;
  return `cutover:${next}=kill@${stepOf(next) > stepOf(killed) ? 2 : 1}`;
}

/** Starts or reverts, is killed at `kills`, one after the other, and goes on. */
async function move(site: CutoverSite, { verb, kills, next, skewMs }: Move, found: Found, { say }: TrialRun): Promise<void> {
  const { daemon, primary } = site;
  const to = verb === 'start' ? 'region' : 'primary';
  const killing = inOrder(kills);
  const [nextKill] = inOrder(next);
  const env = (failpoint: string | undefined) => ({
    ...skewed(skewMs),
    ...(failpoint === undefined ? {} : { FARSHORE_FAILPOINT: failpoint }),
  });
  const first = (kill: string | undefined) => (kill === undefined ? undefined : `cutover:${kill}=kill@1`);
  if (site.armed !== killing[0]) {
    await daemon.kill();
    await site.run(env(first(killing[0])));
  }
  site.armed = undefined;
  let refused = '';
  for (let [begun, times] = [false, 0]; !begun; times++) {
    if (times === MOST_BEGINNINGS) throw new Error(`${verb} was refused ${times} times: ${refused}`);
    if (verb === 'start') await site.ready();
    // Sent in the same moment, as two processes that start never are.
    const [one, other] = await Promise.allSettled([site.verbByApi(verb, 'ada'), site.verbByApi(verb, 'bo')]);
    // Both may be told nothing: the daemon is killed under them. Both may not be told yes.
    if (one.status === 'fulfilled' && other.status === 'fulfilled') found.operators = false;
    refused = [one, other].map((said) => (said.status === 'rejected' ? String(said.reason) : 'taken')).join('; ');
    begun = one.status === 'fulfilled' || other.status === 'fulfilled' || (await site.hasBegun());
  }
  for (const [index, kill] of killing.entries()) {
    const wasKilled = await site.wasKilled(kill);
    if (await site.openInBoth()) found.dualWriters++;
    if (wasKilled) {
      const isLast = index === killing.length - 1;
      const ahead = isLast ? armedAhead(nextKill, kill) : undefined;
      if (ahead !== undefined) site.armed = nextKill;
      await daemon.launch(env(ahead ?? first(killing[index + 1])));
      continue;
    }
    say(`${verb}: it did not come to ${kill}`);
    // Its failpoint would be met by the next move.
    await daemon.kill();
    await daemon.launch(env(undefined));
    break;
  }
  const now = await site.until(
    `${verb}, killed at ${killing.join(' and ')}, having ended`,
    (plan) => plan.open !== 'nobody' && !moving(plan),
  );
  if (now.open === to) found.moves++;
  else say(`${verb}, killed at ${killing.join(' and ')}: went back, ${now.reason}`);
  if ((await primary.homeIsOpen()) === (await primary.regionIsOpen())) found.dualWriters++;
  if (!(await lateWriterIsRefused(site, now))) found.late = false;
  await settled(site, found);
  // Where it went back, the next round begins from there, and the steps that were counted on were not passed.
  if (now.open !== to && site.armed !== undefined) {
    site.armed = undefined;
    await daemon.kill();
    await site.run(env(undefined));
  }
  if (verb === 'start' && now.open !== 'region') {
    await site.ready();
    await site.verb('start', 'ada');
    await site.until('being switched', (plan) => plan.open === 'region' && !moving(plan));
    found.moves++;
  }
  if (verb === 'revert' && now.open !== 'primary') {
    await site.verb('revert', 'ada');
    await site.until('being back', (plan) => plan.open === 'primary' && !moving(plan));
    found.moves++;
  }
  // Someone is let in, so that who writes next is known before the next move.
  const [atHome, inRegion] = [primary.primaryWrites, primary.regionWrites];
  await eventually(() => Promise.resolve((to === 'region' ? primary.regionWrites - inRegion : primary.primaryWrites - atHome) > 3), {
    what: `writes at the ${to}`,
    deadlineMs: DEADLINE_MS,
  });
}

/** Every row that either side acknowledged last is on both, once it has come over. Counts those that are not. */
async function settled({ primary }: CutoverSite, found: Found): Promise<void> {
  await primary.quietly(async () => {
    const missing = async (): Promise<number> => {
      const [home, copy] = [new Set(await primary.rowsOf('home')), new Set(await primary.rowsOf('copy'))];
      return primary.expected.filter((row) => !home.has(row) || !copy.has(row)).length;
    };
    await eventually(async () => (await missing()) === 0, { deadlineMs: 60_000, what: 'both sides holding what was acknowledged' }).catch(
      async () => {
        found.lost += await missing();
      },
    );
  });
}

/** The primary goes away for good while it is written to; the region opens, killed at `place`, and what it never had is within what it recorded. */
async function lose(rig: Rig, place: string, found: Found, { say }: TrialRun): Promise<void> {
  await using site = await CutoverSite.start(rig, false);
  const { primary, daemon } = site;
  await site.run({});
  primary.begin();
  await eventually(async () => (await primary.rowsOf('copy')).length === KEYS, { deadlineMs: DEADLINE_MS, what: 'all rows applied' });
  await daemon.kill();
  await daemon.launch({ FARSHORE_FAILPOINT: `cutover:${place}=kill@1` });
  await eventually(async () => (await daemon.status()).role === 'active', { deadlineMs: 60_000, what: 'the daemon being active' });
  await site.until('measuring', ({ measured }) => measured != null);
  await rig.primary.kill('SIGKILL');
  primary.stopRelay();
  const answer = await site.verb('start', 'ada', ['--primary-lost', '--accept-loss']).catch(String);
  if (!(await site.wasKilled(place))) throw new Error(`the move from a lost primary did not come to ${place}: ${answer}`);
  await daemon.launch({});
  const now = await site.until('the region being open', (plan) => plan.open === 'region' && !moving(plan));
  if (now.home !== 'region') found.bounded = false;
  await rig.primary.restart();
  const { rows: log } = await primary.copy.query<{ facts: { partitions: readonly { partition: number; mirrored: string | null }[] } }>(
    "select facts from farshore.cutover_log where event = 'start' order by revision desc limit 1",
  );
  const mirrored = new Map(log[0]?.facts.partitions.map(({ partition, mirrored }) => [partition, BigInt(mirrored ?? '0')]));
  // What the primary's log holds beyond what was mirrored is told, partition by partition, and nothing before it is missing in the region.
  const tails = async () =>
    (await primary.copy.query<{ partition: number; from_offset: string; to_offset: string }>('select * from farshore.unmirrored_tail'))
      .rows;
  const ends = await endsOf(rig.primary.bootstrap, site.topic);
  const expected = ends.flatMap(({ partition, end }) => ((mirrored.get(partition) ?? 0n) < end ? [partition] : []));
  await eventually(
    async () =>
      (await tails())
        .map(({ partition }) => partition)
        .toSorted()
        .join() === expected.toSorted().join(),
    {
      deadlineMs: 60_000,
      what: 'the tail being told',
    },
  ).catch(() => {
    found.bounded = false;
  });
  for (const { partition, from_offset } of await tails()) if (BigInt(from_offset) !== mirrored.get(partition)) found.bounded = false;
  const { mirror } = (await daemon.partition(site.topic, 0)) ?? {};
  // Latched: what comes back must not be mirrored over what the region wrote since.
  if (mirror?.state === 'running') found.bounded = false;
  say(`primary lost, killed at ${place}: ${expected.length} partitions have a tail that is told`);
}

async function endsOf(bootstrap: string, topic: string): Promise<readonly { readonly partition: number; readonly end: bigint }[]> {
  const admin = kafkajsFor(bootstrap).admin();
  await eventually(() => admin.connect().then(() => true), { deadlineMs: 60_000, what: 'the primary answering again' });
  try {
    const found = await eventually(() => admin.fetchTopicOffsets(topic), { deadlineMs: 60_000, what: 'the ends' });
    return found.map(({ partition, high }) => ({ partition, end: BigInt(high) }));
  } finally {
    await admin.disconnect();
  }
}

function shuffled<T>(values: readonly T[], random: () => number): readonly T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
