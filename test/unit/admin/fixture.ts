import { type AdminSettings, type AdminSource, adminLimits, type PauseRequest, type ResumeRequest } from '../../../src/admin/contracts.ts';
import { systemClock } from '../../../src/model/clock.ts';
import { noShadowView } from '../../../src/model/shadow-view.ts';
import type { DaemonStatus } from '../../../src/model/status.ts';

const unknown = { known: false, seconds: null, records: null };

export const status: DaemonStatus = {
  region: 'eu-west',
  primary: 'us-east',
  version: '0.1.0',
  role: 'active',
  startedAt: '2026-01-01T00:00:00.000Z',
  leaseEpoch: '4',
  components: [{ component: 'primary_kafka', up: false, reason: 'no broker answered' }],
  partitions: [
    {
      topic: 'billing.invoices',
      partition: 0,
      mirror: { state: 'running', next: '10', end: '12', code: null, message: null, hint: null, since: null },
      apply: {
        state: 'stopped',
        next: '5',
        end: '9',
        code: 'record_malformed',
        message: '<img src=x onerror=alert(1)>',
        hint: 'farshore partition resume billing.invoices:0 --stage apply',
        since: '2026-01-01T00:00:01.000Z',
      },
      lag: { mirror: { known: true, seconds: 1.5, records: '2' }, apply: unknown, total: unknown },
    },
  ],
  tables: [],
  rejected: [],
  heartbeat: { latencySeconds: null, ageSeconds: null },
  counters: { mirroredRecords: '10', appliedRecords: '5' },
};

const refuse = async (): Promise<never> => {
  throw new Error('the cutover was not meant to be asked');
};
const outboxDouble: AdminSource['outbox'] = {
  status: async () => ({ relaying: false, listening: false, unpublished: 0, held: 0, refused: 0, oldestSeconds: null, topics: [] }),
  rows: async () => [],
  retry: async () => 0,
  discard: async () => 0,
};
const cutoverDouble: AdminSource['cutover'] = { active: refuse, plan: refuse, log: refuse, tail: refuse, change: refuse };

/** A daemon that answers as told and keeps what it was asked to do. */
export function testSource(changes: Partial<AdminSource> = {}) {
  const paused: PauseRequest[] = [];
  const resumed: ResumeRequest[] = [];
  const source: AdminSource = {
    status: () => status,
    cutover: cutoverDouble,
    outbox: outboxDouble,
    events: { recent: () => [], subscribe: () => () => undefined },
    outboxBacklog: () => null,
    relaysOutbox: () => false,
    actions: async () => [],
    schema: async () => ({ tables: [] }),
    offsets: () => ({ partitions: [], translation: null }),
    liveness: () => ({ ok: true, checks: [{ name: 'mirror', ok: true }] }),
    readiness: () => ({ ok: true, checks: [{ name: 'database', ok: true, detail: 'answers' }] }),
    startup: () => ({ ok: false, checks: [{ name: 'migrations', ok: false, detail: 'not done' }] }),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'farshore_leader 1\n' }),
    pause: async (request) => {
      paused.push(request);
    },
    resume: async (request) => {
      resumed.push(request);
    },
    rejected: async () => [],
    rejectedRecord: async () => undefined,
    retryRejected: async () => ({ applied: 0, superseded: 0, rejected: 0 }),
    discardRejected: async () => 0,
    audit: () => ({ enabled: false, known: true, activity: '', tables: [] }),
    auditFindings: async () => [],
    auditRepairs: async () => [],
    runAudit: () => [],
    triageFindings: async () => 0,
    repairFindings: async () => [],
    backfills: () => ({ enabled: false, backfills: [] }),
    startBackfill: async () => '1',
    changeBackfill: async () => undefined,
    replay: () => [],
    shadowView: () => noShadowView,
    shadowDiffs: async () => [],
    ...changes,
  };
  return { source, paused, resumed };
}

export const token = 'a-token-of-some-length';

export function testSettings(changes: Partial<AdminSettings> = {}) {
  const failures: unknown[] = [];
  const settings: AdminSettings = {
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    token: () => token,
    limits: adminLimits,
    clock: systemClock,
    onFailure: (error) => failures.push(error),
    ...changes,
  };
  return { settings, failures };
}
