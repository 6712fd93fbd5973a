import type { Facts, GateName, GateReading } from '../model/cutover.ts';
import type { GateLimits, GateMeasurements, Measurement } from './contracts.ts';

const SHOWN = 5;

/**
 * An open transaction holds readers back, so lag is measured to where it begins, and the drain of a cutover would wait for it in vain. Ordinary ones
 * last from milliseconds to a few seconds (stream processors commit ten times a second, the mirror a cycle at a time), and their offset moves on
 * with each. One that is open longer has left its producer, or keeps from the region what is older than any lag that a gate lets pass.
 */
const STUCK_SECONDS = 10;

/** Every gate at one moment of the monotonic clock. Missing, stale or thin data shuts a gate; nothing opens one by default. */
export function readGates(measured: GateMeasurements, limits: GateLimits, nowMs: number): readonly GateReading[] {
  const read = <T>(
    gate: GateName,
    measurement: Measurement<T>,
    judge: (value: T) => Judged,
    staleSeconds = limits.staleSeconds,
  ): GateReading => {
    if (measurement.kind === 'missing') return { gate, open: false, reason: measurement.reason, facts: {} };
    const ageSeconds = (nowMs - measurement.atMs) / 1_000;
    if (!(ageSeconds >= 0)) {
      return { gate, open: false, reason: 'measured at a time that has not come yet', facts: { measuredSecondsAgo: ageSeconds } };
    }
    const { reason, facts } = judge(measurement.value);
    const all = { ...facts, measuredSecondsAgo: rounded(ageSeconds) };
    if (ageSeconds > staleSeconds) {
      return { gate, open: false, reason: `last measured ${rounded(ageSeconds)} s ago; at most ${staleSeconds} s count`, facts: all };
    }
    return { gate, open: reason === undefined, reason: reason ?? null, facts: all };
  };
  return [
    read('partitions_running', measured.partitions, ({ total, notRunning }) => ({
      facts: { partitions: total, notRunning: notRunning.length },
      reason:
        total === 0 ? 'no partition is mirrored or applied yet' : notRunning.length > 0 ? `not running: ${listed(notRunning)}` : undefined,
    })),
    read('lag', measured.lag, (value) => judgeLag(value, limits.lag.maxSeconds)),
    read('heartbeat', measured.heartbeat, ({ ageSeconds }) => ({
      facts: { ageSeconds: rounded(ageSeconds), maxAgeSeconds: limits.heartbeat.maxAgeSeconds },
      reason: atMost(ageSeconds, limits.heartbeat.maxAgeSeconds, 'the newest heartbeat that came back is', 's old'),
    })),
    read(
      'full_audit',
      measured.fullAudit,
      ({ tables }) => ({
        facts: { tables: tables.length },
        reason: tables.length > 0 ? `deletes may have been missed: ${listed(tables)}` : undefined,
      }),
      limits.fullAudit.maxAgeSeconds,
    ),
    read('backfill', measured.backfill, ({ open }) => ({
      facts: { open: open.length, failed: open.filter(({ state }) => state === 'failed').length },
      reason: open.length > 0 ? `tables are being filled: ${listed(open.map(({ table, state }) => `${table} (${state})`))}` : undefined,
    })),
    read(
      'schema',
      measured.schema,
      ({ tables, problems }) => ({
        facts: { tables, problems: problems.length },
        reason: tables === 0 ? 'no table is applied' : problems.length > 0 ? listed(problems) : undefined,
      }),
      limits.schema.maxAgeSeconds,
    ),
    read('rejected', measured.rejected, ({ records }) => count(records, limits.rejected.max, 'rejected records are kept')),
    read('parked', measured.parked, ({ records }) => count(records, limits.parked.max, 'records are parked')),
    read('divergence', measured.divergence, (value) => judgeDivergence(value, limits.divergence)),
    limits.shadow.required === false
      ? notRequired('shadow')
      : read('shadow', measured.shadow, (value) => judgeShadow(value, limits.shadow)),
    limits.reversePath.required === false
      ? notRequired('reverse_path')
      : read('reverse_path', measured.reversePath, (value) => judgeReversePath(value, limits.reversePath.maxAgeSeconds)),
    read('hold', measured.hold, (hold) => ({
      facts: { by: hold?.by ?? null },
      reason: hold === null ? undefined : `held by ${hold.by}: ${hold.reason}`,
    })),
  ];
}

/** Open because the configuration says to go without: it is told so wherever the gates are shown and stored. */
const notRequired = (gate: GateName): GateReading => ({ gate, open: true, reason: null, facts: { required: false } });

interface Judged {
  readonly facts: Facts;
  /** Undefined: the gate is open. */
  readonly reason: string | undefined;
}

type ValueOf<K extends keyof GateMeasurements> = Extract<GateMeasurements[K], { kind: 'measured' }>['value'];

