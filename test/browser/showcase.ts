import type { AdminSource } from '../../src/admin/contracts.ts';
import type { AuditFinding, AuditStatus } from '../../src/model/audit.ts';
import type { BackfillView } from '../../src/model/backfill.ts';
import { type CutoverPlan, cutoverVerbs, forwardSteps, type GateName, type GateView } from '../../src/model/cutover.ts';
import type { ToldEvent } from '../../src/model/live.ts';
import type { RejectedDetail, RejectedRecord } from '../../src/model/rejected.ts';
import type { ShadowDiff, ShadowView } from '../../src/model/shadow-view.ts';
import type { DaemonStatus, PartitionStatus, StageStatus } from '../../src/model/status.ts';
import { testSource } from '../unit/admin/fixture.ts';

/** A region as a daemon would tell it, for pages and pictures; every test changes what it is about. */
export const ago = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();

const stage = (next: number, changes: Partial<StageStatus> = {}): StageStatus => ({
  state: 'running',
  next: String(next),
  end: String(next),
  code: null,
  message: null,
  hint: null,
  since: null,
  ...changes,
});

const lag = (seconds: number, records: number) => ({ known: true, seconds, records: String(records) });

export const partitionOf = (topic: string, partition: number, changes: Partial<PartitionStatus> = {}): PartitionStatus => ({
  topic,
  partition,
  mirror: stage(48_210_334 + partition * 911),
  apply: stage(48_199_120 + partition * 907),
  lag: { mirror: lag(0.2, 14), apply: lag(0.1 + partition / 10, 6), total: lag(0.3 + partition / 10, 20) },
  ...changes,
});

export const stoppedPartition = partitionOf('catalog.products', 1, {
  mirror: stage(1_204_118, {
    state: 'stopped',
    code: 'source_truncated',
    message: 'the log at home starts at offset 1209233: 5115 records were deleted before they were mirrored',
    hint: 'farshore partition resume catalog.products:1 --stage mirror --from earliest --accept-loss',
    lost: { from: '1204118', to: '1209233' },
    since: ago(540),
  }),
  lag: { mirror: lag(412, 5_115), apply: lag(0, 0), total: lag(412, 5_115) },
});

const healthy: readonly PartitionStatus[] = ['billing.invoices', 'billing.accounts', 'catalog.products', 'orders.lines'].flatMap((topic) =>
  [0, 1, 2].map((partition) => partitionOf(topic, partition)),
);

export const statusOf = (changes: Partial<DaemonStatus> = {}): DaemonStatus => ({
  region: 'eu-west',
  primary: 'us-east',
  version: '0.1.0',
  role: 'active',
  startedAt: ago(3 * 86_400 + 4_100),
  leaseEpoch: '12',
  components: (['primary_kafka', 'regional_kafka', 'regional_database', 'registry'] as const).map((component) => ({
    component,
    up: true,
    reason: null,
  })),
  partitions: healthy,
  tables: ['billing.invoices', 'billing.accounts', 'catalog.products', 'orders.lines'].map((topic) => ({
    table: topic.replace('.', '_').replace(/^/, 'public.'),
    topic,
    state: 'applying' as const,
    reason: null,
  })),
  rejected: [],
  heartbeat: { latencySeconds: 0.38, ageSeconds: 0.6 },
  counters: { mirroredRecords: '48210334', appliedRecords: '48199120' },
  ...changes,
});

const pass = (rows: number, startedSeconds: number, ended: boolean) => ({
  by: 'schedule',
  startedAt: ago(startedSeconds),
  endedAt: ended ? ago(startedSeconds - 1_400) : null,
  stopped: null,
  rowsCompared: rows,
  rowsExpected: ended ? rows : Math.round(rows / 0.62),
  rowsUnlisted: 0,
  bytes: rows * 12,
  workingSeconds: 1_400,
});

