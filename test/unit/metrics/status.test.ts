import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { type MeasuredPartition, measureLag, measureShards, measureStatus, measureTopics } from '../../../src/metrics/status.ts';
import { homeOffset, regionalOffset } from '../../../src/model/offsets.ts';
import type { DaemonStatus, StageStatus } from '../../../src/model/status.ts';

const known = { known: true, seconds: 1.5, records: '12' };
const unknown = { known: false, seconds: null, records: null };
const noStuck = { primary: undefined, regional: undefined };

const partition: MeasuredPartition = {
  topic: 't',
  partition: 0,
  lag: { mirror: known, apply: unknown, total: null },
  home: { start: homeOffset(100n), end: homeOffset(512n) },
  mirrored: homeOffset(500n),
  applied: regionalOffset(620n),
};

describe('lag as samples', () => {
  it('shows what is known and leaves out what is not', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureLag(metrics, { partitions: [partition], stuckSeconds: { primary: 4, regional: undefined } });
    const { body } = await metrics.render();
    const place = 'topic="t",partition="0"';
    expect(body).toContain(`farshore_replication_lag_seconds{${place},stage="mirror"} 1.5`);
    expect(body).toContain(`farshore_replication_lag_records{${place},stage="mirror"} 12`);
    expect(body).toContain(`farshore_lag_known{${place},stage="mirror"} 1`);
    expect(body).toContain(`farshore_lag_known{${place},stage="apply"} 0`);
    expect(body).not.toMatch(/farshore_replication_lag_(seconds|records)\{[^}]*stage="(apply|total)"/);
    expect(body).not.toContain('stage="total"');
    expect(body).toContain(`farshore_source_earliest_offset{${place}} 100`);
    expect(body).toContain(`farshore_source_latest_offset{${place}} 512`);
    expect(body).toContain(`farshore_retention_headroom_records{${place}} 400`);
    expect(body).toContain(`farshore_applied_offset{${place},stage="mirror"} 500`);
    expect(body).toContain(`farshore_applied_offset{${place},stage="apply"} 620`);
    expect(body).toContain('farshore_last_stable_offset_stuck_seconds{cluster="primary"} 4');
    expect(body).not.toContain('farshore_last_stable_offset_stuck_seconds{cluster="regional"}');
  });

  it('leaves nothing of a partition that is gone', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureLag(metrics, { partitions: [partition, { ...partition, partition: 1 }], stuckSeconds: noStuck });
    measureLag(metrics, { partitions: [partition], stuckSeconds: noStuck });
    const { body } = await metrics.render();
    expect(body).toContain('partition="0"');
    expect(body).not.toContain('partition="1"');
  });
});

const stage = (state: StageStatus['state']): StageStatus => ({
  state,
  next: null,
  end: null,
  code: null,
  message: null,
  hint: null,
  since: null,
});

const status: Pick<DaemonStatus, 'role' | 'partitions' | 'tables' | 'rejected' | 'heartbeat'> = {
  role: 'active',
  partitions: [
    { topic: 't', partition: 0, mirror: stage('running'), apply: stage('stopped'), lag: { mirror: unknown, apply: null, total: null } },
    { topic: 't', partition: 1, mirror: stage('paused'), apply: null, lag: { mirror: unknown, apply: null, total: null } },
  ],
  tables: [{ table: 'public.t', topic: 't', state: 'stopped', reason: 'r' }],
  rejected: [{ table: 'public.gone', records: 7, parked: 2 }],
  heartbeat: { latencySeconds: 0.2, ageSeconds: 1.25 },
};

describe('status as samples', () => {
  it('counts partitions by stage and state', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureStatus(metrics, status);
    const { body } = await metrics.render();
    expect(body).toContain('farshore_partitions{stage="mirror",state="running"} 1');
    expect(body).toContain('farshore_partitions{stage="mirror",state="paused"} 1');
    expect(body).toContain('farshore_partitions{stage="apply",state="running"} 0');
    expect(body).toContain('farshore_partitions_stopped{stage="mirror"} 0');
    expect(body).toContain('farshore_partitions_stopped{stage="apply"} 1');
    expect(body).toContain('farshore_tables_stopped 1');
    expect(body).toContain('farshore_rejected_records{table="public.t"} 0');
    expect(body).toContain('farshore_rejected_records{table="public.gone"} 7');
    expect(body).toContain('farshore_parked_records{table="public.gone"} 2');
    expect(body).toContain('farshore_heartbeat_age_seconds 1.25');
  });

  it('has none of a standby, also after it was active', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureStatus(metrics, status);
    measureStatus(metrics, {
      ...status,
      role: 'standby',
      partitions: [],
      tables: [],
      rejected: null,
      heartbeat: { latencySeconds: null, ageSeconds: null },
    });
    const { body } = await metrics.render();
    expect(body).not.toMatch(/^farshore_(partitions|partitions_stopped|rejected_records|tables_stopped|heartbeat_age_seconds)[{ ]/m);
  });
});

describe('shards as samples', () => {
  it('are told by each that shares the region, also by one that holds none, so that one that nobody holds is missing in the sum', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    measureShards(metrics, { count: 4, held: [] });
    expect((await metrics.render()).body).toMatch(/^farshore_shards 4$[\s\S]*^farshore_shards_held 0$/m);
    measureShards(metrics, undefined);
    expect((await metrics.render()).body).not.toMatch(/^farshore_shards(_held)? /m);
  });
});

describe('topics that are not as configured', () => {
  it('have samples that stay for as long as it is so, and none before it was looked at', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    const samples = async () =>
      (await metrics.render()).body.split('\n').filter((line) => /^farshore_topic(s_missing|_configs_refused) /.test(line));
    measureTopics(metrics, undefined);
    expect(await samples()).toEqual([]);
    for (let scrape = 0; scrape < 2; scrape++) measureTopics(metrics, { missing: 1, refusedConfigs: 2 });
    expect(await samples()).toEqual(['farshore_topics_missing 1', 'farshore_topic_configs_refused 2']);
  });
});