function judgeLag({ partitions, unknown, worstSeconds, worstPlace, stuckSeconds }: ValueOf<'lag'>, maxSeconds: number): Judged {
  const stuck = Math.max(stuckSeconds.primary ?? 0, stuckSeconds.region ?? 0);
  const facts = {
    partitions,
    unknown: unknown.length,
    worstSeconds: worstSeconds === null ? null : rounded(worstSeconds),
    worstPlace,
    maxSeconds,
    stuckSeconds: rounded(stuck),
  };
  if (partitions === 0) return { facts, reason: 'no partition is measured yet' };
  if (unknown.length > 0) return { facts, reason: `lag is not known: ${listed(unknown)}` };
  if (worstSeconds === null) return { facts, reason: 'lag is not known' };
  if (!(stuck <= STUCK_SECONDS)) {
    const where = stuck === stuckSeconds.primary ? 'at the primary' : 'in the region';
    return {
      facts,
      reason: `a transaction that is open ${where} holds readers back for ${rounded(stuck)} s: lag does not see what waits behind it`,
    };
  }
  return { facts, reason: atMost(worstSeconds, maxSeconds, `${worstPlace ?? 'a partition'} is behind by`, 's') };
}

function judgeReversePath({ roundTripAgeSeconds, schemas }: ValueOf<'reversePath'>, maxAgeSeconds: number): Judged {
  return {
    facts: {
      roundTripAgeSeconds: rounded(roundTripAgeSeconds),
      maxAgeSeconds,
      // Carried back before the records that use them (C22); null: the region has no registry of its own.
      schemasCarried: schemas?.carried ?? null,
      schemasNotBack: schemas?.notBack ?? null,
    },
    reason:
      atMost(roundTripAgeSeconds, maxAgeSeconds, 'the last heartbeat that went round came back', 's ago') ??
      ((schemas?.notBack ?? 0) > 0 ? `${schemas?.notBack} schemas of the region are not in the registry of the primary` : undefined),
  };
}

function judgeDivergence({ tables }: ValueOf<'divergence'>, limits: GateLimits['divergence']): Judged {
  const rows = tables.reduce((sum, { divergentRows }) => sum + divergentRows, 0);
  const coverage = tables.reduce((least, table) => Math.min(least, table.coverage), 1);
  const ages = tables.map(({ ageSeconds }) => ageSeconds ?? Number.POSITIVE_INFINITY);
  const oldest = Math.max(0, ...ages);
  const facts = {
    tables: tables.length,
    divergentRows: rows,
    maxRows: limits.maxRows,
    leastCoverage: coverage,
    minCoverage: limits.minCoverage,
    oldestAuditSeconds: Number.isFinite(oldest) ? rounded(oldest) : null,
    maxAgeSeconds: limits.maxAgeSeconds,
  };
  const named = (wrong: (table: (typeof tables)[number]) => boolean) => listed(tables.filter(wrong).map(({ table }) => table));
  if (tables.length === 0) return { facts, reason: 'no table is audited' };
  if (ages.includes(Number.POSITIVE_INFINITY)) return { facts, reason: `never audited: ${named(({ ageSeconds }) => ageSeconds === null)}` };
  if (!(rows <= limits.maxRows)) return { facts, reason: `${rows} rows diverge: ${named(({ divergentRows }) => divergentRows > 0)}` };
  if (!(coverage >= limits.minCoverage)) {
    const thin = named((table) => !(table.coverage >= limits.minCoverage));
    return { facts, reason: `less than ${percent(limits.minCoverage)} of the rows were compared: ${thin}` };
  }
  if (!(oldest <= limits.maxAgeSeconds)) {
    const old = named(({ ageSeconds }) => !((ageSeconds ?? Number.POSITIVE_INFINITY) <= limits.maxAgeSeconds));
    return { facts, reason: `audited more than ${limits.maxAgeSeconds} s ago: ${old}` };
  }
  return { facts, reason: undefined };
}

/** What did not settle stands in the sample as a mismatch would: it is no evidence of a match (C20). */
function judgeShadow({ score, samples, unsettled }: ValueOf<'shadow'>, { minScore, minSamples }: GateLimits['shadow']): Judged {
  const settled = samples - unsettled;
  const facts = { score, minScore, samples, unsettled, minSamples };
  if (!(settled >= minSamples)) return { facts, reason: `${settled} settled comparisons; ${minSamples} are needed` };
  if (!(score >= minScore)) return { facts, reason: `at least ${percent(score)} of the answers match; ${percent(minScore)} are needed` };
  return { facts, reason: undefined };
}

const count = (records: number, max: number, what: string): Judged => ({
  facts: { records, max },
  reason: records <= max ? undefined : `${records} ${what}; at most ${max} may be`,
});

/** A comparison that NaN does not pass. */
const atMost = (value: number, max: number, what: string, unit: string): string | undefined =>
  value >= 0 && value <= max ? undefined : `${what} ${rounded(value)} ${unit}; at most ${max} s is allowed`;

const rounded = (seconds: number): number => Math.round(seconds * 10) / 10;
const percent = (share: number): string => `${Math.floor(share * 1_000_000) / 10_000} %`;

const listed = (names: readonly string[]): string =>
  names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
