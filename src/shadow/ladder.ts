import type { AskFailure, ShadowSide, ShedReason } from './contracts.ts';
import type { Difference } from './difference.ts';
import type { Judgement, UnsettledReason, Verdict } from './verdict.ts';

/**
 * C20 as states. One look at both sides is enough for answers that are equal. A difference is asked again in a bracket: the primary, the region
 * once it has passed what the primary's ends were behind that answer, and the primary again. It is confirmed when both of the primary's
 * answers are equal and the region's differs, as many times as `times` says; what changes meanwhile goes to the next rung, and ends unsettled.
 *
 * Several times, for the same reason as the audit looks at xmin: a value that goes and comes back between the primary's two answers makes them
 * equal, and the region may rightly have answered what was in between.
 */
export interface LadderRules {
  /** Before each rung but the first. */
  readonly waitsMs: readonly number[];
  /** From a commit at the primary until its records are in the log: ends read earlier would not cover what the primary just answered. */
  readonly publishAllowanceMs: number;
  readonly times: number;
}

/** `A` is an answer; the ladder only hands it to `judge`. */
export type Told<A> =
  | { readonly kind: 'answer'; readonly answer: A }
  | { readonly kind: 'error'; readonly side: ShadowSide; readonly reason: AskFailure }
  | { readonly kind: 'shed'; readonly reason: ShedReason };

interface Rung {
  readonly rung: number;
  /** Brackets that showed a difference, and where: what only one of them shows is not confirmed by the others. */
  readonly seen: number;
  readonly seenAt: ReadonlySet<string>;
  /** What was last seen to differ. */
  readonly differences: readonly Difference[];
}

export type Ladder<A> =
  | { readonly at: 'first_primary' }
  | { readonly at: 'first_region'; readonly primary: A }
  | ({ readonly at: 'waiting' | 'before' } & Rung)
  | ({ readonly at: 'publishing' | 'passing' | 'region'; readonly before: A } & Rung)
  | ({ readonly at: 'after'; readonly before: A; readonly region: A } & Rung)
  | { readonly at: 'ended'; readonly verdict: Verdict };

export type LadderStep =
  | { readonly do: 'ask'; readonly side: ShadowSide }
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'pass' }
  | { readonly do: 'end'; readonly verdict: Verdict };

export const ladderStart: Ladder<never> = { at: 'first_primary' };

/** Waits up to the 99th percentile of the lag, and always enough of them for the confirmations. */
export function ladderWaits(waitsMs: readonly number[], lagP99Ms: number | undefined, longestMs: number, times: number): readonly number[] {
  const last = Math.max(lagP99Ms ?? longestMs, waitsMs.at(-1) ?? 0);
  const waits = [...waitsMs, last];
  while (waits.length < times) waits.push(last);
  return waits.map((ms) => Math.min(ms, longestMs));
}

export function ladderStep<A>(ladder: Ladder<A>, rules: LadderRules): LadderStep {
  switch (ladder.at) {
    case 'first_primary':
    case 'before':
    case 'after':
      return { do: 'ask', side: 'primary' };
    case 'first_region':
    case 'region':
      return { do: 'ask', side: 'region' };
    case 'waiting':
      return { do: 'sleep', ms: rules.waitsMs[ladder.rung - 1] ?? 0 };
    case 'publishing':
      return { do: 'sleep', ms: rules.publishAllowanceMs };
    case 'passing':
      return { do: 'pass' };
    case 'ended':
      return { do: 'end', verdict: ladder.verdict };
  }
}

/** After a `sleep`. */
export function afterSleep<A>(ladder: Ladder<A>): Ladder<A> {
  if (ladder.at === 'waiting') return { ...ladder, at: 'before' };
  return ladder.at === 'publishing' ? { ...ladder, at: 'passing' } : ladder;
}

/** After a `pass`. */
export function afterPass<A>(ladder: Ladder<A>, passed: 'passed' | 'not_yet', rules: LadderRules): Ladder<A> {
  if (ladder.at !== 'passing') return ladder;
  return passed === 'passed' ? { ...ladder, at: 'region' } : nextRung(ladder, 'not_passed', rules);
}