const auditTable = (table: string, changes: Partial<AuditStatus['tables'][number]> = {}): AuditStatus['tables'][number] => ({
  table,
  refused: [],
  lastPass: pass(1_250_000, 40_000, true),
  openPass: null,
  passAgeSeconds: 40_000,
  coverage: 1,
  divergent: { missing: 0, extra: 0, changed: 0 },
  suspects: 0,
  unsettled: 0,
  parked: 0,
  ignored: 0,
  needsFullAudit: false,
  ...changes,
});

export const auditOf = (isDivergent: boolean): AuditStatus => ({
  enabled: true,
  known: true,
  activity: 'comparing public.orders_lines',
  tables: [
    auditTable('public.billing_invoices', isDivergent ? { divergent: { missing: 1, extra: 0, changed: 2 }, ignored: 1 } : {}),
    auditTable('public.billing_accounts'),
    auditTable('public.catalog_products'),
    auditTable('public.orders_lines', { openPass: pass(790_000, 600, false), coverage: 0.62 }),
  ],
});

export const findings: readonly AuditFinding[] = [
  ['41', ['90117'], 'changed', ['amount_total', 'currency'], 'confirmed', 'rogue_write'],
  ['42', ['90233'], 'changed', ['amount_total'], 'confirmed', null],
  ['43', ['90871'], 'missing', [], 'confirmed', 'lost_delete'],
  ['44', ['91002'], 'changed', ['note'], 'suspect', null],
].map(([id, key, kind, columns, state, cause]) => ({
  id: id as string,
  table: 'public.billing_invoices',
  key: key as string[],
  kind: kind as AuditFinding['kind'],
  columns: columns as string[],
  state: state as AuditFinding['state'],
  triage: 'new',
  cause: cause as AuditFinding['cause'],
  why: null,
  firstSeen: ago(5_300),
  lastSeen: ago(900),
}));

const rejectedRecord = (id: number, changes: Partial<RejectedRecord> = {}): RejectedRecord => ({
  id: String(id),
  topic: 'catalog.products',
  partition: 2,
  offset: String(1_204_000 + id * 7),
  table: 'public.catalog_products',
  waitsFor: null,
  reason: 'row_refused',
  sqlState: '22001',
  message: 'value too long for type character varying(40)',
  attempts: 1,
  firstSeen: ago(4_000),
  lastSeen: ago(1_200),
  ...changes,
});

export const rejectedRecords: readonly RejectedRecord[] = [
  rejectedRecord(1_871),
  rejectedRecord(1_872, { attempts: 3 }),
  rejectedRecord(1_880, { reason: 'record_malformed', sqlState: null, message: 'the value ends inside field "price" of record Product' }),
  rejectedRecord(1_893, { reason: 'schema_unknown', sqlState: null, message: 'the registry does not know schema id 212' }),
];
export const parkedRecords: readonly RejectedRecord[] = [
  rejectedRecord(1_901, {
    topic: 'orders.lines',
    table: 'public.orders_lines',
    waitsFor: 'public.billing_invoices',
    reason: 'row_refused',
    sqlState: '23503',
    message: 'the invoice it belongs to has not come yet',
  }),
];
const rejectedDetail = (record: RejectedRecord): RejectedDetail => ({
  ...record,
  timestampMs: Date.now() - 4_000_000,
  homeEpoch: 0,
  generation: 0,
  key: Buffer.from('88213').toString('base64'),
  value: Buffer.from('\u0000\u0000\u0000\u0000\u0007a product with a name that is far too long').toString('base64'),
  headers: '',
  headerCount: 0,
});

