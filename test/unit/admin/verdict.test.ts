import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Judged, judge } from '../../../src/admin/verdict.ts';
import type { BackfillView } from '../../../src/model/backfill.ts';
import type { CutoverNow } from '../../../src/model/live.ts';
import { noShadowView } from '../../../src/model/shadow-view.ts';
import type { DaemonStatus, LagValue, PartitionStatus, StageStatus } from '../../../src/model/status.ts';
import { repositoryRoot } from '../../rig/paths.ts';
import { status as base } from './fixture.ts';

const running: StageStatus = { state: 'running', next: '1', end: '1', code: null, message: null, hint: null, since: null };
const known = (seconds: number): LagValue => ({ known: true, seconds, records: '0' });
const unknown: LagValue = { known: false, seconds: null, records: null };
const partition = (changes: Partial<PartitionStatus> = {}): PartitionStatus => ({
  topic: 'a',
  partition: 0,
  mirror: running,
  apply: running,
  lag: { mirror: known(1), apply: known(1), total: known(2) },
  ...changes,
});
const lag = (value: LagValue) => partition({ lag: { mirror: value, apply: value, total: value } });
const atRest: CutoverNow = { state: 'observing', home: 'primary', open: 'primary', sinceSeconds: 9_999, failedHooks: null };
const moving = (sinceSeconds: number): Partial<Judged> => ({ cutover: { ...atRest, state: 'draining', open: 'nobody', sinceSeconds } });
const failed = (ageSeconds: number): Partial<Judged> => ({ cutover: { ...atRest, failedHooks: { hooks: ['1 dns-turn'], ageSeconds } } });
const waits: StageStatus = { ...running, state: 'waiting', message: 'nothing is committed yet' };
const sharing = (holders: readonly number[] | null): Partial<DaemonStatus> => ({
  shards: { count: 2, held: [0], holders: holders?.map((shard) => ({ shard, holder: 'a' })) ?? null },
});
const judged = (status: Partial<DaemonStatus>, others: Partial<Judged> = {}): Judged => ({
  status: { ...base, components: [], partitions: [partition()], tables: [], rejected: [], ...status },
  audit: { enabled: false, known: true, activity: '', tables: [] },
  backfills: { enabled: false, backfills: [] },
  shadow: noShadowView,
  relaysOutbox: false,
  outbox: null,
  cutover: atRest,
  ...others,
});
const table = {
  table: 'public.t',
  refused: [],
  lastPass: null,
  openPass: null,
  passAgeSeconds: 10,
  coverage: 1,
  divergent: { missing: 0, extra: 0, changed: 0 },
  suspects: 0,
  unsettled: 0,
  parked: 0,
  ignored: 0,
  needsFullAudit: false,
};
const audited = (changes: Partial<typeof table>, known = true): Partial<Judged> => ({
  audit: { enabled: true, known, activity: '', tables: [{ ...table, ...changes }] },
});
const failedBackfill: BackfillView = {
  id: '1',
  table: 'public.t',
  by: 'ada',
  from: 'database',
  file: null,
  where: null,
  state: 'failed',
  waits: null,
  error: { code: 'row_refused', message: 'm', hint: null },
  rowsRead: 1,
  rowsWritten: 0,
  rowsExpected: 1,
  rowsPerSecond: null,
  positions: [],
  startedAt: '2026-01-01T00:00:00Z',
  endedAt: null,
};

