import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metricsDocs } from '../../../src/metrics/docs.ts';
import type { Instrument } from '../../../src/metrics/instrument.ts';
import { instruments } from '../../../src/metrics/instruments.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';

const all = Object.entries(instruments) as [string, Instrument][];
const render = async (metrics: Metrics): Promise<string> => (await metrics.render()).body;

describe('the list of instruments', () => {
  it('names counters _total and nothing else so, with base units', () => {
    for (const [name, { type }] of all) {
      expect(name, name).toMatch(/^farshore_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name, name).not.toMatch(/_(ms|millis|milliseconds|minutes|percent|kb|mb)(_|$)/);
    }
  });

  it('has no label whose values records could set', () => {
    const allowed = new Set(['topic', 'partition', 'table', 'field', 'route', 'version', 'node_version', 'sha256']);
    for (const [name, { labels }] of all) {
      for (const [label, values] of Object.entries(labels)) {
        if (typeof values === 'string') expect(allowed.has(label), `${name} ${label}`).toBe(true);
        else expect(new Set(values).size, `${name} ${label}`).toBe(values.length);
      }
    }
  });

  it('gives rising buckets to histograms only', () => {
    for (const [name, { type, buckets }] of all) {
      expect(buckets !== undefined, name).toBe(type === 'histogram');
      expect(buckets ?? [], name).toEqual((buckets ?? []).toSorted((a, b) => a - b));
    }
  });

  it('is what docs/metrics.md shows', () => {
    expect(readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')).toBe(metricsDocs());
  });
});

describe('a registry', () => {
  it('shows no gauge before it was measured: unknown is not zero', async () => {
    const body = await render(new Metrics({ region: 'eu', runtime: false }));
    for (const [name, { type }] of all) {
      if (type === 'gauge') expect(body, name).not.toMatch(new RegExp(`^${name}[{ ]`, 'm'));
    }
  });

  it('starts counters with closed labels at zero', async () => {
    const body = await render(new Metrics({ region: 'eu', runtime: false }));
    expect(body).toContain('farshore_mirror_reencoded_batches_total{reason="offset_gap",region="eu"} 0');
    expect(body).toContain('farshore_partition_stops_total{stage="apply",code="source_truncated",region="eu"} 0');
    expect(body).toContain('farshore_heartbeats_written_total{region="eu"} 0');
    expect(body).not.toContain('farshore_mirrored_records_total{');
  });

  it('takes a sample away when its value becomes unknown', async () => {
    const metrics = new Metrics({ region: 'eu', runtime: false });
    metrics.set('farshore_fencing_epoch', {}, 7n);
    metrics.set('farshore_component_up', { component: 'registry' }, 1);
    expect(await render(metrics)).toContain('farshore_fencing_epoch{region="eu"} 7');
    metrics.set('farshore_fencing_epoch', {}, undefined);
    metrics.clear('farshore_component_up');
    const body = await render(metrics);
    expect(body).not.toMatch(/^farshore_fencing_epoch[{ ]/m);
    expect(body).not.toMatch(/^farshore_component_up[{ ]/m);
  });

  it('leaves the region off where the scraper sets it', async () => {
    const metrics = new Metrics({ region: undefined, runtime: false });
    metrics.set('farshore_leader', {}, 1);
    expect(await render(metrics)).toContain('farshore_leader 1');
  });

  it('leaves out the statistics of event loop lag, which would wake an idle process every 10 ms', async () => {
    const body = await render(new Metrics({ region: 'eu', runtime: true }));
    expect(body).toContain('nodejs_eventloop_utilization_summary');
    expect(body.match(/^nodejs_eventloop_lag_\w+/gm)).toEqual(['nodejs_eventloop_lag_seconds']);
  });

  it('shares nothing with another one, runtime metrics included', async () => {
    const [one, other] = [new Metrics({ region: 'eu', runtime: true }), new Metrics({ region: 'us', runtime: true })];
    one.set('farshore_leader', {}, 1);
    expect(await render(one)).toContain('nodejs_eventloop_lag_seconds');
    expect(await render(one)).toContain('process_cpu_seconds_total');
    expect(await render(other)).not.toMatch(/^farshore_leader[{ ]/m);
    expect((await other.render()).contentType).toContain('text/plain');
  });
});
