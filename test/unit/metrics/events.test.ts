import { describe, expect, it } from 'vitest';
import { measureEvent } from '../../../src/metrics/events.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';

const clock = { wallMs: () => 1_700_000_010_000 };

async function measured(...events: FarshoreEvent[]): Promise<string> {
  const metrics = new Metrics({ region: undefined, runtime: false });
  for (const event of events) measureEvent(metrics, event, clock);
  return (await metrics.render()).body;
}

const cycle = { topic: 't', partition: 0, records: 5, bytes: 700, batches: 2, droppedAborted: 3 };
const applied: FarshoreEvent = {
  type: 'batch_applied',
  topic: 't',
  partition: 0,
  table: 'public.t',
  records: 10,
  upserts: 5,
  deletes: 1,
  folded: 2,
  stale: 1,
  duplicates: 1,
  ties: 1,
  notAllowed: new Map([['iban', 3]]),
  bytes: 900,
  seconds: 0.02,
  newestTimestampMs: 1_700_000_008_000,
};

describe('events as samples', () => {
  it('a mirror cycle counts records, bytes, batches and progress', async () => {
    const body = await measured(
      { type: 'mirror_cycle', topics: [cycle, { ...cycle, partition: 1 }], seconds: 0.3 },
      { type: 'mirror_cycle', topics: [cycle], seconds: 0.3 },
    );
    expect(body).toContain('farshore_mirrored_records_total{topic="t"} 15');
    expect(body).toContain('farshore_mirrored_bytes_total{topic="t"} 2100');
    expect(body).toContain('farshore_mirrored_batches_total{topic="t"} 6');
    expect(body).toContain('farshore_mirror_dropped_aborted_records_total{topic="t"} 9');
    expect(body).toContain('farshore_mirror_cycle_duration_seconds_count 2');
    expect(body).toContain('farshore_last_progress_timestamp_seconds{stage="mirror"} 1700000010');
  });

  it('C11: positions that are only committed again are no progress', async () => {
    const idle = { ...cycle, records: 0, bytes: 0, batches: 0, droppedAborted: 0 };
    const body = await measured({ type: 'mirror_cycle', topics: [idle], seconds: 0.01 });
    expect(body).not.toMatch(/^farshore_last_progress_timestamp_seconds\{/m);
  });

  it('an applied batch counts rows, skips, ties, latency and progress', async () => {
    const body = await measured(applied);
    expect(body).toContain('farshore_records_consumed_total{topic="t"} 10');
    expect(body).toContain('farshore_consumed_bytes_total{topic="t"} 900');
    expect(body).toContain('farshore_records_applied_total{table="public.t",op="upsert"} 5');
    expect(body).toContain('farshore_records_applied_total{table="public.t",op="delete"} 1');
    expect(body).toContain('farshore_records_skipped_total{table="public.t",reason="folded"} 2');
    expect(body).toContain('farshore_records_skipped_total{table="public.t",reason="stale"} 1');
    expect(body).toContain('farshore_records_skipped_total{table="public.t",reason="duplicate"} 1');
    expect(body).toContain('farshore_version_ties_total{table="public.t"} 1');
    expect(body).toContain('farshore_apply_latency_seconds_sum{table="public.t"} 2');
    expect(body).toContain('farshore_apply_batch_duration_seconds_count{table="public.t"} 1');
    expect(body).toContain('farshore_apply_batch_records_sum{table="public.t"} 10');
    expect(body).toContain('farshore_last_progress_timestamp_seconds{stage="apply"} 1700000010');
  });

  it('a producer whose clock runs ahead gives no negative latency', async () => {
    const body = await measured({ ...applied, newestTimestampMs: 1_700_000_099_000 });
    expect(body).toContain('farshore_apply_latency_seconds_sum{table="public.t"} 0');
  });

  it('a stop counts once with its code, and what was lost with it', async () => {
    const stop = { type: 'partition_stopped', stage: 'mirror', topic: 't', partition: 3, message: 'm', hint: 'h' } as const;
    const body = await measured(
      { ...stop, code: 'source_truncated', lostFrom: 100n, lostTo: 250n },
      { ...stop, code: 'source_recreated', lostFrom: undefined, lostTo: undefined },
    );
    expect(body).toContain('farshore_partition_stops_total{stage="mirror",code="source_truncated"} 1');
    expect(body).toContain('farshore_partition_stops_total{stage="mirror",code="source_recreated"} 1');
    expect(body).toContain('farshore_lost_records_total{topic="t"} 150');
  });

  it('the lease says who leads; a standby has no epoch', async () => {
    const held = await measured({ type: 'lease', state: 'acquired', epoch: 9n });
    expect(held).toContain('farshore_leader 1');
    expect(held).toContain('farshore_fencing_epoch 9');
    const lost = await measured({ type: 'lease', state: 'acquired', epoch: 9n }, { type: 'lease', state: 'lost', epoch: 9n });
    expect(lost).toContain('farshore_leader 0');
    expect(lost).not.toMatch(/^farshore_fencing_epoch /m);
  });

  it('every other event has its sample', async () => {
    const body = await measured(
      { type: 'mirror_rebuilt', code: 'transaction_unknown', reason: 'r' },
      { type: 'region_look_failed', code: 'cluster_denied', reason: 'r' },
      { type: 'batch_reencoded', topic: 't', partition: 0, reason: 'too_large' },
      { type: 'topic_found', topic: 't', partitions: 1 },
      { type: 'topic_created', topic: 't', partitions: 1 },
      { type: 'topic_grown', topic: 't', partitions: 2 },
      { type: 'topic_missing', topic: 't', hint: 'h' },
      { type: 'topic_configs_synced', topic: 't', set: ['retention.ms'], removed: [] },
      { type: 'generation_raised', topic: 't', generation: 4, reason: 'r' },
      { type: 'home_claimed', topic: 't', home: 'us', epoch: 1 },
      { type: 'apply_retried', topic: 't', partition: 0, code: 'database_unreachable', sqlState: '08006', delayMs: 100 },
      { type: 'partition_resumed', stage: 'apply', topic: 't', partition: 0, by: 'ann' },
      { type: 'partition_paused', stage: 'mirror', topic: 't', partition: 0, by: 'ann' },
      { type: 'heartbeat_written', seconds: 0.01 },
      { type: 'heartbeat_failed', code: 'cluster_denied', message: 'm' },
      { type: 'heartbeat_returned', latencySeconds: 0.2 },
      { type: 'schema_fetched', result: 'kept' },
      { type: 'component', component: 'regional_database', up: false, reason: 'gone' },
    );
    for (const sample of [
      'farshore_mirror_rebuilds_total{code="transaction_unknown"} 1',
      'farshore_region_look_failures_total{code="cluster_denied"} 1',
      'farshore_mirror_reencoded_batches_total{reason="too_large"} 1',
      'farshore_topic_changes_total{change="found"} 1',
      'farshore_topic_changes_total{change="created"} 1',
      'farshore_topic_changes_total{change="grown"} 1',
      'farshore_topic_changes_total{change="missing"} 1',
      'farshore_topic_changes_total{change="configs_synced"} 1',
      'farshore_topic_generation{topic="t"} 4',
      'farshore_topic_home_epoch{topic="t"} 1',
      'farshore_apply_retries_total{code="database_unreachable"} 1',
      'farshore_partition_actions_total{stage="apply",action="resumed"} 1',
      'farshore_partition_actions_total{stage="mirror",action="paused"} 1',
      'farshore_heartbeats_written_total 1',
      'farshore_heartbeat_failures_total{code="cluster_denied"} 1',
      'farshore_heartbeat_latency_seconds_sum 0.2',
      'farshore_schema_fetches_total{result="kept"} 1',
      'farshore_component_up{component="regional_database"} 0',
    ]) {
      expect(body).toContain(sample);
    }
  });
});
