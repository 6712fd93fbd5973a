import { describe, expect, it } from 'vitest';
import { readHeartbeat } from '../../../src/lag/heartbeat-record.ts';
import { Heartbeats } from '../../../src/lag/heartbeats.ts';
import { FarshoreError } from '../../../src/model/errors.ts';
import type { FarshoreEvent } from '../../../src/model/events.ts';
import { TestClock } from './test-clock.ts';

function setup(instance = 'run-1') {
  const clock = new TestClock();
  const events: FarshoreEvent[] = [];
  const written: { key: Buffer; value: Buffer }[] = [];
  const primary = { ensured: 0, failure: undefined as Error | undefined, hangs: false };
  const writer = {
    ensureTopic: async () => {
      primary.ensured++;
    },
    write: async (key: Buffer, value: Buffer, signal: AbortSignal) => {
      if (primary.failure !== undefined) throw primary.failure;
      if (primary.hangs) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      written.push({ key, value });
    },
  };
  const settings = { region: 'eu', instance, intervalMs: 1_000, writeLimitMs: 5_000 };
  const heartbeats = new Heartbeats(writer, settings, clock, (event) => events.push(event));
  const stop = new AbortController();
  const types = () => events.map(({ type }) => type);
  return { clock, events, written, primary, heartbeats, stop, types };
}

describe('C23: heartbeats', () => {
  it('are written each interval, numbered, to a topic that was ensured once', async () => {
    const { clock, written, primary, heartbeats, stop } = setup();
    const running = heartbeats.run(stop.signal);
    await clock.advance(5_500);
    expect(written.map(({ value }) => readHeartbeat(value)?.seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(written[0]?.key.toString()).toBe('eu');
    expect(primary.ensured).toBe(1);
    stop.abort();
    await running;
  });

  it('give the latency by the monotonic clock, whatever the wall clock does', async () => {
    const { clock, events, written, heartbeats, stop } = setup();
    const running = heartbeats.run(stop.signal);
    await clock.advance(0);
    expect(heartbeats.ageSeconds).toBeNull();
    clock.stepWall(-3_600_000);
    clock.pass(250);
    heartbeats.returned(written[0]!.key, written[0]!.value);
    expect(events.at(-1)).toEqual({ type: 'heartbeat_returned', latencySeconds: 0.25 });
    expect(heartbeats.latencySeconds).toBe(0.25);
    clock.pass(2_000);
    expect(heartbeats.ageSeconds).toBe(2.25);
    stop.abort();
    await running;
  });

  it('of other regions, other runs, seen before, or that are none, are not counted', async () => {
    const { clock, written, heartbeats, stop, types } = setup();
    const running = heartbeats.run(stop.signal);
    await clock.advance(0);
    const { key, value } = written[0]!;
    heartbeats.returned(Buffer.from('us'), value);
    heartbeats.returned(key, Buffer.from(value.toString().replace('run-1', 'run-0')));
    heartbeats.returned(key, Buffer.from(value.toString().replace('"seq":1', '"seq":99')));
    heartbeats.returned(key, Buffer.from('{"region":"eu"'));
    heartbeats.returned(key, Buffer.from('null'));
    heartbeats.returned(key, null);
    heartbeats.returned(null, value);
    expect(types()).toEqual(['heartbeat_written']);
    heartbeats.returned(key, value);
    heartbeats.returned(key, value);
    expect(types()).toEqual(['heartbeat_written', 'heartbeat_returned']);
    stop.abort();
    await running;
  });

  it('that fail are events with a growing pause up to half a minute, and start again by themselves', async () => {
    const { clock, events, written, primary, heartbeats, stop } = setup();
    primary.failure = new FarshoreError('cluster_unreachable', 'no broker answered');
    const running = heartbeats.run(stop.signal);
    await clock.advance(300_000);
    const failed = events.filter(({ type }) => type === 'heartbeat_failed');
    // 2, 4, 8, 16, then 30 seconds: 13 tries in five minutes instead of 300.
    expect(failed.length).toBeGreaterThan(8);
    expect(failed.length).toBeLessThan(16);
    expect(failed[0]).toMatchObject({ code: 'cluster_unreachable' });
    primary.failure = new TypeError('a fault of the writer');
    await clock.advance(30_000);
    expect(events.at(-1)).toMatchObject({ type: 'heartbeat_failed', code: 'internal' });
    primary.failure = undefined;
    await clock.advance(40_000);
    expect(written.length).toBeGreaterThan(5);
    // The topic may have been what was missing: it is looked at before each try after a failure.
    expect(primary.ensured).toBeGreaterThan(failed.length);
    stop.abort();
    await running;
  });

  it('that come back late do not make the newest one older', async () => {
    const { clock, written, heartbeats, stop } = setup();
    const running = heartbeats.run(stop.signal);
    await clock.advance(1_000);
    heartbeats.returned(written[1]!.key, written[1]!.value);
    clock.pass(500);
    heartbeats.returned(written[0]!.key, written[0]!.value);
    expect(heartbeats.ageSeconds).toBe(0.5);
    stop.abort();
    await running;
  });

  it('that hang are failed after the limit', async () => {
    const { clock, events, primary, heartbeats, stop } = setup();
    primary.hangs = true;
    const running = heartbeats.run(stop.signal);
    await clock.advance(5_000);
    expect(events).toMatchObject([{ type: 'heartbeat_failed', code: 'broker_request_failed' }]);
    stop.abort();
    await running;
  });

  it('count when they come back though their write was given up', async () => {
    const { clock, written, primary, heartbeats, stop, types } = setup();
    const running = heartbeats.run(stop.signal);
    await clock.advance(0);
    const [first] = written;
    primary.hangs = true;
    await clock.advance(7_000);
    const lost = JSON.parse(first!.value.toString()) as { seq: number };
    heartbeats.returned(first!.key, Buffer.from(JSON.stringify({ ...lost, seq: 2 })));
    expect(types()).toEqual(['heartbeat_written', 'heartbeat_failed', 'heartbeat_returned']);
    stop.abort();
    await running;
  });
});