const counts = { match: 18_214, mismatch: 9, noise: 310, lag: 44, unsettled: 2, error: 3, shed: 120, skipped: 702 };
export const shadowOf = (): ShadowView => ({
  comparing: true,
  windowHours: 24,
  secondsSinceComparison: 1.2,
  waiting: 3,
  ungrouped: 0,
  total: { counts, samples: 18_577, ratio: 0.99925, lowerBound: 0.9987 },
  routes: [
    {
      route: 'GET /invoices/{id}',
      counts: { ...counts, match: 6_120, mismatch: 9 },
      samples: 6_129,
      ratio: 0.99853,
      lowerBound: 0.9972,
      noiseSamples: 400,
      latency: { primary: { p50Ms: 18.2, p99Ms: 92 }, region: { p50Ms: 6.1, p99Ms: 40 } },
      fields: [
        { path: '$.total', kind: 'value', result: 'mismatch', count: 8, weight: 6.5, rawRate: 0.0013, noiseRate: 0, lastSeen: ago(300) },
        {
          path: '$.lines[*].price',
          kind: 'value',
          result: 'mismatch',
          count: 5,
          weight: 2.5,
          rawRate: 0.0008,
          noiseRate: 0,
          lastSeen: ago(300),
        },
        { path: '$.requestId', kind: 'value', result: 'noise', count: 6_129, weight: 5_900, rawRate: 1, noiseRate: 1, lastSeen: ago(2) },
      ],
    },
    {
      route: 'GET /products',
      counts: { ...counts, match: 12_094, mismatch: 0 },
      samples: 12_448,
      ratio: 1,
      lowerBound: 0.9997,
      noiseSamples: 800,
      latency: { primary: { p50Ms: 31, p99Ms: 140 }, region: { p50Ms: 12, p99Ms: 77 } },
      fields: [],
    },
  ],
});

export const diffs: readonly ShadowDiff[] = [
  {
    route: 'GET /invoices/{id}',
    path: '$.total',
    kind: 'value',
    result: 'mismatch',
    count: 8,
    weight: 6.5,
    firstSeen: ago(9_000),
    lastSeen: ago(300),
    example: { method: 'GET', target: '/invoices/90117?currency', place: '$.total', primary: '"118.40"', region: '"118.4"' },
  },
  {
    route: 'GET /invoices/{id}',
    path: '$.lines[*].price',
    kind: 'value',
    result: 'mismatch',
    count: 5,
    weight: 2.5,
    firstSeen: ago(9_000),
    lastSeen: ago(300),
    example: null,
  },
];

export const backfillOf = (table: string, changes: Partial<BackfillView> = {}): BackfillView => ({
  id: '7',
  table,
  by: 'ada',
  from: 'database',
  file: null,
  where: null,
  state: 'running',
  waits: null,
  error: null,
  rowsRead: 412_000,
  rowsWritten: 398_441,
  rowsExpected: 1_250_000,
  rowsPerSecond: 5_210,
  positions: [{ topic: 'catalog.products', partition: 0, homeEnd: '1204118', applied: '1203990' }],
  startedAt: ago(820),
  endedAt: null,
  ...changes,
});

const gate = (name: GateName, reason: string | null, facts: GateView['facts'], sinceSeconds: number): GateView => ({
  gate: name,
  open: reason === null,
  reason,
  facts,
  since: ago(sinceSeconds),
});

export const cutoverOf = (changes: Partial<CutoverPlan> = {}): CutoverPlan => ({
  region: 'eu-west',
  primary: 'us-east',
  state: 'shadowing',
  since: ago(90_000),
  reason: 'answers are compared',
  epoch: '0',
  home: 'primary',
  open: 'primary',
  hold: null,
  measured: {
    at: ago(1),
    gates: [
      gate('partitions_running', null, { partitions: 12, notRunning: 0 }, 80_000),
      gate('lag', null, { worstSeconds: 0.5, maxSeconds: 5 }, 4_000),
      gate('heartbeat', null, { ageSeconds: 0.6, maxAgeSeconds: 10 }, 80_000),
      gate('full_audit', null, { tables: 0 }, 80_000),
      gate('schema', null, { tables: 4, problems: 0 }, 80_000),
      gate('rejected', '4 rejected records are kept; at most 0 may be', { records: 4, max: 0 }, 4_000),
      gate('parked', null, { records: 1, max: 100 }, 3_000),
      gate('divergence', '3 rows differ from the primary', { rows: 3, max: 0, coverage: 1 }, 900),
      gate('shadow', null, { samples: 18_577, lowerBound: 0.9987, minRatio: 0.999 }, 9_000),
      gate('reverse_path', null, { roundTripSeconds: 1.1 }, 50_000),
      gate('hold', null, {}, 80_000),
    ],
    window: { seconds: 600, heldSeconds: 0, readings: 0, broken: 'divergence is shut' },
  },
  steps: forwardSteps.map((step) => ({
    step,
    what: `${step.replaceAll('_', ' ')} of every partition, proved before the next begins`,
    state: 'to_do' as const,
  })),
  verbs: cutoverVerbs.map((verb) => ({
    verb,
    refused: verb === 'hold' ? null : verb === 'start' ? 'the region is not ready: divergence, rejected' : `nothing is there to ${verb}`,
  })),
  hooks: [{ on: 'switched', what: 'POST https://dns.company.internal/switch' }],
  ...changes,
});

