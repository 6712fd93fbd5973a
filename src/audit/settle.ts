import type { Clock } from '../model/clock.ts';
import type { Answered, AuditSide, ComparedTable, Key, RowLook, ServerPosition, Side, Sides, Suspect } from './contracts.ts';
import { judge } from './judge.ts';

/** What became of a suspect. */
export type Settled =
  | { readonly key: Key; readonly state: 'healed' }
  /** Its record waits for another row, or was rejected and is kept: the region knows that it lacks the row's state. */
  | { readonly key: Key; readonly state: 'parked' }
  /** `moving`: written too often to be compared. `not_passed`: the region did not catch up in time. `standby`: the primary is one, and says nothing newer. */
  | { readonly key: Key; readonly state: 'unsettled'; readonly why: 'moving' | 'not_passed' | 'standby' }
  | {
      readonly key: Key;
      readonly state: 'confirmed';
      readonly kind: Suspect['kind'];
      readonly columns: readonly string[];
      readonly primary: RowLook;
      readonly region: RowLook;
    };

export interface SettleParts {
  readonly sides: Sides;
  readonly clock: Clock;
  /** C5: whether the region has passed the ends of the table's topics at home, read after the call. Waits for it within a limit of its own. */
  readonly passed: (signal: AbortSignal) => Promise<'passed' | 'not_yet'>;
  /** Which of the keys have a record that waits or is kept. */
  readonly held: (keys: readonly Key[], signal: AbortSignal) => Promise<readonly boolean[]>;
}

export interface SettleSettings {
  /** From a commit at the primary until its record is in Kafka, at the longest. */
  readonly publishAllowanceMs: number;
  /** Brackets of a row that is written meanwhile. */
  readonly tries: number;
  /** Between two of them; each wait is twice the one before, up to a minute. */
  readonly againMs: number;
}

/** Twenty tries that double would wait for weeks. */
const LONGEST_AGAIN_MS = 60_000;
/** Keys asked of a side in one statement. */
const AT_ONCE = 500;

/**
 * Settles suspects by brackets (C19), all of them in one: what takes time is the waiting. Rejects when a side cannot be asked, and then nothing is
 * known of any of them.
 */
export async function settle(
  table: ComparedTable,
  suspects: readonly Pick<Suspect, 'key'>[],
  parts: SettleParts,
  { publishAllowanceMs, tries, againMs }: SettleSettings,
  signal: AbortSignal,
): Promise<{ readonly settled: readonly Settled[]; readonly bytes: number }> {
  const { sides, clock, passed, held } = parts;
  const settled: Settled[] = [];
  let bytes = 0;
  const looksAt = async (side: Side): Promise<readonly RowLook[]> => {
    const found = await looks(sides[side], table, open, signal);
    bytes += found.bytes;
    return found.value;
  };
  let open = suspects.map(({ key }) => key);
  const unsettle = (keys: readonly Key[], why: 'moving' | 'not_passed' | 'standby') => {
    for (const key of keys) settled.push({ key, state: 'unsettled', why });
  };
  /** By key: what the region had in the bracket before, where the primary had nothing. */
  let extraBefore: ReadonlyMap<string, RowLook> = new Map();
  for (let round = 1; open.length > 0; round++) {
    const before = await looksAt('primary');
    await clock.sleep(publishAllowanceMs, signal);
    if ((await passed(signal)) === 'not_yet') {
      unsettle(open, 'not_passed');
      break;
    }
    // Before the region is looked at: a record that waits only until then is in the row that is seen, and one that still waits is known to.
    // Asked afterwards: waits → no row is seen → its parent comes and it is applied → nothing waits → confirmed, though both are equal.
    const waiting = await held(open, signal);
    const region = await looksAt('region');
    if (!(await replayed(parts, signal))) {
      unsettle(open, 'standby');
      break;
    }
    const after = await looksAt('primary');
    const moving: Key[] = [];
    const once: Key[] = [];
    const extraNow = new Map<string, RowLook>();
    for (const [index, key] of open.entries()) {
      const [name, here] = [JSON.stringify(key), region[index]!];
      const judgement = judge({ before: before[index]!, region: here, after: after[index]!, extraBefore: extraBefore.get(name) });
      if (judgement.kind === 'healed') settled.push({ key, state: 'healed' });
      else if (waiting[index] === true) settled.push({ key, state: 'parked' });
      else if (judgement.kind === 'moving') moving.push(key);
      else if (judgement.kind === 'extra_once') {
        once.push(key);
        extraNow.set(name, here);
      } else {
        const { as: kind, columns } = judgement;
        settled.push({ key, state: 'confirmed', kind, columns, primary: after[index]!, region: here });
      }
    }
    extraBefore = extraNow;
    open = [...moving, ...once];
    if (round >= tries) {
      // A second bracket is no other try.
      const isLast = round > tries;
      unsettle(isLast ? open : moving, 'moving');
      open = isLast ? [] : once;
    }
    if (open.length > 0) await clock.sleep(Math.min(againMs * 2 ** (round - 1), LONGEST_AGAIN_MS), signal);
  }
  return { settled, bytes };
}

async function looks(
  side: AuditSide,
  table: ComparedTable,
  keys: readonly Key[],
  signal: AbortSignal,
): Promise<Answered<readonly RowLook[]>> {
  const value: RowLook[] = [];
  let bytes = 0;
  for (let from = 0; from < keys.length; from += AT_ONCE) {
    const found = await side.look(table, keys.slice(from, from + AT_ONCE), signal);
    value.push(...found.value);
    bytes += found.bytes;
  }
  return { value, bytes };
}

const STANDBY_LOOK_MS = 500;
/** An idle primary says where it is each half of wal_sender_timeout, 30 s by default. */
const STANDBY_WAIT_MS = 45_000;

/**
 * Where the primary's database is asked at a standby: whether that has replayed all that the primary had written when the region was read. A standby
 * that stands still, or is cut off, would show the same old row twice, while the region has the newer one.
 */
async function replayed({ sides, clock }: SettleParts, signal: AbortSignal): Promise<boolean> {
  const first = await sides.primary.position(signal);
  if (!first.standby) return true;
  const untilMs = clock.monotonicMs() + STANDBY_WAIT_MS;
  let target: bigint | undefined;
  for (let now: ServerPosition = first; ; now = await sides.primary.position(signal)) {
    if (now.told !== undefined && now.told.atMs >= first.nowMs) target ??= lsnOf(now.told.lsn);
    if (target !== undefined && lsnOf(now.lsn) >= target) return true;
    if (clock.monotonicMs() >= untilMs) return false;
    await clock.sleep(STANDBY_LOOK_MS, signal);
  }
}

/** `16/B374D848` as a number. */
export function lsnOf(lsn: string): bigint {
  const [high, low] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
