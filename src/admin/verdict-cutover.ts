import type { CutoverLogEntry, CutoverPlan } from '../model/cutover.ts';
import type { CutoverNow, OutboxView, VerdictReason } from '../model/live.ts';
import { counted, reason, reasonOf } from './verdict-words.ts';

const CLOSED_SECONDS = 300;
const HOOK_BROKEN_SECONDS = 3_600;
/** Nobody can say that what a hook was to do was done by hand: after a day only the log of the cutover tells of it. */
const HOOK_SECONDS = 86_400;
const OUTBOX_SECONDS = 60;

/** Whether somebody may write, and what was to follow a move of the home. */
export function judgeCutover(cutover: CutoverNow | null): readonly VerdictReason[] {
  if (cutover === null) return reason('unknown', 'Whether the home is being moved is not known', '#/cutover');
  const { failedHooks, sinceSeconds } = cutover;
  const closed = cutover.open === 'nobody';
  const moving = closed || cutover.state === 'draining';
  return [
    ...(moving
      ? reason(
          sinceSeconds > CLOSED_SECONDS ? 'broken' : 'attention',
          `The home has been moving for ${Math.round(sinceSeconds)} s${closed ? ', and nobody may write' : ''}`,
          '#/cutover',
          'cutover.md#nobody-is-open',
        )
      : []),
    ...(failedHooks === null || failedHooks.ageSeconds > HOOK_SECONDS
      ? []
      : reasonOf(
          failedHooks.ageSeconds > HOOK_BROKEN_SECONDS ? 'attention' : 'broken',
          failedHooks.hooks,
          (names) => `${counted(failedHooks.hooks.length, 'hook')} of the cutover failed: ${names}`,
          '#/cutover',
          'cutover.md#a-hook-failed',
        )),
  ];
}

export const cutoverNow = (plan: CutoverPlan, log: readonly CutoverLogEntry[], nowMs: number): CutoverNow => ({
  ...{ state: plan.state, home: plan.home, open: plan.open },
  sinceSeconds: (nowMs - Date.parse(plan.since)) / 1_000,
  failedHooks: failedHooksOf(log, nowMs),
});

/** Hooks that failed of the newest change of state: only those are run, each once. */
function failedHooksOf(log: readonly CutoverLogEntry[], nowMs: number): CutoverNow['failedHooks'] {
  const newest = log.find(({ from, to }) => from !== to);
  const hooks = newest?.hooks.filter(({ result }) => result === 'failed').map(({ hook }) => hook) ?? [];
  return newest === undefined || hooks.length === 0 ? null : { hooks, ageSeconds: (nowMs - Date.parse(newest.at)) / 1_000 };
}

export function judgeOutbox(relayed: boolean, outbox: OutboxView | null): readonly VerdictReason[] {
  if (outbox === null) {
    // Where it is relayed its rows could not be counted.
    const what = 'Whether rows of the outbox wait is not known';
    return relayed ? reason('unknown', what, '#/cutover', 'cutover.md#the-outbox-is-not-counted') : [];
  }
  if (outbox.oldestSeconds === null || outbox.oldestSeconds <= OUTBOX_SECONDS) return [];
  return reason(
    'broken',
    `The oldest row of the outbox waits for ${Math.round(outbox.oldestSeconds)} s`,
    '#/cutover',
    'cutover.md#the-outbox-is-not-published',
  );
}