/** One for each reason there is. */
const cases: readonly (readonly [name: string, what: Judged, state: string, text: string])[] = [
  ['a partition that stopped', judged({ partitions: [partition({ apply: { ...running, state: 'stopped' } })] }), 'broken', 'a:0'],
  ['a paused partition', judged({ partitions: [partition({ mirror: { ...running, state: 'paused' } })] }), 'attention', 'paused'],
  ['a partition whose mirror waits', judged({ partitions: [partition({ mirror: waits })] }), 'attention', '1 partition waiting: a:0'],
  ['a partition whose apply waits', judged({ partitions: [partition({ apply: waits })] }), 'attention', '1 partition waiting: a:0'],
  ['a shard without a daemon', judged(sharing([0])), 'broken', 'No daemon works on 1 shard: 1'],
  ['shards of which nobody knows', judged(sharing(null)), 'unknown', 'Who works on which shard is not known'],
  [
    'retention that has come to where the mirror stands',
    judged({ partitions: [{ ...lag(known(61)), headroom: '0' }] }),
    'broken',
    'Retention at home deletes what the mirror has not read: a:0',
  ],
  [
    'parked records',
    judged({ rejected: [{ table: 'public.t', records: 0, parked: 3 }] }),
    'attention',
    '3 records waiting for another row',
  ],
  ['rows that are not settled', judged({}, audited({ unsettled: 4 })), 'attention', '4 rows differed and could not be settled: public.t'],
  [
    'missed deletes that the audit tells',
    judged({}, audited({ needsFullAudit: true })),
    'broken',
    'Deletes may have been missed in public.t',
  ],
  [
    'a paused backfill',
    judged({}, { backfills: { enabled: true, backfills: [{ ...failedBackfill, state: 'paused', error: null }] } }),
    'attention',
    'A backfill is paused, and the table is not whole: public.t',
  ],
  ['a move of the home', judged({}, moving(20)), 'attention', 'The home has been moving for 20 s, and nobody may write'],
  ['a move of the home that does not end', judged({}, moving(301)), 'broken', 'nobody may write'],
  ['a hook that failed', judged({}, failed(60)), 'broken', '1 hook of the cutover failed: 1 dns-turn'],
  ['a hook that failed hours ago', judged({}, failed(7_200)), 'attention', '1 hook of the cutover failed'],
  ['a cutover that is not known', judged({}, { cutover: null }), 'unknown', 'Whether the home is being moved is not known'],
  ['an outbox that is not counted', judged({}, { relaysOutbox: true }), 'unknown', 'outbox'],
  ['a stopped table', judged({ tables: [{ table: 'public.t', topic: 'a', state: 'stopped', reason: null }] }), 'broken', 'public.t'],
  [
    'missed deletes',
    judged({ tables: [{ table: 'public.t', topic: 'a', state: 'applying', reason: null, needsFullAudit: true }] }),
    'broken',
    'Deletes may have been missed',
  ],
  ['a little lag', judged({ partitions: [lag(known(61))] }), 'attention', 'more than 60 s behind'],
  ['much lag', judged({ partitions: [lag(known(301))] }), 'broken', 'more than 300 s behind'],
  ['lag that is not known', judged({ partitions: [lag(unknown)] }), 'unknown', 'not known: a:0'],
  ['lag that is known no more', judged({ partitions: [lag({ known: false, seconds: 0, records: '0' })] }), 'unknown', 'not known'],
  ['no partition', judged({ partitions: [] }), 'unknown', 'No partition'],
  ['rejected records', judged({ rejected: [{ table: 'public.t', records: 2, parked: 0 }] }), 'attention', '2 rejected records'],
  ['rejected records that were not counted', judged({ rejected: null }), 'unknown', 'not known'],
  ['an old heartbeat', judged({ heartbeat: { latencySeconds: 1, ageSeconds: 61 } }), 'attention', 'heartbeat'],
  [
    'a regional component',
    judged({ components: [{ component: 'regional_kafka', up: false, reason: 'x' }] }),
    'broken',
    'regional kafka is down: x',
  ],
  ['the primary', judged({ components: [{ component: 'primary_kafka', up: false, reason: null }] }), 'attention', 'primary kafka'],
  [
    'the registry of the region',
    judged({ components: [{ component: 'regional_registry', up: false, reason: null }] }),
    'attention',
    'regional registry',
  ],
  ['the registry', judged({ components: [{ component: 'registry', up: false, reason: null }] }), 'attention', 'registry'],
  ['rows that differ', judged({}, audited({ divergent: { missing: 1, extra: 1, changed: 0 } })), 'broken', '2 rows differ'],
  [
    'rows that differ and are not listed',
    judged({}, audited({ lastPass: { rowsUnlisted: 950_000 } as unknown as null })),
    'attention',
    'More rows may differ than are listed: public.t',
  ],
  ['an audit that cannot be asked', judged({}, audited({}, false)), 'unknown', 'audit'],
  ['an old audit', judged({}, audited({ passAgeSeconds: 200_000 })), 'attention', 'two days'],
  [
    'a wrong answer',
    judged({}, { shadow: { ...noShadowView, total: { ...noShadowView.total, counts: { ...noShadowView.total.counts, mismatch: 1 } } } }),
    'attention',
    '1 request wrongly',
  ],
  [
    'a failed backfill',
    judged({}, { backfills: { enabled: true, backfills: [failedBackfill] } }),
    'attention',
    'A backfill failed: public.t',
  ],
  ['an old outbox', judged({}, { outbox: { unpublished: 1, held: 0, oldestSeconds: 61 } }), 'broken', 'outbox'],
  ['a standby', judged({ role: 'standby', partitions: [] }), 'unknown', 'stands by'],
  ['a start', judged({ role: 'starting', partitions: [] }), 'unknown', 'starting'],
  ['a stop', judged({ role: 'stopping', partitions: [] }), 'unknown', 'stopping'],
];