let told = 0;
export const event = (type: string, level: ToldEvent['level'], message: string, seconds: number, times = 1): ToldEvent => ({
  id: ++told,
  level,
  type,
  message,
  firstAt: ago(seconds + 20),
  lastAt: ago(seconds),
  times,
});

export const someEvents = (): readonly ToldEvent[] => [
  event('lease', 'info', 'lease acquired', 4_000),
  event('component', 'info', 'primary_kafka is up', 3_995),
  event('topic_found', 'info', 'orders.lines found with 3 partitions', 3_990),
  event('audit_pass_ended', 'info', 'public.billing_accounts was compared to its end', 2_000),
  event('apply_retried', 'warn', 'catalog.products:2: apply tries again (database_unreachable, SQLSTATE 40001)', 1_500, 4),
  event(
    'records_rejected',
    'warn',
    'catalog.products:2: 2 rejected for public.catalog_products and kept (row_refused), the first at offset 1217097 · farshore rejected list --table public.catalog_products',
    1_200,
  ),
  event(
    'audit_finding',
    'error',
    'a row of public.billing_invoices is changed (amount_total) · farshore audit show --table public.billing_invoices',
    900,
  ),
];

/** Counts what goes through, so that rates are drawn as of a live region. */
export class Showcase {
  status: DaemonStatus = statusOf();
  audit: AuditStatus = auditOf(false);
  cutover: CutoverPlan = cutoverOf();
  backfills: readonly BackfillView[] = [];
  shadow: ShadowView = { ...shadowOf(), total: { ...shadowOf().total, counts: { ...counts, mismatch: 0 }, ratio: 1 } };
  rejected: readonly RejectedRecord[] = [];
  parked: readonly RejectedRecord[] = [];
  events: readonly ToldEvent[] = someEvents();
  recordsPerSecond = 4_200;
  /** What was asked for, as `verb {…}`. */
  readonly asked: string[] = [];
  readonly #startedMs = performance.now();
  readonly #listeners = new Set<(event: ToldEvent) => void>();

  happen(happened: ToldEvent): void {
    this.events = [...this.events, happened];
    for (const listener of this.#listeners) listener(happened);
  }

  #note = (verb: string, what: unknown): void => {
    this.asked.push(`${verb} ${JSON.stringify(what, (_key, value) => (typeof value === 'bigint' ? String(value) : value))}`);
  };

