import type { AdminSource } from '../../../src/admin/contracts.ts';
import type { AuditPassView } from '../../../src/model/audit.ts';
import type { CutoverPlan } from '../../../src/model/cutover.ts';
import type { RejectedRecord } from '../../../src/model/rejected.ts';
import { status } from './fixture.ts';

const at = '2026-01-01T00:00:00.000Z';
const pass: AuditPassView = {
  ...{ by: 'ann', startedAt: at, endedAt: null, stopped: 'max_rows', rowsCompared: 1, rowsExpected: 2, rowsUnlisted: 0 },
  ...{ bytes: 10, workingSeconds: 0.5 },
};
const rejected: RejectedRecord = {
  ...{ id: '1', topic: 't', partition: 0, offset: '5', table: 'public.t', waitsFor: null, reason: 'record_malformed', sqlState: '22P02' },
  ...{ message: 'm', attempts: 1, firstSeen: at, lastSeen: at },
};
const counts = { match: 1, mismatch: 0, noise: 0, lag: 0, unsettled: 0, error: 0, shed: 0, skipped: 0 };
const score = { counts, samples: 1, ratio: 1, lowerBound: 0.2 };
const problem = { code: 'table_mismatch', message: 'm', hint: null };
const plan: CutoverPlan = {
  ...{ region: 'eu-west', primary: 'us-east', state: 'observing', since: at, reason: 'r', epoch: '1', home: 'primary', open: 'primary' },
  hold: { by: 'ann', reason: 'r', at },
  measured: {
    at,
    gates: [{ gate: 'lag', open: false, reason: 'unknown', facts: { maxSeconds: 5, worst: null, known: false, of: 't' }, since: null }],
    window: { seconds: 60, heldSeconds: 0.5, readings: 1, broken: 'lag' },
  },
  steps: [{ step: 'freeze', what: 'w', state: 'to_do' }],
  verbs: [{ verb: 'start', refused: 'not ready' }],
  hooks: [{ on: 'switched', what: 'post' }],
};