describe('the verdict', () => {
  it('is fine when everything runs and is known, and says what it does not speak of', () => {
    const verdict = judge(judged({}));
    expect([verdict.state, verdict.reasons]).toEqual(['fine', []]);
    expect(verdict.unmeasured).toEqual([
      'Rows are not compared with the primary',
      'Answers are not compared with the primary',
      'No heartbeat came back yet, or none is written',
    ]);
    expect(
      judge(judged({ heartbeat: { latencySeconds: 1, ageSeconds: 1 } }, audited({ passAgeSeconds: null as unknown as number }))).unmeasured,
    ).toContain('Not compared to the end yet: public.t');
  });

  it('does not hold against a region what is as it should be', () => {
    const rested = judged({ partitions: [partition({ mirror: waits })] }, { cutover: { ...atRest, state: 'switched', home: 'region' } });
    const trimmed = judged({ partitions: [partition({ headroom: '0' })] });
    const told = judged({}, { ...failed(90_000), relaysOutbox: true, outbox: { unpublished: 0, held: 0, oldestSeconds: null } });
    expect([rested, trimmed, told, judged(sharing([0, 1]))].map((one) => judge(one).reasons)).toEqual([[], [], [], []]);
  });

  it('once the home is here, does not hold against it what no longer comes through the mirror', () => {
    const here = { cutover: { ...atRest, state: 'switched', home: 'region', open: 'region' } } as const;
    const old = (apply: LagValue) => ({
      partitions: [partition({ mirror: waits, headroom: '0', lag: { mirror: known(9_000), apply, total: known(9_000) } })],
      heartbeat: { latencySeconds: 1, ageSeconds: 9_000 },
    });
    const restarted = { partitions: [partition({ mirror: waits, lag: { mirror: unknown, apply: known(1), total: unknown } })] };
    const compared = audited({ passAgeSeconds: 200_000 });
    expect([judged(old(known(1)), { ...here, ...compared }), judged(restarted, here)].map((one) => judge(one).reasons)).toEqual([[], []]);
    expect([old(known(301)), old(unknown)].map((one) => judge(judged(one, here)).state)).toEqual(['broken', 'unknown']);
    expect(judge(judged(old(known(1)))).state).toBe('broken');
  });

  it.each(cases)('tells of %s', (_name, what, state, text) => {
    const verdict = judge(what);
    expect(verdict.state).toBe(state);
    expect(verdict.reasons.map((one) => one.what).join()).toContain(text);
  });

  it('is the worst of its reasons, which stand in that order; unknown is worse than attention', () => {
    const verdict = judge(
      judged({
        partitions: [lag(unknown), partition({ mirror: { ...running, state: 'stopped' } })],
        rejected: [{ table: 't', records: 1, parked: 0 }],
      }),
    );
    expect(verdict.reasons.map(({ state }) => state)).toEqual(['broken', 'unknown', 'attention']);
    expect(judge(judged({ partitions: [lag(unknown)], rejected: [{ table: 't', records: 1, parked: 0 }] })).state).toBe('unknown');
  });

  it('sends everything that is wrong to a runbook', () => {
    const without = cases.flatMap(([, what]) =>
      judge(what).reasons.filter(({ state, runbook }) => state !== 'unknown' && runbook === null),
    );
    expect(without.map(({ what }) => what)).toEqual([]);
  });

  it('sends to pages that exist', () => {
    const pages = new Map(
      readdirSync(join(repositoryRoot, 'docs', 'runbooks')).map((name) => [
        name,
        readFileSync(join(repositoryRoot, 'docs', 'runbooks', name), 'utf8'),
      ]),
    );
    const runbooks = cases.flatMap(([, what]) => judge(what).reasons.flatMap(({ runbook }) => runbook ?? []));
    expect(runbooks.length).toBeGreaterThan(20);
    for (const runbook of runbooks) {
      const [page = '', anchor = ''] = runbook.split('#');
      const anchors = [...(pages.get(page) ?? '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title.toLowerCase().replaceAll(' ', '-'),
      );
      expect(anchors, runbook).toContain(anchor);
    }
  });
});