  source(changes: Partial<AdminSource> = {}): AdminSource {
    const flowed = (): number => Math.round(((performance.now() - this.#startedMs) / 1_000) * this.recordsPerSecond);
    return testSource({
      status: () => ({
        ...this.status,
        counters: {
          mirroredRecords: String(BigInt(this.status.counters.mirroredRecords) + BigInt(flowed())),
          appliedRecords: String(BigInt(this.status.counters.appliedRecords) + BigInt(flowed())),
        },
      }),
      metrics: async () => ({
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
        body: this.status.tables
          .map(
            ({ table }, index) =>
              `farshore_records_applied_total{region="eu-west",table="${table}",op="upsert"} ${8_211_450 + index * 31_007}\n`,
          )
          .join(''),
      }),
      events: {
        recent: () => this.events,
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      audit: () => this.audit,
      auditFindings: async (filter) => findings.filter(({ state }) => filter.state === undefined || state === filter.state),
      auditRepairs: async () => [],
      runAudit: (table, by) => {
        this.#note('run', { table, by });
        return this.audit.tables.map((one) => one.table);
      },
      triageFindings: async ({ ids }, to, by) => {
        this.#note(to, { ids, by });
        return ids?.length ?? 0;
      },
      repairFindings: async ({ ids }, request) => {
        this.#note('repair', { ids, ...request });
        return findings
          .filter(({ id }) => ids?.includes(id))
          .map(({ id, table, key, kind, columns }) => ({
            finding: id,
            table,
            key,
            kind,
            columns,
            result: request.dryRun ? ('would_repair' as const) : ('repaired' as const),
            write: kind === 'missing' ? ('insert' as const) : ('update' as const),
            reason: null,
          }));
      },
      pause: async (request) => this.#note('pause', request),
      resume: async (request) => this.#note('resume', request),
      rejected: async ({ filter }) => (filter.parked ? this.parked : this.rejected),
      rejectedRecord: async (id) => {
        const record = [...this.rejected, ...this.parked].find((one) => one.id === id);
        return record === undefined ? undefined : rejectedDetail(record);
      },
      retryRejected: async ({ ids }, by) => {
        this.#note('retry', { ids, by });
        return { applied: 1, superseded: 0, rejected: (ids?.length ?? 1) - 1 };
      },
      discardRejected: async ({ ids }, by) => {
        this.#note('discard', { ids, by });
        this.rejected = this.rejected.filter(({ id }) => ids?.includes(id) !== true);
        return ids?.length ?? 0;
      },
      backfills: () => ({ enabled: true, backfills: this.backfills }),
      startBackfill: async (request) => {
        this.#note('start', request);
        return '8';
      },
      changeBackfill: async (table, verb, by) => this.#note(verb, { table, by }),
      shadowView: () => this.shadow,
      shadowDiffs: async () => diffs,
      cutover: {
        active: async () => ({
          active: this.cutover.open === 'region',
          region: this.cutover.region,
          state: this.cutover.state,
          writerEpoch: null,
          ageSeconds: 0,
          reason: '',
        }),
        plan: async () => ({ ...this.cutover, measured: this.cutover.measured === null ? null : { ...this.cutover.measured, at: ago(1) } }),
        tail: async () => [],
        log: async () => [
          {
            revision: '4',
            at: ago(90_000),
            by: 'farshore',
            event: 'measured',
            from: 'observing',
            to: 'shadowing',
            epoch: '0',
            open: 'primary',
            step: null,
            reason: 'answers are compared',
            gates: null,
            facts: null,
            hooks: [],
          },
        ],
        change: async (change) => {
          this.#note('cutover', change);
          if (change.verb === 'hold') this.cutover = { ...this.cutover, hold: { by: change.by, reason: change.reason ?? '', at: ago(0) } };
          return this.cutover;
        },
      },
      ...changes,
    }).source;
  }

  /** Something for every page to show. */
  trouble(): this {
    this.status = statusOf({
      partitions: healthy.map((one) => (one.topic === 'catalog.products' && one.partition === 1 ? stoppedPartition : one)),
      rejected: [
        { table: 'public.catalog_products', records: 4, parked: 0 },
        { table: 'public.orders_lines', records: 0, parked: 1 },
      ],
    });
    this.audit = auditOf(true);
    this.shadow = shadowOf();
    this.rejected = rejectedRecords;
    this.parked = parkedRecords;
    this.backfills = [
      backfillOf('public.catalog_products'),
      backfillOf('public.billing_accounts', {
        id: '5',
        state: 'done',
        rowsRead: 88_000,
        rowsWritten: 87_990,
        rowsExpected: 88_000,
        rowsPerSecond: null,
        endedAt: ago(86_000),
        startedAt: ago(86_400),
      }),
    ];
    return this;
  }
}