/** After an `ask`. `judge` takes the primary's answer first. */
export function afterAsk<A>(ladder: Ladder<A>, told: Told<A>, judge: (primary: A, other: A) => Judgement, rules: LadderRules): Ladder<A> {
  if (told.kind !== 'answer') {
    if (ladder.at !== 'first_primary' && ladder.at !== 'first_region')
      return 'rung' in ladder ? nextRung(ladder, told.kind, rules) : ladder;
    return ended(
      told.kind === 'error' ? { result: 'error', side: told.side, reason: told.reason } : { result: 'shed', reason: told.reason },
    );
  }
  switch (ladder.at) {
    case 'first_primary':
      return { at: 'first_region', primary: told.answer };
    case 'first_region':
      return firstLook(judge(ladder.primary, told.answer));
    case 'before':
      return { ...ladder, at: 'publishing', before: told.answer };
    case 'region':
      return { ...ladder, at: 'after', region: told.answer };
    case 'after':
      return bracket(ladder, told.answer, judge, rules);
    default:
      return ladder;
  }
}

const nowhere: ReadonlySet<string> = new Set();

const ended = (verdict: Verdict): Ladder<never> => ({ at: 'ended', verdict });

function firstLook(judgement: Judgement): Ladder<never> {
  switch (judgement.kind) {
    case 'same':
      return ended({ result: 'match' });
    case 'noise':
      return ended({ result: 'noise', differences: judgement.differences });
    case 'not_compared':
      return ended({ result: 'skipped', reason: judgement.reason });
    case 'differs':
      return { at: 'before', rung: 0, seen: 0, seenAt: nowhere, differences: placesOf(judgement.differences) };
  }
}

function bracket<A>(
  ladder: Extract<Ladder<A>, { at: 'after' }>,
  after: A,
  judge: (primary: A, other: A) => Judgement,
  rules: LadderRules,
): Ladder<A> {
  const { before, region } = ladder;
  const [first, second] = [judge(before, region), judge(after, region)];
  const unable = [first, second].find((judgement) => judgement.kind === 'not_compared');
  if (unable !== undefined) return ended({ result: 'skipped', reason: unable.reason });
  // Right by either answer: the region answered between the two.
  if (first.kind !== 'differs' || second.kind !== 'differs') return ended(lagOrNoise(ladder.differences, [first, second]));
  const seenNow = { ...ladder, differences: first.differences };
  const itself = judge(before, after);
  if (itself.kind === 'not_compared') return ended({ result: 'skipped', reason: itself.reason });
  if (itself.kind === 'differs') return nextRung(seenNow, 'primary_changes', rules);
  if (!first.sure) return nextRung(seenNow, 'noise_unknown', rules);
  const again = ladder.seen === 0 ? [] : first.differences.filter(({ path }) => ladder.seenAt.has(path));
  const seen = again.length === 0 ? 1 : ladder.seen + 1;
  const differences = again.length === 0 ? first.differences : again;
  if (seen >= rules.times) return ended({ result: 'mismatch', differences });
  return nextRung({ ...seenNow, seen, seenAt: new Set(differences.map(({ path }) => path)) }, 'unconfirmed', rules);
}

/**
 * A place may become noise while a difference there is asked again: nothing healed then. It was lag only where something that was seen to
 * differ no longer does.
 */
function lagOrNoise(seen: readonly Difference[], judgements: readonly Judgement[]): Verdict {
  const noise = judgements.find((judgement) => judgement.kind === 'noise');
  if (noise === undefined || judgements.some(({ kind }) => kind === 'same')) return { result: 'lag', differences: [] };
  const { differences } = noise;
  const still = new Set(differences.map(({ path }) => path));
  return { result: seen.every(({ path }) => still.has(path)) ? 'noise' : 'lag', differences };
}

function nextRung({ rung, seen, seenAt, differences }: Rung, reason: UnsettledReason, { waitsMs }: LadderRules): Ladder<never> {
  if (rung >= waitsMs.length) return ended({ result: 'unsettled', reason, differences });
  return { at: 'waiting', rung: rung + 1, seen, seenAt, differences: placesOf(differences) };
}

/** Without the values, which are parts of whole answers: many differences may wait for long. */
const placesOf = (differences: readonly Difference[]): readonly Difference[] =>
  differences.map(({ path, place, kind }) => ({ path, place, kind, primary: undefined, region: undefined }));
