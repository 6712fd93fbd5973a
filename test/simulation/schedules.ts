import fc from 'fast-check';
import { backOffMs, untilDone } from '../../src/apply/back-off.ts';
import { nextChunkAtMs, nextChunkRows } from '../../src/backfill/pace.ts';
import { patiently } from '../../src/daemon/patiently.ts';
import { FarshoreError } from '../../src/model/errors.ts';
import { holdMs } from '../../src/outbox/settle-batch.ts';
import { decideLease } from '../../src/postgres/lease-decision.ts';
import { type AskedSchema, askAgainMs, dueSchemas } from '../../src/rejected/late-schemas.ts';
import { TokenBucket } from '../../src/shadow/token-bucket.ts';
import { Reached, type Simulation } from './simulation.ts';

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Delays of attempts, in order: at least so much and at most so much, and no later one shorter. */
function rises(name: string, delays: readonly number[], least: number, most: number): void {
  for (const [i, delay] of delays.entries()) {
    check(Number.isFinite(delay) && delay >= least && delay <= most, `${name}: attempt ${i} waits ${delay} ms`);
    check(i === 0 || delay >= delays[i - 1]!, `${name}: attempt ${i} waits ${delay} ms, the one before ${delays[i - 1]} ms`);
  }
}

const attempts = fc.array(fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 2_000_000_000 })), { minLength: 2, maxLength: 12 });

const delays = (numbers: readonly number[], chance: number): void => {
  const failures = numbers.toSorted((a, b) => a - b);
  rises(
    'apply',
    failures.map((n) => backOffMs(n, () => chance)),
    50,
    10_000,
  );
  rises(
    'late schemas',
    failures.map((n) => askAgainMs(n + 1)),
    10_000,
    600_000,
  );
  rises(
    'outbox',
    failures.map((n) => holdMs(n)),
    1_000,
    300_000,
  );
};

/** What is repeated waits in between, ends with the first success, and does not repeat what no time mends. */
async function repeats(kind: 'apply' | 'patiently', failures: readonly ('retry' | 'stop')[]): Promise<void> {
  let [nowMs, calls, waits] = [0, 0, 0];
  const clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      check(ms >= 50 && ms <= 10_000, `waits ${ms} ms between two attempts`);
      waits++;
      nowMs += ms;
    },
  };
  const work = async (): Promise<string> => {
    const failure = failures[calls++];
    if (failure === undefined) return 'done';
    throw new FarshoreError(failure === 'retry' ? 'database_unreachable' : 'database_denied', 'it failed');
  };
  const never = new AbortController().signal;
  const outcome = await (kind === 'apply'
    ? untilDone(work, { clock, random: () => 0.5, retried: () => undefined }, never)
    : patiently(work, () => undefined, clock, never)
  ).catch((error: FarshoreError) => error.code);
  const denied = failures.indexOf('stop');
  const tried = denied === -1 ? failures.length + 1 : denied + 1;
  check(calls === tried, `${calls} attempts instead of ${tried}`);
  check(waits === tried - 1, `${waits} waits between ${tried} attempts`);
  check(outcome === (denied === -1 ? 'done' : 'database_denied'), `it ended with ${outcome}`);
}

interface Take {
  readonly afterMs: number;
  readonly takes: number;
}

/** No window of any length holds more than was saved up and what came in it; and whoever waits long enough is served. */
function bucket(perSecond: number, takes: readonly Take[]): void {
  let nowMs = 1_000;
  // A clock that steps back saves nothing up.
  let latestMs = nowMs;
  const limited = new TokenBucket(perSecond, nowMs);
  const granted: number[] = [];
  for (const { afterMs, takes: times } of takes) {
    nowMs += afterMs;
    // It knows of time what it is asked with.
    if (times > 0) latestMs = Math.max(latestMs, nowMs);
    for (let i = 0; i < times; i++) if (limited.take(nowMs)) granted.push(latestMs);
  }
  for (const [from, startMs] of granted.entries())
    for (const [to, endMs] of granted.entries()) {
      if (to < from) continue;
      const most = Math.max(1, perSecond) + ((endMs - startMs) * perSecond) / 1_000;
      check(to - from + 1 <= most + 1e-6, `${to - from + 1} were let through in ${endMs - startMs} ms at ${perSecond} a second`);
    }
  check(limited.take(latestMs + 1_000 / perSecond + 1), `nothing was let through after the time for one at ${perSecond} a second`);
}

/** Chunks of a run keep to the rate from the first to the last, less the one second that may be saved up. */
function pace(chunks: readonly { readonly rows: number; readonly workMs: number }[], perSecond: number): void {
  let [dueMs, nowMs, rows] = [0, 5_000, 0];
  for (const chunk of chunks) {
    nowMs = Math.max(nowMs, dueMs);
    check(((rows - perSecond) * 1_000) / perSecond <= nowMs - 5_000 + 1e-6, `${rows} rows in ${nowMs - 5_000} ms at ${perSecond} a second`);
    rows += chunk.rows;
    nowMs += chunk.workMs;
    dueMs = nextChunkAtMs(dueMs, nowMs, chunk.rows, perSecond);
    check(
      Number.isFinite(dueMs) && dueMs - nowMs <= (chunk.rows / perSecond) * 1_000 + (rows / perSecond) * 1_000,
      `a chunk waits ${dueMs - nowMs} ms`,
    );
  }
}