/** A daemon that has something to tell in every field. */
export const fullAnswers: Partial<AdminSource> = {
  status: () => ({
    ...status,
    shards: { count: 6, held: [0, 3], holders: [{ shard: 0, holder: 'a' }] },
    partitions: status.partitions.map((one) => ({ ...one, headroom: '0', apply: { ...one.apply!, lost: { from: '1', to: '5' } } })),
    tables: [{ table: 'public.t', topic: 't', state: 'stopped', reason: 'r', needsFullAudit: true }],
    rejected: [{ table: 'public.t', records: 1, parked: 0 }],
  }),
  cutover: {
    active: async () => ({ active: false, region: 'eu-west', state: 'observing', writerEpoch: null, ageSeconds: 0.5, reason: 'r' }),
    plan: async () => plan,
    log: async () => [
      {
        ...{ revision: '1', at, by: 'ann', event: 'start', from: 'ready', to: 'draining', epoch: '1', open: 'nobody', step: 'freeze' },
        ...{ reason: 'r', gates: [{ gate: 'lag', open: true, reason: null, facts: {} }], facts: { any: [1] } },
        hooks: [{ hook: 'h', result: null, detail: null }],
      },
    ],
    tail: async () => [
      { topic: 'e.t', primaryTopic: 't', partition: 0, from: '1', to: '5', foundAt: at, exportCommand: 'kafka-console-consumer.sh' },
    ],
    change: async () => plan,
  },
  outbox: {
    status: async () => ({
      ...{ relaying: true, listening: true, unpublished: 2, held: 1, refused: 1, oldestSeconds: 1.5 },
      topics: [{ topic: 't', home: null, unpublished: 2, refused: 1, oldestSeconds: 1.5 }],
    }),
    rows: async () => [
      {
        ...{ id: '1', topic: 't', partition: null, state: 'refused', attempts: 1, nextAttemptAt: at, error: 'batch_refused: x' },
        ...{ createdAt: at, bytes: 10 },
      },
    ],
    retry: async () => 1,
    discard: async () => 1,
  },
  actions: async () => [
    {
      ...{ at, by: 'ann', action: 'resume', stage: 'apply', topic: 't', partition: 0, code: null, lost: { from: '1', to: '2' } },
      options: { from: 'earliest', acceptLoss: true },
    },
  ],
  offsets: () => ({
    partitions: [
      {
        ...{ topic: 't', partition: 0, homeTopicId: 'a', regionalTopicId: 'b', points: 1, first: { home: '1', regional: '2' }, last: null },
      },
    ],
    translation: { from: 'home', asked: '5', at: { home: '1', regional: '2' }, next: null },
  }),
  schema: async () => ({
    tables: [
      {
        ...{ topic: 't', table: 'public.t', sharedWith: ['u'], stops: true, unknown: null, problems: [problem] },
        schemas: [
          {
            ...{ schema: '7', record: 'Row', met: true, newest: false, problems: [] },
            attributes: [
              {
                ...{ field: 'id', source: 'field', type: 'int', nullable: false, doc: null, column: 'id', columnType: 'integer' },
                ...{ cast: null, allowed: true, roles: ['key'], state: 'ok', problem: null },
              },
            ],
            unfilled: [{ column: 'x', columnType: 'text', kept: 'nothing', problem }],
          },
        ],
      },
    ],
  }),
  rejected: async () => [rejected],
  rejectedRecord: async () => ({
    ...rejected,
    ...{ timestampMs: 1, homeEpoch: 1, generation: 1, key: null, value: 'AA==', headers: '', headerCount: 0 },
  }),
  audit: () => ({
    ...{ enabled: true, known: true, activity: 'waits' },
    tables: [
      {
        ...{ table: 'public.t', refused: [problem], lastPass: null, openPass: pass, passAgeSeconds: 1.5, coverage: 0.5 },
        ...{ divergent: { missing: 1, extra: 0, changed: 0 }, suspects: 0, unsettled: 0, parked: 0, ignored: 0, needsFullAudit: false },
      },
    ],
  }),
  auditFindings: async () => [
    {
      ...{ id: '1', table: 'public.t', key: ['1'], kind: 'changed', columns: ['note'], state: 'confirmed', triage: 'new' },
      ...{ cause: 'rogue_write', why: null, firstSeen: at, lastSeen: at },
    },
  ],
  auditRepairs: async () => [
    {
      ...{ at, by: 'ann', finding: '1', table: 'public.t', key: ['1'], kind: 'missing', columns: [], write: 'insert', before: null },
      ...{ intended: 'ab', after: null, result: null },
    },
  ],
  runAudit: () => ['public.t'],
  repairFindings: async () => [
    {
      ...{ finding: '1', table: 'public.t', key: ['1'], kind: 'missing', columns: [], result: 'refused', write: null, reason: 'r' },
    },
  ],
  events: {
    recent: () => [{ id: 1, level: 'warn', type: 'x', message: 'm', firstAt: at, lastAt: at, times: 2 }],
    subscribe: () => () => undefined,
  },
  backfills: () => ({
    enabled: true,
    backfills: [
      {
        ...{
          id: '1',
          table: 'public.t',
          by: 'ann',
          from: 'database',
          file: null,
          where: 'true',
          state: 'failed',
          waits: null,
          error: problem,
          rowsRead: 1,
        },
        ...{ rowsWritten: 1, rowsExpected: 2, rowsPerSecond: 0.5, startedAt: at, endedAt: null },
        positions: [{ topic: 't', partition: 0, homeEnd: '5', applied: null }],
      },
    ],
  }),
  replay: (requests) => requests.map(() => 'taken'),
  shadowView: () => ({
    ...{ comparing: true, windowHours: 24, secondsSinceComparison: 0.5, waiting: 0, ungrouped: 0, total: score },
    routes: [
      {
        ...{ route: 'GET /x', ...score, noiseSamples: 1, latency: { primary: { p50Ms: 1.5, p99Ms: 2 }, region: null } },
        fields: [
          { ...{ path: '$.a', kind: 'value', result: 'mismatch', count: 1, weight: 0.5, rawRate: 0.5, noiseRate: 0, lastSeen: at } },
        ],
      },
    ],
  }),
  shadowDiffs: async () => [
    {
      ...{ route: 'GET /x', path: '$.a', kind: 'value', result: 'mismatch', count: 1, weight: 1, firstSeen: at, lastSeen: at },
      example: { method: 'GET', target: '/x', place: '$.a', primary: '1', region: null },
    },
  ],
};