const chunk = (most: number, rows: number, bytes: number): void => {
  const next = nextChunkRows(most, { rows, bytes });
  check(Number.isSafeInteger(next) && next >= 1 && next <= most, `a chunk of ${next} rows, at most ${most}`);
  if (next > 10 && rows > 0)
    check((next * bytes) / Math.max(1, rows) <= 4 * 1024 * 1024 + 1, `a chunk of ${next} rows of ${bytes / rows} bytes`);
};

/** One at a time holds the lease: nobody takes it while its row is valid and its session open, and nobody waits for ever for one that is not. */
function lease(expiresInMs: number | undefined, lockFree: boolean, lockedSinceMs: number, pollMs: number, graceMs: number): void {
  const row = expiresInMs === undefined ? undefined : { holder: 'a', epoch: 3n, expiresInMs };
  const decision = decideLease(row, lockFree, lockedSinceMs, { pollMs, graceMs });
  const isValid = row !== undefined && row.expiresInMs > 0;
  if (decision.kind === 'take') check(lockFree, 'it was taken while its lock was held');
  if (decision.kind === 'force') check(!lockFree && !isValid && lockedSinceMs >= graceMs, 'a session was ended that may be in its right');
  if (decision.kind !== 'wait') return;
  check(decision.ms > 0 && decision.ms <= pollMs, `it waits ${decision.ms} ms`);
  // Waited for so long, and nothing changed: it is taken in the end.
  if (!isValid) check(decideLease(row, lockFree, lockedSinceMs + graceMs, { pollMs, graceMs }).kind === 'force', 'nobody ever takes it');
}

/** Every schema is asked for again and again, the rarest first, and never sooner than its time. */
function schemas(refs: readonly string[], stepsMs: readonly number[], limit: number): void {
  const asked = new Map<string, AskedSchema>();
  let nowMs = 0;
  for (const stepMs of stepsMs) {
    nowMs += stepMs;
    const due = dueSchemas(refs, asked, nowMs, limit);
    check(due.length <= limit && new Set(due).size === due.length, `${due.length} are asked for at once`);
    for (const ref of due) {
      const before = asked.get(ref);
      check(
        before === undefined || nowMs - before.atMs >= Math.min(600_000, 10_000 * 2 ** (before.times - 1)),
        `${ref} is asked for too soon`,
      );
      asked.set(ref, { atMs: nowMs, times: (before?.times ?? 0) + 1 });
    }
    const left = refs.filter((ref) => !due.includes(ref) && (asked.get(ref) === undefined || nowMs - asked.get(ref)!.atMs >= 600_000));
    check(left.length === 0 || due.length === limit, `${left[0]} is left out though there is room`);
  }
}

const perSecond = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(0.1, 0.5, 2.5, 1_000));

export const schedules: Simulation = {
  name: 'schedules',
  judges: 'every wait is bounded, grows with failures, is never none, and rates hold over any time',
  shortRuns: 2_000,
  create: () => {
    const reached = new Reached(['delays', 'repeats', 'bucket', 'pace', 'lease', 'schemas']);
    const histories = fc.record({
      delays: fc.record({ numbers: attempts, chance: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
      repeats: fc.record({
        kind: fc.constantFrom('apply' as const, 'patiently' as const),
        failures: fc.array(fc.constantFrom('retry' as const, 'retry' as const, 'retry' as const, 'stop' as const), { maxLength: 30 }),
      }),
      bucket: fc.record({
        perSecond,
        takes: fc.array(fc.record({ afterMs: fc.integer({ min: -50, max: 3_000 }), takes: fc.nat({ max: 6 }) }), { maxLength: 12 }),
      }),
      pace: fc.record({
        rate: fc.integer({ min: 1, max: 10_000 }),
        chunks: fc.array(fc.record({ rows: fc.integer({ min: 1, max: 5_000 }), workMs: fc.nat({ max: 3_000 }) }), { maxLength: 15 }),
      }),
      chunk: fc.record({ most: fc.integer({ min: 1, max: 100_000 }), rows: fc.nat({ max: 100_000 }), bytes: fc.nat({ max: 2 ** 31 }) }),
      lease: fc.record({
        expiresInMs: fc.option(fc.integer({ min: -100_000, max: 30_000 }), { nil: undefined }),
        lockFree: fc.boolean(),
        lockedSinceMs: fc.nat({ max: 20_000 }),
        pollMs: fc.integer({ min: 1, max: 5_000 }),
        graceMs: fc.integer({ min: 1, max: 15_000 }),
      }),
      schemas: fc.record({
        refs: fc.array(fc.constantFrom('1', '2', '3', '4', '5', '6'), { maxLength: 10 }),
        stepsMs: fc.array(fc.integer({ min: 1, max: 700_000 }), { maxLength: 15 }),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
    });
    const property = fc.asyncProperty(histories, async (one) => {
      delays(one.delays.numbers, one.delays.chance);
      await repeats(one.repeats.kind, one.repeats.failures);
      bucket(one.bucket.perSecond, one.bucket.takes);
      pace(one.pace.chunks, one.pace.rate);
      chunk(one.chunk.most, one.chunk.rows, one.chunk.bytes);
      lease(one.lease.expiresInMs, one.lease.lockFree, one.lease.lockedSinceMs, one.lease.pollMs, one.lease.graceMs);
      schemas(one.schemas.refs, one.schemas.stepsMs, one.schemas.limit);
      for (const place of Object.keys(reached.counts)) reached.note(place);
    });
    return { property, reached, leastShare: 1 };
  },
};
